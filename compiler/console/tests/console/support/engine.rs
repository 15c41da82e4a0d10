//! A caller that is made up. It moves real channels of a real store, and remembers what it was asked. It does not
//! know: how anything is compiled or fetched (runs, sources and tests of connections are canned), the guard of a real
//! project, or whether an override makes sense.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use weir_console::engine::*;
use weir_schemas::Published as _;
use weir_schemas::compare::Compare;
use weir_schemas::diff::{Change, Counts, Diff, Disruption, Group, GroupKind, Side};
use weir_schemas::promotion::{Base, Promotion};
use weir_schemas::tree::Tree;
use weir_schemas::why::Why;
use weir_store::Store;
use weir_store::channel::{Back as Way, ChannelError, Channels, Known, Promote, SystemClock};

use super::canned;

pub struct Fake {
    pub store: Store,
    pub revision: AtomicU64,
    /// What changed something, in the order it was asked.
    pub asked: Mutex<Vec<String>>,
    pub acks: Mutex<Vec<Acknowledgement>>,
    pub in_git: bool,
    /// Added to every sentence.
    pub says: String,
    pub latest: Mutex<Option<String>>,
    pub running: Mutex<bool>,
}

impl Fake {
    pub fn new(store: Store) -> Fake {
        Fake {
            store,
            revision: AtomicU64::new(1),
            asked: Mutex::default(),
            acks: Mutex::default(),
            in_git: false,
            says: String::new(),
            latest: Mutex::default(),
            running: Mutex::new(false),
        }
    }

    pub fn note(&self, what: impl Into<String>) {
        self.asked.lock().expect("not poisoned").push(what.into());
        self.revision.fetch_add(1, Ordering::Relaxed);
    }

    pub fn channels(&self, author: &str) -> Channels<'_> {
        Channels {
            backend: &self.store,
            clock: &SystemClock,
            author: author.to_owned(),
            sign: None,
        }
    }

    pub fn say(&self, text: &str) -> String {
        format!("{text}{}", self.says)
    }

    fn tree(&self, digest: &str) -> Answer<Tree<'static>> {
        let artifact = self.store.get(digest).map_err(Problem::failed)?;
        let bytes = artifact.read("tree.json").map_err(Problem::failed)?;
        weir_schemas::read(&bytes).map_err(Problem::failed)
    }

    fn known(&self, channel: &str, seq: u64) -> Answer<Known> {
        let known = self.channels("").head(channel).map_err(problem)?;
        match known {
            Some(known) if known.head.seq == seq => Ok(known),
            _ => Err(Problem::Refused {
                word: "base-moved".to_owned(),
                message: self.say("the channel was moved meanwhile"),
                help: "look at it again".to_owned(),
            }),
        }
    }

    fn one_run(&self, id: &str, outcome: Option<RunOutcome>, ago: i64) -> Run {
        let started = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(ago);
        let end = match outcome {
            None => 3,
            Some(RunOutcome::Failed) => 0,
            Some(RunOutcome::Refused) => 5,
            Some(_) => 7,
        };
        let stage = |(i, name): (usize, &StageName)| Stage {
            name: *name,
            state: match (i.cmp(&end), outcome) {
                (std::cmp::Ordering::Less, _) => StageState::Done,
                (std::cmp::Ordering::Equal, None) => StageState::Running,
                (std::cmp::Ordering::Equal, Some(RunOutcome::Failed)) => StageState::Failed,
                (std::cmp::Ordering::Equal, Some(RunOutcome::Refused)) => StageState::Refused,
                (std::cmp::Ordering::Equal, _) => StageState::Done,
                (_, None) => StageState::Waiting,
                _ => StageState::Skipped,
            },
            milliseconds: (i < end || outcome.is_some() && i == end)
                .then_some(120 * (i as u64 + 1)),
            counts: match name {
                StageName::Fetch => [("records".to_owned(), 412)].into(),
                StageName::Topology => {
                    [("nodes".to_owned(), 30), ("circuits".to_owned(), 132)].into()
                }
                _ => BTreeMap::new(),
            },
            detail: self.say(if i == end { "here" } else { "" }),
        };
        Run {
            id: id.to_owned(),
            started: started.to_string(),
            milliseconds: outcome.map(|_| 4_321),
            by: if id.ends_with('2') {
                "marta"
            } else {
                "schedule"
            }
            .to_owned(),
            outcome,
            summary: self.say(match outcome {
                None => "rules are checked",
                Some(RunOutcome::Promoted) => "promoted: 2 added, 1 re-rated",
                Some(RunOutcome::Failed) => {
                    "source towers did not answer in time; the last good generation stays"
                }
                Some(RunOutcome::Refused) => {
                    "the guard refuses: 31 subscribers would disappear, at most 20 may"
                }
                Some(_) => "nothing changed",
            }),
            exit_code: outcome.map(|o| if o.is_bad() { 5 } else { 0 }),
            digest: None,
            stages: StageName::ALL.iter().enumerate().map(stage).collect(),
            log: Vec::new(),
        }
    }
}

fn problem(error: ChannelError) -> Problem {
    match error {
        ChannelError::Refused(refusal) => Problem::Refused {
            word: refusal.word().to_owned(),
            message: refusal.to_string(),
            help: refusal.help(),
        },
        other => Problem::failed(other),
    }
}

fn moved(done: weir_store::channel::Done) -> Moved {
    Moved {
        undo: Some(format!("weir rollback {}", done.head.channel)),
        head: done.head,
        changed: done.changed,
        notice: done.notice,
    }
}

impl Fake {
    /// What is said of a change of `overrides.toml`.
    fn edited(&self, patch: &str, next: &str) -> Edit {
        Edit {
            file: "overrides.toml".to_owned(),
            written: match self.in_git {
                true => Written::InGit,
                false => Written::Yes,
            },
            patch: self.say(patch),
            notes: vec![self.say(next)],
        }
    }
}

impl Engine for Fake {
    fn project(&self) -> Answer<Project> {
        Ok(Project {
            name: self.say("lakeside"),
            channel: "production".to_owned(),
            in_git: self.in_git,
            version: "0.1.0".to_owned(),
        })
    }

    fn revision(&self) -> u64 {
        self.revision.load(Ordering::Relaxed)
    }

    fn scheduler(&self) -> Answer<Scheduler> {
        let mut runs = vec![
            self.one_run("run-1", Some(RunOutcome::Unchanged), 1_500),
            self.one_run("run-2", Some(RunOutcome::Promoted), 3_300),
            self.one_run("run-3", Some(RunOutcome::Refused), 5_100),
            self.one_run("run-4", Some(RunOutcome::Failed), 6_900),
        ];
        if *self.running.lock().expect("not poisoned") {
            runs.insert(0, self.one_run("run-0", None, 4));
        }
        let built = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(240);
        let latest = self.latest.lock().expect("not poisoned").clone();
        Ok(Scheduler {
            every: Some("30m".to_owned()),
            promote: "when-contained".to_owned(),
            next: Some((jiff::Timestamp::now() + jiff::SignedDuration::from_secs(720)).to_string()),
            paused: None,
            runs,
            latest: latest.map(|digest| Latest {
                digest,
                built: built.to_string(),
                waiting: Some(self.say("the channel is to be moved by a person")),
            }),
        })
    }

    fn run(&self, id: &str) -> Answer<Run> {
        let mut run = self
            .scheduler()?
            .runs
            .into_iter()
            .find(|r| r.id == id)
            .ok_or(Problem::NotFound {
                message: format!("there is no run {id}"),
            })?;
        run.log = (0..20)
            .map(|i| self.say(&format!("line {i} of the log")))
            .collect();
        Ok(run)
    }

    fn run_now(&self, by: &str) -> Answer<()> {
        self.note(format!("run_now {by}"));
        Ok(())
    }

    fn pause(&self, by: &str, reason: &str) -> Answer<()> {
        self.note(format!("pause {by} {reason}"));
        Ok(())
    }

    fn unpause(&self, by: &str) -> Answer<()> {
        self.note(format!("unpause {by}"));
        Ok(())
    }

    fn issues(&self) -> Answer<Vec<Issue>> {
        Ok(vec![Issue {
            id: "source:towers".to_owned(),
            code: "SRC-FAILED".to_owned(),
            level: IssueLevel::Warning,
            from: "source towers".to_owned(),
            message: self.say("source towers did not answer in 10 minutes"),
            help: self.say("weir doctor tries to reach it; the last good generation stays"),
            since: (jiff::Timestamp::now() - jiff::SignedDuration::from_secs(6_900)).to_string(),
        }])
    }

    fn acknowledgements(&self) -> Answer<Vec<Acknowledgement>> {
        Ok(self.acks.lock().expect("not poisoned").clone())
    }

    fn acknowledge(&self, by: &str, what: &Acknowledge) -> Answer<()> {
        self.note(format!("acknowledge {by} {} {}", what.code, what.id));
        self.acks
            .lock()
            .expect("not poisoned")
            .push(Acknowledgement {
                id: what.id.clone(),
                code: what.code.clone(),
                by: by.to_owned(),
                reason: what.reason.clone(),
                time: jiff::Timestamp::now().to_string(),
                expires: what.expires.clone(),
            });
        Ok(())
    }

    fn unacknowledge(&self, by: &str, id: &str) -> Answer<()> {
        self.note(format!("unacknowledge {by} {id}"));
        self.acks
            .lock()
            .expect("not poisoned")
            .retain(|a| a.id != id);
        Ok(())
    }

    fn explain(&self, rule: &str) -> Answer<Explain> {
        if !rule.bytes().all(|b| b.is_ascii_alphanumeric()) || rule.is_empty() {
            return Err(Problem::NotFound {
                message: format!("there is no rule {rule}"),
            });
        }
        Ok(Explain {
            code: rule.to_owned(),
            name: "duplicate-address".to_owned(),
            level: "error".to_owned(),
            what: "Two circuits claim the same address.".to_owned(),
            why: "Only one of them can be shaped by it; the other passes at full speed or in the wrong class.".to_owned(),
            fix: "Decide in the CRM who has it.".to_owned(),
            bad: "{ \"ips\": [\"10.9.8.7\"] } twice".to_owned(),
            good: "{ \"ips\": [\"10.9.8.7\"] } once".to_owned(),
        })
    }

    /// Subscribers that come, go, and get other rates. Nothing else is told apart.
    fn diff(&self, from: &str, to: &str) -> Answer<Diff> {
        let (a, b) = (self.tree(from)?, self.tree(to)?);
        let change = |id: &str, before: Option<String>, after: Option<String>, disruption| Change {
            id: id.to_owned(),
            name: self.say(id),
            kind: None,
            disruption,
            affected: 1,
            before,
            after,
        };
        let rate = |max: [u64; 2]| self.say(&format!("{}/{} Mbps", max[0] / 1000, max[1] / 1000));
        let mut groups = Vec::new();
        let mut group = |kind, disruption, changes: Vec<Change>| {
            let count = changes.len() as u64;
            if count > 0 {
                groups.push(Group {
                    kind,
                    disruption,
                    affected: count,
                    changes,
                });
            }
            count
        };
        let left: Vec<_> = a
            .circuits
            .iter()
            .filter(|(id, _)| !b.circuits.contains_key(*id))
            .collect();
        let left = left
            .iter()
            .map(|(id, c)| change(id, Some(rate(c.max_kbps)), None, Disruption::MapOnly));
        let joined: Vec<_> = b
            .circuits
            .iter()
            .filter(|(id, _)| !a.circuits.contains_key(*id))
            .collect();
        let joined = joined
            .iter()
            .map(|(id, c)| change(id, None, Some(rate(c.max_kbps)), Disruption::MapOnly));
        let rerated = b.circuits.iter().filter_map(|(id, c)| {
            let old = a
                .circuits
                .get(id)
                .filter(|old| old.max_kbps != c.max_kbps)?;
            Some(change(
                id,
                Some(rate(old.max_kbps)),
                Some(rate(c.max_kbps)),
                Disruption::Rate,
            ))
        });
        let counts = Counts {
            left: group(GroupKind::Left, Disruption::MapOnly, left.collect()),
            rerated: group(GroupKind::Rerated, Disruption::Rate, rerated.collect()),
            joined: group(GroupKind::Joined, Disruption::MapOnly, joined.collect()),
            ..Counts::default()
        };
        let side = |digest: &str, tree: &Tree<'_>| Side {
            digest: digest.to_owned(),
            target: Some("edge1".to_owned()),
            strategy: "ap_site".to_owned(),
            shaped: tree.circuits.len() as u64,
            nodes: 30,
            max_kbps: [1_000_000, 200_000],
            min_kbps: [100_000, 20_000],
        };
        Ok(Diff {
            schema: Diff::SCHEMA.to_owned(),
            from: side(from, &a),
            to: side(to, &b),
            disruption: match counts.rerated {
                0 => Disruption::MapOnly,
                _ => Disruption::Rate,
            },
            disturbed: 0,
            counts,
            groups,
        })
    }

    fn review_text(&self, from: &str, to: &str) -> Answer<String> {
        Ok(self.say(&format!(
            "## Weir: {} to {}\n\n| who | what |\n|---|---|\n| somebody | something |\n",
            &from[..12],
            &to[..12]
        )))
    }

    fn why(&self, digest: &str, question: &str) -> Answer<Why<'static>> {
        canned::why(self, digest, question)
    }

    fn compare(&self) -> Answer<Compare> {
        canned::compare(self)
    }

    fn review(&self, channel: &str, digest: &str) -> Answer<Review> {
        let known = self.channels("").head(channel).map_err(problem)?;
        let removals = match &known {
            Some(known) => self.diff(&known.head.digest, digest)?.counts.left,
            None => 0,
        };
        let trips = removals > 1;
        Ok(Review {
            plan: Promotion {
                schema: Promotion::SCHEMA.to_owned(),
                channel: channel.to_owned(),
                base: known.map(|known| Base {
                    seq: known.head.seq,
                    digest: known.head.digest,
                }),
                digest: digest.to_owned(),
                manifest_sha256: String::new(),
                removals,
                reparented: 0,
                guard: match trips {
                    true => vec![self.say(&format!(
                        "{removals} subscribers would disappear, and guard.max_removed lets 1"
                    ))],
                    false => Vec::new(),
                },
            },
            blocked: false,
            needs_accept: trips,
            help: Vec::new(),
        })
    }

    fn promote(&self, by: &str, request: &PromoteRequest) -> Answer<Moved> {
        let review = self.review(&request.channel, &request.digest)?;
        if review.plan.base != request.base {
            return Err(Problem::Refused {
                word: "base-moved".to_owned(),
                message: "the channel was moved meanwhile".to_owned(),
                help: "look at it again".to_owned(),
            });
        }
        if review.needs_accept && request.accept_removals != Some(review.plan.removals) {
            return Err(Problem::Refused {
                word: "guard".to_owned(),
                message: review.plan.guard.join("; "),
                help: "accept the exact numbers".to_owned(),
            });
        }
        let channels = self.channels(by);
        let known = channels.head(&request.channel).map_err(problem)?;
        let done = channels.promote(
            known.as_ref(),
            &Promote {
                channel: &request.channel,
                digest: &request.digest,
                manifest_sha256: &"0".repeat(64),
                reason: &request.reason,
                confirm_within: request.confirm_within_seconds,
                from: None,
                scheduled: false,
            },
        );
        self.note(format!("promote {by} {}", request.digest));
        done.map(moved).map_err(problem)
    }

    fn confirm(&self, by: &str, channel: &str, seq: u64) -> Answer<Moved> {
        self.known(channel, seq)?;
        self.note(format!("confirm {by} {channel}"));
        self.channels(by)
            .confirm(channel)
            .map(moved)
            .map_err(problem)
    }

    fn rollback(
        &self,
        by: &str,
        channel: &str,
        seq: u64,
        to: &Back,
        reason: &str,
    ) -> Answer<Moved> {
        self.known(channel, seq)?;
        let way = match to {
            Back::Parent => Way::Parent,
            Back::Digest(digest) => Way::Digest(digest.clone()),
        };
        let channels = self.channels(by);
        let (known, generation) = channels.way_back(channel, &way).map_err(problem)?;
        self.note(format!("rollback {by} {channel}"));
        channels
            .rollback(&known, &generation, reason)
            .map(moved)
            .map_err(problem)
    }

    fn resume(&self, by: &str, channel: &str, reason: &str) -> Answer<Moved> {
        self.note(format!("resume {by} {channel}"));
        self.channels(by)
            .resume(channel, reason)
            .map(moved)
            .map_err(problem)
    }

    fn overrides(&self) -> Answer<Vec<StoredOverride>> {
        Ok(canned::overrides(self))
    }

    fn remove_override(&self, by: &str, which: &OverrideId) -> Answer<Edit> {
        self.note(format!("remove-override {by} {} {}", which.kind, which.id));
        Ok(self.edited(
            "-[[circuit]]\n-plan_mbps = \"100/20\"\n",
            "the next run builds without it",
        ))
    }

    fn add_override(&self, by: &str, request: &OverrideRequest) -> Answer<Edit> {
        self.note(format!("override {by} {} {:?}", request.id, request.set));
        Ok(self.edited(
            "+[[override]]\n+plan_mbps = \"100/20\"\n",
            "the next run builds with it",
        ))
    }

    fn sources(&self) -> Answer<Vec<Source>> {
        canned::sources(self)
    }

    fn source_kinds(&self) -> Answer<Vec<SourceKind>> {
        canned::source_kinds(self)
    }

    fn test_source(&self, name: &str) -> Answer<TestResult> {
        self.note(format!("test {name}"));
        Ok(TestResult {
            ok: false,
            time: jiff::Timestamp::now().to_string(),
            steps: vec![
                TestStep {
                    what: "tls".to_owned(),
                    ok: true,
                    detail: self.say("certificate of lakeside.example, 61 days left"),
                    help: String::new(),
                },
                TestStep {
                    what: "sign in".to_owned(),
                    ok: false,
                    detail: self.say("the key is refused"),
                    help: self.say("make a key that may read customers"),
                },
            ],
        })
    }

    fn edit_source(&self, by: &str, edit: &SourceEdit) -> Answer<Edit> {
        let secrets: Vec<&String> = edit.secrets.keys().collect();
        self.note(format!(
            "source {by} {:?} {} {:?} {secrets:?}",
            edit.name, edit.new_name, edit.settings
        ));
        Ok(Edit {
            file: "weir.toml".to_owned(),
            written: if self.in_git {
                Written::InGit
            } else {
                Written::Yes
            },
            patch: "-timeout = \"10m\"\n+timeout = \"5m\"\n".to_owned(),
            notes: Vec::new(),
        })
    }

    fn metrics(&self) -> Option<String> {
        Some("# TYPE weir_head_seq gauge\nweir_head_seq{channel=\"production\"} 3\n".to_owned())
    }
}
