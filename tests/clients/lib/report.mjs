// One line for each check: `ok CLIENT TRANSPORT REVISION WHAT`, or FAIL and why. ./run counts the lines.
import { setTimeout as sleep } from 'node:timers/promises';

const LIMIT_MS = 60_000;

export class Report {
  constructor(client, transport, revision) {
    this.name = `${client} ${transport} ${revision}`;
  }

  /** Runs one check. A failure is printed; the checks after it still run. */
  async check(what, run) {
    let answer;
    try {
      answer = await within(LIMIT_MS, what, run());
    } catch (error) {
      this.fail(what, error);
      return undefined;
    }
    this.ok(what);
    return answer;
  }

  ok(what) {
    console.log(`ok ${this.name} ${what}`);
  }

  fail(what, error) {
    process.exitCode = 1;
    const why = String(error?.message ?? error).replaceAll('\n', '\n     ');
    console.log(`FAIL ${this.name} ${what}\n     ${why}`);
  }
}

/** Fails when `promise` takes longer than `ms`. */
export async function within(ms, what, promise) {
  const abort = new AbortController();
  const late = sleep(ms, undefined, { signal: abort.signal }).then(() => {
    throw new Error(`${what}: nothing within ${ms} ms`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([promise, late]);
  } finally {
    abort.abort();
  }
}

/** Asks again until `ask` answers with something true, or `ms` have passed. */
export async function until(ms, what, ask) {
  const end = Date.now() + ms;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms`);
    await sleep(100);
  }
}
