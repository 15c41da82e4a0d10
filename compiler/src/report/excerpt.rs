//! The lines of input files that a finding is about, cut to what fits a screen. A record may be one line of a
//! hundred megabytes, and two places may be in two files: an [`Excerpt`] holds a few short pieces of text and knows
//! which file, line and column each of them really is, so that `miette` can draw them as if it had the files.

use std::borrow::Cow;
use std::ops::Range;

use miette::{LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use crate::report::push_plain;
use crate::source_map::{Located, SourceMap};

/// Labels this many lines apart share a piece.
const NEAR: usize = 3;

/// Pieces of files with labels in them.
#[derive(Debug, Default)]
pub struct Excerpt {
    text: String,
    lines: Vec<Line>,
    labels: Vec<LabeledSpan>,
    /// By label: where it really is.
    places: Vec<(usize, Shown)>,
}

/// A line of `text`, its line break included.
#[derive(Debug)]
struct Line {
    text: Range<usize>,
    piece: usize,
    file: String,
    /// In the file, from 0.
    number: usize,
}

#[derive(Clone, Copy, Debug)]
struct Shown {
    line: usize,
    column: usize,
}

/// A place and what to see there.
#[derive(Clone, Debug)]
pub struct Spot {
    pub at: Located,
    pub text: String,
}

impl Excerpt {
    /// Cuts pieces around the spots, the first spot's first. `width`: characters of a line; `mark`: what stands
    /// for text that was cut.
    pub fn cut(files: &SourceMap, spots: &[Spot], width: usize, mark: &str) -> Excerpt {
        let mut sorted: Vec<(usize, &Spot)> = spots.iter().enumerate().collect();
        sorted.sort_by_key(|(i, s)| (s.at.file, s.at.bytes.start, s.at.bytes.end, *i));
        sorted.dedup_by(|(_, a), (_, b)| a.at == b.at && a.text == b.text);
        let mut pieces: Vec<Vec<(usize, &Spot)>> = Vec::new();
        for (i, spot) in sorted {
            match pieces.last_mut() {
                Some(piece) if together(piece, spot, width) => piece.push((i, spot)),
                _ => pieces.push(vec![(i, spot)]),
            }
        }
        pieces.sort_by_key(|piece| piece.iter().map(|(i, _)| *i).min());
        let mut excerpt = Excerpt::default();
        for (number, piece) in pieces.iter().enumerate() {
            excerpt.piece(files, number, piece, width, mark);
        }
        excerpt
    }

    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub fn labels(&self) -> &[LabeledSpan] {
        &self.labels
    }

    fn piece(
        &mut self,
        files: &SourceMap,
        piece: usize,
        spots: &[(usize, &Spot)],
        width: usize,
        mark: &str,
    ) {
        let (Some((_, first)), Some((_, last))) = (spots.first(), spots.last()) else {
            return;
        };
        let file = files.file(first.at.file);
        for number in first.at.line.saturating_sub(1)..=last.at.line + 1 {
            let Some(line) = files.line(first.at.file, number) else {
                continue;
            };
            let here = || spots.iter().map(|(_, s)| s).filter(|s| s.at.line == number);
            let beside = number < first.at.line || number > last.at.line;
            // Of a long line no more is read than can be shown.
            let from = here().map(|s| s.at.bytes.start).min();
            let from = from.unwrap_or(line.start).clamp(line.start, line.end);
            let reach = width.saturating_mul(8);
            let part = line.start.max(from.saturating_sub(reach))
                ..line.end.min(from.saturating_add(reach));
            let mut bytes = file.bytes.range(part.clone());
            if let Some(fault) = file.bytes.fault() {
                let said = format!("({} {fault}: it is not shown)", file.path);
                bytes = Cow::Owned(said.into_bytes());
            }
            if beside && (line.is_empty() || !fits(&bytes, width)) {
                // Half of the neighbouring line tells nothing.
                continue;
            }
            let marked: Vec<Range<usize>> = here()
                // A span over several lines is shown where it starts.
                .map(|s| {
                    let inside =
                        |at: usize| (at.clamp(part.start, part.end) - part.start).min(bytes.len());
                    inside(s.at.bytes.start)..inside(s.at.bytes.end)
                })
                .collect();
            let start = self.text.len();
            let spans = push_line(&mut self.text, &bytes, &marked, width, mark);
            self.text.push('\n');
            for (spot, span) in here().zip(spans) {
                let shown = Shown {
                    line: spot.at.line - 1,
                    column: spot.at.column - 1,
                };
                self.places.push((span.start, shown));
                let label = (!spot.text.is_empty()).then(|| spot.text.clone());
                self.labels
                    .push(LabeledSpan::new(label, span.start, span.len()));
            }
            self.lines.push(Line {
                text: start..self.text.len(),
                piece,
                file: file.path.clone(),
                number: number - 1,
            });
        }
    }

    fn line_at(&self, offset: usize) -> Option<usize> {
        let line = self.lines.partition_point(|l| l.text.end <= offset);
        (line < self.lines.len()).then_some(line)
    }
}

/// Whether a spot is shown in the piece of those before it: a few lines on, or on a line that holds them all.
fn together(piece: &[(usize, &Spot)], next: &Spot, width: usize) -> bool {
    let Some((_, last)) = piece.last() else {
        return true;
    };
    if last.at.file != next.at.file {
        return false;
    }
    if last.at.line != next.at.line {
        return next.at.line - last.at.line <= NEAR;
    }
    let first = piece.iter().find(|(_, s)| s.at.line == next.at.line);
    let first = first.map_or(next.at.bytes.start, |(_, s)| s.at.bytes.start);
    next.at.bytes.start.max(last.at.bytes.end) - first <= width / 2
}

/// Appends what is shown of a line, and gives the marked ranges in the appended text.
fn push_line(
    text: &mut String,
    bytes: &[u8],
    marked: &[Range<usize>],
    width: usize,
    mark: &str,
) -> Vec<Range<usize>> {
    let line = 0..bytes.len();
    let shown = window(bytes, line.clone(), marked, width);
    if shown.start > line.start {
        text.push_str(mark);
    }
    // Where each marked range starts and ends in the text, found while the characters go by.
    let mut spans = vec![(None, None); marked.len()];
    let mut at = shown.start;
    let mut note = |at: usize, text_len: usize| {
        for (range, (start, end)) in marked.iter().zip(&mut spans) {
            if start.is_none() && at >= range.start {
                *start = Some(text_len);
            }
            if end.is_none() && at >= range.end {
                *end = Some(text_len);
            }
        }
    };
    for chunk in bytes[shown.clone()].utf8_chunks() {
        for c in chunk.valid().chars() {
            note(at, text.len());
            match c {
                '\t' => text.push_str("    "),
                c => push_plain(text, c),
            }
            at += c.len_utf8();
        }
        for byte in chunk.invalid() {
            note(at, text.len());
            text.push_str(&format!("\\x{byte:02x}"));
            at += 1;
        }
    }
    let end = text.len();
    if shown.end < line.end {
        text.push_str(mark);
    }
    spans
        .into_iter()
        .map(|(from, to)| {
            let from = from.unwrap_or(end);
            from..to.unwrap_or(end).max(from)
        })
        .collect()
}

/// The bytes of a line that are shown: all of it, or `width` characters around what is marked.
fn window(bytes: &[u8], line: Range<usize>, marked: &[Range<usize>], width: usize) -> Range<usize> {
    if fits(&bytes[line.clone()], width) {
        return line;
    }
    let first = marked.iter().map(|m| m.start).min().unwrap_or(line.start);
    let last = marked.iter().map(|m| m.end).max().unwrap_or(line.start);
    let (inner_end, inner) = forward(bytes, first, last.clamp(first, line.end), width * 2 / 3);
    let (mut start, before) = backward(bytes, first, line.start, (width - inner) / 2);
    let (end, after) = forward(bytes, inner_end, line.end, width - inner - before);
    let spare = width - inner - before - after;
    if spare > 0 {
        (start, _) = backward(bytes, start, line.start, spare);
    }
    start..end
}

fn fits(bytes: &[u8], width: usize) -> bool {
    bytes.len() <= width
        || (bytes.len() <= width * 4 && bytes.iter().filter(|b| !continues(**b)).count() <= width)
}

/// A byte that continues a UTF-8 character.
fn continues(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

/// Up to `most` characters on from `at`: where they end, and how many.
fn forward(bytes: &[u8], mut at: usize, end: usize, most: usize) -> (usize, usize) {
    let mut count = 0;
    while at < end && count < most {
        at += 1;
        while at < end && continues(bytes[at]) {
            at += 1;
        }
        count += 1;
    }
    (at, count)
}

/// Up to `most` characters back from `at`: where they start, and how many.
fn backward(bytes: &[u8], mut at: usize, start: usize, most: usize) -> (usize, usize) {
    let mut count = 0;
    while at > start && count < most {
        at -= 1;
        while at > start && continues(bytes[at]) {
            at -= 1;
        }
        count += 1;
    }
    (at, count)
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let line = |offset| self.line_at(offset).ok_or(MietteError::OutOfBounds);
        let first = line(span.offset())?;
        let last = line(span.offset() + span.len().saturating_sub(1))?;
        let piece = self.lines[first].piece;
        if self.lines[last].piece != piece {
            // Two pieces never become one picture.
            return Err(MietteError::OutOfBounds);
        }
        let contents = |text: Range<usize>, at: Shown, lines| {
            Box::new(MietteSpanContents::new_named(
                self.lines[first].file.clone(),
                &self.text.as_bytes()[text.clone()],
                (text.start, text.len()).into(),
                at.line,
                at.column,
                lines,
            ))
        };
        if before == 0 && after == 0 {
            let at = self
                .places
                .iter()
                .find(|(start, _)| *start == span.offset());
            let at = at.map_or(
                Shown {
                    line: self.lines[first].number,
                    column: 0,
                },
                |(_, shown)| *shown,
            );
            let text = span.offset()..span.offset() + span.len();
            return Ok(contents(text, at, last - first + 1));
        }
        let mut from = first;
        while from > 0 && first - from < before && self.lines[from - 1].piece == piece {
            from -= 1;
        }
        let mut to = last;
        while to + 1 < self.lines.len() && to - last < after && self.lines[to + 1].piece == piece {
            to += 1;
        }
        let text = self.lines[from].text.start..self.lines[to].text.end;
        let at = Shown {
            line: self.lines[from].number,
            column: 0,
        };
        Ok(contents(text, at, to - from + 1))
    }
}
