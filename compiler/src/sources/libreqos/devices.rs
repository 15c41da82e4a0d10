//! `ShapedDevices.csv` into rows: one device each, with the circuit it belongs to. A row that cannot be read
//! costs itself only, and so does a quote that is never closed.
//!
//! It does not know which rows make one circuit, whether a parent exists or who owns an address.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;

use csv::{ByteRecord, ReaderBuilder};
use rayon::prelude::*;

use super::columns::{Column, Columns, Header};
use super::{DEVICES, leaf};
use crate::id::FileId;
use crate::ir::address::{Claim, ClaimValue, Form};
use crate::ir::records::{
    DirtyText, LeafKind, LegacyLayout, NodeRef, OddField, Origin, Quarantined, RefBy, ServiceState,
    SourceEvidence, Subject, SubjectKind, UnreadableFile,
};
use crate::sources::inventory::fields::{self, CONTROL, NOT_UTF8, shown, tidy};
use crate::sources::inventory::scan;
use crate::sources::rows::{Row, derived_device};
use crate::units::{self, Kbps, MBPS, Pair};

/// A row that is cut out but not read.
struct Raw {
    range: Range<usize>,
    fields: ByteRecord,
}

/// The file, cut into rows.
#[derive(Default)]
struct Cut {
    rows: Vec<Raw>,
    comments: Vec<Range<usize>>,
    /// Lines with a quote that opens and does not close.
    open: Vec<Range<usize>>,
}

/// Rows read as one unit of work.
const CHUNK: usize = 1024;

pub fn read(file: FileId, bytes: &[u8]) -> (Vec<Row>, SourceEvidence) {
    let mut evidence = SourceEvidence::default();
    let cut = cut(bytes);
    let (layout, rows) = match Layout::find(&cut.rows) {
        Ok(found) => found,
        Err((range, message)) => {
            evidence.unreadable.push(UnreadableFile {
                place: fields::origin(file, &range).whole(),
                mandatory: true,
                message,
            });
            return (Vec::new(), evidence);
        }
    };
    let header = fields::origin(file, &layout.range);
    layout.report_header(header, &mut evidence);
    let mut put_aside = |range: &Range<usize>, id, reason: &str| {
        evidence.quarantined.push(Quarantined {
            place: fields::origin(file, range).whole(),
            collection: DEVICES,
            id,
            reason: reason.to_owned(),
        });
    };
    for range in &cut.open {
        let reason = "holds a quote that is never closed; the rows below it were read";
        put_aside(range, None, reason);
    }
    for range in &cut.comments {
        if let Some(id) = hidden_row(&bytes[range.clone()], &layout) {
            let reason = "starts with `#`, so it is a comment, and reads like a device";
            put_aside(range, Some(id), reason);
        }
    }
    let batches: Vec<Batch> = rows
        .par_chunks(CHUNK)
        .map(|chunk| Batch::read(file, chunk, &layout))
        .collect();
    let mut read = Vec::with_capacity(rows.len());
    let mut odd = Vec::new();
    for batch in batches {
        read.extend(batch.rows);
        evidence.absorb(batch.evidence);
        odd.extend(batch.odd);
    }
    layout.report_odd(header, odd, &mut evidence);
    let seen = rows.len() + cut.open.len();
    evidence.read.push((DEVICES, seen as u64));
    (read, evidence)
}

/// A chunk of rows, read.
#[derive(Default)]
struct Batch {
    rows: Vec<Row>,
    evidence: SourceEvidence,
    /// The widths of rows that do not fit the header.
    odd: Vec<(usize, How)>,
}

impl Batch {
    fn read(file: FileId, chunk: &[Raw], layout: &Layout) -> Batch {
        let mut batch = Batch::default();
        for raw in chunk {
            let origin = fields::origin(file, &raw.range);
            match layout.of(&raw.fields) {
                Some((columns, how)) if columns.field(&raw.fields, Column::CircuitId) != b"" => {
                    if how != How::Header {
                        batch.odd.push((raw.fields.len(), how));
                    }
                    let row = row(origin, raw, &columns, &mut batch.evidence);
                    batch.rows.push(row);
                }
                found => {
                    let (id, reason) = match found {
                        Some((columns, _)) => {
                            let device = columns.field(&raw.fields, Column::DeviceId);
                            let device = String::from_utf8_lossy(device);
                            let id = (!device.is_empty()).then(|| device.into());
                            (id, "has no circuit id".to_owned())
                        }
                        None => (None, layout.misfit(raw.fields.len())),
                    };
                    batch.evidence.quarantined.push(Quarantined {
                        place: origin.whole(),
                        collection: DEVICES,
                        id,
                        reason,
                    });
                }
            }
        }
        batch
    }
}

/// How the columns of a row were found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum How {
    Header,
    /// By the header, the last columns missing.
    Short,
    /// By the number of fields.
    ByWidth,
}

/// Where and why a file is no list of devices.
type Unfit = (Range<usize>, String);

/// How the rows of a file are read.
struct Layout {
    /// The header's, else those of the version whose rows are as wide as most rows are.
    columns: Columns,
    /// `None`: the file has no header.
    header: Option<Header>,
    /// The header, else the first row.
    range: Range<usize>,
    /// Fields that most rows have.
    common: usize,
}

impl Layout {
    /// The layout of a file, and its rows without the header; or where and why there is none.
    fn find(rows: &[Raw]) -> Result<(Layout, &[Raw]), Unfit> {
        let Some((first, rest)) = rows.split_first() else {
            let message = "the file has no rows, not even a header".to_owned();
            return Err((0..0, message));
        };
        let header = Columns::header(&first.fields);
        let range = first.range.clone();
        if header.columns.has(Column::CircuitId) {
            let layout = Layout {
                columns: header.columns.clone(),
                header: Some(header),
                range,
                common: common_width(rest),
            };
            return Ok((layout, rest));
        }
        // A file without a header is read by position, but never one with a header that we do not know.
        let common = common_width(rows);
        match Columns::by_width(common) {
            Some(columns) if header.known < 4 => {
                let layout = Layout {
                    columns,
                    header: None,
                    range,
                    common,
                };
                Ok((layout, rows))
            }
            _ => Err((
                range,
                "the first row names no `Circuit ID` column".to_owned(),
            )),
        }
    }

    /// The columns of a row; `None` when no reading of it can be trusted.
    fn of(&self, row: &ByteRecord) -> Option<(Cow<'_, Columns>, How)> {
        let width = row.len();
        let own = &self.columns;
        if width == own.width {
            let trusted = self.header.is_some() || rates(row, own).any(|rate| rate);
            return trusted.then_some((Cow::Borrowed(own), How::Header));
        }
        if width < own.width && own.may_end_at(width) && has_plan(row, own) {
            return Some((Cow::Borrowed(own), How::Short));
        }
        // A row of another width than most is more often damaged than of another version, and a comma that
        // is not quoted makes a row wider and shifts it: every column has to look like what it is.
        let columns = Columns::by_width(width)?;
        let trusted = rates(row, &columns).all(|rate| rate)
            && (width == self.common || width < own.width && has_addresses(row, &columns));
        trusted.then_some((Cow::Owned(columns), How::ByWidth))
    }

    /// Why no reading can be trusted.
    fn misfit(&self, width: usize) -> String {
        match &self.header {
            Some(header) => format!(
                "has {width} fields where the header names {}",
                header.columns.width
            ),
            None if width == self.common => "does not read like a device".to_owned(),
            None => format!("has {width} fields where most rows have {}", self.common),
        }
    }

    fn report_header(&self, origin: Origin, evidence: &mut SourceEvidence) {
        let Some(header) = &self.header else {
            evidence.legacy_layouts.push(LegacyLayout {
                place: origin.whole(),
                message: "no row names the columns; every row is read by its number of fields"
                    .to_owned(),
            });
            return;
        };
        let mut odd = |what: String, required| {
            evidence.odd_fields.push(OddField {
                place: origin.whole(),
                subject: Subject::new(SubjectKind::Source, DEVICES, DEVICES),
                what,
                required,
            });
        };
        for name in &header.repeated {
            let what = format!("names `{name}` more than once; the first is used");
            odd(what, false);
        }
        let absent = |column| !header.columns.has(column);
        for column in [Column::DownMax, Column::UpMax] {
            if absent(column) {
                let name = header.columns.route(column);
                let what = format!("names no `{name}` column; those plans are unknown");
                odd(what, true);
            }
        }
        if absent(Column::Ipv4) && absent(Column::Ipv6) {
            let what = "names no address column; no device has an address";
            odd(what.to_owned(), true);
        }
    }

    /// One line for each width that is not the header's.
    fn report_odd(
        &self,
        origin: Origin,
        mut odd: Vec<(usize, How)>,
        evidence: &mut SourceEvidence,
    ) {
        let Some(header) = &self.header else {
            return;
        };
        odd.sort_unstable();
        for group in odd.chunk_by(|a, b| a == b) {
            let (width, how) = group[0];
            let have = match group.len() {
                1 => "1 row has".to_owned(),
                n => format!("{n} rows have"),
            };
            let read = match how {
                How::ByWidth => format!(", read as the {width} columns of older versions"),
                _ => "; the last columns are read as empty".to_owned(),
            };
            let named = header.columns.width;
            evidence.legacy_layouts.push(LegacyLayout {
                place: origin.whole(),
                message: format!(
                    "the header names {named} columns and {have} {width} fields{read}"
                ),
            });
        }
    }
}

/// The width that most rows have; the smallest of several.
fn common_width(rows: &[Raw]) -> usize {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    for row in rows {
        *counts.entry(row.fields.len()).or_default() += 1;
    }
    let most = counts
        .into_iter()
        .max_by_key(|(width, n)| (*n, Reverse(*width)));
    most.map_or(0, |(width, _)| width)
}

/// Whether each of the four rates is a number.
fn rates(row: &ByteRecord, columns: &Columns) -> impl Iterator<Item = bool> {
    [
        Column::DownMin,
        Column::UpMin,
        Column::DownMax,
        Column::UpMax,
    ]
    .map(|column| is_number(columns.field(row, column)))
    .into_iter()
}

fn has_plan(row: &ByteRecord, columns: &Columns) -> bool {
    is_number(columns.field(row, Column::DownMax)) && is_number(columns.field(row, Column::UpMax))
}

fn has_addresses(row: &ByteRecord, columns: &Columns) -> bool {
    let mut any = false;
    for column in [Column::Ipv4, Column::Ipv6] {
        let text = String::from_utf8_lossy(columns.field(row, column));
        for part in parts(&text) {
            any = true;
            if let ClaimValue::Junk(_) = ClaimValue::parse(part, Form::Prefix) {
                return false;
            }
        }
    }
    any
}

fn is_number(field: &[u8]) -> bool {
    units::parse_rate(&String::from_utf8_lossy(field), MBPS).is_ok()
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

/// The circuit id of a comment that would be a device row without the rule that `#` starts a comment.
fn hidden_row(line: &[u8], layout: &Layout) -> Option<Box<str>> {
    let mut fields = ByteRecord::new();
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(line);
    if !matches!(reader.read_byte_record(&mut fields), Ok(true)) {
        return None;
    }
    let (columns, _) = layout.of(&fields)?;
    let id = String::from_utf8_lossy(columns.field(&fields, Column::CircuitId));
    has_plan(&fields, &columns).then(|| id.into())
}

fn cut(bytes: &[u8]) -> Cut {
    let mut cut = Cut::default();
    let mut start = scan::after_bom(bytes);
    // Bytes that may be read a second time because a quote swallowed them: enough for any honest file.
    let mut patience = bytes.len().saturating_mul(8);
    'reader: loop {
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .comment(Some(b'#'))
            .from_reader(&bytes[start..]);
        loop {
            let mut fields = ByteRecord::new();
            let from = start + reader.position().byte() as usize;
            let more = matches!(reader.read_byte_record(&mut fields), Ok(true));
            let to = (start + reader.position().byte() as usize).min(bytes.len());
            let begin = row_start(bytes, from, to, &mut cut.comments);
            if !more {
                return cut;
            }
            let end = begin + bytes[begin..to].trim_ascii_end().len();
            if fields.iter().all(|field| field.trim_ascii().is_empty()) {
                continue;
            }
            if let Some(header) = cut.rows.first()
                && let Some(line) = bytes[begin..end].iter().position(|b| *b == b'\n')
                && swallows(
                    &bytes[begin..end],
                    &fields,
                    header.fields.len(),
                    &mut patience,
                )
            {
                let line_end = begin + bytes[begin..begin + line].trim_ascii_end().len();
                cut.open.push(begin..line_end);
                start = begin + line + 1;
                continue 'reader;
            }
            cut.rows.push(Raw {
                range: begin..end,
                fields,
            });
        }
    }
}

/// Whether a row of several lines is one whose quote took in the rows below it, rather than one that has a
/// line break in a field: then it has a number of fields of its own, or a line of it is a whole row.
fn swallows(row: &[u8], fields: &ByteRecord, width: usize, patience: &mut usize) -> bool {
    let mut afford = |bytes: usize| {
        let left = patience.checked_sub(bytes);
        *patience = left.unwrap_or(*patience);
        left.is_some()
    };
    if fields.len() != width && Columns::by_width(fields.len()).is_none() {
        return afford(row.len());
    }
    let breaks = row.iter().enumerate().filter(|(_, b)| **b == b'\n');
    for (at, _) in breaks {
        let rest = &row[at + 1..];
        if !afford(rest.len()) {
            return false;
        }
        let mut line = ByteRecord::new();
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(rest);
        if matches!(reader.read_byte_record(&mut line), Ok(true)) && line.len() == width {
            return afford(row.len());
        }
    }
    false
}

/// Where a row begins behind the blank lines and comments that the CSV reader skips, noting the comments.
fn row_start(bytes: &[u8], from: usize, to: usize, comments: &mut Vec<Range<usize>>) -> usize {
    let mut at = from;
    while at < to {
        match bytes[at] {
            b'\r' | b'\n' => at += 1,
            b'#' => {
                let length = bytes[at..to].iter().position(|b| *b == b'\n');
                let end = length.map_or(to, |n| at + n);
                comments.push(at..at + bytes[at..end].trim_ascii_end().len());
                at = end;
            }
            _ => break,
        }
    }
    at.min(to)
}

fn row(origin: Origin, raw: &Raw, columns: &Columns, evidence: &mut SourceEvidence) -> Row {
    let mut reader = Reader {
        raw: &raw.fields,
        columns,
        origin,
        subject: Subject::new(SubjectKind::Circuit, "", ""),
        evidence,
    };
    let (id, id_clean) = reader.raw_text(Column::CircuitId);
    let (name, name_clean) = reader.raw_text(Column::CircuitName);
    let (circuit_name, name_tidy) = tidy(&name);
    let circuit: Box<str> = id.into();
    let name = match &*circuit_name {
        "" => &circuit,
        name => name,
    };
    reader.subject = Subject::new(SubjectKind::Circuit, &circuit, name);
    for (column, clean, what) in [
        (Column::CircuitId, id_clean, NOT_UTF8),
        (Column::CircuitName, name_clean, NOT_UTF8),
        (Column::CircuitName, name_tidy, CONTROL),
    ] {
        if !clean {
            reader.dirty(column, what);
        }
    }
    let device_name = reader.label(Column::DeviceName);
    let mut mac = reader.text(Column::Mac);
    if mac.is_empty() {
        mac = reader.text(Column::RadiusUsername);
    }
    let mut claims = reader.addresses(Column::Ipv4);
    claims.extend(reader.addresses(Column::Ipv6));
    let mut device = reader.text(Column::DeviceId);
    if device.is_empty() {
        device = derived_device("libreqos", &circuit, &device_name, &mac, &claims);
        let what = format!("is empty; the device is called `{device}`");
        reader.odd(Column::DeviceId, false, what);
    }
    Row {
        attach: reader.attach(),
        plan: Pair::new(
            reader.rate(Column::DownMax, true).and_then(Kbps::known),
            reader.rate(Column::UpMax, true).and_then(Kbps::known),
        ),
        commit: Pair::new(
            reader.rate(Column::DownMin, false).unwrap_or_default(),
            reader.rate(Column::UpMin, false).unwrap_or_default(),
        ),
        burst: Pair::ZERO,
        state: ServiceState::Active,
        leaf: reader.leaf(),
        comment: reader.label(Column::Comment),
        plan_route: Pair::new(columns.route(Column::DownMax), columns.route(Column::UpMax)),
        plan_origin: None,
        position: None,
        origin,
        circuit,
        device,
        circuit_name,
        device_name,
        mac,
        claims,
    }
}

/// The fields of one row, and who speaks in its findings.
struct Reader<'a, 'e> {
    raw: &'a ByteRecord,
    columns: &'a Columns,
    origin: Origin,
    subject: Subject,
    evidence: &'e mut SourceEvidence,
}

impl<'a> Reader<'a, '_> {
    fn odd(&mut self, column: Column, required: bool, what: String) {
        self.evidence.odd_fields.push(OddField {
            place: self.origin.at(self.columns.route(column)),
            subject: self.subject.clone(),
            what,
            required,
        });
    }

    fn dirty(&mut self, column: Column, what: &'static str) {
        self.evidence.dirty_text.push(DirtyText {
            place: self.origin.at(self.columns.route(column)),
            subject: self.subject.clone(),
            what,
        });
    }

    fn raw_text(&self, column: Column) -> (Cow<'a, str>, bool) {
        match String::from_utf8_lossy(self.columns.field(self.raw, column)) {
            Cow::Borrowed(text) => (Cow::Borrowed(text.trim()), true),
            Cow::Owned(text) => (Cow::Owned(text.trim().to_owned()), false),
        }
    }

    fn text(&mut self, column: Column) -> Box<str> {
        let (text, clean) = self.raw_text(column);
        if !clean {
            self.dirty(column, NOT_UTF8);
        }
        text.into()
    }

    fn label(&mut self, column: Column) -> Box<str> {
        let text = self.text(column);
        let (label, clean) = tidy(&text);
        if !clean {
            self.dirty(column, CONTROL);
        }
        label
    }

    fn addresses(&mut self, column: Column) -> Vec<Claim> {
        let text = self.text(column);
        parts(&text)
            .map(|part| Claim {
                value: ClaimValue::parse(part, Form::Prefix),
                route: Cow::Borrowed(self.columns.route(column)),
            })
            .collect()
    }

    /// Anchor, parent by id, parent by name: the first that exists wins.
    fn attach(&mut self) -> Vec<NodeRef> {
        let mut attach = Vec::new();
        for (column, by) in [
            (Column::AnchorNodeId, RefBy::Id),
            (Column::ParentNodeId, RefBy::Id),
            (Column::ParentNode, RefBy::Name),
        ] {
            let text = match by {
                RefBy::Id => self.text(column),
                RefBy::Name => self.label(column),
            };
            if !names_nothing(&text) {
                attach.push(NodeRef {
                    text,
                    by,
                    route: Cow::Borrowed(self.columns.route(column)),
                });
            }
        }
        attach
    }

    fn rate(&mut self, column: Column, required: bool) -> Option<Kbps> {
        if !self.columns.has(column) {
            return None;
        }
        let (text, _) = self.raw_text(column);
        if text.is_empty() {
            if required {
                self.odd(column, true, "is empty; the plan is unknown".to_owned());
            }
            return None;
        }
        match units::parse_rate(&text, MBPS) {
            Ok(rate) => Some(rate),
            Err(bad) => {
                let what = format!("is {}, which {}; not used", shown(&text), bad.reason());
                self.odd(column, required, what);
                None
            }
        }
    }

    fn leaf(&mut self) -> Pair<Option<LeafKind>> {
        let (text, _) = self.raw_text(Column::Sqm);
        leaf::parse(&text).unwrap_or_else(|| {
            let what = format!("is {}, {}", shown(&text), leaf::EXPECTED);
            self.odd(Column::Sqm, false, what);
            Pair::both(None)
        })
    }
}

/// How a row says that its circuit hangs nowhere.
pub fn names_nothing(parent: &str) -> bool {
    parent.is_empty() || parent.eq_ignore_ascii_case("none")
}
