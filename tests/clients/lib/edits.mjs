// Docs change while a client is connected: it is told, and what it asks next is answered from the new text.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { content } from './contract.mjs';
import { until, within } from './report.mjs';

const NOTICE_MS = 15_000;

/** Collects notices; `next(name, test)` takes one that came, or waits for it. */
export class Notices {
  #seen = [];

  add(name, params) {
    this.#seen.push({ name, params });
  }

  next(name, test = () => true) {
    return until(NOTICE_MS, `${name} (seen: ${JSON.stringify(this.#seen)})`, () => {
      const at = this.#seen.findIndex((notice) => notice.name === name && test(notice.params ?? {}));
      return at >= 0 && this.#seen.splice(at, 1)[0];
    });
  }
}

async function find(client, word, id) {
  const found = content(await client.callTool({ name: 'search', arguments: { query: word } }));
  return found.results.some((hit) => hit.id === id && hit.text?.includes(word));
}

async function lists(client, path) {
  const { resources } = await client.listResources();
  return resources.some((resource) => resource.uri.endsWith(path));
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
    // An edit may change the list too (sizes, dates), so the first notice need not be the one for the new page.
    do await notices.next('resources/list_changed');
    while (!(await lists(client, '/operations/foghorn.md')));
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
