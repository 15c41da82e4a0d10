//! How often a password may be tried, per source and per user. A try counts before its password is looked at, so many
//! at once gain nothing; who must wait is told so without a hash.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Tries that cost no wait.
const FREE: u32 = 5;
/// A user name can be tried by anybody, so it must not be easy to lock its owner out.
const LONGEST_USER: Duration = Duration::from_secs(30);
const LONGEST_SOURCE: Duration = Duration::from_secs(15 * 60);
/// What nobody tried for so long is forgotten.
const FORGET: Duration = Duration::from_secs(3600);
const MOST: usize = 10_000;

#[derive(Clone, Copy, Debug)]
struct Tries {
    count: u32,
    last: Instant,
}

#[derive(Default)]
struct State {
    sources: HashMap<IpAddr, Tries>,
    users: HashMap<String, Tries>,
}

/// All tries that have failed so far.
#[derive(Default)]
pub struct Throttle {
    state: Mutex<State>,
}

impl Throttle {
    /// Counts a try; how long to wait where it is one too many, which is then not counted.
    pub fn begin(&self, source: IpAddr, user: &str, now: Instant) -> Result<(), Duration> {
        let source = network(source);
        let mut state = self.state.lock().unwrap_or_else(|e| e.into_inner());
        forget(&mut state.sources, now);
        forget(&mut state.users, now);
        let waits = [
            wait(state.sources.get(&source), LONGEST_SOURCE, now),
            wait(state.users.get(user), LONGEST_USER, now),
        ];
        if let Some(wait) = waits.into_iter().flatten().max() {
            return Err(wait);
        }
        count(&mut state.sources, source, now);
        count(&mut state.users, user.to_owned(), now);
        Ok(())
    }

    /// The try that was counted last was a good one.
    pub fn succeeded(&self, source: IpAddr, user: &str) {
        let mut state = self.state.lock().unwrap_or_else(|e| e.into_inner());
        state.sources.remove(&network(source));
        state.users.remove(user);
    }
}

/// Whoever has one address of an IPv6 network has all of a /64.
fn network(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => {
            let bits = u128::from(v6) >> 64 << 64;
            IpAddr::V6(bits.into())
        }
    }
}

fn wait(tries: Option<&Tries>, longest: Duration, now: Instant) -> Option<Duration> {
    let tries = tries?;
    let over = tries.count.checked_sub(FREE)?;
    let pause = Duration::from_secs(1u64 << over.min(20)).min(longest);
    let left = (tries.last + pause).saturating_duration_since(now);
    (!left.is_zero()).then_some(left)
}

fn count<K: Hash + Eq>(tries: &mut HashMap<K, Tries>, key: K, now: Instant) {
    let entry = tries.entry(key).or_insert(Tries {
        count: 0,
        last: now,
    });
    entry.count = entry.count.saturating_add(1);
    entry.last = now;
}

fn forget<K: Hash + Eq + Clone>(tries: &mut HashMap<K, Tries>, now: Instant) {
    if tries.len() < MOST {
        return;
    }
    tries.retain(|_, t| now.saturating_duration_since(t.last) < FORGET);
    while tries.len() >= MOST {
        let oldest = tries
            .iter()
            .min_by_key(|(_, t)| t.last)
            .map(|(k, _)| k.clone());
        let Some(oldest) = oldest else { return };
        tries.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

    /// A thousand tries in a quarter of an hour: how many passwords are looked at.
    fn hashes(source: impl Fn(u32) -> IpAddr, user: impl Fn(u32) -> String) -> usize {
        let throttle = Throttle::default();
        let start = Instant::now();
        let at = |i: u32| start + Duration::from_millis(900) * i;
        let tries = (0..1000).map(|i| throttle.begin(source(i), &user(i), at(i)));
        tries.filter(Result::is_ok).count()
    }

    #[test]
    fn a_thousand_tries_are_few_hashes() {
        let other = |i: u32| IpAddr::V4((0x0a00_0000 + i).into());
        let one = hashes(|_| SOURCE, |_| "ada".to_owned());
        assert!(one <= 40, "one source, one user: {one}");
        let spray = hashes(|_| SOURCE, |i| format!("user{i}"));
        assert!(spray <= 15, "one source, many users: {spray}");
        let many = hashes(other, |_| "ada".to_owned());
        assert!(many <= 40, "many sources, one user: {many}");
    }

    #[test]
    fn one_network_of_ipv6_is_one_source() {
        let address = |i: u32| IpAddr::V6((0x2001_0db8_u128 << 96 | u128::from(i)).into());
        let many = hashes(address, |i| format!("user{i}"));
        assert!(many <= 15, "{many}");
        let mapped: IpAddr = "::ffff:192.0.2.7".parse().expect("an address");
        assert_eq!(network(mapped), SOURCE);
    }

    #[test]
    fn a_good_password_begins_anew() {
        let throttle = Throttle::default();
        let now = Instant::now();
        for _ in 0..FREE {
            assert!(throttle.begin(SOURCE, "ada", now).is_ok());
        }
        assert!(throttle.begin(SOURCE, "ada", now).is_err());
        let later = now + Duration::from_secs(2);
        assert!(throttle.begin(SOURCE, "ada", later).is_ok());
        throttle.succeeded(SOURCE, "ada");
        assert!(throttle.begin(SOURCE, "ada", later).is_ok());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let throttle = Throttle::default();
        let now = Instant::now();
        for i in 0..(MOST as u32 + 100) {
            let source = IpAddr::V4((0x0a00_0000 + i).into());
            let _ = throttle.begin(source, "ada", now + LONGEST_USER * i);
        }
        let state = throttle.state.lock().expect("not poisoned");
        assert!(state.sources.len() <= MOST && state.users.len() == 1);
    }
}
