//! The calls of the last stretch of time, counted exactly.

use std::collections::VecDeque;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::Limit;

/// How often callers whose windows have passed are looked for, when there is no room.
const SWEEP: Duration = Duration::from_secs(1);
/// Callers below which nobody looks for those whose windows have passed.
const FEW: usize = 1024;

/// What a call was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// It may go on, and counts.
    pub admitted: bool,
    /// Calls that would be admitted now.
    pub left: u32,
    /// Until one more call is admitted than now; a refused call made after it is admitted.
    pub wait: Duration,
}

/// The counted calls of many callers. Time is what the caller of [`Windows::admit`] says it is: a
/// clock that never goes back, such as the time since the process began.
#[derive(Debug)]
pub struct Windows<K> {
    most: usize,
    state: Mutex<State<K>>,
}

#[derive(Debug)]
struct State<K> {
    callers: FxHashMap<K, Calls>,
    /// Callers at which those whose windows have passed are looked for.
    sweep_at: usize,
    /// When that was last done, and when a place is free again.
    swept: Option<(Duration, Duration)>,
}

#[derive(Debug)]
struct Calls {
    /// Times of the calls that count in nanoseconds, oldest first: half the size of durations.
    times: VecDeque<u64>,
    per: Duration,
}

impl Calls {
    /// Forgets what left the window.
    fn pass(&mut self, now: Duration) {
        while self.times.front().is_some_and(|time| Duration::from_nanos(*time) + self.per <= now) {
            self.times.pop_front();
        }
    }

    /// When all will have left the window.
    fn ends(&self) -> Duration {
        self.times.back().map_or(Duration::ZERO, |time| Duration::from_nanos(*time) + self.per)
    }
}

impl<K: Hash + Eq> Windows<K> {
    /// Room for so many callers at a time. Where there is none, a new one is told to wait: nobody
    /// who has used up a limit is forgotten before its window ends.
    pub fn new(most: usize) -> Windows<K> {
        let state = State { callers: FxHashMap::default(), sweep_at: FEW.min(most), swept: None };
        Windows { most, state: Mutex::new(state) }
    }

    /// Counts a call at this time, if the limit admits it. A refused call costs nothing.
    pub fn admit(&self, caller: K, limit: Limit, now: Duration) -> Verdict {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.callers.contains_key(&caller)
            && let Some(free) = state.full_until(self.most, now)
        {
            let wait = free.saturating_sub(now).max(SWEEP);
            return Verdict { admitted: false, left: 0, wait };
        }
        let calls = state
            .callers
            .entry(caller)
            .or_insert_with(|| Calls { times: VecDeque::new(), per: limit.per });
        calls.per = limit.per;
        calls.pass(now);
        let most = limit.calls as usize;
        let admitted = calls.times.len() < most;
        if admitted {
            calls.times.push_back(u64::try_from(now.as_nanos()).unwrap_or(u64::MAX));
        }
        // A limit may have become smaller since: then more than one must leave.
        let leaves = calls.times.get(calls.times.len().saturating_sub(most));
        let leaves = leaves.map_or(now, |time| Duration::from_nanos(*time));
        let left = limit.calls.saturating_sub(calls.times.len() as u32);
        Verdict { admitted, left, wait: (leaves + limit.per).saturating_sub(now) }
    }
}

impl<K: Hash + Eq> Windows<K> {
    /// How long a caller has to wait whose limit is used up; nothing is counted.
    pub fn used_up(&self, caller: &K, limit: Limit, now: Duration) -> Option<Duration> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = state.callers.get_mut(caller)?;
        calls.pass(now);
        let most = limit.calls as usize;
        let leaves = calls.times.get(calls.times.len().checked_sub(most)?)?;
        Some((Duration::from_nanos(*leaves) + limit.per).saturating_sub(now))
    }
}

impl<K: Hash + Eq> State<K> {
    /// When there is room for one more caller, if there is none now.
    fn full_until(&mut self, most: usize, now: Duration) -> Option<Duration> {
        if self.callers.len() < self.sweep_at {
            return None;
        }
        // A flood of new callers must not pay for a look at all of them each.
        if let Some((swept, free)) = self.swept
            && self.callers.len() >= most
            && now < swept + SWEEP
        {
            return Some(free);
        }
        self.callers.retain(|_, calls| {
            calls.pass(now);
            !calls.times.is_empty()
        });
        self.sweep_at = (2 * self.callers.len()).clamp(FEW.min(most), most);
        let free = self.callers.values().map(Calls::ends).min().unwrap_or(now);
        self.swept = Some((now, free));
        (self.callers.len() >= most).then_some(free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn limit(text: &str) -> Limit {
        text.parse().unwrap()
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn any_window_admits_what_the_limit_says_and_a_true_wait_is_told() {
        let windows = Windows::new(10);
        let limit = limit("40/hour");
        // Greedy: a call every 7 seconds for three hours.
        let mut admitted = Vec::new();
        for time in (0..3 * 3600).step_by(7) {
            if windows.admit("a", limit, at(time)).admitted {
                admitted.push(time);
            }
        }
        for (n, time) in admitted.iter().enumerate() {
            let in_window = admitted[n..].iter().take_while(|other| **other < time + 3600).count();
            assert!(in_window <= 40, "{in_window} from {time} on");
        }
        assert_eq!(admitted.len(), 120);
        let mut now = at(3 * 3600);
        let refused = loop {
            let verdict = windows.admit("a", limit, now);
            if !verdict.admitted {
                break verdict;
            }
            now += at(1);
        };
        let early = now + refused.wait - Duration::from_nanos(1);
        assert!(!windows.admit("a", limit, early).admitted);
        assert!(windows.admit("a", limit, now + refused.wait).admitted);
    }

    #[test]
    fn what_is_left_is_told_with_every_call() {
        let windows = Windows::new(10);
        let limit = limit("2/minute");
        let told = |verdict: Verdict| (verdict.admitted, verdict.left, verdict.wait.as_secs());
        assert_eq!(told(windows.admit("a", limit, at(0))), (true, 1, 60));
        assert_eq!(told(windows.admit("a", limit, at(10))), (true, 0, 50));
        assert_eq!(told(windows.admit("a", limit, at(20))), (false, 0, 40));
        assert_eq!(told(windows.admit("b", limit, at(20))), (true, 1, 60));
        assert_eq!(told(windows.admit("a", limit, at(60))), (true, 0, 10));
    }

    #[test]
    fn a_limit_that_shrinks_holds_at_once() {
        let windows = Windows::new(10);
        for time in 0..4 {
            assert!(windows.admit("a", limit("4/minute"), at(time)).admitted);
        }
        let verdict = windows.admit("a", limit("2/minute"), at(10));
        assert_eq!((verdict.admitted, verdict.left, verdict.wait), (false, 0, at(52)));
    }

    #[test]
    fn parallel_calls_at_the_edge_are_admitted_once() {
        let windows = Windows::new(10);
        let limit = limit("40/hour");
        let admitted = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let verdict = windows.admit("a", limit, at(1));
                        admitted.fetch_add(
                            usize::from(verdict.admitted),
                            std::sync::atomic::Ordering::Relaxed,
                        );
                    }
                });
            }
        });
        assert_eq!(admitted.into_inner(), 40);
    }

    #[test]
    fn those_who_went_are_forgotten_before_there_is_no_room() {
        let windows = Windows::new(100_000);
        for caller in 0..50_000u64 {
            // A second each, within a limit a minute: at no time have more than 60 called.
            windows.admit(caller, limit("1/minute"), at(caller));
        }
        assert!(windows.state.lock().unwrap().callers.len() <= FEW);
    }

    #[test]
    fn memory_is_bounded_and_nobody_is_forgotten_early() {
        let windows = Windows::new(2);
        let limit = limit("1/hour");
        assert!(windows.admit(1, limit, at(0)).admitted);
        assert!(windows.admit(2, limit, at(1800)).admitted);
        // No room: a newcomer waits, and those who are there stay refused.
        let newcomer = windows.admit(3, limit, at(1801));
        assert_eq!((newcomer.admitted, newcomer.wait), (false, at(1799)));
        assert!(!windows.admit(1, limit, at(1802)).admitted);
        assert!(windows.admit(3, limit, HOUR + at(1)).admitted);
        assert!(!windows.admit(2, limit, HOUR + at(1)).admitted);
        assert!(!windows.admit(1, limit, HOUR + at(2)).admitted, "its place was taken");
    }
}
