//! Watching what was loaded: whether a new generation does well, and whether the kernel stays as it was made.

use super::*;
use crate::agent::shaper::ReadBack;
use crate::health::{self, Observed, Probe, Probes};
use crate::status::traffic::Probed;

/// Repairs of one generation before it is left alone: somebody else changes what is ours, and does not stop.
pub(super) const REPAIRS: u32 = 3;
/// Repairs are forgotten when nothing drifted for so long, in milliseconds.
const CALM_MS: u64 = 600_000;

/// Readings that may be missed before counters count as unreadable, and a while for a busy machine, in milliseconds.
const MISSED: u64 = 4;
const BUSY_MS: u64 = 60_000;

/// A generation that was loaded and is watched.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub until: u64,
    /// Readings there were when it was loaded.
    pub readings: u64,
    /// The first reading of which nothing was read before it was loaded.
    pub probed: Option<Probed>,
    /// Counters when it was loaded.
    pub start: Option<Counters>,
    /// What passed in a while before.
    pub before: Option<Counters>,
}

impl<S: Shaper> Agent<'_, S> {
    /// What passed lately: the share of it that was shaped is what a new generation is measured by. `None` where
    /// nothing was shaped.
    pub(super) fn passed_before(&self) -> Option<Counters> {
        let now = self.board.readings().counters()?;
        self.loaded.as_ref()?;
        let older = self.usual[0].or(self.usual[1]).unwrap_or_default();
        Some(now.since(&older))
    }

    /// Looks at what was loaded: at once at what the kernel has, and when its time is over at what passed.
    pub(super) fn watch(&mut self) {
        self.probe();
        let Some(watch) = self.watch.clone() else {
            return;
        };
        let Some(loaded) = self.loaded.clone() else {
            self.watch = None;
            return;
        };
        if !self.gone(&loaded).is_empty() {
            // No fault of the generation: when the interface is back, it is brought in and watched again.
            return;
        }
        let first = self.read_back_at == 0;
        let over = self.is_over(&watch);
        if !first && !over {
            return;
        }
        let Some(read_back) = self.read_back(&loaded) else {
            return;
        };
        let since = self.board.readings().counters().unwrap_or_default();
        let since = since.since(&watch.start.unwrap_or_default());
        let probes = self.probes(&watch, over);
        let checks = self.check(&loaded, &read_back, since, watch.before, probes);
        if let Some(red) = health::red(&checks) {
            self.watch = None;
            self.is_unhealthy(&loaded, &red);
        } else if over {
            self.watch = None;
            self.memory.good();
            self.save();
            let grace = self.config.kernel.grace.ms();
            self.reclaim_at = Some(self.clock.since_boot_ms().saturating_add(grace));
            self.keep_copies();
            self.say(
                Level::Info,
                &format!("{} is healthy", short(&loaded.digest)),
            );
        }
    }

    /// Where circuits are looked at by name, their first counters are those of the second reading after the load:
    /// the first may have begun before it.
    fn probe(&mut self) {
        let named = &self.config.health.probes;
        if let Some(watch) = &mut self.watch
            && watch.probed.is_none()
            && !named.is_empty()
        {
            let readings = self.board.readings();
            if readings.count() >= watch.readings + 2 {
                watch.probed = readings.probe(named);
            }
        }
    }

    /// Its time is over, and what is to be measured was, or should have been long ago.
    fn is_over(&self, watch: &Watch) -> bool {
        let now = self.clock.since_boot_ms();
        let count = self.board.readings().count();
        let measured = self.config.health.probes.is_empty()
            || watch.probed.as_ref().is_some_and(|p| count > p.count);
        let read = self.config.socket.read.ms();
        let longest = read.saturating_mul(MISSED).saturating_add(BUSY_MS);
        now >= watch.until && (measured || now >= watch.until.saturating_add(longest))
    }

    fn probes(&self, watch: &Watch, over: bool) -> Probes {
        let now = self.board.readings().probe(&self.config.health.probes);
        match self.between(watch.probed.as_ref(), now.as_ref()) {
            Probes::Waiting if over => Probes::Unreadable,
            probes => probes,
        }
    }

    /// What passed of the circuits that are looked at by name, between two readings.
    fn between(&self, then: Option<&Probed>, now: Option<&Probed>) -> Probes {
        let (Some(then), Some(now)) = (then, now) else {
            return Probes::Waiting;
        };
        if now.count <= then.count {
            return Probes::Waiting;
        }
        let passed = now.counters.since(&then.counters);
        let names = self.config.health.probes.iter();
        Probes::Passed {
            bytes: passed.shaped_bytes.saturating_add(passed.unknown_bytes),
            circuits: names
                .zip(then.packets.iter().zip(&now.packets))
                .map(|(circuit, (then, now))| Probe {
                    circuit: circuit.clone(),
                    // Of a class that was made anew, what it counts.
                    packets: now.map(|now| {
                        let then = then.unwrap_or_default();
                        [0, 1].map(|d| now[d].checked_sub(then[d]).unwrap_or(now[d]))
                    }),
                })
                .collect(),
        }
    }

    fn is_unhealthy(&mut self, loaded: &Proved, red: &str) {
        let name = short(&loaded.digest).to_owned();
        let failing = self.memory.unhealthy(red);
        self.save();
        self.retry_at = 0;
        match failing {
            Failing::Back => self.say(Level::Error, &format!("{name} is taken back, unhealthy: {red}")),
            _ => self.is_stuck(format!(
                "{name} is unhealthy, and there is nothing to go back to: {red}. It stays; put that right and run \
                 `systemctl reload weir-runtime`, or promote another artifact"
            )),
        }
    }

    fn read_back(&mut self, loaded: &Proved) -> Option<ReadBack> {
        let every = self.config.kernel.read_back.ms();
        let now_ms = self.clock.since_boot_ms();
        self.read_back_at = match every {
            0 => u64::MAX,
            every => now_ms.saturating_add(every),
        };
        match self.shaper.read_back(loaded) {
            Ok(read_back) => {
                let kept = self.kept(&read_back);
                self.board.write(|s| {
                    s.previous = kept;
                    s.drift.clone_from(&read_back.drift);
                    s.drift_count = read_back.drift_count;
                    s.interfaces.clone_from(&read_back.interfaces);
                });
                Some(read_back)
            }
            Err(reason) => {
                self.once(
                    "kernel",
                    Level::Error,
                    format!("the kernel could not be read back: {reason}"),
                );
                None
            }
        }
    }

    /// What can be gone back to by one flip, as the kernel has it: also after a restart.
    fn kept(&self, read_back: &ReadBack) -> Option<Loaded> {
        let digest = read_back.kept.first()?;
        let known = self.board.snapshot().previous;
        if let Some(known) = known.filter(|known| read_back.kept.contains(&known.digest)) {
            return Some(known);
        }
        let copy = self.copies.get(digest).ok().flatten()?;
        let past = self.memory.past.iter().rev();
        Some(Loaded {
            digest: digest.clone(),
            seq: past.filter(|g| g.digest == *digest).find_map(|g| g.seq),
            since: self.clock.now().to_string(),
            circuits: copy.circuits,
            prefixes: copy.prefixes,
            classes: copy.plan.classes.len() as u64 * 2,
        })
    }

    pub(super) fn read_back_when_due(&mut self) {
        if self.watch.is_some() || self.clock.since_boot_ms() < self.read_back_at {
            return;
        }
        let Some(loaded) = self.loaded.clone() else {
            return;
        };
        let Some(read_back) = self.read_back(&loaded) else {
            return;
        };
        let now = self.board.readings().counters();
        let since = now
            .unwrap_or_default()
            .since(&self.usual[1].unwrap_or_default());
        self.usual = [self.usual[1], now];
        let named = &self.config.health.probes;
        let probed = self.board.readings().probe(named);
        let probes = self.between(self.probed.as_ref(), probed.as_ref());
        self.probed = probed;
        self.check(&loaded, &read_back, since, None, probes);
        let now_ms = self.clock.since_boot_ms();
        let gone = self.gone(&loaded);
        if !gone.is_empty() {
            // Nothing that a repair would mend: that is done when it comes back.
            let text = format!("waiting for interface {}", gone.join(", "));
            return self.once("interface", Level::Warning, text);
        }
        self.told.remove("interface");
        if read_back.is_in_sync(&loaded.digest) {
            if now_ms.saturating_sub(self.repaired_at) > CALM_MS {
                self.repairs = 0;
            }
            return;
        }
        if self.stuck.is_some() {
            return;
        }
        let first = read_back
            .drift
            .first()
            .cloned()
            .unwrap_or_else(|| "the table or the programs".to_owned());
        if self.repairs >= REPAIRS {
            return self.is_stuck(format!(
                "objects in the kernel were repaired {REPAIRS} times and differ again ({first}): something else changes \
                 them. Stop it and run `systemctl reload weir-runtime`"
            ));
        }
        self.repairs += 1;
        self.repaired_at = now_ms;
        self.dirty = Some(format!(
            "{} objects differ, the first: {first}",
            read_back.drift_count
        ));
    }

    fn check(
        &mut self,
        loaded: &Proved,
        read_back: &ReadBack,
        since: Counters,
        before: Option<Counters>,
        probes: Probes,
    ) -> Vec<weir_schemas::runtime::Check> {
        let written = self.board.snapshot().store.and_then(|s| s.written);
        let age = written
            .and_then(|w| w.parse::<jiff::Timestamp>().ok())
            .map(|w| {
                let age = self.clock.now().as_second().saturating_sub(w.as_second());
                u64::try_from(age).unwrap_or(0)
            });
        let observed = Observed {
            objects: read_back.objects,
            drift: read_back.drift.clone(),
            drift_count: read_back.drift_count,
            wanted: loaded.digest.clone(),
            active: read_back.active.clone(),
            programs: read_back.programs.clone(),
            before,
            since,
            probes,
            head_age: age.filter(|_| self.memory.channel.is_some()),
            head_max_age: self.config.store.max_age.ms() / 1000,
        };
        let checks = health::checks(&observed, &self.config.health);
        self.board.write(|s| s.health.clone_from(&checks));
        checks
    }

    /// The way back by one flip costs classes and memory: it is kept for a while, and for as long as the generation
    /// may have to go back by itself.
    pub(super) fn reclaim_when_due(&mut self) {
        let due = self
            .reclaim_at
            .is_some_and(|at| self.clock.since_boot_ms() >= at);
        if !due || self.watch.is_some() || self.memory.trial.is_some() || self.dirty.is_some() {
            return;
        }
        let Some(loaded) = self.loaded.clone() else {
            return;
        };
        match self.shaper.reclaim(&loaded) {
            Ok(acts) => {
                self.reclaim_at = None;
                self.board.write(|s| s.previous = None);
                if acts > 0 {
                    self.say(
                        Level::Info,
                        &format!("what the generation before left was removed: {acts} objects"),
                    );
                }
            }
            Err(reason) => {
                // Asked for again in a while; nothing depends on it.
                self.reclaim_at = Some(self.clock.since_boot_ms().saturating_add(CALM_MS));
                self.once(
                    "reclaim",
                    Level::Warning,
                    format!("what the generation before left could not be removed: {reason}"),
                );
            }
        }
    }
}
