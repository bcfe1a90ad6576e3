// MCP Inspector's command line: it signs in through a browser, keeps what it got, and renews it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import * as contract from '../lib/contract.mjs';
import * as docent from '../lib/docent.mjs';
import { Person } from '../lib/person.mjs';
import * as provider from '../lib/provider.mjs';
import { Report } from '../lib/report.mjs';

const PROGRAM = path.join(docent.HERE, '.tools/node_modules/.bin/mcp-inspector');
const STORAGE = path.join(docent.HERE, '.tools/inspector/sign_in');
/** Where it listens for the person who comes back; any port of this machine. */
export const BACK = 'http://127.0.0.1/oauth/callback';

/** `server` is a house that may fetch the document `inspector`. */
export async function inspector(server, documents) {
  const port = await docent.freePort();
  const inspect = (...args) => run(port, ['--server-url', server.url, ...args]);
  for (const era of ['legacy', 'auto']) {
    await checkAll(new Report('inspector', 'http', era), server, (...args) => inspect('--protocol-era', era, ...args));
  }
  await new Report('inspector', 'http', 'auto (document)').check('signs in by itself and lists the tools', async () => {
    fs.rmSync(STORAGE, { recursive: true, force: true });
    const asked = await inspect('--protocol-era', 'auto', '--client-metadata-url', documents.address('inspector'), ...LIST);
    assert.equal(asked.client, documents.address('inspector'));
    contract.tools(asked.result.tools);
  });
}

const LIST = ['--method', 'tools/list'];
const SEARCH = ['--method', 'tools/call', '--tool-name', 'search', '--tool-arg', `query=${contract.QUESTION}`];

async function checkAll(report, server, inspect) {
  fs.rmSync(STORAGE, { recursive: true, force: true });
  let client;
  const searches = async (...args) => {
    const { result, client: asked } = await inspect(...SEARCH, ...args);
    assert.equal(contract.content(result).results[0].id, contract.ANSWER_ID);
    return asked;
  };

  await report.check('signs in by itself and lists the tools', async () => {
    const first = await inspect(...LIST);
    client = first.client;
    assert.match(client, /^\w{22}$/, 'a person was asked');
    contract.tools(first.result.tools);
  });
  await report.check('--stored-auth-only lists the tools and searches', async () => {
    const again = await inspect(...LIST, '--stored-auth-only');
    assert.equal(again.client, undefined, 'nobody is asked again');
    contract.tools(again.result.tools);
    await searches('--stored-auth-only');
  });
  await report.check('--stored-auth-only renews what has ended', async () => {
    const before = stored();
    const revoked = new URLSearchParams({ client_id: client, token: before.access });
    assert.equal((await fetch(`${server.origin}/revoke`, { method: 'POST', body: revoked })).status, 200);
    await searches('--stored-auth-only');
    assert.notEqual(stored().access, before.access);
    assert.notEqual(stored().refresh, before.refresh);
  });
  await report.check('--use-stored-auth renews at each run', async () => {
    for (let run = 0; run < 3; run++) {
      const before = stored();
      assert.equal(await searches('--use-stored-auth'), undefined);
      assert.notEqual(stored().refresh, before.refresh);
    }
  });
  // It would end the old sign-in too, but this version looks for the revocation endpoint where it has not kept it.
  await report.check('--relogin signs in anew', async () => {
    const before = stored();
    assert.match(await searches('--relogin'), /^\w{22}$/, 'a person was asked');
    assert.notEqual(stored().refresh, before.refresh);
    await searches('--stored-auth-only');
  });
}

/** The tokens in its files. */
function stored() {
  const files = fs.readdirSync(STORAGE, { recursive: true }).map((name) => path.join(STORAGE, name));
  const text = files.filter((file) => fs.statSync(file).isFile()).map((file) => fs.readFileSync(file, 'utf8')).join('\n');
  const one = (kind) => {
    const found = new Set(text.match(RegExp(`${kind}[0-9A-Za-z_-]+`, 'g')));
    assert.equal(found.size, 1, `one token ${kind} in ${files}`);
    return [...found][0];
  };
  return { access: one('dk_at_'), refresh: one('dk_rt_') };
}

/** Runs it once: what it answers, and the client that a person was asked about, if one was. */
async function run(port, args) {
  const env = {
    ...process.env,
    MCP_CATALOG_PATH: path.join(STORAGE, 'mcp.json'),
    MCP_STORAGE_DIR: STORAGE,
    MCP_INSPECTOR_SECRET_STORE: 'file',
    MCP_OAUTH_CALLBACK_URL: Object.assign(new URL(BACK), { port }).href,
    // It prints the address and opens it; what it opens it with here does nothing.
    MCP_AUTO_OPEN_ENABLED: 'true',
    BROWSER: 'true',
  };
  const all = ['--cli', '--format', 'json', '--quiet', ...args];
  const child = spawn(PROGRAM, all, { env, stdio: ['ignore', 'pipe', 'pipe'], timeout: 50_000 });
  let [stdout, stderr, client] = ['', '', undefined];
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
    const address = stderr.match(/(http:\S+\/authorize\?\S+)\s/)?.[1];
    if (!address || client) return;
    client = new URL(address).searchParams.get('client_id');
    const back = new Person(provider.ADA).signIn(address).then(fetch);
    back.catch((error) => child.kill() && (stderr += `\nthe person: ${error.stack}`));
  });
  const [code] = await once(child, 'close');
  assert.equal(code, 0, `exit code ${code}: ${stderr || stdout}`);
  return { result: JSON.parse(stdout).result, client };
}
