// Docs change while a client is connected: it is told, and what it asks next is answered from the new text.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { content } from './contract.mjs';
import { until, within } from './report.mjs';

const NOTICE_MS = 15_000;

/** Collects notices; `next(name, test)` waits for one that came or is still to come. */
export class Notices {
  #seen = [];

  add(name, params) {
    this.#seen.push({ name, params });
  }

  next(name, test = () => true) {
    const find = () => this.#seen.find((notice) => notice.name === name && test(notice.params ?? {}));
    return until(NOTICE_MS, `${name} (seen: ${JSON.stringify(this.#seen)})`, find);
  }
}

async function find(client, word, id) {
  const found = content(await client.callTool({ name: 'search', arguments: { query: word } }));
  return found.results.some((hit) => hit.id === id && hit.text?.includes(word));
}

async function watchPage(client) {
  const { resources } = await client.listResources();
  return resources.find((resource) => resource.uri.endsWith('/operations/watch.md')).uri;
}

/** With notices: `follow(uri)` asks for them and returns how to stop; afterwards one call must be enough. */
export async function told(client, report, docs, notices, follow) {
  await report.check('is told when a page changes', async () => {
    const uri = await watchPage(client);
    const stop = await follow(uri);
    await client.readResource({ uri });
    edit(docs, 'The bell rings cormorantbell times.');
    await notices.next('resources/updated', (params) => params.uri === uri);
    assert.ok(await find(client, 'cormorantbell', 'operations/watch.md#bell'), 'search finds the new text at once');
    const { contents } = await client.readResource({ uri });
    assert.ok(contents[0].text.includes('cormorantbell'), 'the resource is the new one');

    fs.writeFileSync(path.join(docs, 'operations', 'foghorn.md'), '# Foghorn\n\nSounds petrelhorn in fog.\n');
    await notices.next('resources/list_changed');
    const { resources } = await client.listResources();
    assert.ok(resources.some((resource) => resource.uri.endsWith('/operations/foghorn.md')), 'the new page is listed');
    assert.ok(await find(client, 'petrelhorn', 'operations/foghorn.md#foghorn'), 'and found');
    await within(NOTICE_MS, 'the end of the subscription', stop());
  });
}

/** Without notices (a handshake revision over stateless HTTP): the new text is found soon. */
export async function untold(client, report, docs) {
  await report.check('finds what was changed while it was connected', async () => {
    edit(docs, 'The bell rings cormorantbell times.');
    await until(NOTICE_MS, 'the new text', () => find(client, 'cormorantbell', 'operations/watch.md#bell'));
  });
}

function edit(docs, sentence) {
  fs.appendFileSync(path.join(docs, 'operations', 'watch.md'), `\n## Bell\n\n${sentence}\n`);
}
