//! How long to wait before a request is sent again.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::time::{Duration, SystemTime};

use crate::limits::Limits;

/// What `Retry-After` says: seconds, or a date.
pub fn retry_after(header: &str, now: SystemTime) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(header).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// The pause before attempt number `attempt` (the first repetition is 1), or `None` when the server asks for more than
/// anybody waits. Never shorter than what the server asked for; `jitter` (0 to 1) spreads clients that were refused
/// together.
pub fn pause(
    attempt: u32,
    asked: Option<Duration>,
    spent: Duration,
    limits: &Limits,
    jitter: f64,
) -> Option<Duration> {
    let pause = match asked {
        Some(asked) => asked + limits.backoff.mul_f64(jitter),
        None => {
            let doubled = limits.backoff * 2_u32.saturating_pow(attempt.saturating_sub(1).min(16));
            let capped = doubled.min(limits.pause);
            capped.mul_f64(0.5 + jitter / 2.0)
        }
    };
    (pause <= limits.pause && spent + pause <= limits.pauses).then_some(pause)
}

/// A number between 0 and 1 that differs from process to process.
pub fn jitter() -> f64 {
    let random = RandomState::new().build_hasher().finish();
    (random >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    #[test]
    fn retry_after_is_seconds_or_a_date_and_a_date_gone_by_is_now() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        for (header, want) in [
            ("7", Some(S(7))),
            (" 0 ", Some(S(0))),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(S(30))),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(S(0))),
            ("soon", None),
            ("-1", None),
        ] {
            assert_eq!(retry_after(header, now), want, "{header}");
        }
    }

    #[test]
    fn nobody_asks_earlier_than_told_nor_waits_beyond_the_budget() {
        let limits = Limits {
            backoff: S(1),
            pause: S(60),
            pauses: S(100),
            ..Limits::default()
        };
        for jitter in [0.0, 0.5, 1.0] {
            let wait = |attempt, asked, spent| pause(attempt, asked, S(spent), &limits, jitter);
            assert!(wait(1, Some(S(30)), 0).unwrap() >= S(30));
            assert_eq!(wait(1, Some(S(61)), 0), None);
            assert_eq!(wait(1, Some(S(30)), 71), None);
            let own = wait(3, None, 0).unwrap();
            assert!(S(2) <= own && own <= S(4), "{own:?}");
            assert!(wait(40, None, 0).unwrap() <= S(60));
        }
        assert!((0.0..1.0).contains(&jitter()));
    }
}
