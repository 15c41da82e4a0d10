//! Reading exports from directories made for it.

use super::*;
use crate::config::project::SourceKind;

fn source(kind: SourceKind, export: Option<&str>) -> Source {
    Source {
        name: "crm".to_owned(),
        kind,
        export: export.map(str::to_owned),
        url: None,
        index: 0,
        table: None,
    }
}

fn project(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    dir
}

fn read_one(dir: &Path, source: Source) -> Result<(SourceMap, ExportSet), ReadError> {
    let mut files = SourceMap::default();
    let set = read(dir, &[source], &mut files)?;
    Ok((files, set))
}

#[test]
fn the_peaks_file_is_there_or_nothing_is_built() {
    let dir = project(&[("m/peaks.csv", b"kind,id,download_kbps,upload_kbps\n")]);
    let mut files = SourceMap::default();
    let mut read = |peaks| read_peaks(dir.path(), peaks, &mut files);
    assert_eq!(read(None), Ok(None));
    for (name, what) in [
        ("gone.csv", "does not exist"),
        ("m", "is not a regular file"),
    ] {
        let error = read(Some(name)).unwrap_err();
        assert!(error.message.ends_with(what), "{error}");
        assert_eq!(error.key, "topology.peaks");
    }
    let file = read(Some("./m/peaks.csv")).unwrap().expect("a file");
    assert_eq!(files.file(file).path, "m/peaks.csv");
}

#[test]
fn pages_come_in_numeric_order_and_strangers_are_ignored() {
    let mut given: Vec<(String, &[u8])> = (1..=11)
        .map(|n| (format!("e/devices.page-{n}.json"), b"[]".as_slice()))
        .collect();
    for name in [
        "sites.json",
        "notes.txt",
        "devices.page-.json",
        "devices.page-x.json",
        "export.json",
    ] {
        given.push((format!("e/{name}"), b"{}"));
    }
    let given: Vec<(&str, &[u8])> = given.iter().map(|(n, b)| (n.as_str(), *b)).collect();
    let dir = project(&given);
    let (files, set) = read_one(dir.path(), source(SourceKind::Uisp, Some("./e/"))).unwrap();
    let paths: Vec<&str> = files.files().map(|(_, f)| f.path.as_str()).collect();
    let mut want: Vec<String> = (1..=11)
        .map(|n| format!("e/devices.page-{n}.json"))
        .collect();
    want.push("e/sites.json".to_owned());
    assert_eq!(paths, want);
    assert_eq!(set.exports[0].collection("devices").count(), 11);
    assert!(set.exports[0].files.is_sorted());
    let digest = &files.file(set.exports[0].files[11].file).digest;
    assert_eq!(
        &**digest,
        "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    );
}

#[test]
fn a_collection_for_each_of_many_things_is_found_by_what_it_is_about() {
    let dir = project(&[
        ("e/bulk.json", b"{}"),
        ("e/customer-12-services.json", b"{}"),
        ("e/customer-7-services.page-1.json", b"{}"),
        ("e/customer-7-services.page-2.json", b"{}"),
        ("e/customer-7-ips.json", b"{}"),
        ("e/customer--ips.json", b"{}"),
    ]);
    let (_, set) = read_one(dir.path(), source(SourceKind::Visp, Some("e"))).unwrap();
    let export = &set.exports[0];
    assert!(export.files.is_sorted());
    let about = |pattern| -> Vec<&str> { export.each(pattern).map(|(id, _)| id).collect() };
    assert_eq!(about("customer-*-services"), ["12", "7", "7"]);
    assert_eq!(about("customer-*-ips"), ["7"]);
    let dir = project(&[("e/customer-7-services.page-2.json", b"{}")]);
    let error = read_one(dir.path(), source(SourceKind::Visp, Some("e"))).unwrap_err();
    assert!(
        error.message.contains("page 1 of customer-7-services"),
        "{error}"
    );
}

#[test]
fn what_is_not_complete_is_refused_with_the_reason() {
    let uisp = SourceKind::Uisp;
    let page = |n: &str| format!("e/devices.page-{n}.json");
    let (p0, p1, p01, p2, p3) = (page("0"), page("1"), page("01"), page("2"), page("3"));
    let huge = page("99999999999");
    type Case<'a> = (&'a [(&'a str, &'a [u8])], Option<&'a str>, &'a str);
    let cases: &[Case<'_>] = &[
        (&[], None, "source `crm` has no recorded export"),
        (&[], Some("e"), "the export directory of source `crm`, e, does not exist"),
        (&[("e", b"")], Some("e"), "the export directory of source `crm`, e, is not a directory"),
        (
            &[("e/readme.txt", b"")],
            Some("e"),
            "e, the export directory of source `crm`, holds no file of kind uisp",
        ),
        (
            &[(&p1, b"[]"), (&p3, b"[]")],
            Some("e"),
            "page 2 of devices is missing in source `crm` (page 3 is there)",
        ),
        (&[(&p2, b"[]")], Some("e"), "page 1 of devices is missing in source `crm` (page 2 is there)"),
        (&[(&p0, b"[]")], Some("e"), "devices has a page 0 in source `crm`"),
        (
            &[(&p1, b"[]"), (&p01, b"[]")],
            Some("e"),
            "e/devices.page-01.json and devices.page-1.json are both page 1 of devices",
        ),
        (&[(&huge, b"[]")], Some("e"), "e/devices.page-99999999999.json: the page number is too large"),
        (
            &[("e/devices.json", b"[]"), (&p1, b"[]")],
            Some("e"),
            "e/devices.json and devices.page-1.json hold devices both whole and in pages",
        ),
        (&[("e/devices.json/x", b"")], Some("e"), "e/devices.json of source `crm` is not a regular file"),
        (
            &[
                ("e/devices.json", b"[]"),
                ("e/export.json", br#"{"files": [{"file": "devices.json", "collection": "devices", "complete": false}]}"#),
            ],
            Some("e"),
            "e/export.json says that devices of source `crm` is incomplete",
        ),
        (
            &[("e/devices.json", b"[]"), ("e/export.json", br#"{"collections": {"sites": {"complete": false}}}"#)],
            Some("e"),
            "e/export.json says that sites of source `crm` is incomplete",
        ),
        (
            &[("e/devices.json", b"[]"), ("e/export.json", b"{\"files\": [")],
            Some("e"),
            "e/export.json is not valid JSON: EOF while parsing a list at line 1 column 11",
        ),
    ];
    for (given, export, want) in cases {
        let dir = project(given);
        let error = read_one(dir.path(), source(uisp, *export)).unwrap_err();
        assert_eq!(error.to_string(), *want);
        assert_eq!(error.key, "source.0.export");
        assert!(!error.help.is_empty(), "{want}");
    }
}

#[test]
fn libreqos_files_go_by_their_own_names_and_paths_are_never_absolute() {
    let dir = project(&[
        ("lq/network.json", b"{}"),
        ("lq/ShapedDevices.csv", b"Circuit ID\n"),
        ("lq/lqos.conf", b""),
    ]);
    let absolute = dir.path().join("lq");
    let libreqos = source(SourceKind::Libreqos, absolute.to_str());
    let (files, set) = read_one(Path::new("/nowhere"), libreqos).unwrap();
    let shown: Vec<_> = set.exports[0]
        .files
        .iter()
        .map(|f| {
            (
                f.collection.as_str(),
                files.file(f.file).path.as_str(),
                files.file(f.file).format,
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("ShapedDevices.csv", "crm/ShapedDevices.csv", Format::Csv),
            ("lqos.conf", "crm/lqos.conf", Format::Toml),
            ("network.json", "crm/network.json", Format::Json),
        ]
    );
}

#[test]
fn spreadsheet_encodings_become_utf8_and_say_so() {
    let utf16: Vec<u8> = [0xFF, 0xFE]
        .into_iter()
        .chain("é,1".encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    for (raw, format, want, encoding) in [
        (b"\xEF\xBB\xBFa".to_vec(), Format::Json, "a", None),
        (utf16, Format::Json, "é,1", Some("UTF-16LE")),
        (
            b"Jos\xE9 \x80".to_vec(),
            Format::Csv,
            "José €",
            Some("windows-1252"),
        ),
        (b"Jos\xE9".to_vec(), Format::Json, "Jos\u{fffd}", None),
        (
            "é \u{e9}"
                .as_bytes()
                .iter()
                .copied()
                .chain([0xE9])
                .collect(),
            Format::Csv,
            "é é\u{fffd}",
            None,
        ),
        (
            b"\xFE\xFF\x00a\x00".to_vec(),
            Format::Csv,
            "a\u{fffd}",
            Some("UTF-16BE"),
        ),
    ] {
        let (bytes, transcoded, _) = utf8(raw, format);
        assert_eq!(String::from_utf8_lossy(&bytes), want);
        assert_eq!(transcoded, encoding, "{want}");
    }
}
