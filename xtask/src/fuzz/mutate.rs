//! Mutations of input: of bytes, of the values of JSON, of the cells and lines of tables and settings. The same
//! numbers make the same mutation.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::r#gen::rng::Rng;

/// One input: files by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// What breaks readers: borders of numbers, odd addresses, text that is none.
const TOKENS: &[&str] = &[
    "",
    " ",
    "null",
    "true",
    "0",
    "-0",
    "-1",
    "1e400",
    "1e-400",
    "0.0005",
    "99999999999999999999",
    "NaN",
    "50M",
    "1,5",
    "[",
    "]",
    "{",
    "}",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    ",",
    ";",
    ":",
    "#",
    "\n",
    "\r\n",
    "\u{feff}",
    "\u{202e}",
    "李",
    "0.0.0.0",
    "255.255.255.255",
    "100.64.0.1/0",
    "100.64.0.1/33",
    "::",
    "2001:db8::/56",
    "fe80::1%eth0",
    "10.0.0.1,10.0.0.2",
    "02:00:00:00:00:01",
    "none",
    "children",
    "/",
    "~1",
    "..",
    "=",
    "'''",
    "\"\"\"",
];

pub fn mutate(files: &mut Files, rng: &mut Rng) {
    let times = 1 + rng.below(4);
    for _ in 0..times {
        let names: Vec<String> = files.keys().cloned().collect();
        if names.is_empty() {
            return;
        }
        let name = rng.pick(&names).clone();
        if rng.percent(2) {
            files.remove(&name);
            continue;
        }
        let Some(bytes) = files.get_mut(&name) else {
            continue;
        };
        let whole = if name.ends_with(".json") && rng.percent(60) {
            value(bytes, rng)
        } else {
            None
        };
        match whole {
            Some(mutated) => *bytes = mutated,
            None if rng.percent(50) => line(bytes, rng),
            None => raw(bytes, rng),
        }
    }
}

fn at(len: usize, rng: &mut Rng) -> usize {
    usize::try_from(rng.below(len as u64 + 1)).unwrap_or(0)
}

fn raw(bytes: &mut Vec<u8>, rng: &mut Rng) {
    let from = at(bytes.len(), rng);
    let to = (from + at(16, rng)).min(bytes.len());
    match rng.below(6) {
        0 => bytes.truncate(from),
        1 => drop(bytes.drain(from..to)),
        2 => {
            let copy = bytes[from..to].to_vec();
            let place = at(bytes.len(), rng);
            bytes.splice(place..place, copy);
        }
        3 => {
            let token = rng.pick(TOKENS).bytes();
            bytes.splice(from..to, token);
        }
        4 => {
            let noise: Vec<u8> = (from..to).map(|_| rng.below(256) as u8).collect();
            bytes.splice(from..to, noise);
        }
        _ => {
            if let Some(byte) = bytes.get_mut(from) {
                *byte ^= 1 << rng.below(8);
            }
        }
    }
}

/// A line repeated, dropped, moved, or a cell of it replaced.
fn line(bytes: &mut Vec<u8>, rng: &mut Rng) {
    let mut lines: Vec<Vec<u8>> = bytes.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    let from = at(lines.len() - 1, rng);
    let other = at(lines.len() - 1, rng);
    match rng.below(4) {
        0 => drop(lines.remove(from)),
        1 => {
            let copy = lines[from].clone();
            lines.insert(other, copy);
        }
        2 => lines.swap(from, other),
        _ => {
            let separator = *rng.pick(b",;=:\t");
            let mut cells: Vec<Vec<u8>> = (lines[from].split(|b| *b == separator))
                .map(<[u8]>::to_vec)
                .collect();
            let cell = at(cells.len() - 1, rng);
            cells[cell] = rng.pick(TOKENS).as_bytes().to_vec();
            lines[from] = cells.join(&separator);
        }
    }
    *bytes = lines.join(&b'\n');
}

/// One value of the file replaced, dropped, repeated or wrapped; `None` when it is no JSON.
fn value(bytes: &[u8], rng: &mut Rng) -> Option<Vec<u8>> {
    let mut whole: Value = serde_json::from_slice(bytes).ok()?;
    let count = size(&whole);
    let mut left = rng.below(count);
    change(&mut whole, &mut left, rng);
    serde_json::to_vec_pretty(&whole).ok()
}

fn size(value: &Value) -> u64 {
    1 + match value {
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(members) => members.values().map(size).sum(),
        _ => 0,
    }
}

/// Walks to the value that `left` counts down to. Returns whether it was reached.
fn change(value: &mut Value, left: &mut u64, rng: &mut Rng) -> bool {
    if *left == 0 {
        let old = value.take();
        *value = replaced(old, rng);
        return true;
    }
    *left -= 1;
    match value {
        Value::Array(items) => items.iter_mut().any(|item| change(item, left, rng)),
        Value::Object(members) => members.values_mut().any(|member| change(member, left, rng)),
        _ => false,
    }
}

fn replaced(old: Value, rng: &mut Rng) -> Value {
    match (rng.below(8), old) {
        (0, Value::Array(mut items)) if !items.is_empty() => {
            let copy = rng.pick(&items).clone();
            items.push(copy);
            Value::Array(items)
        }
        (0, Value::Object(mut members)) if !members.is_empty() => {
            let keys: Vec<String> = members.keys().cloned().collect();
            members.remove(rng.pick(&keys));
            Value::Object(members)
        }
        (1, Value::Array(mut items)) => {
            items.truncate(at(items.len(), rng));
            Value::Array(items)
        }
        (1, Value::Number(number)) => Value::String(number.to_string()),
        (1, Value::String(text)) => text.parse::<u64>().map_or(Value::Null, |n| json!(n)),
        (2, old) => json!([old]),
        (3, old) => {
            let mut members = Map::new();
            members.insert((*rng.pick(TOKENS)).to_owned(), old);
            Value::Object(members)
        }
        (4, old) => {
            // Deeper than anybody nests.
            (0..rng.below(200)).fold(old, |inner, _| json!([inner]))
        }
        (5, _) => Value::Null,
        (6, _) => json!(rng.next()),
        _ => json!(*rng.pick(TOKENS)),
    }
}
