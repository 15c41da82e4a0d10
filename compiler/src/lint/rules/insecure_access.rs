//! SEC003: credentials that others can read, on the way or on the disk.

use crate::finding::{Draft, Level};
use crate::ir::records::{Subject, SubjectKind};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

/// Read, write or execute for the group or for others.
const NOT_OWNER: u32 = 0o077;

pub static RULE: Rule = Rule {
    code: "SEC003",
    name: "insecure-access",
    default: Level::Warning,
    contained: false,
    what: "The `url` of a source is http://, or a file that holds its secret can be read by others than its owner.",
    why: "The key of a CRM opens every subscriber's address and bill. Over http:// anybody on the way reads it; there is no switch for a TLS check, because it cannot be turned off.",
    fix: "Write https:// (with `ca` or `tls_pin` for a certificate of your own), and `chmod 600` the file.",
    bad: Example::inventory(CIRCUIT, "url = \"http://crm.example\"\n"),
    good: Example::inventory(CIRCUIT, "url = \"https://crm.example\"\n"),
    check,
};

const CIRCUIT: crate::lint::rule::Files = &[(
    "inventory.json",
    r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
)];

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let source = |name: &str| Subject::new(SubjectKind::Source, name, name);
    for each in &stages.project.sources {
        if each.url.as_deref().is_some_and(plain_text) {
            out.push(
                Draft::new(
                    format!("source `{}` is read over http://: its key and every answer travel in the open", each.name),
                    "write https://; for a certificate of your own add `ca` or `tls_pin` to the source",
                )
                .about(source(&each.name))
                .at(stages.project.place(format!("source.{}.url", each.index)), "not encrypted"),
            );
        }
    }
    for file in &stages.project.secret_files {
        let Some(mode) = file.mode.filter(|mode| mode & NOT_OWNER != 0) else {
            continue;
        };
        out.push(
            Draft::new(
                format!(
                    "{}, which holds a secret of source `{}`, has mode {mode:04o}: others than its owner can get at it",
                    words::short(&file.path),
                    file.source
                ),
                format!("chmod 600 {}; if others had an account here, replace the secret", words::short(&file.path)),
            )
            .about(source(&file.source))
            .at(stages.project.place(file.route.clone()), "referred to here"),
        );
    }
}

/// On this machine nobody is on the way.
fn plain_text(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else {
        return false;
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(v6),
        None => host.split(':').next().unwrap_or(host),
    };
    let local = host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback());
    !local
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::project::SecretFile;
    use crate::lint::testing::Fixture;

    #[test]
    fn only_the_owner_may_read_a_secret() {
        let mut net = Fixture::new();
        for (path, mode) in [
            ("secrets/a", Some(0o600)),
            ("secrets/b", Some(0o640)),
            ("secrets/c", None),
        ] {
            net.project.secret_files.push(SecretFile {
                source: "crm".to_owned(),
                route: "source.0.key".to_owned(),
                path: path.to_owned(),
                mode,
            });
        }
        let found = net.run(&RULE);
        assert_eq!(found.len(), 1);
        assert!(
            found[0]
                .message
                .starts_with("secrets/b, which holds a secret of source `crm`, has mode 0640"),
            "{}",
            found[0].message
        );
    }

    #[test]
    fn loopback_is_nobody_elses() {
        for (url, want) in [
            ("http://crm.example", true),
            ("http://192.0.2.7:8080/api", true),
            ("http://localhost:8080", false),
            ("http://127.0.0.1/", false),
            ("http://[::1]:80/", false),
            ("https://crm.example", false),
        ] {
            assert_eq!(plain_text(url), want, "{url}");
        }
    }
}
