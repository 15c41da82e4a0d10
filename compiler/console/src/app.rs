//! What all pages share: the store, the runtime, the caller, and what was read already.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use weir_schemas::compare::Compare;
use weir_schemas::diff::Diff;
use weir_schemas::head::Head;
use weir_schemas::tree::Tree;
use weir_store::Store;
use weir_store::channel::journal::Journal;
use weir_store::channel::{Channels, SystemClock};

use crate::config::Config;
use crate::engine::{Answer, Engine, Problem, Project};
use crate::eyes::Key;
use crate::geo::Geo;
use crate::index::{Index, IndexError};
use crate::live::Runtime;

/// Artifacts that are kept in memory with everything, and with their circuits only.
const WHOLE: usize = 3;
const LIGHT: usize = 8;
const DIFFS: usize = 8;

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

/// The comparison of strategies and the state it was made in.
type Compared = Mutex<Option<(u64, Arc<Compare>)>>;

/// Everything.
pub struct App {
    pub engine: Arc<dyn Engine>,
    pub config: Config,
    pub store: Store,
    pub runtime: Runtime,
    pub geo: Geo,
    pub key: Key,
    whole: Shelf<String, Index>,
    light: Shelf<String, Light>,
    diffs: Shelf<(String, String), Diff>,
    compared: Compared,
}

impl App {
    pub fn new(config: Config, engine: Arc<dyn Engine>, store: Store, key: Key) -> App {
        App {
            runtime: Runtime::at(config.runtime.clone()),
            geo: Geo::open(&config.mmdb),
            engine,
            store,
            key,
            config,
            whole: Shelf::new(WHOLE),
            light: Shelf::new(LIGHT),
            diffs: Shelf::new(DIFFS),
            compared: Mutex::default(),
        }
    }

    pub fn project(&self) -> Answer<Project> {
        self.engine.project()
    }

    fn channels(&self) -> Channels<'_> {
        Channels {
            backend: &self.store,
            clock: &SystemClock,
            author: String::new(),
            sign: None,
        }
    }

    /// The head as it is. What is overdue is for the scheduler to settle; a console changes nothing by being looked at.
    pub fn head(&self, channel: &str) -> Answer<Option<Head>> {
        let known = self.channels().head(channel).map_err(Problem::failed)?;
        Ok(known.map(|known| known.head))
    }

    pub fn journal(&self, channel: &str) -> Answer<Journal> {
        self.channels().journal(channel).map_err(Problem::failed)
    }

    pub fn index(&self, digest: &str) -> Answer<Arc<Index>> {
        self.whole
            .get(&digest.to_owned(), || Index::load(&self.store, digest))
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
                let artifact = self.store.get(asked).map_err(|e| Problem::NotFound {
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
            let artifact = self.store.get(digest).map_err(Problem::failed)?;
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

    /// All strategies: worked out once for each state of the scheduler, however many ask.
    pub fn compare(&self) -> Answer<Arc<Compare>> {
        let mut compared = self.compared.lock().unwrap_or_else(|e| e.into_inner());
        let revision = self.engine.revision();
        if let Some((when, compare)) = &*compared
            && *when == revision
        {
            return Ok(compare.clone());
        }
        let compare = Arc::new(self.engine.compare()?);
        *compared = Some((revision, compare.clone()));
        Ok(compare)
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
