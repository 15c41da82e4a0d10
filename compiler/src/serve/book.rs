//! What the scheduler remembers: `serve/state.json` in the project's store (`weir.serve/1`), replaced as a whole, and the
//! lock that lets one run go on at a time, whoever started it.
//!
//! It does not know what a run does. Several processes may use one book: a scheduler, and `weir serve --once` of a
//! timer.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use weir_compiler::config::date::Date;
use weir_console::engine::{
    Acknowledgement, Fetched, Issue, IssueLevel, Latest, Pause, Permission, Run, RunOutcome,
    StageState,
};

use crate::cli::replace;

/// What the file says of itself.
const SCHEMA: &str = "weir.serve/1";

/// Runs that are kept, and lines of the log of each.
pub const RUNS: usize = 200;
pub const LINES: usize = 200;
/// Characters of a line.
const LONGEST: usize = 500;

/// Everything that outlives the process. Times are RFC 3339 in UTC.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct State {
    pub schema: String,
    /// Null when runs begin by themselves.
    pub paused: Option<Pause>,
    /// Runs in a row that failed.
    #[serde(default)]
    pub failures: u32,
    /// Newest first. The one under way has no outcome.
    #[serde(default)]
    pub runs: Vec<Run>,
    /// Runs there ever were; the next one is named by the number after it.
    #[serde(default)]
    pub count: u64,
    /// Runs by what they came to, since the file is there.
    #[serde(default)]
    pub outcomes: BTreeMap<String, u64>,
    #[serde(default)]
    pub latest: Option<Latest>,
    /// Open findings of the last build, sorted.
    #[serde(default)]
    pub findings: Vec<Found>,
    /// Open issues, sorted by id.
    #[serde(default)]
    pub issues: Vec<Issue>,
    /// Sorted by id.
    #[serde(default)]
    pub acknowledged: Vec<Acknowledgement>,
    /// The last attempt to read each source, by name.
    #[serde(default)]
    pub fetched: BTreeMap<String, Fetched>,
    /// What the last attempt was seen to be allowed, by name of the source.
    #[serde(default)]
    pub permissions: BTreeMap<String, Vec<Permission>>,
}

/// How many findings of a rule there are.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Found {
    /// `error`, `warning`, `info`
    pub level: String,
    pub code: String,
    pub count: u64,
}

impl Default for State {
    fn default() -> Self {
        State {
            schema: SCHEMA.to_owned(),
            paused: None,
            failures: 0,
            runs: Vec::new(),
            count: 0,
            outcomes: BTreeMap::new(),
            latest: None,
            findings: Vec::new(),
            issues: Vec::new(),
            acknowledged: Vec::new(),
            fetched: BTreeMap::new(),
            permissions: BTreeMap::new(),
        }
    }
}

impl State {
    /// Bounds what grows.
    fn trim(&mut self) {
        self.runs.truncate(RUNS);
        for run in &mut self.runs {
            if run.log.len() > LINES {
                let over = run.log.len() - LINES;
                run.log.drain(..over);
            }
            for line in &mut run.log {
                if let Some((end, _)) = line.char_indices().nth(LONGEST) {
                    line.truncate(end);
                }
            }
        }
    }

    /// Puts an issue in; one that was there keeps its time.
    pub fn raise(&mut self, mut issue: Issue) {
        match self.issues.iter_mut().find(|known| known.id == issue.id) {
            Some(known) => {
                issue.since.clone_from(&known.since);
                *known = issue;
            }
            None => {
                self.issues.push(issue);
                self.issues.sort_by(|a, b| a.id.cmp(&b.id));
            }
        }
    }

    /// Takes out the acknowledgements whose last day is over, and gives them: somebody has to be told.
    pub fn lapse(&mut self, today: Date) -> Vec<Acknowledgement> {
        let (kept, over) = std::mem::take(&mut self.acknowledged)
            .into_iter()
            .partition(|seen| holds(seen, today));
        self.acknowledged = kept;
        over
    }

    /// Runs whose process is gone end here.
    fn bury(&mut self) -> bool {
        let mut any = false;
        for run in self.runs.iter_mut().filter(|run| run.outcome.is_none()) {
            any = true;
            run.outcome = Some(RunOutcome::Interrupted);
            run.exit_code = Some(1);
            run.summary = "its process ended before it did".to_owned();
            for stage in &mut run.stages {
                stage.state = match stage.state {
                    StageState::Running => StageState::Failed,
                    StageState::Waiting => StageState::Skipped,
                    other => other,
                };
            }
            let word = RunOutcome::Interrupted.word().to_owned();
            *self.outcomes.entry(word).or_default() += 1;
        }
        any
    }
}

/// Whether an acknowledgement counts on this day. One whose last day cannot be read does not.
pub fn holds(seen: &Acknowledgement, today: Date) -> bool {
    Date::parse(&seen.expires).is_some_and(|last| !last.is_over(today))
}

/// Tells one file from the one that replaces it: number, size, and time of the last change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Version(u64, u64, i64, i64);

/// The book of one store.
#[derive(Clone, Debug)]
pub struct Book {
    dir: PathBuf,
}

/// Held while a run goes on. The kernel lets go when the process ends.
#[derive(Debug)]
pub struct RunLock(File);

impl Drop for RunLock {
    fn drop(&mut self) {
        // Closing lets go as well.
        let _ = self.0.unlock();
    }
}

const STATE: &str = "state.json";

impl Book {
    /// Opens the book of the store in this directory, and makes it where there is none.
    pub fn open(store: &Path) -> io::Result<Book> {
        let dir = store.join("serve");
        let made = fs::DirBuilder::new()
            .recursive(true)
            .mode(0o750)
            .create(&dir);
        made.map_err(|error| named(&dir, &error))?;
        Ok(Book { dir })
    }

    /// Where the state is.
    pub fn path(&self) -> PathBuf {
        self.dir.join(STATE)
    }

    /// A file beside the state.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Which file the state is in; `None` where there is none yet.
    pub fn version(&self) -> io::Result<Option<Version>> {
        let path = self.path();
        match fs::metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            found => {
                let found = found.map_err(|error| named(&path, &error))?;
                Ok(Some(Version(
                    found.ino(),
                    found.len(),
                    found.mtime(),
                    found.mtime_nsec(),
                )))
            }
        }
    }

    /// What is remembered.
    pub fn read(&self) -> io::Result<State> {
        let path = self.path();
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(State::default()),
            bytes => bytes.map_err(|error| named(&path, &error))?,
        };
        match serde_json::from_slice::<State>(&bytes) {
            Ok(state) if state.schema == SCHEMA => Ok(state),
            Ok(state) => Err(io::Error::new(
                ErrorKind::InvalidData,
                format!(
                    "{} is {}, and this Weir reads {SCHEMA}",
                    path.display(),
                    state.schema
                ),
            )),
            Err(error) => Err(io::Error::new(
                ErrorKind::InvalidData,
                format!("{}: {error}", path.display()),
            )),
        }
    }

    /// Changes what is remembered, alone. A file that does not read is put aside and begun anew: a scheduler that
    /// does not start because of its own history shapes nobody.
    pub fn change<T>(&self, work: impl FnOnce(&mut State) -> T) -> io::Result<T> {
        let lock = self.file("state.lock")?;
        lock.lock().map_err(|error| named(&self.dir, &error))?;
        let mut state = match self.read() {
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                let aside = self.dir.join("state.damaged.json");
                fs::rename(self.path(), &aside).map_err(|error| named(&aside, &error))?;
                let mut state = State::default();
                state.raise(Issue {
                    id: "STATE-DAMAGED".to_owned(),
                    code: "STATE-DAMAGED".to_owned(),
                    level: IssueLevel::Warning,
                    from: "scheduler".to_owned(),
                    message: format!("what the scheduler remembered could not be read: {error}"),
                    help: format!(
                        "its history begins anew; what was there is in {}",
                        aside.display()
                    ),
                    since: jiff::Timestamp::now().to_string(),
                });
                state
            }
            state => state?,
        };
        let before = state.clone();
        let came = work(&mut state);
        state.trim();
        if state != before || !self.path().exists() {
            let mut text = serde_json::to_vec_pretty(&state).map_err(io::Error::other)?;
            text.push(b'\n');
            replace::together(&self.dir, &[(STATE, &text)])
                .map_err(|error| named(&self.path(), &error))?;
        }
        Ok(came)
    }

    /// The right to run; `None` while another has it. Whoever gets it ends the runs of processes that are gone, and is
    /// told whether there was one.
    pub fn lock_run(&self) -> io::Result<Option<(RunLock, bool)>> {
        let file = self.file("run.lock")?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(error)) => return Err(named(&self.dir, &error)),
        }
        let lock = RunLock(file);
        let buried = self.change(State::bury)?;
        Ok(Some((lock, buried)))
    }

    fn file(&self, name: &str) -> io::Result<File> {
        let path = self.dir.join(name);
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o640)
            .open(&path)
            .map_err(|error| named(&path, &error))
    }
}

/// The path stands in the message: a full disk is somewhere.
fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The day that is named is the last one with, as everywhere.
    #[test]
    fn an_acknowledgement_ends_with_its_last_day() {
        let seen = |expires: &str| Acknowledgement {
            id: "X".to_owned(),
            code: "X".to_owned(),
            by: "jo".to_owned(),
            reason: "seen".to_owned(),
            time: "2026-01-01T00:00:00Z".to_owned(),
            expires: expires.to_owned(),
        };
        let day = |text| Date::parse(text).expect("a day");
        let mut state = State {
            acknowledged: vec![seen("2026-12-31"), seen("soon")],
            ..State::default()
        };
        assert!(!holds(&seen("soon"), day("2026-01-01")));
        assert_eq!(state.lapse(day("2026-12-31")), [seen("soon")]);
        assert_eq!(state.lapse(day("2026-12-31")), []);
        assert_eq!(state.lapse(day("2027-01-01")), [seen("2026-12-31")]);
        assert_eq!(state.acknowledged, []);
    }

    pub fn run(id: &str) -> Run {
        Run {
            id: id.to_owned(),
            started: "2026-01-01T00:00:00Z".to_owned(),
            milliseconds: None,
            by: "schedule".to_owned(),
            outcome: None,
            summary: String::new(),
            exit_code: None,
            digest: None,
            stages: Vec::new(),
            log: Vec::new(),
        }
    }

    #[test]
    fn what_is_changed_is_read_back_and_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let book = Book::open(dir.path()).unwrap();
        assert_eq!(book.read().unwrap(), State::default());
        for n in 0..RUNS + 5 {
            let mut run = run(&n.to_string());
            run.log = (0..LINES + 5)
                .map(|n| format!("{n} {}", "ä".repeat(600)))
                .collect();
            book.change(|state| {
                state.runs.truncate(3);
                state.runs.insert(0, run.clone());
                if n == 0 {
                    state.runs = vec![run; RUNS + 9];
                }
            })
            .unwrap();
            if n == 0 {
                let read = book.read().unwrap();
                assert_eq!(read.runs.len(), RUNS);
                assert_eq!(read.runs[0].log.len(), LINES);
                assert!(read.runs[0].log[0].starts_with("5 ä"));
                assert_eq!(read.runs[0].log[0].chars().count(), LONGEST);
            }
        }
        assert_eq!(book.read().unwrap().runs.len(), 4);
    }

    #[test]
    fn one_run_at_a_time_and_the_dead_are_buried_by_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let book = Book::open(dir.path()).unwrap();
        let (lock, buried) = book.lock_run().unwrap().expect("free");
        assert!(!buried);
        assert!(book.lock_run().unwrap().is_none());
        book.change(|state| state.runs.insert(0, run("1"))).unwrap();
        drop(lock);
        let (_lock, buried) = book.lock_run().unwrap().expect("free again");
        assert!(buried);
        let state = book.read().unwrap();
        assert_eq!(state.runs[0].outcome, Some(RunOutcome::Interrupted));
        assert_eq!(state.outcomes["interrupted"], 1);
    }

    #[test]
    fn a_damaged_file_is_put_aside_and_said() {
        let dir = tempfile::tempdir().unwrap();
        let book = Book::open(dir.path()).unwrap();
        fs::write(book.path(), "{").unwrap();
        assert!(book.read().is_err());
        book.change(|_| ()).unwrap();
        let state = book.read().unwrap();
        assert_eq!(state.issues[0].code, "STATE-DAMAGED");
        assert_eq!(fs::read(book.beside("state.damaged.json")).unwrap(), b"{");
    }

    #[test]
    fn an_issue_keeps_its_time_while_it_lasts() {
        let issue = |message: &str, since: &str| Issue {
            id: "A".to_owned(),
            code: "A".to_owned(),
            level: IssueLevel::Error,
            from: "scheduler".to_owned(),
            message: message.to_owned(),
            help: "do".to_owned(),
            since: since.to_owned(),
        };
        let mut state = State::default();
        state.raise(issue("one", "1"));
        state.raise(issue("two", "2"));
        assert_eq!(state.issues.len(), 1);
        assert_eq!(
            (
                state.issues[0].message.as_str(),
                state.issues[0].since.as_str()
            ),
            ("two", "1")
        );
    }
}
