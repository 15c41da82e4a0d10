//! `weir-runtime run`: follows a channel. One thread changes the kernel; one looks at the store, because a store may
//! hang; one reads counters; a few answer questions. None of them waits for another but by a queue.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use sd_notify::NotifyState;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use weir_store::channel::{Clock as _, SystemClock};

use crate::agent::memory::replace;
use crate::agent::run::{Agent, Level, Told};
use crate::agent::swapper::{OpenError, Swapper};
use crate::artifact::Proved;
use crate::config::Config;
use crate::copies::Copies;
use crate::exit::{Exit, Failure};
use crate::follow::{Look, Missing, Source};
use crate::status::live::Meter;
use crate::status::{Board, Moment, metrics, serve};
use crate::swap::StateError;

use super::{StoreArgument, log, not_opened, outside};

/// Time between turns.
const TURN: Duration = Duration::from_secs(1);
/// What does not prove is proved again after so long, or when somebody asks.
const AGAIN: Duration = Duration::from_secs(60);
/// How long the last word to the service manager may take.
const LAST_WORD: Duration = Duration::from_secs(1);
/// How long a lock that somebody holds is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// What waits to be heard.
const QUEUE: usize = 4;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    store: StoreArgument,
    /// Channel to follow [default: `store.channel`]
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
}

/// What the thread that changes the kernel hears.
enum Message {
    Told(Told),
    Reload,
    Stop,
}

/// What the thread that looks at the store is asked.
enum Ask {
    /// Look now, and tell what there is although it was told.
    Afresh,
    /// Take a head back whose time is over.
    Settle,
}

pub fn run(arguments: &Arguments, mut config: Config, quiet: bool) -> Result<Exit, Failure> {
    if let Some(store) = &arguments.store.store {
        config.store.path.clone_from(store);
    }
    if let Some(channel) = &arguments.channel {
        if !weir_store::channel::head::is_name(channel) {
            return Err(Failure::new(
                Exit::Usage,
                format!("{channel:?} cannot be the name of a channel"),
                "a channel is named with letters, digits, `-`, `_` and `.`",
            ));
        }
        config.store.channel.clone_from(channel);
    }
    // From here on a signal is a message, and none is lost.
    let signals = Signals::new([SIGHUP, SIGINT, SIGTERM])
        .map_err(|e| outside(format!("signals cannot be caught: {e}")))?;
    let swapper = lock(&config)?;
    let board = Arc::new(Board::default());
    board.write(|s| s.channel = Some(config.store.channel.clone()));
    let say = move |level: Level, text: &str| {
        if !quiet || level <= Level::Warning {
            log::line(level, text);
        }
    };
    let clock = SystemClock;
    let mut agent = Agent::new(swapper, &clock, config.clone(), Arc::clone(&board), &say)
        .map_err(|error| outside(error.to_string()))?;
    let _server = serve::start(&config.socket.path, config.socket.clients, &board, moment)
        .map_err(|e| {
            outside(format!(
                "{} cannot be answered on: {e}",
                config.socket.path.display()
            ))
        })?;
    let (tell, hear) = sync_channel(QUEUE);
    let (ask, asked) = channel();
    let copies = Copies::open(&config.state.dir).map_err(|e| outside(e.to_string()))?;
    let source = Source {
        store: config.store.path.clone(),
        channel: config.store.channel.clone(),
        trust: config.store.trust.clone(),
    };
    start("signals", signals_thread(signals, tell.clone()))?;
    start(
        "store",
        store_thread(source, copies, config.store.poll.0, tell, asked),
    )?;
    start("counters", counters_thread(&config, Arc::clone(&board)))?;
    say(
        Level::Notice,
        &format!(
            "following channel {} of {}",
            config.store.channel,
            config.store.path.display()
        ),
    );
    Ok(turns(&mut agent, &hear, &ask, Manager::start()?))
}

/// The lock, after a moment of patience: somebody may just be looking with `verify` or `doctor`.
fn lock(config: &Config) -> Result<Swapper, Failure> {
    let end = Instant::now() + PATIENCE;
    loop {
        match Swapper::open(config) {
            Err(OpenError::State(StateError::Locked { .. })) if Instant::now() < end => {
                thread::sleep(Duration::from_millis(100));
            }
            opened => return opened.map_err(not_opened),
        }
    }
}

/// Turns until somebody says stop. What is in the kernel stays.
fn turns<S: crate::agent::shaper::Shaper>(
    agent: &mut Agent<'_, S>,
    hear: &Receiver<Message>,
    ask: &Sender<Ask>,
    manager: Manager,
) -> Exit {
    let mut ready = false;
    let mut next = Instant::now();
    loop {
        let wait = next.saturating_duration_since(Instant::now());
        match hear.recv_timeout(wait) {
            Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => {
                manager.stop();
                return Exit::Done;
            }
            Ok(Message::Reload) => {
                agent.retry();
                let _ = ask.send(Ask::Afresh);
            }
            Ok(Message::Told(told)) => agent.hear(told),
            Err(RecvTimeoutError::Timeout) => next = Instant::now() + TURN,
        }
        agent.turn();
        if agent.wants_looking() {
            let _ = ask.send(Ask::Afresh);
        }
        if agent.wants_settling() {
            let _ = ask.send(Ask::Settle);
        }
        if !ready {
            manager.tell(Word::Ready);
            ready = true;
        }
        manager.tell(Word::Alive);
    }
}

/// What the service manager is told.
#[derive(Clone, Copy)]
enum Word {
    Ready,
    Alive,
    Stopping,
}

/// Tells the service manager, where there is one, from a thread of its own: a manager that does not listen must not
/// keep anybody from going back in time.
struct Manager {
    words: Option<SyncSender<Word>>,
    ended: Receiver<()>,
}

impl Manager {
    fn start() -> Result<Manager, Failure> {
        let (words, hear) = sync_channel::<Word>(QUEUE);
        let (end, ended) = channel();
        if std::env::var_os("NOTIFY_SOCKET").is_none() {
            return Ok(Manager { words: None, ended });
        }
        start("manager", move || {
            for word in hear {
                let state = match word {
                    Word::Ready => NotifyState::Ready,
                    Word::Alive => NotifyState::Watchdog,
                    Word::Stopping => NotifyState::Stopping,
                };
                // It will ask again, or end this process: nothing to do about it here.
                let _ = sd_notify::notify(&[state]);
            }
            // Whoever waits for the last word need not any more.
            drop(end);
        })?;
        Ok(Manager {
            words: Some(words),
            ended,
        })
    }

    /// A word that finds no room is one of many.
    fn tell(&self, word: Word) {
        if let Some(words) = &self.words {
            let _ = words.try_send(word);
        }
    }

    /// The last word, and a moment for it to be heard.
    fn stop(mut self) {
        self.tell(Word::Stopping);
        if self.words.take().is_some() {
            let _ = self.ended.recv_timeout(LAST_WORD);
        }
    }
}

fn start(name: &str, body: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    let started = thread::Builder::new().name(name.to_owned()).spawn(body);
    started
        .map(|_| ())
        .map_err(|e| outside(format!("no thread for {name}: {e}")))
}

fn signals_thread(mut signals: Signals, tell: SyncSender<Message>) -> impl FnOnce() + Send {
    move || {
        for signal in signals.forever() {
            let message = match signal {
                SIGHUP => Message::Reload,
                _ => Message::Stop,
            };
            if tell.send(message).is_err() {
                return;
            }
        }
    }
}

fn store_thread(
    source: Source,
    copies: Copies,
    poll: Duration,
    tell: SyncSender<Message>,
    asked: Receiver<Ask>,
) -> impl FnOnce() + Send {
    move || {
        let mut looker = Looker {
            source,
            copies,
            told: None,
            refused: None,
        };
        loop {
            if tell.send(Message::Told(looker.look())).is_err() {
                return;
            }
            match asked.recv_timeout(poll) {
                Ok(Ask::Afresh) => {
                    looker.told = None;
                    looker.refused = None;
                }
                Ok(Ask::Settle) => match looker.source.settle(&SystemClock) {
                    Ok(true) => log::line(Level::Notice, "the head of the channel was taken back"),
                    Ok(false) => {}
                    Err(why) => log::line(
                        Level::Notice,
                        &format!(
                            "the head of the channel is left to whoever may write the store: {why}"
                        ),
                    ),
                },
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}

/// Looks at the store, and fetches what a new head needs.
struct Looker {
    source: Source,
    copies: Copies,
    /// The head that was told with all it needs.
    told: Option<String>,
    /// The head whose artifact did not prove, and when it was tried.
    refused: Option<(String, Instant)>,
}

impl Looker {
    fn look(&mut self) -> Told {
        let seen = match self.source.look(&SystemClock) {
            Look::Nothing => return Told::Nothing,
            Look::Refused(refusal) => {
                self.told = None;
                return Told::Refused(refusal);
            }
            Look::Unreachable(why) => return Told::Unreachable(why),
            Look::Head(seen) => seen,
        };
        let txn = seen.head.txn.clone();
        let tried = self
            .refused
            .as_ref()
            .filter(|(t, at)| *t == txn && at.elapsed() < AGAIN);
        if self.told.as_ref() == Some(&txn) || tried.is_some() {
            return Told::Unchanged;
        }
        let artifact = self.fetch(&seen.head);
        match &artifact {
            Ok(_) => self.told = Some(txn),
            Err(Missing::Refused(_)) => self.refused = Some((txn, Instant::now())),
            Err(Missing::Unreachable(_)) => {}
        }
        Told::Head {
            seen,
            artifact: artifact.map(Some),
        }
    }

    /// The artifact of a head, and of what it goes back to when nobody confirms it.
    fn fetch(&self, head: &weir_schemas::head::Head) -> Result<Arc<Proved>, Missing> {
        let artifact = self
            .source
            .fetch(&self.copies, &head.digest, &head.manifest_sha256)?;
        if head.confirm.is_none() {
            return Ok(artifact);
        }
        let Some(parent) = &head.parent else {
            return Ok(artifact);
        };
        self.source
            .fetch(&self.copies, &parent.digest, &parent.manifest_sha256)
            .map(|_| artifact)
            .map_err(|missing| {
                let why = |text: String| {
                    format!("it waits to be confirmed, and what it would go back to is not there: {text}")
                };
                match missing {
                    Missing::Unreachable(text) => Missing::Unreachable(why(text)),
                    Missing::Refused(text) => Missing::Refused(why(text)),
                }
            })
    }
}

fn counters_thread(config: &Config, board: Arc<Board>) -> impl FnOnce() + Send + use<> {
    let pins = config.kernel.pins.clone();
    let every = config.socket.read.0;
    let textfile = config.metrics.textfile.clone();
    move || {
        let mut meter = None;
        loop {
            if let Err(error) = read(&mut meter, &pins, &board) {
                // Made anew next time: a socket may have overflowed.
                meter = None;
                log::line(
                    Level::Warning,
                    &format!("counters could not be read: {error}"),
                );
            }
            if let Some(path) = &textfile {
                let text = metrics::text(&board, moment());
                if let Err(error) = replace(path, text.as_bytes()) {
                    log::line(Level::Warning, &format!("metrics: {error}"));
                }
            }
            thread::sleep(every);
        }
    }
}

fn read(meter: &mut Option<Meter>, pins: &Path, board: &Board) -> Result<(), String> {
    let devices = board.readings().devices();
    if devices.is_empty() {
        return Ok(());
    }
    let meter = match meter {
        Some(meter) => meter,
        None => meter.insert(Meter::open(pins.to_owned())?),
    };
    let reading = meter.read(&devices)?;
    board.readings().put(reading);
    Ok(())
}

fn moment() -> Moment {
    Moment {
        time: SystemClock.now(),
        since_boot_ms: SystemClock.since_boot_ms(),
    }
}
