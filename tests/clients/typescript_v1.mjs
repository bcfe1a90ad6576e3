// The older TypeScript SDK, @modelcontextprotocol/sdk: handshake revisions only.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ResourceListChangedNotificationSchema, ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import * as docent from './lib/docent.mjs';
import { Notices, told, untold } from './lib/edits.mjs';
import { journey, paging } from './lib/journey.mjs';
import { Report } from './lib/report.mjs';

const REVISION = '2025-11-25';

async function connect(report, transport, notices = new Notices()) {
  const client = new Client({ name: 'docent-tests', version: '1.0.0' });
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, (notice) => notices.add('resources/updated', notice.params));
  client.setNotificationHandler(ResourceListChangedNotificationSchema, (notice) => notices.add('resources/list_changed'));
  await report.check('connects', () => client.connect(transport));
  return client;
}

{
  const report = new Report('typescript-sdk-1', 'http', REVISION);
  const server = await docent.http(docent.copyOfDocs());
  const transport = new StreamableHTTPClientTransport(new URL(server.url));
  const client = await connect(report, transport);
  await report.check(`speaks ${REVISION} without a session`, async () => {
    if (transport.protocolVersion !== REVISION) throw new Error(transport.protocolVersion);
    if (transport.sessionId) throw new Error(`session ${transport.sessionId}`);
  });
  await journey(client, report, server.origin);
  await untold(client, report, server.docs);
  await client.close();
  await server.stop();
}

{
  const report = new Report('typescript-sdk-1', 'stdio', REVISION);
  const docs = docent.copyOfDocs();
  const notices = new Notices();
  const client = await connect(report, new StdioClientTransport({ ...docent.stdio(docs), stderr: 'ignore' }), notices);
  await journey(client, report);
  await told(client, report, docs, notices, async (uri) => {
    await client.subscribeResource({ uri });
    return () => client.unsubscribeResource({ uri });
  });
  await client.close();
}

{
  const report = new Report('typescript-sdk-1', 'stdio', REVISION);
  const client = await connect(report, new StdioClientTransport({ ...docent.stdio(docent.manyPages(1200)), stderr: 'ignore' }));
  await paging(client, report, [1000, 200]);
  await client.close();
}
