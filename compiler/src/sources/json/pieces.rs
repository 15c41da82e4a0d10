//! A list of records that is not in memory: the file goes by in pieces that are decoded while the next one is read. What
//! comes of it is what [`read_rows`] makes of all bytes; where a piece is not what a list looks like,
//! nothing is judged here, and the whole file is looked at instead.

use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::id::FileId;
use crate::ir::records::SourceEvidence;
use crate::source_map::{Fault, Left};
use crate::sources::json::{
    BATCH_BYTES, Broken, Element, MAX_DEPTH, Refusal, Row, Rows, collect, decode_batch, read_rows,
    skip,
};

/// [`read_rows`] of a file that was left on the disk.
pub fn read_left<T, F>(
    file: FileId,
    left: &Left,
    collection: &'static str,
    row: &F,
) -> Result<Rows<T>, Broken>
where
    T: Send,
    F: Fn(&Row<'_>, &mut SourceEvidence) -> Result<T, Refusal> + Sync,
{
    let broken = |fault: Fault| Broken::new(0, format!("the file {fault}"));
    match in_pieces(file, left, collection, row, BATCH_BYTES) {
        Ok(rows) => Ok(rows),
        Err(Stop::Fault(fault)) => Err(broken(fault)),
        Err(Stop::NoList) => {
            let bytes = left.whole().map_err(broken)?;
            read_rows(file, bytes, collection, row)
        }
    }
}

/// Why a file was not read to its end.
#[derive(Debug)]
enum Stop {
    /// It is no list of records, or ends in the middle of one.
    NoList,
    Fault(Fault),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Stop::Fault(fault)
    }
}

fn in_pieces<T, F>(
    file: FileId,
    left: &Left,
    collection: &'static str,
    row: &F,
    piece: usize,
) -> Result<Rows<T>, Stop>
where
    T: Send,
    F: Fn(&Row<'_>, &mut SourceEvidence) -> Result<T, Refusal> + Sync,
{
    let done: Mutex<Vec<(usize, Rows<T>)>> = Mutex::new(Vec::new());
    // Buffers are used again: clearing new pages takes longer than reading into old ones.
    let spare: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
    let waiting = AtomicUsize::new(0);
    // One for each thread to work on, and one more for each to take next.
    let ahead = rayon::current_num_threads() * 2;
    rayon::scope(|scope| -> Result<(), Stop> {
        let mut pass = left.pass();
        let mut walk = Walk::default();
        let mut bytes = Vec::new();
        let mut start = 0u64;
        for index in 0.. {
            // A record that is larger than a piece is not walked through again and again.
            let most = piece.max(bytes.len());
            pass.read(&mut bytes, most)?;
            let last = pass.is_done();
            let (batch, rest) = walk.on(&bytes, last)?;
            let mut next = locked(&spare).pop().unwrap_or_default();
            next.extend_from_slice(&bytes[rest..]);
            let of = start;
            start += rest as u64;
            let whole = mem::replace(&mut bytes, next);
            let (done, spare, waiting) = (&done, &spare, &waiting);
            let decode = move || {
                let mut bytes = whole;
                if !batch.is_empty() {
                    let rows = decode_batch(file, &bytes, of, collection, &batch, row);
                    locked(done).push((index, rows));
                }
                bytes.clear();
                locked(spare).push(bytes);
            };
            // Reading does not run ahead of decoding: what waits is in memory.
            if waiting.load(Ordering::Relaxed) < ahead {
                waiting.fetch_add(1, Ordering::Relaxed);
                scope.spawn(move |_| {
                    decode();
                    waiting.fetch_sub(1, Ordering::Relaxed);
                });
            } else {
                decode();
            }
            if last {
                break;
            }
        }
        Ok(pass.done()?)
    })?;
    Ok(collect(
        done.into_inner().unwrap_or_else(PoisonError::into_inner),
    ))
}

fn locked<T>(what: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How far the list has gone by.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Walk {
    #[default]
    Before,
    /// Behind the bracket.
    Opened,
    /// Behind a record.
    Between,
    /// Behind the bracket that closes it.
    Closed,
}

impl Walk {
    /// The records that end in these bytes, and where the next bytes begin: with what has not ended yet.
    fn on(&mut self, bytes: &[u8], last: bool) -> Result<(Vec<Element>, usize), Stop> {
        let mut batch = Vec::new();
        // Behind the last thing that was understood.
        let mut rest = 0;
        loop {
            let mut at = skip::blanks(bytes, rest);
            match (*self, bytes.get(at)) {
                (Walk::Closed, None) => return Ok((batch, at)),
                (_, None) if !last => return Ok((batch, rest)),
                (Walk::Before, Some(b'[')) => {
                    *self = Walk::Opened;
                    rest = at + 1;
                    continue;
                }
                (Walk::Opened | Walk::Between, Some(b']')) => {
                    *self = Walk::Closed;
                    rest = at + 1;
                    continue;
                }
                (Walk::Between, Some(b',')) => at = skip::blanks(bytes, at + 1),
                (Walk::Opened, Some(_)) => {}
                _ => return Err(Stop::NoList),
            }
            let end = match bytes.get(at) {
                Some(b'{' | b'[') => skip::nested(bytes, at),
                Some(b'"') => skip::text(bytes, at).map(|end| (end, 0)),
                Some(b']' | b'}' | b',' | b':') => return Err(Stop::NoList),
                // A number at the end of the bytes may go on in the next ones.
                Some(_) => Some((skip::scalar(bytes, at), 0)).filter(|(end, _)| *end < bytes.len()),
                None => None,
            };
            match end {
                Some((end, depth)) => {
                    batch.push(Element {
                        start: at,
                        end,
                        too_deep: depth > MAX_DEPTH,
                    });
                    *self = Walk::Between;
                    rest = end;
                }
                None if last => return Err(Stop::NoList),
                None => return Ok((batch, rest)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn left(text: &[u8]) -> Left {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text).unwrap();
        Left::open(file).unwrap()
    }

    /// Text and place of each record; `x` is refused.
    fn taken(row: &Row<'_>, _: &mut SourceEvidence) -> Result<(String, u64, u32), Refusal> {
        if row.bytes == b"\"x\"" {
            return Err(Refusal::new("is x"));
        }
        let text = String::from_utf8_lossy(row.bytes).into_owned();
        Ok((text, row.origin.start, row.origin.len))
    }

    fn same(text: &[u8], piece: usize) {
        let file = FileId::of(0);
        let whole = read_rows(file, text, "things", taken);
        let left = left(text);
        match (in_pieces(file, &left, "things", &taken, piece), &whole) {
            (Ok(rows), Ok(whole)) => {
                assert_eq!(rows.rows, whole.rows);
                assert_eq!(rows.read, whole.read);
                assert_eq!(rows.evidence.quarantined, whole.evidence.quarantined);
                assert_eq!(left.digest(), weir_store::sha256(text));
            }
            (Ok(_), Err(broken)) => panic!("{broken:?} was not seen"),
            (Err(Stop::NoList), Ok(_)) => panic!("a list is taken for none"),
            (Err(Stop::NoList), Err(_)) => {}
            (Err(Stop::Fault(fault)), _) => panic!("{fault}"),
        }
        let again = read_left(file, &left, "things", &taken).map(|rows| rows.rows);
        assert_eq!(again, whole.map(|rows| rows.rows));
    }

    #[test]
    fn pieces_of_any_size_give_what_the_whole_gives() {
        for text in [
            r#"[{"a": "]}"}, [1, "\\\""] ,"x", 12345 , true,"y\"" ]  "#,
            "[]",
            " [ ] \n",
            "",
            "[",
            "[1",
            "[1,",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[1] 2",
            "[{]",
            "{\"message\": \"Unauthenticated.\"}",
            "<html>",
            r#"["x","x"]"#,
        ] {
            for piece in 1..text.len() + 2 {
                same(text.as_bytes(), piece);
            }
        }
    }

    proptest! {
        #[test]
        fn so_it_is_with_any_text(
            text in "[\\[\\]{}\",:x1\\\\ ]{0,60}|\\[(\\{\"a\":\"[x\\\\]{0,9}\"\\}|1|\"x\")( ?, ?(\\{\\}|12|\"x\")){0,9}\\]",
            piece in 1usize..40,
        ) {
            same(text.as_bytes(), piece);
        }
    }

    #[test]
    fn a_file_that_changes_meanwhile_is_no_file() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"[1, 2, 3]").unwrap();
        let left = Left::open(file.try_clone().unwrap()).unwrap();
        file.set_len(5).unwrap();
        let broken = read_left(FileId::of(0), &left, "things", &taken).unwrap_err();
        assert_eq!(broken.message, "the file changed while it was being read");
        assert_eq!(left.fault(), Some(&Fault::Changed));
    }
}
