//! `topology.peaks` (`weir.peaks/1`): what nodes and circuits carried in their busiest time. Known peaks take the place
//! of plans when the work is spread over the CPU queues; they change no rate.
//!
//! The file is read with the exports and is judged like them: a row that cannot be used is evidence, not a failure.

use csv::{ByteRecord, ReaderBuilder};

use crate::id::FileId;
use crate::ir::inventory::{Inventory, PeakProblem, Peaks, UnusedPeak};
use crate::ir::records::{Origin, SubjectKind};
use crate::source_map::SourceMap;
use crate::units::{Kbps, MAX_RATE, Pair};

/// Its columns, in any order; others are ignored.
pub const COLUMNS: [&str; 4] = ["kind", "id", "download_kbps", "upload_kbps"];

/// Reads the file into the inventory. Of several rows about one thing the larger rate of each direction counts, so
/// the order of rows never shows.
pub fn lower(files: &SourceMap, file: FileId, inventory: &mut Inventory) {
    let mut peaks = Peaks {
        node: vec![None; inventory.nodes.len()],
        circuit: vec![None; inventory.circuits.len()],
        unused: Vec::new(),
    };
    let bytes = files.file(file).bytes.whole();
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        .from_reader(bytes);
    let mut record = ByteRecord::new();
    let mut columns: Option<[usize; 4]> = None;
    loop {
        let start = reader.position().byte();
        // Reading from memory, and any row is as good as another: there is nothing that can fail.
        if !reader.read_byte_record(&mut record).unwrap_or(false) {
            break;
        }
        let end = reader.position().byte();
        let origin = Origin {
            file,
            start,
            len: u32::try_from(end - start).unwrap_or(u32::MAX),
        };
        let Some(at) = columns else {
            let missing: Vec<&str> = COLUMNS
                .into_iter()
                .filter(|name| column(&record, name).is_none())
                .collect();
            let found = COLUMNS.map(|name| column(&record, name));
            match found {
                [Some(kind), Some(id), Some(down), Some(up)] => {
                    columns = Some([kind, id, down, up]);
                    continue;
                }
                _ => {
                    peaks.unused.push(UnusedPeak {
                        place: origin.whole(),
                        why: PeakProblem::Header(missing.join(", ").into()),
                    });
                    break;
                }
            }
        };
        if let Err(why) = row(&record, at, inventory, &mut peaks) {
            let route = match why {
                PeakProblem::Rate(column, _) => column,
                PeakProblem::Kind(_) => COLUMNS[0],
                PeakProblem::Unknown(..) => COLUMNS[1],
                PeakProblem::Header(_) => "",
            };
            peaks.unused.push(UnusedPeak {
                place: origin.at(route),
                why,
            });
        }
    }
    inventory.peaks = peaks;
}

fn column(header: &ByteRecord, name: &str) -> Option<usize> {
    header.iter().position(|field| {
        text(field)
            .trim_start_matches('\u{feff}')
            .eq_ignore_ascii_case(name)
    })
}

fn text(field: &[u8]) -> String {
    String::from_utf8_lossy(field).trim().to_owned()
}

fn row(
    record: &ByteRecord,
    [kind, id, down, up]: [usize; 4],
    inventory: &Inventory,
    peaks: &mut Peaks,
) -> Result<(), PeakProblem> {
    let field = |at: usize| text(record.get(at).unwrap_or_default());
    let rate = |at: usize, name: &'static str| {
        let written = field(at);
        let digits = !written.is_empty() && written.bytes().all(|b| b.is_ascii_digit());
        written
            .parse()
            .ok()
            .map(Kbps)
            .filter(|rate| digits && *rate <= MAX_RATE)
            .ok_or_else(|| PeakProblem::Rate(name, written.into()))
    };
    let (kind, id) = (field(kind), field(id));
    let slot = match kind.as_str() {
        "node" => {
            let node = inventory.node_by_id(&id);
            let unknown = || PeakProblem::Unknown(SubjectKind::Node, id.as_str().into());
            &mut peaks.node[node.ok_or_else(unknown)?.ix()]
        }
        "circuit" => {
            let circuit = inventory.circuits.binary_search_by(|c| (*c.id).cmp(&*id));
            let unknown = |_| PeakProblem::Unknown(SubjectKind::Circuit, id.as_str().into());
            &mut peaks.circuit[circuit.map_err(unknown)?]
        }
        _ => return Err(PeakProblem::Kind(kind.into())),
    };
    let peak = Pair::new(rate(down, COLUMNS[2])?, rate(up, COLUMNS[3])?);
    *slot = Some(slot.map_or(peak, |other| other.max(peak)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::testing::World;
    use crate::source_map::{Format, SourceFile};

    fn read(csv: &str) -> Inventory {
        let World {
            mut inventory,
            mut files,
            ..
        } = World::small();
        let file = files.add(SourceFile {
            path: "peaks.csv".to_owned(),
            format: Format::Csv,
            bytes: csv.as_bytes().to_vec().into(),
            transcoded: None,
            digest: String::new().into(),
        });
        lower(&files, file, &mut inventory);
        inventory
    }

    #[test]
    fn columns_are_found_by_name_and_rows_in_any_order() {
        let one = read(
            "id,kind,upload_kbps,download_kbps,seen\nhill,node,20,100,today\nc1,circuit,5,7,\nhill,node,30,90,\n",
        );
        let node = one.node_by_id("hill").expect("a node");
        assert_eq!(
            one.peaks.node[node.ix()],
            Some(Pair::new(Kbps(100), Kbps(30)))
        );
        assert_eq!(one.peaks.circuit[0], Some(Pair::new(Kbps(7), Kbps(5))));
        assert!(one.peaks.unused.is_empty());
        let other = read(
            "kind,id,download_kbps,upload_kbps\r\n# counted by the core router\nnode,hill,90,30\nnode,hill,100,20\ncircuit,c1,7,5\n",
        );
        assert_eq!(one.peaks.node, other.peaks.node);
        assert_eq!(one.peaks.circuit, other.peaks.circuit);
    }

    #[test]
    fn what_cannot_be_used_is_said_and_the_rest_is_used() {
        let inventory = read(
            "kind,id,download_kbps,upload_kbps\nnode,nowhere,1,1\nradio,hill,1,1\ncircuit,c1,1.5,1\ncircuit,c9,1,1\ncircuit,c2\nnode,hill,8,9\n",
        );
        let why: Vec<PeakProblem> = inventory
            .peaks
            .unused
            .into_iter()
            .map(|unused| unused.why)
            .collect();
        assert_eq!(
            why,
            [
                PeakProblem::Unknown(SubjectKind::Node, "nowhere".into()),
                PeakProblem::Kind("radio".into()),
                PeakProblem::Rate("download_kbps", "1.5".into()),
                PeakProblem::Unknown(SubjectKind::Circuit, "c9".into()),
                PeakProblem::Rate("download_kbps", "".into()),
            ]
        );
        assert_eq!(inventory.peaks.node.iter().flatten().count(), 1);
        let headless = read("node,hill,8,9\n");
        assert_eq!(headless.peaks.node.iter().flatten().count(), 0);
        assert_eq!(headless.peaks.unused.len(), 1);
    }
}
