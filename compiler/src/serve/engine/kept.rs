//! What the console asks again and again and what takes long to find out: kept until it is about something else.
//!
//! It does not know how anything is found out.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use weir_console::engine::Answer;

/// One answer, and what it is the answer to. Whoever comes while it is found out waits for it.
pub struct Kept<K, V> {
    place: Mutex<Option<(K, Instant, Arc<V>)>>,
    /// How long it is true.
    lasts: Duration,
}

impl<K: PartialEq, V> Kept<K, V> {
    pub const fn new(lasts: Duration) -> Self {
        Kept {
            place: Mutex::new(None),
            lasts,
        }
    }

    /// The answer; failures are not kept.
    pub fn get(&self, key: K, find: impl FnOnce() -> Answer<V>) -> Answer<Arc<V>> {
        let mut place = self.place.lock().unwrap_or_else(|e| e.into_inner());
        if let Some((of, when, value)) = &*place
            && *of == key
            && when.elapsed() < self.lasts
        {
            return Ok(value.clone());
        }
        // What is there is not needed while the next is made: both may be large.
        *place = None;
        let value = Arc::new(find()?);
        *place = Some((key, Instant::now(), value.clone()));
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_console::engine::Problem;

    #[test]
    fn an_answer_is_kept_until_the_question_is_another_or_time_is_over() {
        let kept: Kept<u8, u8> = Kept::new(Duration::from_secs(3600));
        assert_eq!(kept.get(1, || Ok(10)).as_deref(), Ok(&10));
        assert_eq!(kept.get(1, || Ok(11)).as_deref(), Ok(&10));
        assert_eq!(kept.get(2, || Ok(20)).as_deref(), Ok(&20));
        let gone = || Err(Problem::failed("gone"));
        assert!(kept.get(3, gone).is_err());
        assert_eq!(kept.get(3, || Ok(30)).as_deref(), Ok(&30));
        let over: Kept<u8, u8> = Kept::new(Duration::ZERO);
        assert_eq!(over.get(1, || Ok(10)).as_deref(), Ok(&10));
        assert_eq!(over.get(1, || Ok(11)).as_deref(), Ok(&11));
    }
}
