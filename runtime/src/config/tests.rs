//! What a settings file may say, and what is said about one that is wrong.

use super::*;

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(Path::new("runtime.toml"), text).map_err(|e| e.to_string())
}

#[test]
fn an_empty_file_is_the_defaults() {
    assert_eq!(parse(""), Ok(Config::default()));
    assert!(KEYS.is_sorted_by(|a, b| a.name < b.name));
}

/// What the documentation states as a default is what is used.
#[test]
fn the_listed_defaults_are_the_defaults() {
    for key in KEYS.iter().filter(|k| k.default != "none") {
        let (section, name) = key.name.split_once('.').expect("section.key");
        let text = format!("[{section}]\n{name} = {}\n", key.default);
        assert_eq!(parse(&text), Ok(Config::default()), "{}", key.name);
    }
    let none = KEYS.iter().filter(|k| k.default == "none").count();
    assert_eq!(none, 2);
}

#[test]
fn an_unknown_key_names_what_was_meant() {
    for (text, want) in [
        ("[store]\nchanel = \"lab\"", "did you mean `store.channel`?"),
        ("[helth]\nsettle = \"1s\"", "there is no setting `helth`"),
        ("channel = \"lab\"", "did you mean `store.channel`?"),
        ("[health]\npoll = \"1s\"", "did you mean `store.poll`?"),
        ("[store.more]\nx = 1", "there is no setting `store.more`"),
    ] {
        let error = parse(text).expect_err(text);
        assert!(error.contains(want), "{error}");
    }
}

#[test]
fn a_wrong_value_is_refused_with_its_key() {
    for (text, want) in [
        ("[store]\npoll = \"0s\"", "store.poll"),
        ("[store]\npoll = 5", "poll"),
        ("[store]\npoll = \"soon\"", "no length of time"),
        ("[store]\nchannel = \"../x\"", "store.channel"),
        ("[health]\nattempts = 0", "health.attempts"),
        (
            "[health]\nrequired = [\"lcasses\"]",
            "there is no check `lcasses`",
        ),
        ("[health]\ndrops_percent = 101", "more than 100"),
        ("[kernel]\nsteer = \"rss\"", "steer"),
        ("[metrics]\ntextfile = \"/x/weir.txt\"", ".prom"),
        ("[socket]\nclients = 0", "socket.clients"),
        ("[store", "runtime.toml"),
    ] {
        let error = parse(text).expect_err(text);
        assert!(error.contains(want), "{text}: {error}");
    }
}

#[test]
fn lengths_of_time() {
    for (text, want) in [
        ("0s", Some(0)),
        ("500ms", Some(500)),
        ("90s", Some(90_000)),
        ("5m", Some(300_000)),
        ("6h", Some(21_600_000)),
        ("2d", Some(172_800_000)),
        ("", None),
        ("s", None),
        ("-1s", None),
        ("1", None),
        ("1.5s", None),
        ("9999999999s", None),
        ("1ä", None),
    ] {
        assert_eq!(Span::parse(text).map(Span::ms), want, "{text}");
    }
}
