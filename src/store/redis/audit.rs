//! The audit log in Redis: two lists by time, of what anybody can make happen and of what weighs more.

use anyhow::Context;

use super::RedisStore;
use super::state::{arguments, script};
use crate::store::{AuditRow, AuditStore};

/// Rows that are read in one go.
const BATCH: usize = 5000;

script!(
    ADD,
    r"
local number = redis.call('INCRBY', P .. 'audit:count', #ARGV / 3) - #ARGV / 3
for at = 1, #ARGV, 3 do
  number = number + 1
  -- Of the same time they stand as they came.
  redis.call('ZADD', P .. 'audit:' .. ARGV[at], ARGV[at + 1], string.format('%016d ', number) .. ARGV[at + 2])
end
return 0
"
);

script!(
    SWEEP,
    r"
local before, most = unpack(ARGV)
local rows = 0
for _, list in ipairs({ 'any', 'weighty' }) do
  redis.call('ZREMRANGEBYSCORE', P .. 'audit:' .. list, '-inf', '(' .. before)
  rows = rows + redis.call('ZCARD', P .. 'audit:' .. list)
end
for _, list in ipairs({ 'any', 'weighty' }) do
  local over = rows - tonumber(most)
  if over > 0 then
    rows = rows - redis.call('ZREMRANGEBYRANK', P .. 'audit:' .. list, 0, over - 1)
  end
end
return 0
"
);

impl AuditStore for RedisStore {
    fn add_audit(&self, rows: &[AuditRow]) -> anyhow::Result<()> {
        let mut arguments = Vec::with_capacity(3 * rows.len());
        for row in rows {
            let list = if is_weighty(row) { "weighty" } else { "any" };
            arguments.extend(arguments![list, row.at, serde_json::to_string(row)?]);
        }
        if arguments.is_empty() { Ok(()) } else { self.run(&ADD, arguments) }
    }

    fn audit(&self, since: u64) -> anyhow::Result<Vec<AuditRow>> {
        let mut rows = Vec::new();
        for list in ["any", "weighty"] {
            let mut from = 0;
            loop {
                let mut command = redis::cmd("ZRANGEBYSCORE");
                command.arg(self.names.state(format_args!("audit:{list}"))).arg(since).arg("+inf");
                command.arg("LIMIT").arg(from).arg(BATCH);
                let some: Vec<String> = self.ask(command)?;
                from += some.len();
                let whole = some.len() < BATCH;
                for text in some {
                    let (number, row) = text.split_once(' ').context(UNREADABLE)?;
                    let number: u64 = number.parse().context(UNREADABLE)?;
                    let row: AuditRow = serde_json::from_str(row).context(UNREADABLE)?;
                    rows.push((row.at, number, row));
                }
                if whole {
                    break;
                }
            }
        }
        rows.sort_by_key(|(at, number, _)| (*at, *number));
        Ok(rows.into_iter().map(|(_, _, row)| row).collect())
    }

    fn sweep_audit(&self, before: u64, most: u64) -> anyhow::Result<()> {
        self.run(&SWEEP, arguments![before, most])
    }
}

/// Whether a row tells of keys or of who signed in: not everybody can make such rows.
fn is_weighty(row: &AuditRow) -> bool {
    row.refused.is_none() && (row.event.starts_with("key.") || row.event == "sign_in.done")
}

const UNREADABLE: &str = "a row of the audit log cannot be read";
