//! What the runtime's status comes to as issues: one table of codes, each with what it means and the first thing to do. An
//! alarm is over when the status does not say it any more.
//!
//! It knows the status document and the channel's head, and nothing of how either is read or shown.

use weir_schemas::head::Head;
use weir_schemas::runtime::{ApplyResult, RuntimeStatus, State};

use crate::engine::IssueLevel;

/// A kind of alarm.
pub struct Kind {
    pub code: &'static str,
    pub level: IssueLevel,
    /// What is the case.
    pub what: &'static str,
    /// The first thing to do.
    pub first: &'static str,
}

/// Sorted by code.
pub static KINDS: &[Kind] = &[
    Kind {
        code: "RUN-BEHIND",
        level: IssueLevel::Warning,
        what: "The runtime shapes with another generation than its channel runs.",
        first: "Nothing for a minute: it follows by itself. Then `weir-runtime status` on its machine says what it waits for.",
    },
    Kind {
        code: "RUN-DRIFT",
        level: IssueLevel::Warning,
        what: "Objects in the kernel are not as the artifact says.",
        first: "Find out who else changes qdiscs or classes there; the runtime puts them right at its next read-back.",
    },
    Kind {
        code: "RUN-EXPIRING",
        level: IssueLevel::Warning,
        what: "An unconfirmed generation is about to go back.",
        first: "Look at live rates and drops, then `weir confirm CHANNEL`; do nothing to let it go back.",
    },
    Kind {
        code: "RUN-HEALTH",
        level: IssueLevel::Error,
        what: "A health check of the runtime fails.",
        first: "`weir-runtime status` on its machine shows all checks; what a required one finds takes new generations back.",
    },
    Kind {
        code: "RUN-INTERFACE",
        level: IssueLevel::Error,
        what: "An interface of the target is missing, is down, or has no program: what passes there is not shaped.",
        first: "`ip link` on its machine: bring the interface up, or mend its name in `[target]`; the runtime loads it by itself.",
    },
    Kind {
        code: "RUN-OTHER",
        level: IssueLevel::Warning,
        what: "The runtime follows another channel, or what somebody applied by hand.",
        first: "If that is not meant: set `store.channel` of the runtime, and restart it.",
    },
    Kind {
        code: "RUN-REFUSED",
        level: IssueLevel::Error,
        what: "The runtime does not follow what its channel runs: the head or the artifact does not prove.",
        first: "Do what the reason says; `weir verify` checks the artifact, and promoting again makes a new head.",
    },
    Kind {
        code: "RUN-ROLLED-BACK",
        level: IssueLevel::Error,
        what: "A generation was brought in, failed, and was taken back: the one before shapes.",
        first: "Mend what the reason names and promote again, or roll the channel back; `systemctl reload weir-runtime` tries again.",
    },
    Kind {
        code: "RUN-SILENT",
        level: IssueLevel::Error,
        what: "The runtime does not answer on its socket. What it made in the kernel goes on shaping.",
        first: "`systemctl status weir-runtime` on its machine, and whether this process may read its socket.",
    },
    Kind {
        code: "RUN-STORE",
        level: IssueLevel::Warning,
        what: "The runtime cannot read its store: it goes on with what is loaded, and nothing counts as confirmed.",
        first: "Look at the disk, or at `weir pull`, on its machine.",
    },
    Kind {
        code: "RUN-STUCK",
        level: IssueLevel::Error,
        what: "The runtime gave something up, or waits, and says for what.",
        first: "Do what it says; then `systemctl reload weir-runtime`.",
    },
    Kind {
        code: "RUN-UNKNOWN",
        level: IssueLevel::Warning,
        what: "Much of the traffic is of addresses that belong to no circuit: it passes unshaped.",
        first: "Unknown Addresses shows whose they could be; the source lacks them, or `[addresses]` leaves them out.",
    },
    Kind {
        code: "RUN-UNSHAPED",
        level: IssueLevel::Error,
        what: "Traffic passes unshaped: nothing is loaded although the channel runs something, or an apply and its way back failed.",
        first: "`weir-runtime doctor` on its machine names what is missing; then `systemctl reload weir-runtime`.",
    },
];

/// One of them, now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alarm {
    pub code: &'static str,
    /// Tells alarms of one code apart; empty where there can be one only.
    pub about: String,
    pub level: IssueLevel,
    /// What the runtime says, with names of its own: not for everybody.
    pub message: String,
    pub first: &'static str,
    /// UTC, as RFC 3339, where the runtime says.
    pub since: Option<String>,
}

/// The kind with this code.
pub fn find(code: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.code == code)
}

/// Seconds before it goes back that somebody has to hear of it, and at most a third of what it had.
const SOON: u64 = 120;

fn alarm(code: &'static str, message: impl Into<String>) -> Alarm {
    let kind = find(code);
    Alarm {
        code,
        about: String::new(),
        level: kind.map_or(IssueLevel::Error, |k| k.level),
        message: message.into(),
        first: kind.map_or("", |k| k.first),
        since: None,
    }
}

/// The runtime does not answer.
pub fn silent(why: &str) -> Alarm {
    alarm("RUN-SILENT", why)
}

/// Everything that this status complains about, seen beside the head of the channel that a console shows.
pub fn of(status: &RuntimeStatus, head: Option<&Head>, channel: &str) -> Vec<Alarm> {
    let mut alarms = Vec::new();
    let follows = status.channel.as_deref() == Some(channel);
    match status.state {
        State::Unshaped => alarms.push(alarm(
            "RUN-UNSHAPED",
            format!(
                "traffic passes unshaped: an apply and the way back failed{}",
                colon(reason(status))
            ),
        )),
        // What is refused or waits is said below, with why.
        State::Idle if follows && head.is_some() => alarms.push(alarm(
            "RUN-UNSHAPED",
            "nothing is loaded, although the channel runs a generation: traffic passes unshaped",
        )),
        State::RolledBack => alarms.push(Alarm {
            since: status.last_apply.as_ref().map(|a| a.started.clone()),
            ..alarm(
                "RUN-ROLLED-BACK",
                format!(
                    "generation {} was taken back{}",
                    status
                        .last_apply
                        .as_ref()
                        .map_or("?", |a| a.digest.get(..12).unwrap_or(&a.digest)),
                    colon(reason(status))
                ),
            )
        }),
        _ => {}
    }
    if let Some(refused) = &status.refused {
        let which = refused.seq.map_or_else(
            || "the head of the channel".to_owned(),
            |seq| format!("generation {seq}"),
        );
        alarms.push(Alarm {
            since: Some(refused.since.clone()),
            ..alarm(
                "RUN-REFUSED",
                format!("{which} is not loaded: {}", refused.reason),
            )
        });
    }
    if let Some(stuck) = &status.stuck {
        alarms.push(alarm("RUN-STUCK", stuck.clone()));
    }
    if let (Some(deadline), State::Pending) = (&status.deadline, status.state) {
        let whole = head.and_then(|h| h.confirm.as_ref());
        let soon = whole.map_or(SOON, |c| SOON.min(c.within_seconds / 3));
        if deadline.seconds_left <= soon {
            alarms.push(alarm(
                "RUN-EXPIRING",
                format!(
                    "the unconfirmed generation goes back in {} s{}",
                    deadline.seconds_left,
                    match deadline.back_to {
                        Some(_) => "",
                        None => ", to nothing: traffic then passes unshaped",
                    }
                ),
            ));
        }
    }
    if status.drift_count > 0 {
        alarms.push(alarm(
            "RUN-DRIFT",
            format!(
                "{} object{} not as the artifact says{}",
                status.drift_count,
                if status.drift_count == 1 {
                    " is"
                } else {
                    "s are"
                },
                colon(status.drift.first().map_or("", String::as_str))
            ),
        ));
    }
    if status.active.is_some() {
        for interface in &status.interfaces {
            let wrong = match (interface.up, &interface.attached) {
                (false, _) => "is missing or down",
                (true, None) => "has no program of ours",
                _ => continue,
            };
            alarms.push(Alarm {
                about: interface.name.clone(),
                ..alarm(
                    "RUN-INTERFACE",
                    format!("interface {} {wrong}", interface.name),
                )
            });
        }
    }
    for check in status.health.iter().filter(|c| !c.ok) {
        let code = match check.name.as_str() {
            "unknown" => "RUN-UNKNOWN",
            _ => "RUN-HEALTH",
        };
        alarms.push(Alarm {
            about: match code {
                "RUN-HEALTH" => check.name.clone(),
                _ => String::new(),
            },
            level: if check.required {
                IssueLevel::Error
            } else {
                IssueLevel::Warning
            },
            ..alarm(
                code,
                format!("health check {}{}", check.name, colon(&check.detail)),
            )
        });
    }
    if let Some(store) = status.store.as_ref().filter(|s| !s.reachable) {
        alarms.push(Alarm {
            since: Some(store.looked.clone()),
            ..alarm("RUN-STORE", "the store could not be read at the last look")
        });
    }
    let active = status.active.as_ref().map(|a| a.digest.as_str());
    let wanted = head.map(|h| h.digest.as_str());
    if !follows && active.is_some() {
        let message = match &status.channel {
            Some(other) => format!("the runtime follows channel {other}, not {channel}"),
            None => "the runtime shapes with what was applied by hand".to_owned(),
        };
        alarms.push(alarm("RUN-OTHER", message));
    } else if follows
        && status.refused.is_none()
        && matches!(status.state, State::Active | State::Pending)
        && wanted.is_some()
        && active != wanted
    {
        alarms.push(alarm(
            "RUN-BEHIND",
            "the runtime shapes with another generation than the channel's",
        ));
    }
    alarms.sort_by(|a, b| (a.code, &a.about).cmp(&(b.code, &b.about)));
    alarms
}

fn reason(status: &RuntimeStatus) -> &str {
    let last = status.last_apply.as_ref();
    let failed =
        last.filter(|a| !matches!(a.result, ApplyResult::Applied | ApplyResult::Unchanged));
    failed.map_or("", |a| a.reason.as_str())
}

fn colon(text: &str) -> String {
    match text.is_empty() {
        true => String::new(),
        false => format!(": {text}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A status as the runtime answers it, in good order, with one thing changed.
    fn status(change: impl FnOnce(&mut Value)) -> RuntimeStatus {
        let mut text = json!({
            "schema": "weir.runtime-status/1", "version": "0.1.0", "time": "2026-11-30T08:00:00Z", "target": "edge1",
            "channel": "production", "state": "active",
            "active": {"digest": "aa".repeat(32), "seq": 3, "since": "2026-11-30T07:00:00Z", "circuits": 39,
                "prefixes": 48, "classes": 96},
            "previous": null, "deadline": null,
            "last_apply": {"digest": "aa".repeat(32), "started": "2026-11-30T07:00:00Z", "milliseconds": 40,
                "result": "applied", "reason": "", "steps": 9, "done": 9},
            "health": [{"name": "classes", "required": true, "ok": true, "detail": "96 of 96"}],
            "drift": [], "drift_count": 0,
            "interfaces": [
                {"name": "eth0", "up": true, "attached": "tcx", "xdp": false, "tx_queues": 4, "classes": 48},
                {"name": "eth1", "up": true, "attached": "tcx", "xdp": false, "tx_queues": 4, "classes": 48}],
            "outcomes": [], "stuck": null, "refused": null,
            "store": {"reachable": true, "seq": 3, "written": "2026-11-30T07:00:00Z", "looked": "2026-11-30T08:00:00Z"}
        });
        change(&mut text);
        weir_schemas::read(text.to_string().as_bytes()).expect("a status")
    }

    fn head(digest: &str, within: Option<u64>) -> Head {
        let text = json!({
            "schema": "weir.head/1", "check": "0".repeat(64), "channel": "production", "seq": 3, "txn": "t",
            "action": "promote", "digest": digest, "manifest_sha256": "0".repeat(64), "parent": null,
            "restores": null, "replaced": null, "author": "jo", "time": "2026-11-30T07:00:00Z", "reason": "",
            "confirm": within.map(|w| json!({"within_seconds": w, "host": "h", "boot_id": "b", "deadline_ms": 1})), "hold": null, "signature": null
        });
        serde_json::from_value(text).expect("a head")
    }

    fn codes(change: impl FnOnce(&mut Value)) -> Vec<&'static str> {
        let head = head(&"aa".repeat(32), Some(600));
        let alarms = of(&status(change), Some(&head), "production");
        for alarm in &alarms {
            assert!(!alarm.message.is_empty() && !alarm.first.is_empty());
            assert!(find(alarm.code).is_some(), "{}", alarm.code);
        }
        alarms.iter().map(|a| a.code).collect()
    }

    #[test]
    fn every_alarm_is_there_while_it_lasts_and_gone_when_it_is_over() {
        assert_eq!(codes(|_| ()), [""; 0], "all is well");
        let seen: Vec<&'static str> = [
            codes(|s| s["active"]["digest"] = "bb".repeat(32).into()),
            codes(|s| {
                s["drift_count"] = 2.into();
                s["drift"] = json!(["eth0: class 1:1a"]);
            }),
            codes(|s| {
                s["state"] = "pending".into();
                s["deadline"] = json!({"seconds_left": 90, "back_to": null});
            }),
            codes(|s| s["health"][0]["ok"] = false.into()),
            codes(|s| s["interfaces"][1]["up"] = false.into()),
            codes(|s| s["channel"] = Value::Null),
            codes(|s| {
                s["refused"] = json!({"seq": 4, "digest": null, "reason": "bad signature", "since": "2026-11-30T08:00:00Z"});
                s["active"]["digest"] = "bb".repeat(32).into();
            }),
            codes(|s| {
                s["state"] = "rolled_back".into();
                s["last_apply"]["result"] = "rolled_back".into();
                s["last_apply"]["reason"] = "coverage fell".into();
            }),
            vec![silent("no answer").code],
            codes(|s| s["store"]["reachable"] = false.into()),
            codes(|s| s["stuck"] = "waiting for interface eth1".into()),
            codes(|s| {
                s["health"][0] = json!({"name": "unknown", "required": false, "ok": false, "detail": "31 %"});
            }),
            codes(|s| {
                s["state"] = "unshaped".into();
                s["active"] = Value::Null;
            }),
        ]
        .concat();
        let known: Vec<&str> = KINDS.iter().map(|k| k.code).collect();
        assert_eq!(seen, known, "one of each, and nothing else");
    }

    #[test]
    fn nothing_loaded_is_unshaped_only_where_something_should_be() {
        let idle = status(|s| {
            s["state"] = "idle".into();
            s["active"] = Value::Null;
        });
        assert_eq!(of(&idle, None, "production"), []);
        let head = head(&"aa".repeat(32), None);
        let alarms = of(&idle, Some(&head), "production");
        assert_eq!(alarms[0].code, "RUN-UNSHAPED");
    }

    #[test]
    fn time_to_confirm_is_no_alarm_before_it_is_short() {
        let pending = |left: u64| {
            status(|s| {
                s["state"] = "pending".into();
                s["deadline"] = json!({"seconds_left": left, "back_to": "cc".repeat(32)});
            })
        };
        let of = |left: u64, within: u64| {
            let head = head(&"aa".repeat(32), Some(within));
            super::of(&pending(left), Some(&head), "production").len()
        };
        assert_eq!((of(500, 600), of(120, 600)), (0, 1));
        assert_eq!((of(25, 60), of(20, 60)), (0, 1));
    }

    #[test]
    fn a_required_check_is_graver_and_checks_are_told_apart() {
        let failing = status(|s| {
            s["health"] = json!([
                {"name": "classes", "required": true, "ok": false, "detail": "95 of 96"},
                {"name": "drops", "required": false, "ok": false, "detail": "12 %"}]);
        });
        let alarms = of(&failing, None, "production");
        let told: Vec<_> = alarms.iter().map(|a| (a.about.as_str(), a.level)).collect();
        assert_eq!(
            told,
            [
                ("classes", IssueLevel::Error),
                ("drops", IssueLevel::Warning)
            ]
        );
    }

    #[test]
    fn the_manual_explains_every_alarm() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/console.md");
        let page = std::fs::read_to_string(page).expect("docs/console.md");
        assert!(KINDS.windows(2).all(|w| w[0].code < w[1].code));
        for kind in KINDS {
            let row = format!("| `{}` | {} | {} |", kind.code, kind.what, kind.first);
            assert!(page.contains(&row), "docs/console.md lacks\n{row}");
        }
    }
}
