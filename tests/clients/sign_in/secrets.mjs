// What a whole sign-in leaves behind, in the most detailed log there is and in the files: none of its secrets (O54).
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { App } from '../lib/app.mjs';
import { house } from '../lib/house.mjs';
import { Person } from '../lib/person.mjs';
import * as provider from '../lib/provider.mjs';
import { Report } from '../lib/report.mjs';

/** Shorter ones are no secrets, and are found by chance. */
const SHORTEST = 12;
/** It is for the owner's report, apart from who asked it, and for nothing else. */
const QUESTION = 'a-question-that-is-nobodys-business';

export async function secrets() {
  const report = new Report('app', 'http', 'logs');
  const server = await house({ env: { DOCENT_LOG: 'json', RUST_LOG: 'trace' } });
  const used = new Set();
  await report.check('a whole sign-in, and all that goes wrong in one', async () => {
    for (const secret of await everything(server)) if (secret?.length >= SHORTEST) used.add(secret);
    assert.ok(used.size >= 30, `${used.size} secrets`);
  });
  assert.equal(await server.close(), 0);
  await report.check('o54 none of the secrets of a sign-in is in the log', async () => {
    const log = server.log();
    assert.match(log, /"level":"TRACE"/, 'the most detailed log');
    assert.match(log.slice(0, 2), /^\{"/, 'in JSON');
    absent(used, log, 'the log');
    absent(used, dumped(log), 'what the log dumps');
  });
  await report.check('o54 none of the secrets of a sign-in is in the files', async () => {
    const files = fs.readdirSync(server.data, { recursive: true }).map((name) => path.join(server.data, name));
    const read = files.filter((file) => fs.statSync(file).isFile());
    assert.ok(read.some((file) => file.endsWith('state.sqlite')), `${read}`);
    const secrets = new Set([...used].filter((secret) => secret !== QUESTION));
    for (const file of read) {
      const name = path.basename(file);
      absent(name.startsWith('usage.sqlite') ? secrets : used, fs.readFileSync(file, 'latin1'), name);
    }
  });
}

/** The bytes that libraries dump in hexadecimal, a few in a line. */
function dumped(log) {
  const lines = [...log.matchAll(/"message":"((?:[0-9a-f]{2}|[0-9a-f]{4}| )+) /g)];
  return Buffer.from(lines.map(([, hex]) => hex.replaceAll(' ', '')).join(''), 'hex').toString('latin1');
}

function absent(used, text, where) {
  const found = [...used].filter((secret) => text.includes(secret));
  const around = (secret) => text.slice(Math.max(0, text.indexOf(secret) - 300), text.indexOf(secret) + secret.length + 100);
  assert.deepEqual(found, [], `${found.length} secrets in ${where}, the first: ${found[0] && around(found[0])}`);
}

/** Everything that is sent in a sign-in, and every secret of it. */
async function everything(server) {
  const app = await App.at(server.origin);
  const person = new Person(provider.ADA);
  const said = [provider.CLIENT_SECRET, provider.ADA, provider.BOB];
  const keep = (...more) => said.push(...more);
  const kept = (tokens) => keep(tokens.access_token, tokens.refresh_token) && tokens;
  const refused = async (asked) => assert.rejects(asked, /\/token: 400/);

  const first = kept(await app.signIn(person));
  keep(app.code, app.verifier, app.state);
  assert.equal(await app.search(first.access_token, QUESTION), 200);
  keep(QUESTION);
  // Not every call takes the same way: these go through the SDK, which logs by itself.
  const clientInfo = { name: 'app', version: '1' };
  const hello = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
  assert.equal(await app.call(first.access_token, 'initialize', hello), 200);
  assert.equal(await app.call(first.access_token, 'resources/list'), 200);
  const second = kept(await app.refresh(first.refresh_token));
  const third = kept(await app.refresh(second.refresh_token));
  // Used again after its successor was: the sign-in ends.
  await refused(app.refresh(first.refresh_token));
  assert.equal(await app.search(third.access_token), 401);
  await refused(app.exchange(app.code));
  await app.revoke(third.refresh_token);

  // Somebody else, whose app proves nothing, and then everything twice.
  const other = new Person(provider.BOB);
  const back = await other.signIn(app.address());
  const [code, verifier] = [back.searchParams.get('code'), app.verifier];
  app.verifier = 'another-verifier-that-is-long-enough-for-the-specification';
  await refused(app.exchange(code));
  keep(code, verifier, app.verifier, app.state);
  app.verifier = verifier;
  const fourth = kept(await app.exchange(code));
  await refused(app.exchange(code));
  assert.equal(await app.search(fourth.access_token), 401);

  // A key, right, wrong, and where no key belongs; tokens that somebody made up.
  const made = server.cli('key', 'create', '--name', 'agent');
  const key = made.stdout.match(/dk_live_\w+/)?.[0];
  assert.ok(key, made.stderr);
  assert.equal(await app.search(key), 200);
  const wrong = [`${key.slice(0, -1)}_`, 'dk_at_0123456789abcdef0123456789abcdef', 'eyJhbGciOiJub25lIn0.e30.'];
  for (const token of wrong) assert.equal(await app.search(token), 401);
  for (const query of [`access_token=${key}`, `code=${code}&state=${app.state}`]) {
    for (const where of ['/mcp', '/authorize', '/auth/google/callback', '/docs', '/token']) {
      await (await fetch(`${server.origin}${where}?${query}`)).text();
    }
  }
  keep(key, ...wrong);

  for (const exchanged of server.provider.exchanged) {
    keep(exchanged.code, exchanged.code_verifier, exchanged.id_token, exchanged.access_token);
  }
  return [...said, ...person.secrets, ...other.secrets];
}
