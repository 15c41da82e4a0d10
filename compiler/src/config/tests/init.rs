//! `weir init`, and directories without a `weir.toml`.

use std::fs;
use std::path::Path;

use crate::config::project::{Project, SourceKind};
use crate::config::{CliOverrides, ConfigError, InitError, init, load};
use crate::ir::tree::Strategy;
use crate::source_map::SourceMap;
use crate::units::{Kbps, Pair, PerMille};

fn temp() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn load_dir(dir: &Path) -> Result<Project, ConfigError> {
    load(dir, &mut SourceMap::default(), &CliOverrides::default())
}

#[test]
fn init_writes_a_project_that_loads_and_never_overwrites() {
    let temp = temp();
    let dir = temp.path().join("new/lakeside");
    let written = init(&dir, None).expect("a fresh directory");
    let names: Vec<&str> = written.iter().filter_map(|p| p.to_str()).collect();
    assert_eq!(names, [".gitignore", ".weir/weir.schema.json", "weir.toml"]);
    load_dir(&dir).expect("what was written");
    let ignored = fs::read_to_string(dir.join(".gitignore")).expect("it was written");
    assert!(ignored.contains(".weir/\nsecrets/\n"), "{ignored}");
    let before = fs::read_to_string(dir.join("weir.toml")).expect("it was written");
    let error = init(&dir, None).expect_err("it is there");
    assert!(matches!(error, InitError::Exists(_)), "{error}");
    assert_eq!(
        fs::read_to_string(dir.join("weir.toml")).expect("still there"),
        before
    );
}

#[test]
fn init_adds_to_a_gitignore_what_it_lacks() {
    let temp = temp();
    let path = temp.path().join(".gitignore");
    fs::write(&path, "target/\n/.weir").expect("it can be written");
    init(temp.path(), None).expect("no weir.toml is there");
    let text = fs::read_to_string(&path).expect("it is there");
    assert!(text.starts_with("target/\n/.weir\n# "), "{text}");
    assert!(text.ends_with("\nsecrets/\n"), "{text}");
}

const LQOS_CONF: &str = r#"
version = "1.5"
lqos_directory = "/opt/libreqos/src"
[bridge]
use_xdp_bridge = true
to_internet = "ens1f0"
to_network = "ens1f1"
[queues]
default_sqm = "cake diffserv4 nat"
downlink_bandwidth_mbps = 2500
uplink_bandwidth_mbps = 1250.5
generated_pn_download_mbps = 900
generated_pn_upload_mbps = 800
override_available_queues = 12
[ip_ranges]
ignore_subnets = ["192.168.0.0/16"]
allow_subnets = ["100.64.0.0/10", "10.0.0.0/8"]
[integration_common]
promote_to_root = ["Hill"]
[topology]
compile_mode = "ap_site"
queue_auto_virtualize_threshold_mbps = 5001
[uisp_integration]
enable_uisp = true
token = "hunter2"
exclude_sites = ["Test site"]
bandwidth_overhead_factor = 1.15
"#;

fn libreqos_directory(dir: &Path, conf: Option<&str>) {
    fs::create_dir_all(dir).expect("it can be made");
    fs::write(dir.join("network.json"), "{}").expect("it can be written");
    fs::write(dir.join("ShapedDevices.csv"), "").expect("it can be written");
    if let Some(conf) = conf {
        fs::write(dir.join("lqos.conf"), conf).expect("it can be written");
    }
}

fn check_imported(project: &Project) {
    let topology = &project.topology;
    assert_eq!(topology.strategy, Strategy::ApSite);
    assert_eq!(topology.wan, Pair::new(Kbps(2_500_000), Kbps(1_250_500)));
    assert!(topology.wan_is_set);
    assert_eq!(topology.generated, Pair::new(Kbps(900_000), Kbps(800_000)));
    assert_eq!(topology.promote_to_root, ["Hill"]);
    assert_eq!(topology.exclude, ["Test site"]);
    assert_eq!(topology.auto_virtual, Kbps(5_001_000));
    assert_eq!(project.addresses.allow.len(), 2);
    assert_eq!(project.addresses.ignore.len(), 1);
    // ShapedDevices.csv has been multiplied already.
    assert_eq!(project.rates.overhead, PerMille::ONE);
    assert_eq!(
        (project.target.queues, project.target.qdisc.as_str()),
        (12, "cake diffserv4 nat")
    );
    let shaper = project.target.shaper.as_ref().expect("the bridge");
    assert_eq!(
        (shaper.to_internet.as_str(), shaper.to_network.as_str()),
        ("ens1f0", "ens1f1")
    );
    assert_eq!(project.sources[0].kind, SourceKind::Libreqos);
}

#[test]
fn init_takes_the_settings_of_libreqos() {
    let temp = temp();
    let lqos = temp.path().join("opt/libreqos");
    libreqos_directory(&lqos, Some(LQOS_CONF));
    let dir = temp.path().join("weir");
    init(&dir, Some(&lqos)).expect("a LibreQoS directory");
    let project = load_dir(&dir).expect("what was written");
    check_imported(&project);
    assert_eq!(
        project.sources[0].export.as_deref(),
        Some("../opt/libreqos")
    );
    let text = fs::read_to_string(dir.join("weir.toml")).expect("it was written");
    assert!(text.contains("ShapedDevices.csv hold it already"), "{text}");
    assert!(text.contains("\n#overhead = 1.15 "), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    // Still the whole list of keys.
    assert!(text.contains("#max_depth = 0"), "{text}");
}

#[test]
fn init_without_lqos_conf_or_with_odd_values_still_loads() {
    for (conf, want) in [
        (None, "There was no lqos.conf"),
        (
            Some("[queues]\ndefault_sqm = \"sfq\"\n"),
            "# lqos.conf: queues.default_sqm was not taken: `target.edge1.shaper.qdisc` starts with",
        ),
        (
            Some("[queues]\noverride_available_queues = 4096\n"),
            "# lqos.conf: queues.override_available_queues was not taken",
        ),
        (
            Some("[single_interface]\ninterface = \"ens1\"\ninternet_vlan = 3\nnetwork_vlan = 4\n"),
            "mode = \"stick\"\n",
        ),
        (
            Some("[topology]\ncompile_mode = \"\"\n[queues]\nuplink_bandwidth_mbps = \"1000\"\n"),
            "strategy = \"full\" ",
        ),
    ] {
        let temp = temp();
        libreqos_directory(&temp.path().join("lqos"), conf);
        let dir = temp.path().join("weir");
        init(&dir, Some(&temp.path().join("lqos"))).expect("a LibreQoS directory");
        let text = fs::read_to_string(dir.join("weir.toml")).expect("it was written");
        assert!(text.contains(want), "{want}\n{text}");
        let project = load_dir(&dir).expect("what was written");
        assert_eq!(project.topology.strategy, Strategy::Full);
    }
}

#[test]
fn init_refuses_what_is_no_libreqos_directory_and_writes_nothing() {
    let temp = temp();
    let lqos = temp.path().join("lqos");
    libreqos_directory(&lqos, Some("[queues\n"));
    let dir = temp.path().join("weir");
    let error = init(&dir, Some(&lqos)).expect_err("lqos.conf is broken");
    assert!(matches!(error, InitError::LqosConf { .. }), "{error}");
    fs::remove_file(lqos.join("network.json")).expect("it is there");
    let error = init(&dir, Some(&lqos)).expect_err("network.json is not there");
    let shown = error.to_string();
    assert!(
        shown.ends_with("is not a LibreQoS directory: it has no network.json"),
        "{shown}"
    );
    assert!(!dir.exists());
}

#[test]
fn a_libreqos_directory_needs_no_weir_toml() {
    let temp = temp();
    let dir = temp.path().join("prospect");
    libreqos_directory(&dir, None);
    let mut files = SourceMap::default();
    let project = load(&dir, &mut files, &CliOverrides::default()).expect("a LibreQoS directory");
    assert_eq!(project.name, "prospect");
    assert_eq!(project.topology.strategy, Strategy::Full);
    assert_eq!(project.sources[0].export.as_deref(), Some("."));
    assert_eq!(
        files.file(project.config_file()).path,
        "weir.toml (assumed)"
    );
    libreqos_directory(&dir, Some(LQOS_CONF));
    check_imported(&load_dir(&dir).expect("with settings"));
    libreqos_directory(&dir, Some("[queues\n"));
    load_dir(&dir).expect("a broken lqos.conf is a finding of the source");
}

#[test]
fn a_directory_without_a_project_says_how_to_make_one() {
    let temp = temp();
    let shown = temp.path().display().to_string();
    let error = load_dir(temp.path()).expect_err("it is empty");
    assert_eq!(error.message, format!("there is no weir.toml in {shown}"));
    assert!(
        error
            .help
            .starts_with(&format!("`weir init {shown}` writes one")),
        "{}",
        error.help
    );
    assert!(!error.outside);
    let error = load_dir(&temp.path().join("nowhere")).expect_err("it is not there");
    assert!(
        error.message.ends_with("nowhere is not a directory"),
        "{error}"
    );
    fs::write(temp.path().join("network.json"), "{}").expect("it can be written");
    let error = load_dir(&temp.path().join("network.json")).expect_err("it is a file");
    assert!(
        error.message.ends_with("network.json is not a directory"),
        "{error}"
    );
    fs::create_dir(temp.path().join("weir.toml")).expect("it can be made");
    let error = load_dir(temp.path()).expect_err("it cannot be read");
    assert!(error.outside, "{error}");
    fs::remove_dir(temp.path().join("weir.toml")).expect("it is there");
    fs::write(temp.path().join("weir.toml"), b"# caf\xe9\n").expect("it can be written");
    let error = load_dir(temp.path()).expect_err("it is Latin-1");
    assert!(
        error.message.ends_with("is not UTF-8 from byte 6 on"),
        "{error}"
    );
}
