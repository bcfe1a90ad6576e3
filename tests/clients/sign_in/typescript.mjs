// Both TypeScript SDKs: they find out, register, prove and renew by themselves; only the browser is ours.
import assert from 'node:assert/strict';
import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';
import { UnauthorizedError as UnauthorizedError1 } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import * as contract from '../lib/contract.mjs';
import { Person } from '../lib/person.mjs';
import * as provider from '../lib/provider.mjs';
import { Report } from '../lib/report.mjs';

/** Any port of this machine: nobody listens, the person says where they were sent. */
export const BACK = 'http://127.0.0.1:65001/callback';

const ABOUT = { name: 'docent-tests', version: '1.0.0' };
const SDKS = [
  {
    name: 'typescript-sdk-1',
    revision: '2025-11-25',
    client: () => new Client1(ABOUT),
    Transport: Transport1,
    Unauthorized: UnauthorizedError1,
    callback: (back) => back.get('code'),
    // A second refusal while the first is answered by a renewal is one too many for this SDK.
    atOnce: 1,
  },
  ...['legacy', 'auto'].map((mode) => ({
    name: 'typescript-client-2',
    revision: mode === 'auto' ? '2026-07-28' : '2025-11-25',
    client: () => new Client(ABOUT, { versionNegotiation: { mode } }),
    Transport: StreamableHTTPClientTransport,
    Unauthorized: UnauthorizedError,
    callback: (back) => back,
    atOnce: 3,
  })),
];

/** What an app keeps, as the SDKs want it; a person in place of the browser. */
class Keep {
  constructor(clientMetadataUrl) {
    Object.assign(this, { clientMetadataUrl, redirectUrl: BACK, person: new Person(provider.ADA), asked: 0 });
  }
  clientMetadata = { client_name: 'TypeScript', redirect_uris: [BACK], token_endpoint_auth_method: 'none' };
  state = () => (this.sent = crypto.randomUUID());
  clientInformation = () => this.client;
  saveClientInformation = (client) => void (this.client = client);
  tokens = () => this.kept;
  saveTokens = (tokens) => void (this.kept = tokens);
  codeVerifier = () => this.verifier;
  saveCodeVerifier = (verifier) => void (this.verifier = verifier);
  discoveryState = () => this.discovered;
  saveDiscoveryState = (state) => void (this.discovered = state);
  invalidateCredentials(what) {
    const kept = { client: 'client', tokens: 'kept', verifier: 'verifier', discovery: 'discovered' };
    for (const [name, member] of Object.entries(kept)) if ([name, 'all'].includes(what)) delete this[member];
  }
  async redirectToAuthorization(address) {
    this.asked += 1;
    this.back = (await this.person.signIn(address)).searchParams;
    assert.equal(this.back.get('state'), this.sent);
  }
}

/** `server` is a house that may fetch the document `typescript`. */
export async function typescript(server, documents) {
  for (const sdk of SDKS) {
    for (const document of [undefined, documents.address('typescript')]) {
      const report = new Report(sdk.name, 'http', `${sdk.revision} (${document ? 'document' : 'registration'})`);
      await check(report, sdk, server, document);
    }
  }
}

async function check(report, sdk, server, document) {
  const keep = new Keep(document);
  let client = sdk.client();
  const connect = () => client.connect(new sdk.Transport(new URL(server.url), { authProvider: keep }));
  const search = async () => {
    const result = await client.callTool({ name: 'search', arguments: { query: contract.QUESTION } });
    assert.equal(contract.content(result).results[0].id, contract.ANSWER_ID);
  };

  await report.check('signs in by itself and searches', async () => {
    const transport = new sdk.Transport(new URL(server.url), { authProvider: keep });
    await assert.rejects(client.connect(transport), sdk.Unauthorized);
    await transport.finishAuth(sdk.callback(keep.back));
    client = sdk.client();
    await connect();
    await search();
    assert.equal(keep.asked, 1);
    assert.match(keep.client.client_id, document ? RegExp(`^${document}$`) : /^\w{22}$/);
  });
  await report.check(`renews by itself, calls at once: ${sdk.atOnce}`, async () => {
    const before = keep.kept;
    await revoke(server, keep, before.access_token);
    await Promise.all(Array.from({ length: sdk.atOnce }, search));
    assert.equal(keep.asked, 1, 'the person is not asked again');
    assert.notEqual(keep.kept.access_token, before.access_token);
    assert.notEqual(keep.kept.refresh_token, before.refresh_token);
    await search();
  });
  await report.check('asks the person again when the sign-in is over', async () => {
    await revoke(server, keep, keep.kept.refresh_token);
    await assert.rejects(search(), sdk.Unauthorized);
    assert.equal(keep.asked, 2);
  });
  await client.close();
}

async function revoke(server, keep, token) {
  const body = new URLSearchParams({ client_id: keep.client.client_id, token });
  const answer = await fetch(`${server.origin}/revoke`, { method: 'POST', body });
  assert.equal(answer.status, 200, await answer.text());
}
