// What a connected TypeScript client does with docent, the same for every SDK, transport and revision.
import assert from 'node:assert/strict';
import * as contract from './contract.mjs';

/** `client` is connected; `origin` is undefined on stdio. */
export async function journey(client, report, origin) {
  await report.check('says who it is and how to begin', async () => {
    assert.equal(client.getServerVersion()?.name, 'docent');
    const instructions = client.getInstructions() ?? '';
    assert.ok(instructions.includes('search'), 'instructions name the first tool');
    assert.ok(Buffer.byteLength(instructions) <= 2048, 'instructions are at most 2 KB');
  });
  await toolCalls(client, report, origin);
  await refusals(client, report);
  await resources(client, report);
  await prompts(client, report);
}

const call = (client, name, args) => client.callTool({ name, arguments: args });

async function toolCalls(client, report, origin) {
  await report.check('lists search, fetch and outline', async () => {
    const { tools } = await client.listTools();
    contract.tools(tools);
    const again = await client.listTools();
    assert.deepEqual(again.tools, tools, 'the same list again');
  });
  const first = await report.check('search finds the right section first', async () => {
    const found = contract.content(await call(client, 'search', { query: contract.QUESTION }));
    contract.hits(found, origin);
    assert.equal(found.results[0].id, contract.ANSWER_ID);
    return found.results[0];
  });
  await report.check('fetch reads the first hit', async () => {
    const fetched = contract.content(await call(client, 'fetch', { id: first.id }));
    contract.page(fetched, first.id);
    assert.equal(fetched.url, first.url, 'cited as the hit was');
    assert.match(fetched.text, /synchronisation/);
    assert.doesNotMatch(fetched.text, /HL-2003/, 'only this section');
    const byUrl = contract.content(await call(client, 'fetch', { id: first.url }));
    assert.equal(byUrl.id, first.id, 'the citation leads back to the section');
  });
  await report.check('fetch pages through a long page', async () => {
    const parts = await fetchAll(client, contract.LONG_PAGE);
    assert.ok(parts.length >= 2, `${parts.length} parts`);
    parts.forEach(contract.part);
    const headings = parts.join('\n').match(/^### /gm) ?? [];
    assert.equal(headings.length, contract.LONG_PAGE_HEADINGS, 'every section once');
  });
  await report.check('outline shows folders, pages and headings', async () => {
    const all = JSON.stringify(contract.content(await call(client, 'outline', {})));
    for (const word of ['guide/install.md', 'reference/errors.md', 'operations/watch.md']) assert.ok(all.includes(word), word);
    const one = JSON.stringify(contract.content(await call(client, 'outline', { path: 'guide/install.md' })));
    assert.ok(one.includes('macOS') && !one.includes('HL-2003'), one);
  });
  await report.check('a search without a hit still helps', async () => {
    const found = contract.content(await call(client, 'search', { query: 'xylophonequokka' }));
    assert.ok(found.results.length > 0 || found.notice?.length > 20, JSON.stringify(found));
  });
}

/** The texts of all parts of a page. */
async function fetchAll(client, id) {
  const parts = [];
  let cursor;
  do {
    const fetched = contract.content(await call(client, 'fetch', { id, max_tokens: 3000, ...(cursor && { cursor }) }));
    contract.page(fetched, id);
    parts.push(fetched.text);
    assert.notEqual(fetched.metadata.next ?? 'end', cursor, 'the cursor moves on');
    cursor = fetched.metadata.next;
    assert.ok(parts.length < 100, 'an end');
  } while (cursor);
  return parts;
}

async function refusals(client, report) {
  await report.check('understands q for query and refuses an unknown argument', async () => {
    const found = contract.content(await call(client, 'search', { q: contract.QUESTION }));
    assert.equal(found.results[0].id, contract.ANSWER_ID);
    contract.refusal(await call(client, 'search', { query: 'berth', colour: 'blue' }), 'colour', 'limit', 'max_tokens');
  });
  await report.check('refuses an unknown page and says what to do', async () => {
    contract.refusal(await call(client, 'fetch', { id: 'guide/instal.md' }), 'guide/install.md');
  });
  await report.check('an unknown tool is an error of the protocol', async () => {
    await assert.rejects(call(client, 'format_disk', {}), (error) => error.code === -32602);
  });
}

async function resources(client, report) {
  const uri = await report.check('lists and reads pages as resources', async () => {
    const { resources } = await client.listResources();
    const listed = resources.find((resource) => resource.uri.endsWith('/guide/install.md'));
    assert.ok(listed, `guide/install.md in ${resources.map((resource) => resource.uri)}`);
    assert.ok(listed.uri.startsWith('docs:///'), listed.uri);
    assert.equal(listed.mimeType, 'text/markdown');
    assert.equal(listed.title, 'Installation');
    assert.ok(listed.size > 0, 'size');
    const { contents } = await client.readResource({ uri: listed.uri });
    assert.equal(contents[0].mimeType, 'text/markdown');
    assert.match(contents[0].text, /systemd[\s\S]*disk image/);
    return listed.uri;
  });
  await report.check('reads one section as a resource', async () => {
    const { contents } = await client.readResource({ uri: `${uri}#linux` });
    assert.match(contents[0].text, /systemd/);
    assert.doesNotMatch(contents[0].text, /disk image/);
  });
  await report.check('a resource that does not exist is an error', async () => {
    await assert.rejects(client.readResource({ uri: `${uri}.gone` }), (error) => [-32002, -32602].includes(error.code));
  });
  await report.check('completes the path of a resource template', async () => {
    const { resourceTemplates } = await client.listResourceTemplates();
    const template = contract.pageTemplate(resourceTemplates);
    const collection = new URL(uri).pathname.split('/')[1];
    const { completion } = await client.complete({
      ref: { type: 'ref/resource', uri: template },
      argument: { name: 'path', value: 'guide/in' },
      context: { arguments: { collection } },
    });
    assert.ok(completion.values.includes('guide/install.md'), `${completion.values}`);
  });
}

async function prompts(client, report) {
  await report.check('offers the prompt ask', async () => {
    const { prompts } = await client.listPrompts();
    const ask = prompts.find((prompt) => prompt.name === 'ask');
    assert.ok(ask?.arguments?.some((argument) => argument.name === 'question' && argument.required), JSON.stringify(ask));
    const { messages } = await client.getPrompt({ name: 'ask', arguments: { question: 'Who receives a parcel?' } });
    assert.ok(JSON.stringify(messages).includes('Who receives a parcel?'), 'the question is in the prompt');
  });
}

/** Pages through the resources of a large folder; `sizes` is how many each call must bring. */
export async function paging(client, report, sizes) {
  await report.check('pages through the resources of a large folder', async () => {
    const uris = new Set();
    const seen = [];
    let cursor;
    do {
      const listed = await client.listResources(cursor && { cursor });
      seen.push(listed.resources.length);
      listed.resources.forEach((resource) => uris.add(resource.uri));
      cursor = listed.nextCursor;
    } while (cursor && seen.length < 100);
    assert.deepEqual(seen, sizes);
    assert.equal(uris.size, sizes.reduce((sum, size) => sum + size), 'no page twice');
    await assert.rejects(client.listResources({ cursor: 'not-a-cursor' }), (error) => error.code === -32602);
  });
}
