//! Until when calls will be refused anyway, so that nobody need be asked again.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::Limit;

/// How often those whose time has come are looked for, when there is no room.
const SWEEP: Duration = Duration::from_secs(1);

/// Callers who were told to wait, and until when.
///
/// This is exact, and no guess: a call leaves a window when its time has come and not before, and other
/// replicas can only add calls to it. Who was told to wait so long would be refused until then,
/// whoever were asked. The time begins before the question, so it ends early rather than late. Only a
/// limit that is another one now has another answer, and is asked again.
#[derive(Debug)]
pub(super) struct Refused {
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    callers: FxHashMap<String, (Limit, Duration)>,
    swept: Duration,
}

impl Refused {
    /// Room for so many callers. Who finds none is asked about again.
    pub(super) fn new(most: usize) -> Refused {
        Refused { most, state: Mutex::default() }
    }

    /// How long a caller has to wait, if it is known that they have to.
    pub(super) fn wait(&self, caller: &str, limit: Limit, now: Duration) -> Option<Duration> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (of, until) = *state.callers.get(caller)?;
        if of == limit && now < until {
            return Some(until - now);
        }
        state.callers.remove(caller);
        None
    }

    /// Notes that a caller, asked about at this time, has to wait so long.
    pub(super) fn note(&self, caller: String, limit: Limit, now: Duration, wait: Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.callers.len() >= self.most && now >= state.swept + SWEEP {
            state.callers.retain(|_, (_, until)| now < *until);
            state.swept = now;
        }
        if state.callers.len() < self.most {
            state.callers.insert(caller, (limit, now + wait));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn who_has_to_wait_is_known_until_the_time_has_come_or_the_limit_is_another() {
        let refused = Refused::new(10);
        let limit: Limit = "2/minute".parse().unwrap();
        refused.note("a".into(), limit, at(10), at(30));
        assert_eq!(refused.wait("a", limit, at(10)), Some(at(30)));
        assert_eq!(refused.wait("a", limit, at(39)), Some(at(1)));
        assert_eq!(refused.wait("b", limit, at(39)), None);
        assert_eq!(refused.wait("a", limit, at(40)), None);
        refused.note("a".into(), limit, at(50), at(30));
        assert_eq!(refused.wait("a", "3/minute".parse().unwrap(), at(51)), None);
        assert_eq!(refused.wait("a", limit, at(51)), None, "it was asked again meanwhile");
    }

    #[test]
    fn there_is_room_for_so_many() {
        let refused = Refused::new(2);
        let limit: Limit = "2/minute".parse().unwrap();
        for (caller, now) in [("a", 10), ("b", 11), ("c", 12)] {
            refused.note(caller.into(), limit, at(now), at(10));
        }
        let known = |now| ["a", "b", "c"].map(|it| refused.wait(it, limit, at(now)).is_some());
        assert_eq!(known(12), [true, true, false]);
        refused.note("c".into(), limit, at(20), at(10));
        assert_eq!(known(20), [false, true, true], "the time of one had come");
    }
}
