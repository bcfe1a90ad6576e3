//! Calls that are counted for all replicas, and how many replicas there are.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::time::Duration;

use super::line::{Line, Script, Trouble};
use super::names::Names;

/// Counts a call, if the limit admits it: the calls of any stretch of time as long as the window are
/// at most so many.
///
/// `KEYS[1]` is a list of the times of the calls that count, in microseconds since 1970, oldest first:
/// ten bytes each, where a sorted set takes several times that. The time is the server's, which is one
/// for all replicas; when it is set back, it stands still here until it has caught up, so that the list
/// stays in order. `ARGV` is the number of calls, and the window in microseconds.
///
/// Answers whether the call is admitted, how many more would be, and in how many microseconds it will
/// be one more than now. After a window without calls Redis forgets the list.
const ADMIT: &str = r"
local key, calls, per = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local count = redis.call('LLEN', key)
local function at(place)
  return tonumber(redis.call('LINDEX', key, place))
end
if count > 0 then
  now = math.max(now, at(-1))
  if at(0) + per <= now then
    -- The first that still counts; one by one a day of calls would take too long.
    local low, high = 1, count
    while low < high do
      local middle = math.floor((low + high) / 2)
      if at(middle) + per <= now then low = middle + 1 else high = middle end
    end
    redis.call('LTRIM', key, low, -1)
    count = count - low
  end
end
local admitted = count < calls
if admitted then
  redis.call('RPUSH', key, string.format('%.0f', now))
  count = count + 1
end
-- A limit may have become smaller since: then more than one must leave.
local leaves = at(math.max(count - calls, 0))
redis.call('PEXPIREAT', key, string.format('%.0f', math.ceil((at(-1) + per) / 1000)))
return {admitted and 1 or 0, math.max(calls - count, 0), leaves + per - now}
";

/// Says that a replica is there (`ARGV[1]`), and how many were within the last `ARGV[2]` microseconds.
const BEAT: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('(%.0f', now - ARGV[2]))
redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[2] / 1000))
return redis.call('ZCARD', KEYS[1])
";

static ADMITTING: LazyLock<Script> = LazyLock::new(|| Script::new(ADMIT));
static BEATING: LazyLock<Script> = LazyLock::new(|| Script::new(BEAT));

/// How long a replica is counted that says nothing any more.
const PRESENT: Duration = Duration::from_secs(10);

/// What was said of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// It may go on, and counts.
    pub admitted: bool,
    /// Calls that would be admitted now.
    pub left: u32,
    /// Until one more call is admitted than now.
    pub wait: Duration,
}

/// The counts of all replicas.
#[derive(Clone)]
pub struct Counts {
    line: Line,
    names: Names,
    /// Which replica this is: a number that nobody else has.
    replica: String,
}

impl Counts {
    /// Counts over this connection; its patience is that of every call.
    pub fn new(line: Line, names: Names) -> Counts {
        let replica = format!("{:016x}", RandomState::new().hash_one(std::process::id()));
        Counts { line, names, replica }
    }

    /// Counts a call of a caller, if so many in this time admit it. A refused call costs nothing.
    ///
    /// The name of the caller stands in the name of a key: it says nothing of who it is.
    ///
    /// # Errors
    ///
    /// There is no answer, or an error; the call may have been counted.
    pub fn admit(
        &self,
        caller: &str,
        calls: u32,
        per: Duration,
    ) -> impl Future<Output = Result<Counted, Trouble>> + Send + use<> {
        let arguments = [calls.to_string(), per.as_micros().to_string()];
        let asked = self.line.run::<(bool, u32, u64)>(
            &ADMITTING,
            vec![self.names.limit(caller)],
            arguments.map(String::into_bytes).to_vec(),
        );
        async move {
            let (admitted, left, wait) = asked.await?;
            Ok(Counted { admitted, left, wait: Duration::from_micros(wait) })
        }
    }

    /// Says that this replica is there; how many there are, with this one.
    ///
    /// # Errors
    ///
    /// There is no answer, or an error.
    pub fn beat(&self) -> impl Future<Output = Result<u32, Trouble>> + Send + use<> {
        let arguments = [self.replica.clone(), PRESENT.as_micros().to_string()];
        self.line.run(
            &BEATING,
            vec![self.names.state("replicas")],
            arguments.map(String::into_bytes).to_vec(),
        )
    }
}
