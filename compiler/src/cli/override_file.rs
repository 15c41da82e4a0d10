//! `overrides.toml` as a file that people keep: entries are added, changed and taken out, and everything else in it,
//! comments above all, stays as it is. What an override means is not known here.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value, value};

use weir_compiler::config::date::Date;
use weir_compiler::config::overrides::FILE_NAME;
use weir_compiler::ir::field::{Field, FieldValue};
use weir_compiler::ir::records::{LeafKind, SubjectKind};
use weir_compiler::units::Kbps;

use crate::cli::exit::Exit;
use crate::cli::stop::Stop;

/// The first lines of a file that did not exist.
const HEAD: &str = "\
# What you know better than the sources, field by field, each with its reason: docs/overrides.md
";

/// An entry to be written.
pub struct Entry<'a> {
    pub kind: SubjectKind,
    pub id: &'a str,
    pub device: Option<&'a str>,
    pub reason: &'a str,
    pub owner: Option<&'a str>,
    pub expires: Option<Date>,
    pub sets: Vec<(Field, FieldValue)>,
    /// What the sources say now.
    pub was: Vec<(Field, FieldValue)>,
}

pub struct OverrideFile {
    path: PathBuf,
    before: String,
    document: DocumentMut,
}

impl OverrideFile {
    pub fn read(dir: &Path) -> Result<OverrideFile, Stop> {
        let path = dir.join(FILE_NAME);
        let before = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => String::new(),
            Err(e) => return Err(Stop::cannot("read", &path, &e)),
        };
        let text = match before.is_empty() {
            true => HEAD,
            false => &before,
        };
        let document = text.parse().map_err(|e: toml_edit::TomlError| {
            let message = e.message().split_whitespace().collect::<Vec<_>>();
            Stop::new(
                Exit::Usage,
                format!(
                    "{} is not valid TOML: {}",
                    path.display(),
                    message.join(" ")
                ),
                "correct it first; `weir check` shows where",
            )
        })?;
        Ok(OverrideFile {
            path,
            before,
            document,
        })
    }

    pub fn text(&self) -> String {
        self.document.to_string()
    }

    pub fn add(&mut self, entry: &Entry<'_>) {
        let mut table = Table::new();
        table["id"] = value(entry.id);
        if let Some(device) = entry.device {
            table["device"] = value(device);
        }
        table["reason"] = value(entry.reason);
        if let Some(owner) = entry.owner {
            table["owner"] = value(owner);
        }
        if let Some(day) = entry.expires {
            table["expires"] = date(day);
        }
        for (field, set) in &entry.sets {
            if let Some(written) = written(set) {
                table[field.key()] = Item::Value(written);
            }
        }
        let mut was = InlineTable::new();
        for (field, known) in &entry.was {
            if let Some(written) = written(known) {
                was.insert(field.key(), written);
            }
        }
        if !was.is_empty() {
            table["was"] = Item::Value(Value::InlineTable(was));
        }
        // What stands in a file without entries is its head, not its end.
        let mut prefix = String::from("\n");
        if self.document.is_empty() {
            let head = self.document.trailing().as_str().unwrap_or_default();
            prefix.insert_str(0, head);
            self.document.set_trailing("");
        }
        table.decor_mut().set_prefix(prefix);
        let list = self.document.entry(entry.kind.word());
        let list = list.or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
        if let Some(list) = list.as_array_of_tables_mut() {
            list.push(table);
        }
    }

    fn list(&mut self, kind: SubjectKind) -> Option<&mut ArrayOfTables> {
        self.document.get_mut(kind.word())?.as_array_of_tables_mut()
    }

    /// Takes out the entries of an id, or one field of them; how many were touched. `device`: only entries about this
    /// device, or, with `Some(None)`, only those about none.
    pub fn remove(
        &mut self,
        kind: SubjectKind,
        id: &str,
        device: Option<Option<&str>>,
        field: Option<Field>,
    ) -> usize {
        let text = |table: &Table, key| table.get(key).and_then(Item::as_str).map(str::to_owned);
        let is = |table: &Table| {
            text(table, "id").as_deref() == Some(id)
                && device.is_none_or(|device| text(table, "device").as_deref() == device)
        };
        let Some(field) = field else {
            return self.take_out(kind, is);
        };
        let mut touched = 0;
        for table in self.list(kind).into_iter().flat_map(|list| list.iter_mut()) {
            if !is(table) || table.remove(field.key()).is_none() {
                continue;
            }
            touched += 1;
            if let Some(was) = table.get_mut("was").and_then(Item::as_table_like_mut) {
                was.remove(field.key());
                if was.is_empty() {
                    table.remove("was");
                }
            }
        }
        const HEADS: [&str; 6] = ["id", "device", "reason", "owner", "expires", "was"];
        self.take_out(kind, |table| {
            is(table) && table.iter().all(|(key, _)| HEADS.contains(&key))
        });
        touched
    }

    /// A comment right above an entry goes with it; what a blank line sets apart stays.
    fn take_out(&mut self, kind: SubjectKind, is: impl Fn(&Table) -> bool) -> usize {
        let Some(list) = self.list(kind) else {
            return 0;
        };
        let prefix = |table: &Table| {
            let prefix = table.decor().prefix().and_then(|p| p.as_str());
            prefix.unwrap_or_default().to_owned()
        };
        let (mut taken, mut at) = (0, 0);
        let mut carried = String::new();
        while let Some(table) = list.get_mut(at) {
            if is(table) {
                let above = prefix(table);
                if let Some(end) = above.rfind("\n\n") {
                    carried.push_str(&above[..=end]);
                }
                list.remove(at);
                taken += 1;
                continue;
            }
            if !carried.is_empty() {
                let above = format!("{carried}{}", prefix(table));
                table.decor_mut().set_prefix(above);
                carried.clear();
            }
            at += 1;
        }
        if list.is_empty() {
            self.document.remove(kind.word());
        }
        if !carried.is_empty() {
            let end = self.document.trailing().as_str().unwrap_or_default();
            self.document.set_trailing(format!("{carried}{end}"));
        }
        taken
    }

    /// Gives the entries of an id a last day; how many there are.
    pub fn expire(&mut self, kind: SubjectKind, id: &str, day: Date) -> usize {
        let mut touched = 0;
        for table in self.list(kind).into_iter().flat_map(|list| list.iter_mut()) {
            if table.get("id").and_then(Item::as_str) == Some(id) {
                table["expires"] = date(day);
                touched += 1;
            }
        }
        touched
    }

    /// What changes, as lines with `-` and `+`.
    pub fn diff(&self) -> String {
        let after = self.text();
        let (old, new): (Vec<&str>, Vec<&str>) =
            (self.before.lines().collect(), after.lines().collect());
        let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
        let rest = old.len().min(new.len()) - start;
        let end = (0..rest)
            .take_while(|i| old[old.len() - 1 - i] == new[new.len() - 1 - i])
            .count();
        let mut text = String::new();
        for (sign, lines) in [
            ("-", &old[start..old.len() - end]),
            ("+", &new[start..new.len() - end]),
        ] {
            for line in lines {
                text.push_str(&format!("{sign} {line}\n"));
            }
        }
        text
    }

    /// The file as it was read.
    #[cfg(feature = "serve")]
    pub fn before(&self) -> &str {
        &self.before
    }

    /// Whole or not at all.
    pub fn write(&self) -> Result<(), Stop> {
        let failed = |e: &std::io::Error| Stop::cannot("write", &self.path, e);
        let dir = self.path.parent().unwrap_or(Path::new("."));
        let temporary = dir.join(format!(".{FILE_NAME}.{}", std::process::id()));
        let made = fs::File::create(&temporary).and_then(|mut file| {
            file.write_all(self.text().as_bytes())?;
            file.sync_all()
        });
        made.and_then(|()| fs::rename(&temporary, &self.path))
            .map_err(|e| {
                // It is ours, and of no use to anybody.
                let _ = fs::remove_file(&temporary);
                failed(&e)
            })
    }
}

fn date(day: Date) -> Item {
    let text = day.to_string();
    match text.parse::<toml_edit::Datetime>() {
        Ok(day) => value(day),
        Err(_) => value(text),
    }
}

fn mbps(rate: Option<Kbps>) -> Value {
    let text = rate.unwrap_or_default().mbps().to_string();
    match text.parse::<Value>() {
        Ok(number) => number,
        Err(_) => Value::from(text),
    }
}

/// As it stands in the file; `None` where it has no words for it.
fn written(set: &FieldValue) -> Option<Value> {
    Some(match set {
        FieldValue::Text(text) => Value::from(text.as_ref()),
        FieldValue::Rates(rates) => {
            let pair: Array = [mbps(rates.down), mbps(rates.up)].into_iter().collect();
            Value::Array(pair)
        }
        FieldValue::Addresses(list) => {
            let list: Array = list.iter().map(|text| text.as_ref()).collect();
            Value::Array(list)
        }
        FieldValue::Service(state) => Value::from(state.word()),
        FieldValue::Link(state) => Value::from(state.word()),
        FieldValue::Kind(kind) => Value::from(kind.word()),
        FieldValue::Flag(on) => Value::from(*on),
        FieldValue::Count(count) => Value::from(i64::try_from((*count)?).ok()?),
        FieldValue::Leaf(leaf) => {
            let [down, up] =
                [leaf.down, leaf.up].map(|side| side.map_or("default", LeafKind::word));
            match down == up {
                true => Value::from(down),
                false => Value::from(format!("{down}/{up}")),
            }
        }
        FieldValue::Sold { .. } => return None,
    })
}
