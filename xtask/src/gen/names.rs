//! Names of people, companies, places and streets, in several scripts.
//!
//! Pools and the rules that join them. It does not keep people's names apart (an ISP has several John Smiths); names of
//! sites are unique, because shaping trees are keyed by them.

use super::rng::{Permutation, Rng};

const FIRST: &[&str] = &[
    "Alice",
    "Amy",
    "Anders",
    "Ángel",
    "Anjali",
    "Beatriz",
    "Ben",
    "Björn",
    "Carlos",
    "Carmen",
    "Chloë",
    "Dana",
    "Darko",
    "Dmytro",
    "Eiríkur",
    "Élodie",
    "Emma",
    "Fatima",
    "Fern",
    "François",
    "Grace",
    "Håkon",
    "Hana",
    "Hiro",
    "Ines",
    "Isla",
    "Jakub",
    "James",
    "Jo",
    "Joãozinho",
    "John",
    "Jorge",
    "José",
    "Kai",
    "Karen",
    "Kateřina",
    "Kenji",
    "Laura",
    "Leo",
    "Linda",
    "Łukasz",
    "Luz",
    "Maeve",
    "Mary",
    "Maximilian",
    "Mehmet",
    "Mía",
    "Michael",
    "Minh",
    "Naomi",
    "Niamh",
    "Noor",
    "Olena",
    "Olivia",
    "Omar",
    "Oskar",
    "Pat",
    "Paweł",
    "Petra",
    "Priya",
    "Quinn",
    "Rosa",
    "Ruth",
    "Sam",
    "Seán",
    "Şebnem",
    "Siobhán",
    "Sofía",
    "Tariq",
    "Thanh",
    "Tomás",
    "Uma",
    "Vera",
    "Wanda",
    "Wes",
    "Yara",
    "Yusuf",
    "Zoë",
    "Олена",
    "李娜",
];

const LAST: &[&str] = &[
    "Abbott",
    "Acheson",
    "Alder",
    "Álvarez",
    "Andersson",
    "Baker",
    "Barrios",
    "Begay",
    "Birch",
    "Brown",
    "Cattaneo",
    "Chavez",
    "Clark",
    "Cruz",
    "Dąbrowski",
    "Das",
    "Dupont",
    "Ekström",
    "Engström",
    "Evans",
    "Ferrari",
    "Fitzgerald",
    "Fuchs",
    "García",
    "Gökçe",
    "González",
    "Green",
    "Gustafson",
    "Haas",
    "Hansen",
    "Hernández",
    "Holloway",
    "Ivanov",
    "Jackson",
    "Johnson",
    "Jurić",
    "Kaya",
    "Kelly",
    "Kim",
    "Kowalski",
    "Krüger",
    "Larsen",
    "Lee",
    "Lehtinen",
    "López",
    "Martin",
    "Martínez",
    "McAllister",
    "Mendoza",
    "Miller",
    "Moore",
    "Mörk",
    "Müller-Õun",
    "Murphy",
    "Nakamura",
    "Nguyễn",
    "Novák",
    "Núñez",
    "O'Brien",
    "O'Hara",
    "Ødegård",
    "Okafor",
    "Olsen",
    "Ortega",
    "Park",
    "Patel",
    "Pereira",
    "Petrov",
    "Quispe",
    "Rasmussen",
    "Reyes",
    "Rubio",
    "Sánchez",
    "Schäfer",
    "Silva",
    "Singh",
    "Smith",
    "Søndergaard",
    "Stewart",
    "Suzuki",
    "Szabó",
    "Tamm",
    "Taylor",
    "Thompson",
    "Torres",
    "Tsosie",
    "Ulrich",
    "Van der Berg",
    "Vargas",
    "Vega",
    "Walker",
    "Weiß",
    "White",
    "Williams",
    "Wójcik",
    "Xu",
    "Yazzie",
    "Young",
    "Zhang",
    "Żak",
    "Шевченко",
    "王",
];

const TRADE: &[&str] = &[
    "Auto Body",
    "Bakery",
    "Brewing",
    "Cattle",
    "Clinic",
    "Construction",
    "Dairy",
    "Dental",
    "Electric",
    "Excavation",
    "Farms",
    "Feed & Seed",
    "Grocery",
    "Hardware",
    "Heating",
    "Insurance",
    "Law Office",
    "Logistics",
    "Lumber",
    "Machine",
    "Motel",
    "Orchards",
    "Outfitters",
    "Plumbing",
    "Realty",
    "School District",
    "Vineyards",
    "Welding",
];

const LEGAL: &[&str] = &[
    "", "", " Co.", " GmbH", ", Inc.", ", LLC", " Ltd", " & Sons", " & Hijos",
];

const PLACE: &[&str] = &[
    "Alder",
    "Antelope",
    "Badger",
    "Bald",
    "Bear",
    "Big",
    "Birch",
    "Black",
    "Blue",
    "Buck",
    "Buffalo",
    "Cactus",
    "Cedar",
    "Chalk",
    "Copper",
    "Cottonwood",
    "Coyote",
    "Crow",
    "Deer",
    "Dry",
    "Eagle",
    "Elk",
    "Fern",
    "Flint",
    "Fox",
    "Goose",
    "Granite",
    "Gravel",
    "Gray",
    "Grouse",
    "Hawk",
    "Hazel",
    "Heron",
    "Hollow",
    "Iron",
    "Juniper",
    "Kestrel",
    "Lark",
    "Lone",
    "Long",
    "Lost",
    "Maple",
    "Miller's",
    "Mule",
    "North",
    "Oak",
    "Öland",
    "Old",
    "Otter",
    "Owl",
    "Pine",
    "Quail",
    "Raven",
    "Red",
    "Río",
    "Sage",
    "Salt",
    "Sand",
    "Silver",
    "South",
    "Spruce",
    "Stone",
    "Sugar",
    "Thunder",
    "Timber",
    "Turkey",
    "Wagon",
    "West",
    "White",
    "Wild",
    "Willow",
    "Wolf",
];

const FEATURE: &[&str] = &[
    "Basin", "Bend", "Bluff", "Bravo", "Butte", "Canyon", "Coulee", "Creek", "Crossing", "Draw",
    "Falls", "Flat", "Fork", "Gap", "Gulch", "Hill", "Knob", "Lake", "Meadow", "Mesa", "Mill",
    "Mountain", "Park", "Pass", "Peak", "Point", "Pond", "Prairie", "Ranch", "Ridge", "Rim",
    "Rock", "Run", "Spring", "Summit", "Valley", "View", "Wash",
];

const STRUCTURE: &[&str] = &[
    "Tower",
    "Tower",
    "Tower",
    "Relay",
    "Water Tank",
    "Silo",
    "Grain Leg",
    "Rooftop",
    "Repeater",
    "Mástil",
];

const STREET: &[&str] = &[
    "Aspen",
    "Basin",
    "Cemetery",
    "Church",
    "County Line",
    "Depot",
    "Ditch",
    "First",
    "Grange",
    "High",
    "Juniper",
    "Lake",
    "Main",
    "Mill",
    "Old Mine",
    "Orchard",
    "Prospect",
    "Quarry",
    "Railroad",
    "Ridge",
    "River",
    "School",
    "Second",
    "Station",
    "Sunset",
    "Valley View",
    "Wagon",
    "Water",
    "Windmill",
];

const STREET_KIND: &[&str] = &[
    "Ave", "Ct", "Dr", "Ln", "Loop", "Rd", "Rd", "St", "Trl", "Way",
];

/// An order in which to name `count` sites.
pub fn place_order(seed: u64, tag: u64, count: usize) -> Permutation {
    let pairs = PLACE.len() * FEATURE.len();
    Permutation::new(seed, tag, count.next_multiple_of(pairs) as u64)
}

/// The part of a site's name that no other site has; `index` below the count that `order` was made for.
///
/// Where there are more sites than places, some carry a number.
pub fn place(order: &Permutation, index: u64) -> String {
    let rank = order.rank(index);
    let pairs = (PLACE.len() * FEATURE.len()) as u64;
    let (pair, round) = ((rank % pairs) as usize, rank / pairs);
    let (place, feature) = (PLACE[pair / FEATURE.len()], FEATURE[pair % FEATURE.len()]);
    if round == 0 {
        format!("{place} {feature}")
    } else {
        format!("{place} {feature} {}", round + 1)
    }
}

pub fn structure(rng: &mut Rng) -> &'static str {
    rng.word(STRUCTURE)
}

pub fn person(rng: &mut Rng) -> (&'static str, &'static str) {
    (rng.word(FIRST), rng.word(LAST))
}

pub fn company(rng: &mut Rng) -> String {
    let trade = rng.word(TRADE);
    let legal = rng.word(LEGAL);
    if rng.percent(30) {
        format!("{} {} {trade}{legal}", rng.word(PLACE), rng.word(FEATURE))
    } else {
        format!("{} {trade}{legal}", rng.word(LAST))
    }
}

pub fn street(rng: &mut Rng) -> String {
    format!(
        "{} {} {}",
        rng.between(1, 9899),
        rng.word(STREET),
        rng.word(STREET_KIND)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_sites_share_a_place() {
        let order = place_order(3, 0, 9000);
        let names: BTreeSet<_> = (0..9000).map(|index| place(&order, index)).collect();
        assert_eq!(names.len(), 9000);
    }

    #[test]
    fn the_pools_hold_no_repeats_where_names_must_differ() {
        for pool in [PLACE, FEATURE, FIRST, LAST] {
            assert_eq!(pool.iter().collect::<BTreeSet<_>>().len(), pool.len());
        }
    }
}
