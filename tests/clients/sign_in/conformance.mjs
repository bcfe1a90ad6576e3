// The conformance suite's judge of authorization servers; a person signs in for it. Its stable release has none.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import * as docent from '../lib/docent.mjs';
import { house, register } from '../lib/house.mjs';
import { Person } from '../lib/person.mjs';
import * as provider from '../lib/provider.mjs';
import { Report } from '../lib/report.mjs';

const SUITE = path.join(docent.HERE, '.tools/node_modules/conformance-next');
const VERSION = JSON.parse(fs.readFileSync(path.join(SUITE, 'package.json'))).version;
const SCENARIOS = ['authorization-server-metadata-endpoint', 'authorization-code-grant'];

export async function conformance() {
  const server = await house();
  await judge(server, '2025-11-25', 'without a resource', []);
  await judge(server, '2026-07-28', 'without a resource', []);
  await judge(server, '2026-07-28', 'for a resource', ['--resource', server.url]);
  await server.close();
}

async function judge(server, revision, kind, more) {
  const report = new Report(`conformance-${VERSION}`, 'http', revision);
  const port = await docent.freePort();
  const { client_id: id } = await register(server.origin, [`http://127.0.0.1:${port}/callback`]);
  const folder = path.join(docent.HERE, '.tools/conformance', `authorization-${revision}-${kind.replaceAll(' ', '-')}`);
  fs.rmSync(folder, { recursive: true, force: true });
  const args = ['authorization', '--url', server.origin, '--client-id', id, '--port', String(port), ...more];
  const { code, output } = await run([...args, '--spec-version', revision, '--output-dir', folder]);
  const found = results(folder);
  for (const scenario of SCENARIOS) {
    await report.check(`${scenario} ${kind}`, async () => {
      const checks = found.get(scenario) ?? [];
      const bad = checks.filter((check) => !['SUCCESS', 'INFO'].includes(check.status));
      if (code !== 0 || checks.length === 0 || bad.length > 0) {
        throw new Error(`exit code ${code}: ${JSON.stringify(bad, null, 1)}\n${output.slice(-3000)}`);
      }
    });
  }
}

/** Runs the judge; opens the address that it prints as a person would, and goes back to it. */
async function run(args) {
  const child = spawn(process.execPath, [path.join(SUITE, 'dist/index.js'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
  });
  let output = '';
  let opened = false;
  const read = (chunk) => {
    output += chunk;
    const address = output.match(/^(http:\S+\/authorize\?\S+)\s/m)?.[1];
    if (!address || opened) return;
    opened = true;
    const back = new Person(provider.ADA).signIn(address).then(fetch);
    back.catch((error) => child.kill() && (output += `\nthe person: ${error.stack}`));
  };
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  const [code] = await once(child, 'close');
  return { code, output };
}

/** The checks of each scenario, from the folders that the suite wrote. */
function results(folder) {
  const found = new Map();
  if (!fs.existsSync(folder)) return found;
  for (const name of fs.readdirSync(folder, { recursive: true })) {
    const scenario = SCENARIOS.find((it) => name.includes(it));
    if (path.basename(name) === 'checks.json' && scenario) {
      found.set(scenario, JSON.parse(fs.readFileSync(path.join(folder, name), 'utf8')));
    }
  }
  return found;
}
