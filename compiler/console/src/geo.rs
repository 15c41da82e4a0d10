//! Where an address is in the world, by the operator's own MaxMind databases. Nothing is ever asked over the network.

use std::net::IpAddr;
use std::path::PathBuf;

use maxminddb::Reader;
use serde::Deserialize;

/// Databases that could be opened, and what is wrong with the others.
#[derive(Default)]
pub struct Geo {
    readers: Vec<Reader<Vec<u8>>>,
    /// What the databases say they are: type and day of their making.
    pub names: Vec<String>,
    pub faults: Vec<String>,
}

/// What is known of an address. Everything may be missing.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Place {
    /// ISO 3166-1, two letters.
    pub country: Option<String>,
    /// Longitude and latitude in degrees.
    pub at: Option<(f64, f64)>,
    pub asn: Option<u32>,
    pub organization: Option<String>,
}

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    country: Option<Country<'a>>,
    #[serde(borrow)]
    registered_country: Option<Country<'a>>,
    location: Option<Location>,
    autonomous_system_number: Option<u32>,
    autonomous_system_organization: Option<&'a str>,
}

#[derive(Deserialize)]
struct Country<'a> {
    iso_code: Option<&'a str>,
}

#[derive(Deserialize)]
struct Location {
    latitude: Option<f64>,
    longitude: Option<f64>,
}

impl Geo {
    pub fn open(files: &[PathBuf]) -> Geo {
        let mut geo = Geo::default();
        for file in files {
            match Reader::open_readfile(file) {
                Ok(reader) => {
                    let made = i64::try_from(reader.metadata().build_epoch).ok();
                    let made = made.and_then(|s| jiff::Timestamp::from_second(s).ok());
                    let made = made.map(|t| t.strftime("%Y-%m-%d").to_string());
                    let kind = crate::show::tame(&reader.metadata().database_type);
                    geo.names
                        .push(format!("{kind} of {}", made.unwrap_or_default()));
                    geo.readers.push(reader);
                }
                Err(error) => {
                    geo.faults.push(format!("{}: {error}", file.display()));
                }
            }
        }
        geo
    }

    pub fn is_empty(&self) -> bool {
        self.readers.is_empty()
    }

    /// What the databases say, one completing the other. A database that is damaged here says nothing.
    pub fn place(&self, address: IpAddr) -> Place {
        let mut place = Place::default();
        for reader in &self.readers {
            let found = reader.lookup(address).ok();
            let Some(record) = found.and_then(|f| f.decode::<Record<'_>>().ok().flatten()) else {
                continue;
            };
            let country = [record.country, record.registered_country];
            let country = country.into_iter().flatten().find_map(|c| c.iso_code);
            let good =
                |code: &&str| code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase());
            place.country = place.country.or(country.filter(good).map(str::to_owned));
            let at = record.location.and_then(|l| l.longitude.zip(l.latitude));
            let on_earth = |(lon, lat): &(f64, f64)| lon.abs() <= 180.0 && lat.abs() <= 90.0;
            place.at = place.at.or(at.filter(on_earth));
            place.asn = place.asn.or(record.autonomous_system_number);
            let organization = record.autonomous_system_organization;
            place.organization = place.organization.or(organization.map(str::to_owned));
        }
        place
    }
}
