// What the start page does beyond HTML: copies what is to be pasted, and asks the search tool what is written into the
// box. Whatever comes from documents is put in as text, never as markup.
'use strict';

/** An element with a text, or with other elements inside. */
function make(name, inside = [], attributes = {}) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...(Array.isArray(inside) ? inside : [inside]));
  return element;
}

// Browsers copy on pages that came over https, or from this machine.
if (navigator.clipboard && window.isSecureContext) {
  const told = make('p', [], { class: 'told', role: 'status' });
  document.body.append(told);
  for (const block of document.querySelectorAll('.block')) {
    const button = make('button', 'Copy', { type: 'button', class: 'copy' });
    const code = block.querySelector('code');
    button.addEventListener('click', async () => {
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = told.textContent = 'Copied';
      } catch {
        // It is selected instead: the keys that copy then do the rest.
        getSelection().selectAllChildren(code);
        button.textContent = told.textContent = 'Press the keys that copy';
      }
      setTimeout(() => {
        button.textContent = 'Copy';
        told.textContent = '';
      }, 2000);
    });
    block.append(button);
  }
}

const REVISION = '2026-07-28';
const form = document.getElementById('ask');

/** Calls the tool, as an assistant does; what came, and whether it is an answer. */
async function call(query, signal) {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': REVISION,
    'io.modelcontextprotocol/clientInfo': { name: 'docent-start-page', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const params = { name: 'search', arguments: { query }, _meta: meta };
  const response = await fetch(form.dataset.endpoint, {
    method: 'POST',
    signal,
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      'MCP-Protocol-Version': REVISION,
      'Mcp-Method': 'tools/call',
      'Mcp-Name': 'search',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }),
  });
  const { result, error } = await response.json();
  if (error) {
    const seconds = Number(response.headers.get('Retry-After'));
    const when = seconds ? ` (at ${new Date(Date.now() + seconds * 1000).toLocaleTimeString()})` : '';
    throw new Error(`${error.message}${when}`);
  }
  const text = result.content[0].text;
  if (result.isError) throw new Error(text);
  return text;
}

/** A hit as it came: where it is, its text as text, and what else the answer says of it. */
function shown(hit) {
  const isPage = /^https?:/.test(hit.url);
  const title = isPage ? make('a', hit.title, { href: hit.url }) : hit.title;
  const parts = [make('h3', [title])];
  if (hit.breadcrumb) parts.push(make('p', hit.breadcrumb, { class: 'note' }));
  if (hit.text) parts.push(make('pre', hit.text, { class: 'passage', tabindex: '0' }));
  const facts = [make('code', hit.id)];
  if (!isPage) facts.push(' · ', make('code', hit.url));
  if (hit.tokens) facts.push(` · ${hit.tokens} tokens`);
  if (hit.cut) facts.push(' · cut: the tool fetch has the rest');
  if (hit.also) facts.push(` · nearly the same: ${hit.also.join(', ')}`);
  parts.push(make('p', facts, { class: 'note' }));
  return make('li', parts);
}

/** What to try where nothing was found. */
function instead({ did_you_mean: words, headings, without }) {
  const parts = [];
  if (words) parts.push(make('p', `Words of these docs: ${words.join(', ')}`));
  if (headings) {
    const items = headings.map(({ id, title }) => make('li', [`${title} `, make('code', id)]));
    parts.push(make('p', 'Headings that come close:'), make('ul', items));
  }
  for (const { filter, sections, ids } of without ?? []) {
    parts.push(make('p', `Without ${filter}: ${sections} sections, such as ${ids.join(', ')}`));
  }
  return parts;
}

if (form) {
  const query = document.getElementById('query');
  const state = document.getElementById('state');
  const place = document.getElementById('answer');
  let asking;

  const ask = async () => {
    asking?.abort();
    asking = new AbortController();
    const { signal } = asking;
    state.textContent = 'Searching…';
    try {
      const text = await call(query.value, signal);
      const answer = JSON.parse(text);
      const hits = answer.results;
      const raw = make('details', [
        make('summary', 'What the assistant gets, as JSON'),
        make('pre', [make('code', text)], { class: 'passage', tabindex: '0' }),
      ]);
      place.replaceChildren(
        ...(answer.notice ? [make('p', answer.notice, { class: 'notice' })] : []),
        ...(answer.instead ? instead(answer.instead) : []),
        ...(hits.length ? [make('ol', hits.map(shown), { class: 'hits' })] : []),
        raw,
      );
      state.textContent = hits.length === 1 ? '1 section found' : `${hits.length || 'No'} sections found`;
    } catch (error) {
      if (signal.aborted) return;
      place.replaceChildren();
      // A proxy whose server is away answers in its own words.
      const unreached = error instanceof TypeError || error instanceof SyntaxError;
      state.textContent = unreached ? 'The server could not be reached.' : error.message;
    }
  };

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const address = new URL(location.href);
    address.searchParams.set('q', query.value);
    history.replaceState(null, '', address);
    ask();
  });
  form.hidden = false;
  query.value = new URLSearchParams(location.search).get('q') ?? '';
  if (query.value) ask();
}
