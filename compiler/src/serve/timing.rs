//! When a run begins: by the clock, because somebody asked, not while another is under way, never while paused, and
//! sooner than usual after one that failed.
//!
//! A machine without a clock, a thread or a store: the time and the dice are given to it. What a run does is not known
//! here.

/// The first pause after a run that failed; it doubles with each further one, up to the usual time between runs.
pub const FIRST_RETRY: i64 = 60;

/// The most that is added at random, so that a thousand of these do not ask a CRM in the same second.
const MOST_JITTER: i64 = 300;

/// Seconds after which a run is tried again where another process had the lock.
const BUSY: i64 = 30;

/// What is to be done now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Due {
    /// Begin a run, for this user; `None`: it is time.
    Run(Option<String>),
    /// Nothing before this second.
    At(i64),
    /// Nothing until somebody does something.
    Nothing,
}

/// How a run ended, as far as the next one is concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// It did what it could: there is nothing that trying again soon would change.
    Settled,
    /// A source, the store or the disk failed.
    Failed,
    /// Another process runs: this one did nothing.
    Busy,
    /// It was stopped half-way, and the process goes on: the next one comes at its usual time.
    Interrupted,
}

/// All times are seconds since 1970.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Machine {
    /// Seconds between the beginnings of two runs; at least 1.
    every: i64,
    next: i64,
    started: Option<i64>,
    running: bool,
    asked: Option<String>,
    paused: bool,
    stopping: bool,
    failures: u32,
}

impl Machine {
    /// `started` and `failures` are what is known of runs before: a process that is started again and again must not ask
    /// a CRM each time.
    pub fn new(
        every: u64,
        started: Option<i64>,
        failures: u32,
        paused: bool,
        now: i64,
        dice: u64,
    ) -> Machine {
        let mut machine = Machine {
            every: 1,
            next: now,
            started: started.map(|started| started.min(now)),
            running: false,
            asked: None,
            paused,
            stopping: false,
            failures,
        };
        machine.set_every(every);
        if let Some(started) = machine.started {
            machine.next = (started + machine.wait(dice)).max(now);
        }
        machine
    }

    pub fn set_every(&mut self, every: u64) {
        self.every = i64::try_from(every)
            .unwrap_or(i64::MAX / 4)
            .clamp(1, i64::MAX / 4);
    }

    /// Seconds from the beginning of the last run to that of the next.
    fn wait(&self, dice: u64) -> i64 {
        let wait = match self.failures {
            0 => self.every,
            n => (FIRST_RETRY << (n - 1).min(20)).min(self.every),
        };
        wait + jitter(wait, dice)
    }

    pub fn due(&mut self, now: i64) -> Due {
        if self.running || self.stopping {
            return Due::Nothing;
        }
        if let Some(by) = &self.asked {
            return Due::Run(Some(by.clone()));
        }
        if self.paused {
            return Due::Nothing;
        }
        // The clock was set back: what was planned by the old one may be years away.
        if self.next > now + self.every + MOST_JITTER {
            self.next = now + self.every;
        }
        match self.next <= now {
            true => Due::Run(None),
            false => Due::At(self.next),
        }
    }

    /// When the next run begins by itself; `None`: none will.
    pub fn next(&self) -> Option<i64> {
        (!self.paused && !self.running && !self.stopping).then_some(self.next)
    }

    #[cfg(test)]
    pub fn is_running(&self) -> bool {
        self.running
    }

    /// Somebody asked for a run that has not begun.
    pub fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    /// False: one is under way, or asked for already.
    pub fn ask(&mut self, by: &str) -> bool {
        if self.running || self.stopping || self.asked.is_some() {
            return false;
        }
        self.asked = Some(by.to_owned());
        true
    }

    pub fn pause(&mut self, paused: bool) {
        self.paused = paused;
    }

    pub fn began(&mut self, now: i64) {
        self.running = true;
        self.asked = None;
        self.started = Some(now);
    }

    pub fn ended(&mut self, how: Ended, now: i64, dice: u64) {
        self.running = false;
        match how {
            Ended::Settled => self.failures = 0,
            Ended::Failed => self.failures = self.failures.saturating_add(1),
            Ended::Busy => {
                self.next = now + BUSY.min(self.every);
                return;
            }
            Ended::Interrupted => {}
        }
        let from = match how {
            // A CRM that fails slowly gets its pause too.
            Ended::Failed => now,
            _ => self.started.unwrap_or(now).min(now),
        };
        self.next = (from + self.wait(dice)).max(now + 1);
    }

    /// No further run begins.
    pub fn stop(&mut self) {
        self.stopping = true;
    }
}

/// Up to a tenth of a span, and five minutes at most.
fn jitter(span: i64, dice: u64) -> i64 {
    let most = (span / 10).clamp(0, MOST_JITTER);
    i64::try_from(dice % (most.unsigned_abs() + 1)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Event {
        Pass(i64),
        Ask,
        Pause(bool),
        End(Ended),
        /// The clock is set.
        Jump(i64),
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            4 => (0..4000i64).prop_map(Event::Pass),
            1 => Just(Event::Ask),
            1 => any::<bool>().prop_map(Event::Pause),
            3 => prop_oneof![
                Just(Ended::Settled), Just(Ended::Failed), Just(Ended::Busy), Just(Ended::Interrupted)
            ].prop_map(Event::End),
            1 => (-1_000_000..1_000_000i64).prop_map(Event::Jump),
        ]
    }

    proptest! {
        /// Whatever happens: one run at a time, none by itself while paused, and while it is neither paused nor running
        /// the next one is never further away than the usual time and its jitter.
        #[test]
        fn runs_neither_overlap_nor_stay_away(
            every in 60..100_000u64,
            events in prop::collection::vec((event(), any::<u64>()), 1..200),
        ) {
            let mut now = 1_000_000_000i64;
            let mut machine = Machine::new(every, None, 0, false, now, 0);
            let (mut running, mut paused, mut asked) = (false, false, false);
            prop_assert_eq!(machine.due(now), Due::Run(None));
            let most = i64::try_from(every).expect("small") + MOST_JITTER;
            for (event, dice) in events {
                match event {
                    Event::Pass(seconds) => now += seconds,
                    Event::Jump(seconds) => now += seconds,
                    Event::Ask => {
                        prop_assert_eq!(machine.ask("jo"), !running && !asked);
                        asked |= !running;
                    }
                    Event::Pause(value) => {
                        machine.pause(value);
                        paused = value;
                    }
                    Event::End(how) if running => {
                        machine.ended(how, now, dice);
                        running = false;
                        prop_assert!(machine.due(now) != Due::Run(None), "no run right after a run");
                    }
                    Event::End(_) => {}
                }
                match machine.due(now) {
                    Due::Run(by) => {
                        prop_assert!(!running);
                        prop_assert_eq!(by.is_some(), asked);
                        prop_assert!(asked || !paused);
                        machine.began(now);
                        (running, asked) = (true, false);
                    }
                    Due::At(when) => {
                        prop_assert!(!running && !paused && !asked);
                        prop_assert!(now < when && when <= now + most, "{} s away", when - now);
                    }
                    Due::Nothing => prop_assert!(running || paused),
                }
                prop_assert_eq!(machine.is_running(), running);
            }
            machine.stop();
            prop_assert_eq!(machine.due(now + most), Due::Nothing);
            prop_assert!(!machine.ask("jo"));
        }
    }

    #[test]
    fn a_failing_source_is_asked_sooner_and_then_less_and_less_often() {
        let mut machine = Machine::new(1800, None, 0, false, 0, 0);
        let mut now = 0;
        let mut waits = Vec::new();
        for _ in 0..8 {
            machine.began(now);
            machine.ended(Ended::Failed, now, 0);
            let Due::At(next) = machine.due(now) else {
                panic!("it waits");
            };
            waits.push(next - now);
            now = next;
        }
        assert_eq!(waits, [60, 120, 240, 480, 960, 1800, 1800, 1800]);
        machine.began(now);
        machine.ended(Ended::Settled, now + 20, 0);
        assert_eq!(machine.due(now + 20), Due::At(now + 1800));
    }

    #[test]
    fn a_restart_asks_nobody_sooner() {
        for (started, failures, want) in [
            (None, 0, Due::Run(None)),
            (Some(1_000), 0, Due::At(2_800)),
            (Some(1_000), 2, Due::At(1_120)),
            (Some(-9_000), 0, Due::Run(None)),
            // Started in the future: the clock was set back since.
            (Some(9_000), 0, Due::At(2_900)),
        ] {
            let mut machine = Machine::new(1800, started, failures, false, 1_100, 0);
            assert_eq!(machine.due(1_100), want, "{started:?} {failures}");
        }
    }

    #[test]
    fn jitter_is_a_tenth_and_five_minutes_at_most() {
        for (span, dice, want) in [
            (1800, 0, 0),
            (1800, 180, 180),
            (1800, 181, 0),
            (86_400, 300, 300),
            (5, 9, 0),
        ] {
            assert_eq!(jitter(span, dice), want);
        }
    }
}
