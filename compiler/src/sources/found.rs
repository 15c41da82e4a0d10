//! Records with their place, and what to do when two of them carry one id. Shared by the sources; knows nothing
//! of what the records say.

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::config::project::Source;
use crate::exports::Export;
use crate::ir::records::{Origin, Repeat, SourceEvidence, Subject};
use crate::source_map::SourceMap;
use crate::sources::json::{Collection, Refusal, Row, read_collection};

/// A fact and where it was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found<T> {
    pub fact: T,
    pub origin: Origin,
}

/// A fact with an id. Its order is the order of its content: two rows with one id and equal content say the
/// same.
pub trait Fact: Ord {
    fn id(&self) -> &str;
    fn subject(&self) -> Subject;
}

/// Orders a part of a fact by what it says, not by where in its record it stands: the order of a list inside a record
/// must not decide which of two records is used.
macro_rules! by_content {
    ($type:ty, |$this:ident| $key:expr) => {
        impl Ord for $type {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                let mine = {
                    let $this = self;
                    $key
                };
                let theirs = {
                    let $this = other;
                    $key
                };
                mine.cmp(&theirs)
            }
        }
        impl PartialOrd for $type {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }
        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                self.cmp(other).is_eq()
            }
        }
        impl Eq for $type {}
    };
}
pub(crate) use by_content;

/// One row an id, sorted by id. Of several rows with one id the smallest content is used, so that the order of
/// the rows decides nothing; the others are reported.
pub fn settle<T: Fact + Send + Sync>(
    mut rows: Vec<Found<T>>,
    evidence: &mut SourceEvidence,
) -> Vec<Found<T>> {
    sort(&mut rows);
    rows.dedup_by(|row, used| {
        let repeated = row.fact.id() == used.fact.id();
        if repeated {
            evidence.repeats.push(Repeat {
                place: row.origin.whole(),
                first: used.origin.whole(),
                subject: used.fact.subject(),
                identical: row.fact == used.fact,
                differs: Vec::new(),
            });
        }
        repeated
    });
    rows
}

/// By id, then content, then place. Rows are large and their ids lie elsewhere: what is sorted are short keys, and
/// each row moves once.
fn sort<T: Fact + Send + Sync>(rows: &mut [Found<T>]) {
    let order = |a: &Found<T>, b: &Found<T>| {
        (a.fact.id().cmp(b.fact.id()))
            .then_with(|| a.fact.cmp(&b.fact))
            .then(a.origin.cmp(&b.origin))
    };
    if rows.is_sorted_by(|a, b| order(a, b).is_le()) {
        return;
    }
    let mut keys: Vec<(u128, usize)> = rows
        .par_iter()
        .enumerate()
        .map(|(at, row)| (head(row.fact.id()), at))
        .collect();
    keys.par_sort_unstable_by(|&(a, x), &(b, y)| a.cmp(&b).then_with(|| order(&rows[x], &rows[y])));
    let mut goes_to = vec![0; rows.len()];
    for (to, (_, from)) in keys.into_iter().enumerate() {
        goes_to[from] = to;
    }
    for at in 0..rows.len() {
        while goes_to[at] != at {
            let to = goes_to[at];
            rows.swap(at, to);
            goes_to.swap(at, to);
        }
    }
}

/// The first bytes of an id, in the order of ids: where two differ, so do the ids, in the same way.
fn head(id: &str) -> u128 {
    let mut bytes = [0; 16];
    let len = id.len().min(bytes.len());
    bytes[..len].copy_from_slice(&id.as_bytes()[..len]);
    u128::from_be_bytes(bytes)
}

/// What `of` makes of each row, in order. Runs in parallel; the evidence is in the order of the rows too.
pub fn each<T: Sync, U: Send>(
    rows: &[T],
    evidence: &mut SourceEvidence,
    of: impl Fn(u32, &T, &mut SourceEvidence) -> U + Sync,
) -> Vec<U> {
    const CHUNK: usize = 4096;
    let done: Vec<(Vec<U>, SourceEvidence)> = rows
        .par_chunks(CHUNK)
        .enumerate()
        .map(|(chunk, rows)| {
            let mut evidence = SourceEvidence::default();
            let made = (rows.iter().enumerate())
                .map(|(at, row)| of((chunk * CHUNK + at) as u32, row, &mut evidence))
                .collect();
            (made, evidence)
        })
        .collect();
    let mut all = Vec::with_capacity(rows.len());
    for (made, own) in done {
        all.extend(made);
        evidence.absorb(own);
    }
    all
}

/// Frees what is no longer needed on another thread: millions of small texts take their time.
pub fn dispose<T: Send + 'static>(unneeded: T) {
    rayon::spawn(move || drop(unneeded));
}

/// Positions by id.
pub struct Index<'a>(FxHashMap<&'a str, u32>);

impl<'a> Index<'a> {
    pub fn of<T: Fact>(rows: &'a [Found<T>]) -> Self {
        Index(rows.iter().map(|r| r.fact.id()).zip(0..).collect())
    }

    pub fn get(&self, id: &str) -> Option<u32> {
        self.0.get(id).copied()
    }
}

/// The collections of one export.
pub struct Reader<'a> {
    pub source: &'a Source,
    pub export: &'a Export,
    pub files: &'a SourceMap,
}

impl Reader<'_> {
    /// All rows of a collection, one an id, sorted by id.
    pub fn read<T, F>(
        &self,
        collection: &Collection,
        evidence: &mut SourceEvidence,
        row: F,
    ) -> Vec<Found<T>>
    where
        T: Fact + Send + Sync,
        F: Fn(&Row<'_>, &mut SourceEvidence) -> Result<Found<T>, Refusal> + Sync,
    {
        let rows = read_collection(
            self.source,
            self.export,
            self.files,
            collection,
            evidence,
            row,
        );
        settle(rows, evidence)
    }
}
