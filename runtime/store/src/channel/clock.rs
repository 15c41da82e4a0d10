//! What time it is, for deadlines: a clock that people and NTP may set, and one that nobody can.

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};

/// The clocks of a machine. Tests bring their own.
pub trait Clock {
    /// The time of day, to the second. It may be wrong, and jump.
    fn now(&self) -> Timestamp;
    /// Milliseconds since boot, sleep included.
    fn since_boot_ms(&self) -> u64;
    /// Names the boot that `since_boot_ms` counts from.
    fn boot_id(&self) -> String;
    /// Name of the machine.
    fn host(&self) -> String;
}

/// The clocks of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    }

    fn since_boot_ms(&self) -> u64 {
        let time = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        let millis = u64::try_from(time.tv_nsec / 1_000_000).unwrap_or(0);
        seconds.saturating_mul(1000).saturating_add(millis)
    }

    fn boot_id(&self) -> String {
        kernel("random/boot_id")
    }

    fn host(&self) -> String {
        kernel("hostname")
    }
}

fn kernel(name: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/sys/kernel/{name}"));
    let text = text.unwrap_or_default();
    let text = text.trim();
    if text.is_empty() { "unknown" } else { text }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_of_the_machine_goes_forward_and_knows_its_boot() {
        let clock = SystemClock;
        let before = clock.since_boot_ms();
        assert!(before > 0 && clock.since_boot_ms() >= before);
        assert_eq!(clock.boot_id(), clock.boot_id());
        assert_ne!(clock.boot_id(), "unknown");
        assert!(clock.now().as_second() > 1_700_000_000);
    }
}
