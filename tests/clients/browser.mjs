// A person in a browser: the front page, the page that a hit cites, and a page that attacks its reader.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { chromium } from 'playwright-core';
import * as contract from './lib/contract.mjs';
import * as docent from './lib/docent.mjs';
import { Report } from './lib/report.mjs';

const SCREENSHOTS = path.join(docent.HERE, '.tools/screenshots');
const report = new Report('chromium', 'http', 'pages');
fs.mkdirSync(SCREENSHOTS, { recursive: true });

const server = await docent.http(docent.copyOfDocs());
const client = new Client({ name: 'docent-tests', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
await client.connect(new StreamableHTTPClientTransport(new URL(server.url)));
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
    ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
  ],
});

async function search(query) {
  const result = await client.callTool({ name: 'search', arguments: { query } });
  return contract.content(result).results[0];
}

/** Opens an address; everything the page complains about and every request it makes is collected. */
async function open(url, size = { width: 1280, height: 800 }, colorScheme = 'light') {
  const page = await browser.newPage({ viewport: size, colorScheme });
  const complaints = [];
  const foreign = [];
  page.on('pageerror', (error) => complaints.push(`script error: ${error.message}`));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(`${server.origin}/`)) foreign.push(request.url());
  });
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    return dialog.dismiss();
  });
  const answer = await page.goto(url, { waitUntil: 'load' });
  return { page, complaints, foreign, answer };
}

/** No script error, no violation of the content security policy, no request to anywhere else. */
function clean({ complaints, foreign }) {
  assert.deepEqual(complaints, [], 'complaints');
  assert.deepEqual(foreign, [], 'requests to other hosts');
}

async function shot(page, name) {
  await page.screenshot({ path: path.join(SCREENSHOTS, `${name}.png`) });
}

await report.check('the front page names the server and says how to connect', async () => {
  const opened = await open(`${server.origin}/`);
  assert.equal(opened.answer.status(), 200);
  const text = await opened.page.innerText('body');
  assert.match(text, /docent/i);
  assert.ok(text.includes(server.url), `the address to connect to: ${text.slice(0, 800)}`);
  assert.ok(await opened.page.title(), 'a title');
  assert.ok(await opened.page.getAttribute('html', 'lang'), 'a language');
  await shot(opened.page, 'front');
  clean(opened);
});

await report.check('the front page fits a phone, in the dark', async () => {
  const opened = await open(`${server.origin}/`, { width: 360, height: 640 }, 'dark');
  const wide = await opened.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(wide <= 0, `${wide} pixels too wide`);
  await shot(opened.page, 'front-phone-dark');
  clean(opened);
});

await report.check('a citation opens the page at the cited section', async () => {
  const hit = await search('berth.overflow setting');
  assert.match(hit.id, /^reference\/settings\.md#/);
  const opened = await open(hit.url);
  assert.equal(opened.answer.status(), 200);
  const policy = opened.answer.headers()['content-security-policy'] ?? '';
  assert.match(policy, /script-src|default-src/, `a content security policy: ${policy}`);
  assert.equal(opened.answer.headers()['x-content-type-options'], 'nosniff');
  const anchor = decodeURIComponent(new URL(hit.url).hash.slice(1));
  assert.ok(anchor, `an anchor in ${hit.url}`);
  const target = opened.page.locator(`[id="${anchor}"]`);
  assert.equal(await target.count(), 1, `one element with the id ${anchor}`);
  await opened.page.waitForFunction(() => window.scrollY > 0, undefined, { timeout: 5000 });
  const top = await target.evaluate((element) => element.getBoundingClientRect().top);
  assert.ok(top >= -5 && top < 400, `the section stands ${top} pixels below the top`);
  await shot(opened.page, 'citation');
  clean(opened);
});

await report.check('a page shows its table, its code and its links', async () => {
  const hit = await search('Who receives a parcel: turn, idle or pinned');
  const opened = await open(hit.url);
  const { page } = opened;
  assert.ok((await page.locator('table').count()) >= 1, 'a table');
  assert.ok((await page.locator('pre code').count()) >= 2, 'code blocks');
  assert.equal(await page.locator('h1').count(), 1, 'one h1');
  const link = page.locator('a', { hasText: 'HL-2003' }).first();
  const [answer] = await Promise.all([page.waitForNavigation(), link.click()]);
  assert.equal(answer.status(), 200, page.url());
  assert.match(await page.innerText('body'), /The berth holds as many parcels/);
  await shot(page, 'after-a-link');
  clean(opened);
});

await report.check('a hostile page runs nothing', async () => {
  const hit = await search('Markdown that attacks its reader');
  assert.match(hit.id, /^operations\/hostile\.md/);
  const opened = await open(hit.url);
  const { page } = opened;
  const text = await page.innerText('body');
  assert.match(text, /The words before the script stay readable/);
  assert.match(text, /semaphore/);
  const nothingRan = async (when) => {
    assert.equal(await page.evaluate(() => window.pwned), undefined, `ran ${when}`);
    assert.notEqual(await page.title(), 'pwned');
    // A javascript: address whose value is a string replaces the page, and with it the trace.
    assert.match(await page.innerText('body'), /semaphore/, `the page is still there ${when}`);
  };
  await nothingRan('on its own');
  assert.doesNotMatch(await page.content(), /zanzibarcomment/, 'a comment of the docs is not served');
  for (const name of ['A link that runs a script', 'The same in HTML', 'A paragraph that wants to be clicked']) {
    const element = page.getByText(name).first();
    if (await element.count()) await element.click({ timeout: 2000 }).catch(() => {});
    await nothingRan(`after a click on: ${name}`);
  }
  const addresses = ['iframe', 'form[action^="javascript"]', 'a[href^="javascript"]'];
  for (const what of ['article script', 'main script', '[onclick]', '[onerror]', '[onload]', ...addresses]) {
    assert.equal(await page.locator(what).count(), 0, what);
  }
  await shot(page, 'hostile');
  // Its broken picture may be asked for and missed; that is all that may be said about this page.
  opened.complaints = opened.complaints.filter((complaint) => !complaint.includes('404'));
  clean(opened);
});

await report.check('an address that does not exist says so', async () => {
  const opened = await open(`${server.origin}/no/such/page`);
  assert.equal(opened.answer.status(), 404);
  assert.ok((await opened.page.innerText('body')).trim(), 'a word about it');
  assert.doesNotMatch(await opened.page.content(), /\/tmp\//, 'no path of the host');
});

await browser.close();
await client.close();
await server.stop();
