//! `xtask gen`: a synthetic ISP of any size, as one Weir project for each form asked for.
//!
//! The same arguments give the same bytes on any machine. All forms describe the same ISP, defects included; what a form
//! cannot express is said at its writer. Records are streamed, so memory does not grow with the size of the output.

mod inventory;
mod json;
mod libreqos;
mod model;
mod names;
pub mod rng;
mod uisp;

use clap::ValueEnum;
use model::{Isp, MAX_CIRCUITS};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub struct Args {
    /// Number of circuits
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_CIRCUITS)))]
    circuits: u32,
    /// Chooses the ISP
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// What to write
    #[arg(long, value_enum, default_value = "all")]
    form: Form,
    /// Where the projects go, each into a directory named after its form
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Share of circuits that get one defect each
    #[arg(long, value_name = "PERCENT", default_value = "1", value_parser = millionths)]
    dirty: u32,
    /// CPU queues of the target
    #[arg(long, value_name = "Q", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..))]
    queues: u16,
    /// How much of each UISP record to write
    #[arg(long, value_enum, default_value = "recorded")]
    uisp_fields: uisp::Fields,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Form {
    Inventory,
    Libreqos,
    Uisp,
    All,
}

/// A percentage with any number of places, in millionths of the whole.
fn millionths(percent: &str) -> Result<u32, String> {
    match percent.parse::<f64>() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok((percent * 10_000.0).round() as u32),
        _ => Err("expected a number from 0 to 100".into()),
    }
}

pub fn run(args: &Args, report: &mut impl Write) -> io::Result<()> {
    let isp = Isp::new(args.circuits, args.seed, args.dirty);
    writeln!(
        report,
        "{} circuits ({} with a defect), {} access points, {} sites, {} backhaul links",
        isp.circuits,
        isp.dirty_circuits(),
        isp.aps.len(),
        isp.sites.len(),
        isp.links.len()
    )?;
    for form in [Form::Inventory, Form::Libreqos, Form::Uisp] {
        if args.form != form && args.form != Form::All {
            continue;
        }
        let name = form
            .to_possible_value()
            .expect("no form is hidden")
            .get_name()
            .to_owned();
        let project = args.out.join(&name);
        let export = project.join("export");
        fs::create_dir_all(&export).map_err(|error| at(&export, &error))?;
        let settings_path = project.join("weir.toml");
        fs::write(&settings_path, settings(&isp, form, &name, args.queues))
            .map_err(|error| at(&settings_path, &error))?;
        let mut file = |file_name: &str, write: &dyn Fn(&mut BufWriter<File>) -> io::Result<()>| {
            let path = export.join(file_name);
            let bytes = write_file(&path, write).map_err(|error| at(&path, &error))?;
            writeln!(report, "{bytes:>13} {}", path.display())
        };
        match form {
            Form::Inventory => file("inventory.json", &|out| inventory::write(&isp, out))?,
            Form::Libreqos => {
                file("network.json", &|out| libreqos::write_network(&isp, out))?;
                file("ShapedDevices.csv", &|out| {
                    libreqos::write_devices(&isp, out)
                })?;
            }
            Form::Uisp => {
                for collection in uisp::COLLECTIONS {
                    file(collection.file_name(), &|out| {
                        uisp::write(&isp, args.uisp_fields, collection, out)
                    })?;
                }
            }
            Form::All => unreachable!("the loop names single forms"),
        }
    }
    Ok(())
}

/// Names the file that an error is about.
fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Returns the size of the file.
fn write_file(
    path: &Path,
    write: &dyn Fn(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<u64> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    write(&mut out)?;
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok(file.metadata()?.len())
}

/// `weir.toml` of the project. UISP does not say which site is the root of the tree, only where the Internet is; below a
/// root made up for it the core would be one shaping tree with every circuit in it.
fn settings(isp: &Isp, form: Form, kind: &str, queues: u16) -> String {
    let root = match form {
        Form::Uisp => format!("root = \"{}\"\n", isp.sites[0].name),
        _ => String::new(),
    };
    let wan = isp.wan_mbps();
    let name = format!("synthetic-{kind}-{}", isp.circuits);
    format!(
        r#"[project]
name = "{name}"

[[source]]
name = "{kind}"
kind = "{kind}"
export = "export"

[topology]
strategy = "full"
{root}wan_mbps = [{wan}, {wan}]

# The minimum that ShapedDevices.csv has to state, so that every form builds to the same rates.
[rates]
min_floor_mbps = {min}

[target.bench]
queues = {queues}
memory = "64GiB"

[target.bench.shaper]
to_internet = "eth1"
to_network = "eth0"
mode = "bridge"
qdisc = "none"
"#,
        min = libreqos::MIN_MBPS
    )
}

#[cfg(test)]
mod tests;
