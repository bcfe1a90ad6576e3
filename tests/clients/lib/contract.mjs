// What every client must find, whatever it is written in. The Python twin is lib/contract.py.
import assert from 'node:assert/strict';

export const TOOLS = ['fetch', 'outline', 'search'];
export const QUESTION = 'What does error HL-1042 mean when the clock drifts?';
export const ANSWER_ID = 'reference/errors.md#hl-1042-the-clock-drifts';
export const LONG_PAGE = 'reference/settings.md';
export const LONG_PAGE_HEADINGS = 60;

/** The three tools, complete and harmless. */
export function tools(list) {
  assert.deepEqual(list.map((tool) => tool.name).sort(), TOOLS);
  for (const tool of list) {
    assert.ok(tool.description?.length > 40, `${tool.name} has a description`);
    assert.ok(Buffer.byteLength(tool.description) <= 2048, `the description of ${tool.name} is at most 2 KB`);
    assert.equal(tool.inputSchema?.type, 'object', `${tool.name} has an input schema`);
    assert.equal(tool.outputSchema?.type, 'object', `${tool.name} has an output schema`);
    assert.ok(tool.annotations?.title ?? tool.title, `${tool.name} has a title`);
    assert.equal(tool.annotations?.readOnlyHint, true, `${tool.name} is read-only`);
    assert.equal(tool.annotations?.idempotentHint, true, `${tool.name} is idempotent`);
    assert.equal(tool.annotations?.openWorldHint, false, `${tool.name} has a closed world`);
  }
}

/** The result of a tool, after a look at both of its channels. */
export function content(result) {
  assert.ok(!result.isError, `an error: ${result.content?.[0]?.text}`);
  assert.equal(result.content?.length, 1, 'one content item');
  assert.equal(result.content[0].type, 'text');
  assert.ok(result.structuredContent, 'structuredContent');
  assert.deepEqual(JSON.parse(result.content[0].text), result.structuredContent, 'both channels say the same');
  return result.structuredContent;
}

/** A refusal that tells what to do next. */
export function refusal(result, ...words) {
  assert.equal(result.isError, true, 'isError');
  const text = result.content?.map((item) => item.text).join('\n') ?? '';
  for (const word of words) assert.ok(text.includes(word), `the refusal says ${word}: ${text}`);
}

/** `origin` is where the server shows pages to people; without one (stdio) a hit cites the resource. */
export function hits(found, origin) {
  assert.ok(Array.isArray(found.results) && found.results.length > 0, `hits: ${JSON.stringify(found)}`);
  for (const hit of found.results) {
    for (const field of ['id', 'title', 'page', 'breadcrumb', 'url']) {
      assert.ok(typeof hit[field] === 'string' && hit[field], `${field} of ${JSON.stringify(hit)}`);
    }
    assert.ok(hit.url.startsWith(origin ? `${origin}/` : 'docs:///'), `where a reader finds it: ${hit.url}`);
  }
}

/** What a fetched page or section must have. */
export function page(fetched, id) {
  assert.equal(fetched.id, id);
  for (const field of ['title', 'text', 'url']) assert.ok(fetched[field], field);
  assert.ok(fetched.metadata?.tokens > 0, 'metadata.tokens');
  assert.ok(Array.isArray(fetched.metadata.sections), 'metadata.sections');
}

/** One part of a long page: whole sections, no code block cut in two. */
export function part(text) {
  assert.equal((text.match(/^```/gm) ?? []).length % 2, 0, 'no code block is cut');
}

/** The address of a template's page argument and a value for everything else in it. */
export function pageTemplate(templates) {
  assert.ok(templates.length >= 1, 'templates');
  for (const { uriTemplate } of templates) {
    assert.ok(uriTemplate.startsWith('docs:///'), uriTemplate);
    if (/\{\+?path\}/.test(uriTemplate)) return uriTemplate;
  }
  assert.fail(`a template with a variable "path": ${templates.map((template) => template.uriTemplate)}`);
}
