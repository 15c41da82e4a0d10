//! Where the addresses of the tests are said to be.

use weir_standin::mmdb::{Entry, database};

/// Documentation networks, given to real places.
pub fn sample(organization: &'static str) -> Vec<u8> {
    let entry = |network, country, at, asn, organization| Entry {
        network,
        length: 24,
        country,
        at,
        asn,
        organization,
    };
    database(&[
        entry(
            [192, 0, 2, 0],
            "US",
            Some((-77.5, 39.0)),
            64496,
            "Example Video",
        ),
        entry(
            [198, 51, 100, 0],
            "DE",
            Some((8.7, 50.1)),
            64497,
            "Example Exchange",
        ),
        entry([203, 0, 113, 0], "SG", None, 64498, organization),
        entry([198, 18, 0, 0], "BR", None, 64499, "Example Games"),
    ])
}
