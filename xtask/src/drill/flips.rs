//! Every byte of a small store flipped, and random ones of a large artifact.

use std::fs;

use super::cargo::Tests;
use super::outcome::Outcome;
use super::{Error, Ground, isp};

/// Circuits of the large one: some megabytes.
const LARGE: u32 = 20_000;

pub fn run(ground: &Ground) -> Result<Outcome, Error> {
    let weir = ground.weir()?;
    let work = isp::scratch("flips")?;
    isp::project(work.path(), "")?;
    fs::write(
        work.path().join("export/inventory.json"),
        isp::inventory(LARGE, "20000"),
    )?;
    isp::build(&mut isp::weir(&weir, work.path(), "build"))?;
    let store = work.path().join(".weir/store").display().to_string();
    let flips = ground.rounds(1000).to_string();
    Tests {
        package: "weir-store",
        target: &["--test", "flips"],
        filters: &[],
        env: &[
            ("WEIR_DRILL", "1"),
            ("WEIR_FLIP_STORE", &store),
            ("WEIR_FLIPS", &flips),
        ],
    }
    .run(&ground.root)
}
