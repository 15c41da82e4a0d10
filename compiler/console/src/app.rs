//! What all pages share: the store, the runtime, the caller, and what was read already.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use weir_schemas::compare::Compare;
use weir_schemas::diff::Diff;
use weir_schemas::head::Head;
use weir_schemas::tree::Tree;
use weir_store::channel::journal::Journal;
use weir_store::channel::{Channels, SystemClock};

use crate::config::Config;
use crate::engine::{Answer, Engine, Problem, Project};
use crate::eyes::{Eyes, Key};
use crate::geo::Geo;
use crate::index::{Index, IndexError};
use crate::live::Runtime;
use crate::stock::Stock;
use crate::users::Role;

/// Artifacts that are kept in memory with everything, and with their circuits only.
const WHOLE: usize = 3;
const LIGHT: usize = 8;
const DIFFS: usize = 8;
/// Channels whose heads are kept.
const CHANNELS: usize = 64;

/// What was read, the newest use last. Whoever comes while a thing is read waits for it.
struct Shelf<K, V> {
    places: Mutex<Vec<(K, Place<V>)>>,
    most: usize,
}

/// Holds its lock while it is filled.
type Place<V> = Arc<Mutex<Option<Arc<V>>>>;

impl<K: PartialEq + Clone, V> Shelf<K, V> {
    fn new(most: usize) -> Self {
        Shelf {
            places: Mutex::new(Vec::new()),
            most,
        }
    }

    fn get<E>(&self, key: &K, make: impl FnOnce() -> Result<V, E>) -> Result<Arc<V>, E> {
        let place = {
            let mut places = self.places.lock().unwrap_or_else(|e| e.into_inner());
            let place = match places.iter().position(|(k, _)| k == key) {
                Some(at) => places.remove(at).1,
                None => Place::default(),
            };
            places.push((key.clone(), place.clone()));
            let over = places.len().saturating_sub(self.most);
            places.drain(..over);
            place
        };
        let mut value = place.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(value) = &*value {
            return Ok(value.clone());
        }
        let made = Arc::new(make()?);
        *value = Some(made.clone());
        Ok(made)
    }
}

/// An artifact as far as comparing circuits goes.
pub struct Light {
    /// Parent, rates and addresses of each circuit, as one number.
    pub circuits: HashMap<String, u64>,
    prefixes: std::collections::HashSet<ipnet::IpNet>,
}

impl Light {
    /// Some prefix of it holds the address.
    pub fn has(&self, address: std::net::IpAddr) -> bool {
        let longest = if address.is_ipv4() { 32 } else { 128 };
        (0..=longest).any(|length| {
            ipnet::IpNet::new(address, length).is_ok_and(|n| self.prefixes.contains(&n.trunc()))
        })
    }
}

/// The comparison of strategies. It takes as long as four builds, so nobody waits for it.
#[derive(Default)]
struct Compared {
    state: Mutex<Comparing>,
    done: Condvar,
}

#[derive(Default)]
struct Comparing {
    /// The newest, and the state of the scheduler that it was made in.
    made: Option<(u64, Arc<Compare>)>,
    failed: Option<Problem>,
    under_way: bool,
    count: u64,
}

impl Compared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Comparing> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// How long a page waits for the comparison before it says that it is being made.
const SHORT: Duration = Duration::from_millis(50);

/// A head, and when it was read.
type Heads = Mutex<HashMap<String, (Instant, Option<Head>)>>;

/// Everything.
pub struct App {
    pub engine: Arc<dyn Engine>,
    pub config: Config,
    pub stock: Arc<dyn Stock>,
    pub runtime: Runtime,
    pub geo: Geo,
    pub key: Key,
    whole: Shelf<String, Index>,
    light: Shelf<String, Light>,
    diffs: Shelf<(String, String), Diff>,
    texts: Shelf<(String, String), String>,
    compared: Arc<Compared>,
    heads: Heads,
    names: Mutex<Option<(Instant, Vec<String>)>>,
    /// What was made ready last: what runs, and what was built.
    warmed: Mutex<(Option<String>, Option<String>)>,
    warming: AtomicBool,
}

impl App {
    pub fn new(config: Config, engine: Arc<dyn Engine>, stock: Arc<dyn Stock>, key: Key) -> App {
        App {
            runtime: Runtime::at(config.runtime.clone()),
            geo: Geo::open(&config.mmdb),
            engine,
            stock,
            key,
            config,
            whole: Shelf::new(WHOLE),
            light: Shelf::new(LIGHT),
            diffs: Shelf::new(DIFFS),
            texts: Shelf::new(DIFFS),
            compared: Arc::default(),
            heads: Mutex::default(),
            names: Mutex::default(),
            warmed: Mutex::default(),
            warming: AtomicBool::new(false),
        }
    }

    pub fn project(&self) -> Answer<Project> {
        self.engine.project()
    }

    fn channels(&self) -> Channels<'_> {
        Channels {
            backend: self.stock.backend(),
            clock: &SystemClock,
            author: String::new(),
            sign: None,
        }
    }

    /// The head as it is. What is overdue is for the scheduler to settle; a console changes nothing by being looked at.
    pub fn head(&self, channel: &str) -> Answer<Option<Head>> {
        let mut heads = self.heads.lock().unwrap_or_else(|e| e.into_inner());
        if let Some((when, head)) = heads.get(channel)
            && when.elapsed() < self.stock.patience()
        {
            return Ok(head.clone());
        }
        drop(heads);
        let known = self.channels().head(channel).map_err(Problem::failed)?;
        let head = known.map(|known| known.head);
        heads = self.heads.lock().unwrap_or_else(|e| e.into_inner());
        // Whoever asks for channels that there are not fills nothing.
        if heads.len() < CHANNELS || heads.contains_key(channel) {
            heads.insert(channel.to_owned(), (Instant::now(), head.clone()));
        }
        Ok(head)
    }

    /// Channels that have a head, sorted.
    pub fn channel_names(&self) -> Answer<Vec<String>> {
        let mut kept = self.names.lock().unwrap_or_else(|e| e.into_inner());
        if let Some((when, names)) = &*kept
            && when.elapsed() < self.stock.patience()
        {
            return Ok(names.clone());
        }
        let names = self.stock.backend().channels().map_err(Problem::failed)?;
        *kept = Some((Instant::now(), names.clone()));
        Ok(names)
    }

    /// What was known of heads is read again: this console moved one.
    pub fn moved(&self) {
        self.heads.lock().unwrap_or_else(|e| e.into_inner()).clear();
    }

    /// Number and name of the last write of every head.
    pub fn heads(&self) -> Vec<(u64, String)> {
        let names = self.channel_names().unwrap_or_default();
        let heads = names.iter().filter_map(|name| self.head(name).ok()?);
        heads.map(|head| (head.seq, head.txn)).collect()
    }

    pub fn journal(&self, channel: &str) -> Answer<Journal> {
        self.channels().journal(channel).map_err(Problem::failed)
    }

    pub fn index(&self, digest: &str) -> Answer<Arc<Index>> {
        self.whole
            .get(&digest.to_owned(), || Index::load(&*self.stock, digest))
            .map_err(|error| match error {
                IndexError::Missing(_) => Problem::NotFound {
                    message: error.to_string(),
                },
                IndexError::Damaged { .. } => Problem::Failed {
                    message: error.to_string(),
                    help: "`weir verify` lists what is damaged; build again, or roll back"
                        .to_owned(),
                },
            })
    }

    /// The artifact a page is about: the one that was asked for, or else what the channel runs, or else what was built
    /// last.
    pub fn shown(&self, asked: &str, channel: &str) -> Answer<Option<Arc<Index>>> {
        let digest = match asked {
            "" => match self.head(channel)? {
                Some(head) => Some(head.digest),
                None => self.engine.scheduler()?.latest.map(|l| l.digest),
            },
            asked => {
                let artifact = self.stock.get(asked).map_err(|e| Problem::NotFound {
                    message: e.to_string(),
                })?;
                Some(artifact.digest().to_owned())
            }
        };
        digest.map(|digest| self.index(&digest)).transpose()
    }

    /// The circuits of an artifact, read quickly.
    pub fn light(&self, digest: &str) -> Answer<Arc<Light>> {
        self.light.get(&digest.to_owned(), || {
            let artifact = self.stock.get(digest).map_err(Problem::failed)?;
            let bytes = artifact.read(weir_schemas::artifact::TREE);
            let bytes = bytes.map_err(Problem::failed)?;
            let tree: Tree<'static> = weir_schemas::read(&bytes).map_err(Problem::failed)?;
            Ok(light(&tree))
        })
    }

    pub fn diff(&self, from: &str, to: &str) -> Answer<Arc<Diff>> {
        let key = (from.to_owned(), to.to_owned());
        self.diffs.get(&key, || self.engine.diff(from, to))
    }

    /// The text of the pull-request comment for this change.
    pub fn review_text(&self, from: &str, to: &str) -> Answer<Arc<String>> {
        let key = (from.to_owned(), to.to_owned());
        self.texts.get(&key, || self.engine.review_text(from, to))
    }

    /// All strategies: worked out once for each state of the scheduler, however many ask, and beside everything else. The
    /// newest there is, and whether a newer one is being worked out.
    pub fn compare(&self) -> Answer<(Option<Arc<Compare>>, bool)> {
        let revision = self.engine.revision();
        let mut state = self.compared.lock();
        if state.failed.is_none()
            && !state.under_way
            && state
                .made
                .as_ref()
                .is_none_or(|(when, _)| *when != revision)
        {
            state.under_way = true;
            let (compared, engine) = (self.compared.clone(), self.engine.clone());
            let works = move || {
                let answer = engine.compare();
                let mut state = compared.lock();
                state.under_way = false;
                state.count += 1;
                match answer {
                    Ok(compare) => state.made = Some((revision, Arc::new(compare))),
                    Err(problem) => state.failed = Some(problem),
                }
                compared.done.notify_all();
            };
            let name = std::thread::Builder::new().name("compare".to_owned());
            if let Err(error) = name.spawn(works) {
                state.under_way = false;
                return Err(Problem::failed(error));
            }
        }
        if state.made.is_none() {
            let waited = (self.compared.done).wait_timeout_while(state, SHORT, |s| s.under_way);
            state = waited.unwrap_or_else(|e| e.into_inner()).0;
        }
        // Told once; who asks again has it tried again.
        if let Some(problem) = state.failed.take() {
            return Err(problem);
        }
        let made = state.made.as_ref().map(|(_, compare)| compare.clone());
        Ok((made, state.under_way))
    }

    /// Grows with every comparison that was made: open pages want to know.
    pub fn compared(&self) -> u64 {
        self.compared.lock().count
    }

    /// Reads beforehand what pages will ask for, when what runs or what was built is another than before: nobody waits
    /// for an artifact to be read. Goes on beside the caller.
    pub fn warm(self: &Arc<Self>) {
        let Ok(project) = self.project() else { return };
        let head = self.head(&project.channel).ok().flatten();
        let latest = self.engine.scheduler().ok().and_then(|s| s.latest);
        let now = (head.map(|h| h.digest), latest.map(|l| l.digest));
        let mut warmed = self.warmed.lock().unwrap_or_else(|e| e.into_inner());
        if *warmed == now || self.warming.swap(true, Ordering::AcqRel) {
            return;
        }
        warmed.clone_from(&now);
        drop(warmed);
        let app = self.clone();
        let works = move || {
            app.read_ahead(&project.channel, now.0.as_deref(), now.1.as_deref());
            app.warming.store(false, Ordering::Release);
        };
        let name = std::thread::Builder::new().name("read-ahead".to_owned());
        if name.spawn(works).is_err() {
            self.warming.store(false, Ordering::Release);
        }
    }

    /// What cannot be read is not read ahead: the page that wants it says why.
    fn read_ahead(&self, channel: &str, head: Option<&str>, latest: Option<&str>) {
        let viewer = Eyes::new(Role::Viewer, self.key.clone());
        if let Some(head) = head
            && let Ok(index) = self.index(head)
        {
            index.pseudonyms(&viewer);
            if let Some(circuit) = index.circuits.first() {
                let _ = self.engine.why(head, &circuit.id);
            }
        }
        if let Some(latest) = latest
            && head != Some(latest)
        {
            let _ = self.index(latest);
            if let Some(head) = head {
                let _ = self.diff(head, latest);
                let _ = self.review_text(head, latest);
            }
            let _ = self.engine.review(channel, latest);
        }
        for (_, digest) in crate::pages::unknown::generations(self, channel).unwrap_or_default() {
            let _ = self.light(&digest);
        }
    }
}

fn light(tree: &Tree<'_>) -> Light {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut light = Light {
        circuits: HashMap::new(),
        prefixes: Default::default(),
    };
    for (id, circuit) in &tree.circuits {
        let mut hasher = DefaultHasher::new();
        (&circuit.parent, circuit.max_kbps, circuit.min_kbps).hash(&mut hasher);
        for prefix in circuit
            .devices
            .iter()
            .flat_map(|d| d.ipv4.iter().chain(&d.ipv6))
        {
            prefix.hash(&mut hasher);
            light.prefixes.extend(prefix.parse::<ipnet::IpNet>().ok());
        }
        let of = (id.as_ref().to_owned(), hasher.finish());
        light.circuits.insert(of.0, of.1);
    }
    light
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shelf_keeps_what_was_used_last_and_forgets_failures() {
        let shelf: Shelf<u8, u8> = Shelf::new(2);
        let made = |key: u8| shelf.get(&key, || Ok::<_, ()>(key * 2));
        assert_eq!(made(1).as_deref(), Ok(&2));
        assert_eq!(made(2).as_deref(), Ok(&4));
        assert_eq!(shelf.get(&1, || Err("made again")).as_deref(), Ok(&2));
        assert_eq!(made(3).as_deref(), Ok(&6));
        assert_eq!(shelf.get(&2, || Err("gone")), Err("gone"));
        assert_eq!(made(2).as_deref(), Ok(&4));
    }
}
