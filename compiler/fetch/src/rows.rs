//! Looking into a recorded answer again: its records, their ids, and the totals a CRM states.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// What is at `path` in an object; the whole of it for an empty path.
fn at<'a>(json: &'a str, path: &[&str]) -> Option<&'a str> {
    let mut json = json;
    for key in path {
        // Later members win, as in every other reader.
        let mut members: BTreeMap<String, &'a RawValue> = serde_json::from_str(json).ok()?;
        json = members.remove(*key)?.get();
    }
    Some(json)
}

/// The records at `path`, each as JSON. `None` where there is no list.
pub fn records<'a>(json: &'a [u8], path: &[&str]) -> Option<Vec<&'a str>> {
    let json = std::str::from_utf8(json).ok()?;
    let list: Vec<&RawValue> = serde_json::from_str(at(json, path)?).ok()?;
    Some(list.into_iter().map(RawValue::get).collect())
}

/// A value of a record as text: `"7"` and `7` are the same id.
pub fn value(record: &str, path: &[&str]) -> Option<String> {
    let raw = at(record, path)?;
    match serde_json::from_str::<serde_json::Value>(raw).ok()? {
        serde_json::Value::String(text) => Some(text),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A whole number anywhere in an answer, written as number or text.
pub fn number(json: &[u8], path: &[&str]) -> Option<u64> {
    value(std::str::from_utf8(json).ok()?, path)?
        .trim()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_ids_and_totals_are_found_however_they_are_written() {
        let json =
            br#"{"data": {"count": "28", "rows": [{"id": 7}, {"id": "7"}, {"id": null}, "x"]}}"#;
        let rows = records(json, &["data", "rows"]).unwrap();
        let ids: Vec<_> = rows.iter().map(|row| value(row, &["id"])).collect();
        assert_eq!(
            ids,
            [Some("7".to_owned()), Some("7".to_owned()), None, None]
        );
        assert_eq!(number(json, &["data", "count"]), Some(28));
        assert_eq!(records(json, &["data", "count"]), None);
        assert_eq!(records(b"[]", &[]), Some(vec![]));
    }
}
