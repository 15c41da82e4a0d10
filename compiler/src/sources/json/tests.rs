//! The reader against serde_json, against broken files, and at any thread count.

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value;

use crate::id::FileId;
use crate::ir::records::SourceEvidence;
use crate::sources::json::decode::decode;
use crate::sources::json::field::{List, Object, Raw, Read};
use crate::sources::json::{Elements, MAX_DEPTH, Refusal, Row, read_rows};
use crate::units::{BPS, Kbps, MBPS};

fn elements(text: &str) -> Result<Vec<&str>, String> {
    let scan = Elements::new(text.as_bytes()).map_err(|b| format!("{}: {}", b.at, b.message))?;
    scan.map(|element| match element {
        Ok(e) => Ok(&text[e.start..e.end]),
        Err(b) => Err(format!("{}: {}", b.at, b.message)),
    })
    .collect()
}

#[test]
fn elements_are_found_whatever_they_hold() {
    let long = format!(r#"{{"a":"{}\\","b":[[]]}}"#, "]}\\\"".repeat(50));
    for (text, want) in [
        ("[]", vec![]),
        (" \r\n[ ]\n ", vec![]),
        ("\u{feff}[1]", vec!["1"]),
        (
            r#"[{"a":1}, {"b":[2,{}]} ,null,"x,]\"",-1.5e3 ]"#,
            vec![
                r#"{"a":1}"#,
                r#"{"b":[2,{}]}"#,
                "null",
                r#""x,]\"""#,
                "-1.5e3",
            ],
        ),
        (
            r#"[{"a":"\\"},{"a":"\""}]"#,
            vec![r#"{"a":"\\"}"#, r#"{"a":"\""}"#],
        ),
        (&format!("[{long},{long}]"), vec![&long, &long]),
        // Only counted here: the decoder refuses it.
        ("[{]]", vec!["{]"]),
    ] {
        assert_eq!(elements(text).as_deref(), Ok(want.as_slice()), "{text}");
    }
}

#[test]
fn broken_files_say_what_is_broken_and_where() {
    for (text, want) in [
        ("", "0: the file is empty"),
        ("  \n", "3: the file is empty"),
        (
            "[",
            "1: the file ends in the middle of the list: it is truncated",
        ),
        (
            "[{\"a\":1},",
            "9: the file ends in the middle of the list: it is truncated",
        ),
        (
            "[{\"a\":[1",
            "8: the file ends in the middle of the list: it is truncated",
        ),
        (
            "[\"a",
            "3: the file ends in the middle of the list: it is truncated",
        ),
        (
            "[\"a\\",
            "4: the file ends in the middle of the list: it is truncated",
        ),
        ("[{},]", "3: a comma after the last record of the list"),
        ("[,{}]", "1: a comma before the first record"),
        ("[{},,{}]", "4: a comma where a record is expected"),
        (
            "[{} {}]",
            "4: a comma is missing between two records of the list",
        ),
        ("[}]", "1: unexpected } between records"),
        ("[{}]]", "4: something follows the end of the list"),
        ("[]\n[]", "3: something follows the end of the list"),
        (
            "hello",
            "0: not JSON: a list of records is expected, starting with [",
        ),
        (
            "<html><body>502",
            "0: a web page where a list is expected: was it saved from a browser or a proxy?",
        ),
        ("{\"items\":[]}", "0: an object where a list is expected"),
        (
            r#"{"statusCode":401,"error":"Unauthorized","message":"Missing authentication"}"#,
            "0: an error object where a list is expected: 401 Unauthorized",
        ),
        (
            r#"{"code":401,"message":"Your App key is missing or invalid."}"#,
            "0: an error object where a list is expected: 401 Your App key is missing or invalid.",
        ),
    ] {
        assert_eq!(elements(text), Err(want.to_owned()), "{text}");
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Wanted<'a> {
    #[serde(borrow)]
    id: Raw<'a>,
    #[serde(borrow)]
    inner: Object<'a, Inner<'a>>,
    #[serde(borrow)]
    list: List<Object<'a, Inner<'a>>>,
}

#[derive(Default, Deserialize, PartialEq, Debug)]
#[serde(default)]
struct Inner<'a> {
    #[serde(borrow)]
    rate: Raw<'a>,
}

fn ids(text: &[u8]) -> (Vec<String>, Vec<String>) {
    let row = |row: &Row<'_>, _: &mut SourceEvidence| {
        let wanted: Wanted<'_> = row.decode()?;
        match wanted.id.id().value() {
            Some(id) => Ok(id.into_owned()),
            None => Err(Refusal::new("has no id")),
        }
    };
    let rows = read_rows(FileId(0), text, "things", row).unwrap();
    let quarantined = rows.evidence.quarantined;
    assert_eq!(rows.read as usize, rows.rows.len() + quarantined.len());
    (
        rows.rows,
        quarantined
            .into_iter()
            .map(|q| format!("{}: {}", q.place.origin.start, q.reason))
            .collect(),
    )
}

#[test]
fn one_odd_record_does_not_kill_the_rest() {
    let deep = format!(
        "{{\"id\":9,\"a\":{}{}}}",
        "[".repeat(MAX_DEPTH),
        "]".repeat(MAX_DEPTH)
    );
    let text = format!(
        r#"[{{"id":1}},7,null,{{"id":2 "x":0}},{{"id":3,"x":}},{{"id":4],{{"skip":[nul],"id":5}},{{"id":nul}},{{"a":1}},{deep},{{"i\u0064":"6"}}]"#
    );
    let (rows, quarantined) = ids(text.as_bytes());
    // What is not wanted is not looked at.
    assert_eq!(rows, ["1", "5", "6"]);
    insta::assert_snapshot!(quarantined.join("\n"), @r"
    10: is a number where an object belongs
    12: is null where an object belongs
    17: is not readable as JSON: a comma is missing
    32: is not readable as JSON: a value is missing
    46: is not readable as JSON: a comma is missing
    77: is not readable as JSON: a value is neither a number nor a word of JSON
    88: has no id
    96: is nested more than 64 levels deep
    ");
}

#[test]
fn text_that_is_not_utf8_is_replaced() {
    let (rows, quarantined) =
        ids(b"[{\"id\":\"a\xff\"},{\"inner\":\"\xff\",\"id\":2},{\"\xff\":\"\xff\",\"id\":3}]");
    assert_eq!(rows, ["a\u{fffd}", "2", "3"]);
    assert_eq!(quarantined, [""; 0]);
}

#[test]
fn rows_come_in_file_order_at_any_thread_count() {
    let padding = "x".repeat(700);
    let text: Vec<String> = (0..5000)
        .map(|id| {
            if id % 1000 == 7 {
                "[]".to_owned()
            } else {
                format!(r#"{{"id":{id},"padding":"{padding}"}}"#)
            }
        })
        .collect();
    let text = format!("[{}]", text.join(",\n"));
    let read = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| ids(text.as_bytes()))
    };
    let one = read(1);
    assert_eq!(one.0.len(), 4995);
    assert!(one.0.is_sorted_by_key(|id| id.parse::<u32>().unwrap()));
    assert_eq!(one.1.len(), 5);
    assert_eq!(one, read(4));
}

#[test]
fn fields_that_are_not_what_they_should_be_say_so() {
    fn raw(text: &str) -> Raw<'_> {
        decode(text.as_bytes()).unwrap()
    }
    let rate = |text| raw(text).rate(BPS);
    assert_eq!(rate("100000000"), Read::Is(Kbps(100_000)));
    assert_eq!(rate("null"), Read::Missing);
    assert_eq!(raw("25.5").rate(MBPS), Read::Is(Kbps(25_500)));
    assert_eq!(
        rate("\"100000000\""),
        Read::Odd(
            Kbps(100_000),
            "is text where a number belongs; read as 100000000".into()
        )
    );
    let not = |what: &str| Read::Not(what.to_owned());
    assert_eq!(rate("-1"), not("is negative (-1); left out"));
    assert_eq!(
        rate("1e99"),
        not("is larger than 10 Tbit/s (1e99); left out")
    );
    assert_eq!(
        rate("\"fast\""),
        not("is text that is not a number (\"fast\"); left out")
    );
    assert_eq!(
        rate("[1]"),
        not("is a list where a number belongs; left out")
    );
    assert_eq!(
        rate("true"),
        not("is true or false where a number belongs; left out")
    );
    assert_eq!(raw("102400000000").count(), Read::Is(102_400_000_000));
    assert_eq!(raw("12.7").count(), Read::Is(12));
    assert_eq!(
        raw("-3").count(),
        Read::Not("is negative (-3); left out".into())
    );
    assert_eq!(raw("17").id(), Read::Is("17".into()));
    assert_eq!(raw("\" a \"").id(), Read::Is("a".into()));
    assert_eq!(raw("\" \"").id(), Read::Missing);
    assert_eq!(
        raw("1.5").id(),
        Read::Not("is a number where an id belongs; left out".into())
    );
    assert_eq!(raw("\"a\\u00e9\"").text(), Read::Is("a\u{e9}".into()));
    assert_eq!(
        raw("12").text(),
        Read::Odd(
            "12".into(),
            "is a number where text belongs; read as \"12\"".into()
        )
    );
    assert_eq!(
        raw("{}").text(),
        Read::Not("is an object where text belongs; left out".into())
    );
    assert_eq!(raw("false").flag(), Read::Is(false));
    assert_eq!(
        raw("\"True\"").flag(),
        Read::Odd(
            true,
            "is text where true or false belongs; read as true".into()
        )
    );
    assert_eq!(
        raw("0").flag(),
        Read::Odd(
            false,
            "is a number where true or false belongs; read as false".into()
        )
    );
    assert_eq!(
        raw("2").flag(),
        Read::Not("is a number where true or false belongs; left out".into())
    );

    let wanted: Wanted<'_> =
        decode(br#"{"inner":"x","list":[{"rate":1},null,3,{}],"id":[{}]}"#).unwrap();
    assert_eq!(wanted.inner, Object::Text("x".into()));
    assert_eq!(
        wanted.inner.odd().as_deref(),
        Some("is text where an object belongs; left out")
    );
    let rates: Vec<_> = wanted
        .list
        .items()
        .iter()
        .map(|i| i.get().map(|i| i.rate.count()))
        .collect();
    assert_eq!(rates, [Some(Read::Is(1)), None, None, Some(Read::Missing)]);
    let wanted: Wanted<'_> = decode(br#"{"inner":[{}],"list":{"a":{}}}"#).unwrap();
    assert_eq!(
        wanted.inner.odd().as_deref(),
        Some("is a list where an object belongs; left out")
    );
    assert_eq!(
        wanted.list.odd().as_deref(),
        Some("is an object where a list belongs; left out")
    );
}

/// Any JSON value with texts full of what could be mistaken for structure.
fn value() -> impl Strategy<Value = Value> {
    let text = r#"[\[\]{}",:\\/ a\n\u{e9}\u{1F600}]{0,12}"#;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        text.prop_map(Value::from),
        "[\\\\\"]{0,140}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((text, inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn reads_what_serde_json_writes(list in prop::collection::vec(value(), 0..8), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&list) } else { serde_json::to_string(&list) }.unwrap();
        let found = elements(&text).unwrap();
        prop_assert_eq!(found.len(), list.len());
        for (found, wanted) in found.into_iter().zip(&list) {
            prop_assert_eq!(&decode::<Value>(found.as_bytes()).unwrap(), wanted);
        }
        prop_assert_eq!(decode::<Value>(text.as_bytes()).unwrap(), Value::from(list));
    }

    #[test]
    fn never_panics_and_finds_every_element_of_a_valid_list(text in r#"[\[\]{},:"\\ 1naé]{0,90}"#) {
        let text = format!("[{text}]");
        let found = elements(&text);
        for start in 0..2 {
            let _ = decode::<Value>(&text.as_bytes()[start..]);
            let _ = decode::<Wanted<'_>>(&text.as_bytes()[start..]);
        }
        if let Ok(list) = serde_json::from_str::<Vec<Value>>(&text) {
            prop_assert_eq!(found.map(|f| f.len()), Ok(list.len()));
        }
    }
}
