//! The calls of the last stretch of time, counted exactly.

use std::collections::VecDeque;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::Limit;

/// How often callers whose windows have passed are looked for, when there is no room.
const SWEEP: Duration = Duration::from_secs(1);
/// Callers of whom one is forgotten when there is still no room. Where nine in ten have used up
/// their limits, four newcomers in five still find a place.
const SAMPLE: usize = 16;
/// The golden ratio, as a fraction of 2^64: steps of that size spread evenly over a circle.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
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
    callers: IndexMap<K, Calls, FxBuildHasher>,
    /// Callers at which those whose windows have passed are looked for.
    sweep_at: usize,
    /// When that was last done, and when a place is free again.
    swept: Option<(Duration, Duration)>,
    /// Which caller was looked at last when one had to be forgotten, as a fraction of 2^64 of all.
    hand: u64,
}

#[derive(Debug)]
struct Calls {
    /// Times of the calls that count in nanoseconds, oldest first: half the size of durations.
    times: VecDeque<u64>,
    /// The limit that held for the last of them.
    limit: Limit,
}

impl Calls {
    /// Forgets what left the window.
    fn pass(&mut self, now: Duration) {
        let per = self.limit.per;
        while self.times.front().is_some_and(|time| Duration::from_nanos(*time) + per <= now) {
            self.times.pop_front();
        }
    }

    /// Whether one more call would be refused.
    fn used_up(&self) -> bool {
        self.times.len() >= self.limit.calls as usize
    }

    /// Until one more call will be admitted than now. A limit may have become smaller since: then
    /// more than one must leave.
    fn wait(&self, now: Duration) -> Duration {
        let at = self.times.len().saturating_sub(self.limit.calls as usize);
        let leaves = self.times.get(at).map_or(now, |time| Duration::from_nanos(*time));
        (leaves + self.limit.per).saturating_sub(now)
    }

    /// When all will have left the window.
    fn ends(&self) -> Duration {
        self.times
            .back()
            .map_or(Duration::ZERO, |time| Duration::from_nanos(*time) + self.limit.per)
    }
}

impl<K: Hash + Eq> Windows<K> {
    /// Room for so many callers at a time. Where there is none, a new one takes the place of one
    /// with calls left, which loses the few that were counted: no flood of newcomers keeps another
    /// out. Nobody who has used up a limit is forgotten before its window ends; where all have, a
    /// new one is told to wait.
    pub fn new(most: usize) -> Windows<K> {
        let callers = IndexMap::default();
        let state = State { callers, sweep_at: FEW.min(most), swept: None, hand: 0 };
        Windows { most, state: Mutex::new(state) }
    }

    /// Counts a call at this time, if the limit admits it. A refused call costs nothing.
    pub fn admit(&self, caller: K, limit: Limit, now: Duration) -> Verdict {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.callers.contains_key(&caller)
            && let Err(free) = state.make_room(self.most, now)
        {
            let wait = free.saturating_sub(now).max(SWEEP);
            return Verdict { admitted: false, left: 0, wait };
        }
        let calls =
            state.callers.entry(caller).or_insert_with(|| Calls { times: VecDeque::new(), limit });
        calls.limit = limit;
        calls.pass(now);
        let admitted = !calls.used_up();
        if admitted {
            calls.times.push_back(u64::try_from(now.as_nanos()).unwrap_or(u64::MAX));
        }
        let left = limit.calls.saturating_sub(calls.times.len() as u32);
        Verdict { admitted, left, wait: calls.wait(now) }
    }

    /// How long a caller has to wait whose limit is used up; nothing is counted.
    pub fn used_up(&self, caller: &K, limit: Limit, now: Duration) -> Option<Duration> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = state.callers.get_mut(caller)?;
        calls.limit = limit;
        calls.pass(now);
        calls.used_up().then(|| calls.wait(now))
    }
}

impl<K: Hash + Eq> State<K> {
    /// Makes room for one more caller.
    ///
    /// # Errors
    ///
    /// Those who are there have used up their limits: when one of them will have left.
    fn make_room(&mut self, most: usize, now: Duration) -> Result<(), Duration> {
        if self.callers.len() < self.sweep_at {
            return Ok(());
        }
        let free = match self.swept {
            // A flood of new callers must not pay for a look at all of them each.
            Some((swept, free)) if self.callers.len() >= most && now < swept + SWEEP => free,
            _ => self.sweep(most, now),
        };
        let has_room = self.callers.len() < most || self.forget_one(now);
        has_room.then_some(()).ok_or(free)
    }

    /// Forgets those whose windows have passed; when the next one's will have.
    fn sweep(&mut self, most: usize, now: Duration) -> Duration {
        self.callers.retain(|_, calls| {
            calls.pass(now);
            !calls.times.is_empty()
        });
        self.sweep_at = (2 * self.callers.len()).clamp(FEW.min(most), most);
        let free = self.callers.values().map(Calls::ends).min().unwrap_or(now);
        self.swept = Some((now, free));
        free
    }

    /// Forgets one of a few callers: the one with the fewest calls that count, and none if all of
    /// them have used up their limits.
    fn forget_one(&mut self, now: Duration) -> bool {
        let left = (0..SAMPLE).filter_map(|_| {
            self.hand = self.hand.wrapping_add(STEP);
            let at = (u128::from(self.hand) * self.callers.len() as u128) >> 64;
            let (_, calls) = self.callers.get_index_mut(at as usize)?;
            calls.pass(now);
            (!calls.used_up()).then_some((calls.times.len(), at as usize))
        });
        let fewest = left.min();
        fewest.is_some_and(|(_, at)| self.callers.swap_remove_index(at).is_some())
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
    fn to_ask_whether_a_limit_is_used_up_counts_nothing() {
        let windows = Windows::new(10);
        let limit = limit("2/minute");
        assert_eq!(windows.used_up(&"a", limit, at(0)), None);
        for time in [0, 10] {
            assert_eq!(windows.used_up(&"a", limit, at(time)), None);
            windows.admit("a", limit, at(time));
        }
        for (time, wait) in [(10, Some(at(50))), (59, Some(at(1))), (60, None)] {
            assert_eq!(windows.used_up(&"a", limit, at(time)), wait, "at {time}");
        }
        assert_eq!(windows.used_up(&"a", self::limit("1/minute"), at(60)), Some(at(10)));
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
    fn those_who_went_are_looked_for_each_time_that_callers_have_doubled() {
        let windows = Windows::new(100_000);
        let swept = || windows.state.lock().unwrap().swept.map(|(at, _)| at);
        for caller in 0..5000 {
            windows.admit(caller, limit("1/hour"), at(caller));
            let last = [4096, 2048, 1024].into_iter().find(|at| *at <= caller);
            assert_eq!(swept(), last.map(at), "{caller}");
        }
    }

    #[test]
    fn those_who_went_are_looked_for_once_a_second_where_there_is_no_room() {
        let windows = Windows::new(2);
        let swept = || windows.state.lock().unwrap().swept.map(|(at, _)| at);
        for caller in [1, 2] {
            windows.admit(caller, limit("1/hour"), at(0));
            assert_eq!(swept(), None);
        }
        for (millis, last) in [(10_000, 10), (10_500, 10), (10_999, 10), (11_000, 11)] {
            let verdict = windows.admit(3, limit("1/hour"), Duration::from_millis(millis));
            assert!(!verdict.admitted);
            assert_eq!(swept(), Some(at(last)), "at {millis} ms");
        }
    }

    #[test]
    fn where_all_have_used_up_their_limits_a_newcomer_waits() {
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
    #[test]
    fn a_newcomer_takes_the_place_of_one_with_calls_left() {
        let windows = Windows::new(2);
        let limit = limit("2/hour");
        let admitted = |caller, time| windows.admit(caller, limit, at(time)).admitted;
        assert!(admitted("spent", 0) && admitted("spent", 1) && admitted("once", 2));
        // Time and again, as long as the place is that of somebody with a call left.
        for time in 3..100 {
            assert!(admitted(["new", "newer"][time as usize % 2], time));
        }
        assert!(!admitted("spent", 100));
        assert!(admitted("newer", 101));
        assert!(!admitted("new", 102), "both have used up their limits");
        // Whoever has one more call again has a place to lose again, and only then.
        assert!(!admitted("spent", 3599) && !admitted("new", 3599));
        assert!(admitted("new", 3600));
        assert!(!admitted("newer", 3600));
    }

    #[test]
    fn the_one_with_the_fewest_calls_is_forgotten() {
        let windows = Windows::new(SAMPLE);
        let limit = limit("40/hour");
        for _ in 0..39 {
            windows.admit(0, limit, at(0));
        }
        for caller in 1..10_000 {
            assert!(windows.admit(caller, limit, at(1)).admitted);
            assert!(windows.state.lock().unwrap().callers.len() <= SAMPLE);
        }
        assert_eq!(windows.admit(0, limit, at(2)).left, 0);
    }
}
