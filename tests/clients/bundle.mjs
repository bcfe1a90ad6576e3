// The bundle for desktop clients: judged and packed by its makers' own tool, unpacked, and started as a client starts it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import * as contract from './lib/contract.mjs';
import * as docent from './lib/docent.mjs';
import { Report } from './lib/report.mjs';

const MCPB = path.join(docent.HERE, '.tools/node_modules/.bin/mcpb');
const MANIFEST = path.join(docent.HERE, '../../deploy/mcpb/manifest.json');
const report = new Report('mcpb', 'stdio', 'bundle');
const home = docent.temporary();
const unpacked = path.join(home, 'unpacked');

function mcpb(...args) {
  const done = spawnSync(MCPB, args, { cwd: home, encoding: 'utf8' });
  assert.equal(done.status, 0, `mcpb ${args.join(' ')}: ${done.stdout}${done.stderr}`);
  return done.stdout;
}

await report.check('the manifest is valid', async () => {
  assert.match(mcpb('validate', MANIFEST), /validation passes/i);
});

await report.check('it is packed as the manual says', async () => {
  const { command } = docent.stdio(home);
  fs.mkdirSync(path.join(home, 'bundle/server'), { recursive: true });
  fs.copyFileSync(MANIFEST, path.join(home, 'bundle/manifest.json'));
  fs.copyFileSync(command, path.join(home, 'bundle/server/docent'));
  mcpb('pack', 'bundle', 'docent.mcpb');
  mcpb('unpack', 'docent.mcpb', unpacked);
  const { entry_point: program } = JSON.parse(fs.readFileSync(path.join(unpacked, 'manifest.json'), 'utf8')).server;
  fs.accessSync(path.join(unpacked, program), fs.constants.X_OK);
});

await report.check('a client starts it over the folder that its user chose', async () => {
  const { server, tools } = JSON.parse(fs.readFileSync(path.join(unpacked, 'manifest.json'), 'utf8'));
  const chosen = docent.copyOfDocs();
  const filled = (text) => text.replaceAll('${__dirname}', unpacked).replaceAll('${user_config.docs}', chosen);
  const { command, args } = server.mcp_config;
  const client = new Client({ name: 'docent-tests', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
  // The index goes where the user's caches are.
  const env = { ...process.env, XDG_CACHE_HOME: path.join(home, 'cache') };
  await client.connect(new StdioClientTransport({ command: filled(command), args: args.map(filled), cwd: home, env }));
  const offered = (await client.listTools()).tools.map((tool) => tool.name);
  assert.deepEqual(tools.map((tool) => tool.name), offered);
  const found = await client.callTool({ name: 'search', arguments: { query: 'berth.overflow setting' } });
  assert.match(contract.content(found).results[0].id, /^reference\/settings\.md#/);
  await client.close();
});
