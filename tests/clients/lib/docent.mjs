// Starts the real docent on a copy of ./docs, so that a check may edit its pages; and ./everything in its place.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const HERE = fileURLToPath(new URL('..', import.meta.url));
const BINARY = process.env.DOCENT_BIN ?? fail('DOCENT_BIN is not set: start this script through ./run');

const folders = [];
const children = new Set();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true });
});

function fail(why) {
  throw new Error(why);
}

/** A folder that goes away with the script. */
export function temporary() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'docent-clients-'));
  folders.push(folder);
  return folder;
}

/** A fresh copy of the fixture docs. */
export function copyOfDocs() {
  const docs = path.join(temporary(), 'docs');
  fs.cpSync(path.join(HERE, 'docs'), docs, { recursive: true });
  return docs;
}

/** A docs folder with `count` one-paragraph pages, for paging through lists. */
export function manyPages(count) {
  const docs = path.join(temporary(), 'docs');
  fs.mkdirSync(docs);
  for (let i = 1; i <= count; i++) {
    fs.writeFileSync(path.join(docs, `ledger-${String(i).padStart(5, '0')}.md`), `# Ledger ${i}\n\nEntry number ${i}.\n`);
  }
  return docs;
}

/** The environment without settings of the person who runs the tests. */
function environment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('DOCENT_')));
}

/** How a client starts docent on stdin and stdout. */
export function stdio(docs) {
  const home = temporary();
  return { command: BINARY, args: ['stdio', docs, '--data-dir', path.join(home, 'data')], cwd: home, env: environment() };
}

export async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Starts `docent serve` and waits until it is ready. */
export function http(docs) {
  return serving(docs, BINARY, (data, address) => ['serve', docs, '--listen', address, '--data-dir', data]);
}

/**
 * Starts `docent serve` with a settings file: `settings(origin)` is its text, without the collections; `env` is added
 * to the environment. `cli` runs another command on the same settings.
 */
export async function configured(docs, settings, env = {}) {
  const home = temporary();
  const port = await freePort();
  const file = path.join(home, 'docent.toml');
  const text = await settings(`http://127.0.0.1:${port}`);
  fs.writeFileSync(file, `data_dir = "data"\n${text}\n[[collections]]\nname = "docs"\npath = ${JSON.stringify(docs)}\n`);
  const start = () =>
    serving(docs, BINARY, (_, address) => ['serve', '--config', file, '--listen', address], { port, env });
  const server = await start();
  const cli = (...args) =>
    spawnSync(BINARY, [...args, '--config', file], { cwd: home, env: { ...environment(), ...env }, encoding: 'utf8' });
  return { ...server, start, cli, data: path.join(home, 'data') };
}

/** The same for ./everything, the server with the conformance suite's fixtures. */
export function everything(docs) {
  return serving(docs, built('everything'), (data, address) => [docs, data, address]);
}

/** Builds an example of the repository, unoptimised as `cargo test` has it; returns its path. */
function built(example) {
  const args = ['build', '--quiet', '--example', example, '--message-format', 'json-render-diagnostics'];
  const done = spawnSync('cargo', args, { cwd: HERE, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  if (done.status !== 0) fail(`cargo ${args.join(' ')}: ${done.error ?? `exit code ${done.status}`}`);
  const messages = done.stdout.trim().split('\n').map((line) => JSON.parse(line));
  return messages.find((message) => message.target?.name === example && message.executable).executable;
}

async function serving(docs, program, argumentsFor, { port, env = {} } = {}) {
  const home = temporary();
  const origin = `http://127.0.0.1:${port ?? (await freePort())}`;
  const log = path.join(home, 'docent.log');
  const out = fs.openSync(log, 'w');
  const args = argumentsFor(path.join(home, 'data'), new URL(origin).host);
  const child = spawn(program, args, { cwd: home, env: { ...environment(), ...env }, stdio: ['ignore', out, out] });
  children.add(child);
  const ended = once(child, 'exit').finally(() => children.delete(child));
  const why = () => `${[program, ...args].join(' ')}\n${fs.readFileSync(log, 'utf8').slice(-4000)}`;

  const end = Date.now() + 60_000;
  while (!(await fetch(`${origin}/readyz`).then((answer) => answer.ok, () => false))) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}: ${why()}`);
    if (Date.now() > end) throw new Error(`the server is not ready after 60 s: ${why()}`);
    await sleep(50);
  }
  return {
    origin,
    url: `${origin}/mcp`,
    docs,
    log: () => fs.readFileSync(log, 'utf8'),
    /** Ends the server in the middle of whatever it does. */
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
    /** Ends the server as an operator does; returns its exit code, or null when it had to be killed. */
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
      const [code] = await ended;
      clearTimeout(timer);
      return code;
    },
  };
}
