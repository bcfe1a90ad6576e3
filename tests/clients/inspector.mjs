// MCP Inspector, its command line: every list and call, both eras, HTTP and stdio.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import * as contract from './lib/contract.mjs';
import * as docent from './lib/docent.mjs';
import { Report } from './lib/report.mjs';

const PROGRAM = path.join(docent.HERE, '.tools/node_modules/.bin/mcp-inspector');

/** Runs the Inspector once; its exit code and what it printed. */
function inspect(target, era, args) {
  return new Promise((resolve) => {
    const all = ['--cli', ...target, '--protocol-era', era, '--format', 'json', '--quiet', ...args];
    // Its catalog of servers is kept away from the home folder of whoever runs this.
    const env = { ...process.env, MCP_CATALOG_PATH: path.join(docent.HERE, '.tools/inspector/mcp.json') };
    const child = execFile(PROGRAM, all, { env, timeout: 60_000, maxBuffer: 1 << 26 }, (error, stdout, stderr) =>
      resolve({ code: error ? (error.code ?? error.signal) : 0, stdout, stderr }),
    );
    child.stdin.end();
  });
}

async function checkAll(report, target, era, origin) {
  const ask = async (method, ...args) => {
    const { code, stdout, stderr } = await inspect(target, era, ['--method', method, ...args]);
    assert.equal(code, 0, `exit code ${code}: ${stderr || stdout}`);
    return JSON.parse(stdout).result;
  };
  const call = async (tool, args) =>
    contract.content(await ask('tools/call', '--tool-name', tool, '--tool-args-json', JSON.stringify(args)));

  await report.check('initialize', async () => {
    const { serverInfo, protocolVersion, instructions, capabilities } = await ask('initialize');
    assert.equal(serverInfo.name, 'docent');
    assert.equal(protocolVersion, era === 'legacy' ? '2025-11-25' : '2026-07-28');
    assert.ok(instructions);
    for (const part of ['tools', 'resources', 'prompts', 'completions']) assert.ok(capabilities[part], part);
  });
  await report.check('tools/list --strict', async () => {
    const { code, stdout, stderr } = await inspect(target, era, ['--method', 'tools/list', '--strict']);
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stderr, /Warning|Error/, 'schemas that every model provider takes');
    contract.tools(JSON.parse(stdout).result.tools);
  });
  await report.check('tools/call search, fetch, outline', async () => {
    const found = await call('search', { query: contract.QUESTION });
    contract.hits(found, origin);
    assert.equal(found.results[0].id, contract.ANSWER_ID);
    contract.page(await call('fetch', { id: found.results[0].id }), contract.ANSWER_ID);
    assert.ok(JSON.stringify(await call('outline', { path: 'reference' })).includes('reference/cli.md'));
  });
  await report.check('tools/call of an unknown tool', async () => {
    const { code } = await inspect(target, era, ['--method', 'tools/call', '--tool-name', 'format_disk']);
    assert.equal(code, 5);
  });
  await report.check('resources/list, resources/read', async () => {
    const { resources } = await ask('resources/list');
    const page = resources.find((resource) => resource.uri.endsWith('/guide/berths.md'));
    assert.ok(page, 'guide/berths.md');
    const { contents } = await ask('resources/read', '--uri', page.uri);
    assert.match(contents[0].text, /slipway/);
  });
  await report.check('resources/templates/list', async () => {
    contract.pageTemplate((await ask('resources/templates/list')).resourceTemplates);
  });
  await report.check('prompts/list, prompts/get', async () => {
    const { prompts } = await ask('prompts/list');
    assert.ok(prompts.some((prompt) => prompt.name === 'ask'));
    const { messages } = await ask('prompts/get', '--prompt-name', 'ask', '--prompt-args', 'question=slipway');
    assert.ok(JSON.stringify(messages).includes('slipway'));
  });
}

const ERAS = ['legacy', 'modern', 'auto'];

async function overHttp() {
  const server = await docent.http(docent.copyOfDocs());
  for (const era of ERAS) await checkAll(new Report('inspector', 'http', era), [server.url], era, server.origin);
  await new Report('inspector', 'http', 'modern').check('200 searches, 8 at a time', async () => {
    const call = ['--method', 'tools/call', '--tool-name', 'search', '--tool-arg', 'query=lighthouse'];
    const load = ['--load', '--load-requests', '200', '--load-concurrency', '8'];
    const { code, stdout, stderr } = await inspect([server.url], 'modern', [...call, ...load]);
    assert.equal(code, 0, stderr || stdout);
    const { ok, toolErrors, errors } = JSON.parse(stdout).result;
    assert.deepEqual({ ok, toolErrors, errors }, { ok: 200, toolErrors: 0, errors: 0 }, stdout);
  });
  await server.stop();
}

async function overStdio() {
  const { command, args } = docent.stdio(docent.copyOfDocs());
  for (const era of ERAS) await checkAll(new Report('inspector', 'stdio', era), [command, ...args], era);
}

// Nearly all the time is the Inspector's own start, so the two transports run side by side.
await Promise.all([overHttp(), overStdio()]);
