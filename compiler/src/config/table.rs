//! `[source.table]`: what the columns of a file mean, checked as far as it can be without the file.

use crate::config::check::Check;
use crate::config::file::{self, FormatWord, ParentWord, UnitWord};
use crate::config::project::{SourceKind, Table, TableFile, TableFormat, TableNodes};
use crate::config::value::{At, Span, Word};
use crate::units::{BPS, MBPS};

const KBPS: (u64, u64) = (1, 1);

/// The keys that say which file it is and how it is read.
struct Rows<'a> {
    place: &'static str,
    span: &'a Span,
    file: &'a Option<At<String>>,
    format: &'a Option<At<Word<FormatWord>>>,
    delimiter: &'a Option<At<String>>,
    records: &'a Option<At<String>>,
    unit: (u64, u64),
}

impl Check<'_> {
    /// The mapping of a source; `None` also when it is wrong, which is said.
    pub(super) fn table(
        &mut self,
        kind: Option<SourceKind>,
        source: &At<file::Source>,
    ) -> Option<Box<Table>> {
        let written = match (&source.value.table, kind) {
            (Some(written), Some(SourceKind::Table)) => written,
            (Some(written), Some(other)) => {
                self.problem(
                    Some(&written.span),
                    format!(
                        "`[source.table]` means nothing for a source of kind `{}`",
                        other.word()
                    ),
                    "take it away, or use kind = \"table\"",
                );
                return None;
            }
            (None, Some(SourceKind::Table)) => {
                self.problem(
                    Some(&source.span),
                    "a source of kind `table` has no [source.table]",
                    "add [source.table] below it: file, circuit, addresses, download and upload at least",
                );
                return None;
            }
            _ => return None,
        };
        let table = &written.value;
        let span = &written.span;
        let unit = self.word("source.table.unit", &table.unit, UnitWord::Mbps);
        let rows = self.rows(Rows {
            place: "source.table",
            span,
            file: &table.file,
            format: &table.format,
            delimiter: &table.delimiter,
            records: &table.records,
            unit: kbps(unit),
        });
        let circuit = self.column("source.table.circuit", &table.circuit, span);
        let down = self.column("source.table.download", &table.download, span);
        let up = self.column("source.table.upload", &table.upload, span);
        let addresses: Vec<String> = (table.addresses.iter().flatten())
            .filter_map(|column| self.one_label("source.table.addresses", column))
            .collect();
        if table.addresses.as_ref().is_none_or(Vec::is_empty) {
            self.lacks("source.table.addresses", span);
        }
        let mut optional = |key: &'static str, written| self.label(key, written);
        let name = optional("source.table.name", &table.name);
        let device = optional("source.table.device", &table.device);
        let device_name = optional("source.table.device_name", &table.device_name);
        let mac = optional("source.table.mac", &table.mac);
        let parent = optional("source.table.parent", &table.parent);
        let commit = [
            optional("source.table.download_min", &table.download_min),
            optional("source.table.upload_min", &table.upload_min),
        ];
        let state = optional("source.table.state", &table.state);
        let comment = optional("source.table.comment", &table.comment);
        let position = self.position("source.table", &table.latitude, &table.longitude);
        let by = self.word("source.table.parent_by", &table.parent_by, ParentWord::Name);
        let suspended = self.lower("source.table.suspended", &table.suspended, "suspended");
        let ended = self.lower("source.table.ended", &table.ended, "");
        for words in [&table.suspended, &table.ended] {
            if let Some(first) = words.iter().flatten().next()
                && state.is_none()
            {
                self.problem(
                    Some(&first.span),
                    "words of a state are given, but no column with the state",
                    "add state = \"COLUMN\" to [source.table]",
                );
            }
        }
        let nodes = match &table.nodes {
            Some(nodes) => Some(self.nodes(nodes, unit)?),
            None => None,
        };
        Some(Box::new(Table {
            rows: rows?,
            circuit: circuit?,
            name,
            device,
            device_name,
            mac,
            addresses,
            parent,
            parent_by_id: by == ParentWord::Id,
            plan: [down?, up?],
            commit,
            state,
            suspended,
            ended,
            comment,
            position,
            nodes,
        }))
    }

    fn nodes(&mut self, written: &At<file::TableNodes>, unit: UnitWord) -> Option<TableNodes> {
        let table = &written.value;
        let unit = self.word("source.table.nodes.unit", &table.unit, unit);
        let rows = self.rows(Rows {
            place: "source.table.nodes",
            span: &written.span,
            file: &table.file,
            format: &table.format,
            delimiter: &table.delimiter,
            records: &table.records,
            unit: kbps(unit),
        });
        let id = self.column("source.table.nodes.id", &table.id, &written.span);
        let mut optional = |key: &'static str, written| self.label(key, written);
        let name = optional("source.table.nodes.name", &table.name);
        let parent = optional("source.table.nodes.parent", &table.parent);
        let kind = optional("source.table.nodes.kind", &table.kind);
        let capacity = [
            optional("source.table.nodes.download", &table.download),
            optional("source.table.nodes.upload", &table.upload),
        ];
        let position = self.position("source.table.nodes", &table.latitude, &table.longitude);
        Some(TableNodes {
            rows: rows?,
            id: id?,
            name,
            parent,
            kind,
            site: self.lower("source.table.nodes.site", &table.site, "site"),
            ap: self.lower("source.table.nodes.ap", &table.ap, "ap"),
            capacity,
            position,
        })
    }

    /// Columns of a place: one without the other says nothing.
    fn position(
        &mut self,
        place: &'static str,
        latitude: &Option<At<String>>,
        longitude: &Option<At<String>>,
    ) -> Option<[String; 2]> {
        let (north, east) = match (latitude, longitude) {
            (None, None) => return None,
            (Some(north), Some(east)) => (north, east),
            (Some(alone), None) => return self.alone(place, alone, "latitude", "longitude"),
            (None, Some(alone)) => return self.alone(place, alone, "longitude", "latitude"),
        };
        let north = self.one_label(&format!("{place}.latitude"), north)?;
        Some([north, self.one_label(&format!("{place}.longitude"), east)?])
    }

    fn alone(
        &mut self,
        place: &str,
        written: &At<String>,
        is: &str,
        lacks: &str,
    ) -> Option<[String; 2]> {
        self.problem(
            Some(&written.span),
            format!("`{place}` has a column for the {is} and none for the {lacks}"),
            format!("add {lacks} = \"COLUMN\", or leave out the {is}"),
        );
        None
    }

    fn rows(&mut self, written: Rows<'_>) -> Option<TableFile> {
        let Some(file) = written.file else {
            self.lacks(&format!("{}.file", written.place), written.span);
            return None;
        };
        let name = self.one_label(&format!("{}.file", written.place), file)?;
        if name.contains(['/', '\\']) || name.starts_with('.') {
            self.problem(
                Some(&file.span),
                format!(
                    "`{}.file` is no name of a file in the export directory",
                    written.place
                ),
                "write the name alone; `export` is its directory",
            );
            return None;
        }
        let format = match written.format {
            Some(word) => self.lookup(&format!("{}.format", written.place), word)?,
            None => match name
                .rsplit_once('.')
                .map(|(_, end)| end.to_ascii_lowercase())
            {
                Some(end) if end == "csv" => FormatWord::Csv,
                Some(end) if end == "json" => FormatWord::Json,
                _ => {
                    self.problem(
                        Some(&file.span),
                        format!("the name of `{name}` does not say what format it has"),
                        "add format = \"csv\" or \"json\"",
                    );
                    return None;
                }
            },
        };
        let unused = match format {
            FormatWord::Csv => written.records.as_ref().map(|r| (r, "records", "CSV")),
            FormatWord::Json => written.delimiter.as_ref().map(|d| (d, "delimiter", "JSON")),
        };
        if let Some((value, key, of)) = unused {
            self.problem(
                Some(&value.span),
                format!("`{}.{key}` means nothing for a {of} file", written.place),
                "take it away",
            );
        }
        let format = match format {
            FormatWord::Csv => TableFormat::Csv {
                delimiter: match written.delimiter {
                    None => b',',
                    Some(text) => match text.value.as_bytes() {
                        [one] if one.is_ascii() && !matches!(one, b'"' | b'\n' | b'\r') => *one,
                        _ => {
                            self.problem(
                                Some(&text.span),
                                format!("`{}.delimiter` is not one character", written.place),
                                "write \",\", \";\", \"|\" or \"\\t\"",
                            );
                            return None;
                        }
                    },
                },
            },
            FormatWord::Json => TableFormat::Json {
                records: match written.records {
                    None => Vec::new(),
                    Some(path) => match path.value.strip_prefix('/') {
                        Some(keys) if !keys.is_empty() => {
                            keys.split('/').map(str::to_owned).collect()
                        }
                        _ => {
                            self.problem(
                                Some(&path.span),
                                format!("`{}.records` does not begin with /", written.place),
                                "write the keys from the top down to the list, such as \"/data/rows\"",
                            );
                            return None;
                        }
                    },
                },
            },
        };
        Some(TableFile {
            file: name,
            format,
            unit: written.unit,
        })
    }

    fn column(&mut self, key: &str, written: &Option<At<String>>, table: &Span) -> Option<String> {
        match written {
            Some(column) => self.one_label(key, column),
            None => {
                self.lacks(key, table);
                None
            }
        }
    }

    fn lacks(&mut self, key: &str, table: &Span) {
        let (place, name) = key.rsplit_once('.').unwrap_or(("", key));
        self.problem(
            Some(table),
            format!("[{place}] has no `{name}`"),
            match name {
                "file" => "add file = \"NAME\": a file in the export directory".to_owned(),
                "addresses" => {
                    "add addresses = [\"COLUMN\"]: without addresses nothing is shaped".to_owned()
                }
                _ => format!("add {name} = \"COLUMN\", as the header or the key says it"),
            },
        );
    }

    /// Words in lower case; the default when none are written.
    fn lower(
        &mut self,
        key: &str,
        written: &Option<Vec<At<String>>>,
        default: &str,
    ) -> Vec<String> {
        match written {
            None if default.is_empty() => Vec::new(),
            None => vec![default.to_owned()],
            Some(_) => {
                let words = self.labels(key, written);
                words.iter().map(|word| word.to_lowercase()).collect()
            }
        }
    }
}

fn kbps(unit: UnitWord) -> (u64, u64) {
    match unit {
        UnitWord::Bps => BPS,
        UnitWord::Kbps => KBPS,
        UnitWord::Mbps => MBPS,
    }
}
