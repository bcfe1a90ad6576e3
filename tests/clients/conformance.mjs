// The conformance suite: newest pre-release and newest stable, every revision each offers, strict baselines.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import * as docent from './lib/docent.mjs';
import { Report } from './lib/report.mjs';

const TOOLS = path.join(docent.HERE, '.tools');

const all = (suite, revision) => ({
  suite,
  revision,
  select: ['--suite', 'all', '--spec-version', revision],
  baseline: `${suite}-${revision}`,
});
// Exactly what a revision required when it was released.
const required = (suite, revision) => ({
  suite,
  revision: `${revision} (required)`,
  select: ['--requirements', revision],
  baseline: `${suite}-${revision}`,
});

// Without a baseline nothing may fail.
const RUNS = [
  { ...all('next', '2025-03-26'), baseline: undefined },
  all('next', '2025-06-18'),
  all('next', '2025-11-25'),
  all('next', '2026-07-28'),
  required('next', '2025-11-25'),
  required('next', '2026-07-28'),
  all('stable', '2025-06-18'),
  all('stable', '2025-11-25'),
];

/** The same selection for the server with the fixtures. */
function withFixtures(selection) {
  const baseline = selection.baseline && `everything-${selection.baseline}`;
  return { ...selection, baseline: fs.existsSync(baselineFile(baseline)) ? baseline : undefined };
}

function baselineFile(baseline) {
  return path.join(docent.HERE, 'conformance', `${baseline}.yml`);
}

function version(suite) {
  return JSON.parse(fs.readFileSync(path.join(TOOLS, `node_modules/conformance-${suite}/package.json`))).version;
}

/** Runs one selection and reports each green scenario, then the suite's own verdict. */
function run({ suite, revision, select, baseline }, url, name = 'conformance') {
  const report = new Report(`${name}-${version(suite)}`, 'http', revision);
  const folder = path.join(TOOLS, 'conformance', `${name}-${suite}-${revision.replace(/\W+/g, '-')}`);
  fs.rmSync(folder, { recursive: true, force: true });
  const file = baseline && baselineFile(baseline);
  const done = spawnSync(
    process.execPath,
    [
      path.join(TOOLS, `node_modules/conformance-${suite}/dist/index.js`),
      ...['server', '--url', url, ...select, '--output-dir', folder],
      ...(file ? ['--expected-failures', file] : []),
    ],
    { encoding: 'utf8', timeout: 300_000, maxBuffer: 1 << 28 },
  );
  // Its words go to a file: its own totals count the expected failures, and would be read as ours.
  const log = `${folder}.log`;
  fs.writeFileSync(log, done.stdout + done.stderr);

  const entries = file ? parse(fs.readFileSync(file, 'utf8')).server : [];
  const excused = new Set(entries.map((entry) => entry.split(':')[0]));
  const found = scenarios(folder);
  for (const { scenario, checks } of found) {
    if (!excused.has(scenario) && checks.every((check) => check.status !== 'FAILURE')) {
      report.ok(`${scenario} (${checks.filter((check) => check.status === 'SUCCESS').length})`);
    }
  }
  const what = `${file ? `fails only as ${baseline}.yml expects` : 'fails nowhere'}, ${found.length} scenarios`;
  if (done.status === 0 && found.length > 0) report.ok(what);
  else report.fail(what, new Error(`${verdict(done.stdout + done.stderr)}\nfull text: ${path.relative(docent.HERE, log)}`));
}

/** The results that the suite wrote: a folder per scenario, named server-SCENARIO-TIME. */
function scenarios(folder) {
  if (!fs.existsSync(folder)) return [];
  return fs.readdirSync(folder).flatMap((name) => {
    const checks = path.join(folder, name, 'checks.json');
    const scenario = name.replace(/^server-/, '').replace(/-\d{4}-\d\d-\d\dT[\d-]+Z$/, '');
    return fs.existsSync(checks) ? [{ scenario, checks: JSON.parse(fs.readFileSync(checks)) }] : [];
  });
}

/** What the suite says after its summary: unexpected failures and stale entries. */
function verdict(text) {
  const plain = text.replaceAll(/\u001b\[\d*m/g, '');
  return plain.match(/(Unexpected failures|Stale)[\s\S]*$/)?.[0].trim() ?? plain.slice(-1500).trim();
}

// The real server has none of the suite's fixture tools, prompts and resources.
const server = await docent.http(docent.copyOfDocs());
for (const selection of RUNS) run(selection, server.url);
await server.stop();

// The same HTTP stack with a server behind it that has them all.
const everything = await docent.everything(docent.copyOfDocs());
for (const selection of RUNS) run(withFixtures(selection), everything.url, 'conformance-everything');
await everything.stop();
