// The newer TypeScript SDK, @modelcontextprotocol/client: both eras.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import assert from 'node:assert/strict';
import * as docent from './lib/docent.mjs';
import { Notices, told, untold } from './lib/edits.mjs';
import { journey, paging } from './lib/journey.mjs';
import { Report } from './lib/report.mjs';

const MODERN = '2026-07-28';
const MODES = [
  { name: 'legacy', mode: 'legacy', revision: '2025-11-25' },
  { name: 'auto', mode: 'auto', revision: MODERN },
  { name: 'pin', mode: { pin: MODERN }, revision: MODERN },
];

async function connect(report, transport, { mode, revision }, notices = new Notices()) {
  const client = new Client({ name: 'docent-tests', version: '1.0.0' }, { versionNegotiation: { mode } });
  client.setNotificationHandler('notifications/resources/updated', (notice) => notices.add('resources/updated', notice.params));
  client.setNotificationHandler('notifications/resources/list_changed', () => notices.add('resources/list_changed'));
  await report.check('connects', async () => {
    await client.connect(transport);
    assert.equal(client.getNegotiatedProtocolVersion(), revision);
  });
  return client;
}

/** Asks for notices the way the revision has it. */
async function follow(client, revision, uri) {
  if (revision !== MODERN) {
    await client.subscribeResource({ uri });
    return () => client.unsubscribeResource({ uri });
  }
  const subscription = await client.listen({ resourcesListChanged: true, resourceSubscriptions: [uri] });
  assert.equal(subscription.honoredFilter.resourcesListChanged, true);
  assert.deepEqual(subscription.honoredFilter.resourceSubscriptions, [uri]);
  return () => subscription.close();
}

for (const era of MODES) {
  const report = new Report('typescript-client-2', 'http', `${era.revision} (${era.name})`);
  const server = await docent.http(docent.copyOfDocs());
  const notices = new Notices();
  const client = await connect(report, new StreamableHTTPClientTransport(new URL(server.url)), era, notices);
  await journey(client, report, server.origin);
  if (era.revision === MODERN) {
    await told(client, report, server.docs, notices, (uri) => follow(client, era.revision, uri));
  } else {
    await untold(client, report, server.docs);
  }
  await client.close();
  await server.stop();
}

for (const era of MODES) {
  const report = new Report('typescript-client-2', 'stdio', `${era.revision} (${era.name})`);
  const docs = docent.copyOfDocs();
  const notices = new Notices();
  const client = await connect(report, new StdioClientTransport({ ...docent.stdio(docs), stderr: 'ignore' }), era, notices);
  await journey(client, report);
  await told(client, report, docs, notices, (uri) => follow(client, era.revision, uri));
  await client.close();
}

{
  const report = new Report('typescript-client-2', 'http', MODERN);
  const server = await docent.http(docent.manyPages(1200));
  const client = await connect(report, new StreamableHTTPClientTransport(new URL(server.url)), MODES[1]);
  await paging(client, report, [1200]); // this client walks the cursors by itself
  await report.check('an open subscription does not hold up the end of the server', async () => {
    const subscription = await client.listen({ resourcesListChanged: true });
    assert.equal(await server.stop(), 0, 'exit code after SIGTERM');
    assert.notEqual(await subscription.closed, 'local');
  });
  await client.close().catch(() => {});
}
