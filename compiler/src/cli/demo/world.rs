//! Where the far ends of the demonstration's traffic are said to be. Every network here is reserved for documentation or
//! benchmarks and belongs to nobody; what is said of it is invented, and its owner's name says so.

use std::net::Ipv4Addr;

use weir_standin::mmdb::{Entry, database};

/// Country, longitude and latitude of a city, and who is said to be there.
const PLACES: [(&str, (f64, f64), &str); 12] = [
    ("US", (-77.5, 39.0), "Example Video (invented)"),
    ("DE", (8.7, 50.1), "Example Exchange (invented)"),
    ("NL", (4.9, 52.4), "Example Cloud (invented)"),
    ("GB", (-0.1, 51.5), "Example News (invented)"),
    ("SE", (18.1, 59.3), "Example Music (invented)"),
    ("BR", (-46.6, -23.5), "Example Games (invented)"),
    ("JP", (139.7, 35.7), "Example Consoles (invented)"),
    ("SG", (103.8, 1.4), "Example Storage (invented)"),
    ("IN", (72.9, 19.1), "Example Calls (invented)"),
    ("AU", (151.2, -33.9), "Example Mirror (invented)"),
    ("ZA", (28.0, -26.2), "Example Radio (invented)"),
    ("US", (-122.1, 37.4), "Example Search (invented)"),
];

/// The first number of those that are reserved for documentation.
const FIRST_ASN: u32 = 64_496;

/// 192.0.2.0/24 is for documentation and 198.18.0.0/15 for benchmarks. The other two that are for documentation are
/// subscribers' in the quickstart.
fn network(at: usize) -> ([u8; 4], u8) {
    match at {
        0 => ([192, 0, 2, 0], 24),
        at => ([198, 18, at as u8, 0], 24),
    }
}

/// An address in each place.
pub fn far_ends() -> Vec<Ipv4Addr> {
    let first = (0..PLACES.len()).map(network);
    first
        .map(|([a, b, c, _], _)| Ipv4Addr::new(a, b, c, 10))
        .collect()
}

/// The database, as the console reads it.
pub fn bytes() -> Vec<u8> {
    let places = PLACES.iter().enumerate();
    let entries = places.map(|(at, (country, place, organization))| {
        let (network, length) = network(at);
        Entry {
            network,
            length,
            country,
            at: Some(*place),
            asn: FIRST_ASN + at as u32,
            organization,
        }
    });
    database(&entries.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_far_end_is_in_a_reserved_network_and_said_to_be_invented() {
        let ends = far_ends();
        assert_eq!(ends.len(), PLACES.len());
        for end in ends {
            let [a, b, c, _] = end.octets();
            assert!((a, b, c) == (192, 0, 2) || (a, b) == (198, 18), "{end}");
        }
        assert!(PLACES.iter().all(|p| p.2.ends_with("(invented)")));
        // Numbers up to 64511 are for documentation.
        assert!(FIRST_ASN + PLACES.len() as u32 <= 64_511);
        assert!(bytes().len() > 1000);
    }
}
