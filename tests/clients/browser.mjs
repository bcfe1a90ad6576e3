// A person in a browser: the start page with its search box and tabs, the page that a hit cites, and a page that attacks
// its reader; each of them held to accessibility by axe.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { chromium } from 'playwright-core';
import * as contract from './lib/contract.mjs';
import * as docent from './lib/docent.mjs';
import { Report } from './lib/report.mjs';

const AXE = path.join(docent.HERE, '.tools/node_modules/axe-core/axe.min.js');
const SCREENSHOTS = path.join(docent.HERE, '.tools/screenshots');
const report = new Report('chromium', 'http', 'pages');
fs.mkdirSync(SCREENSHOTS, { recursive: true });

const server = await docent.http(docent.copyOfDocs());
const closed = await docent.configured(docent.copyOfDocs(), () => 'access = "keys"');
const client = new Client({ name: 'docent-tests', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
await client.connect(new StreamableHTTPClientTransport(new URL(server.url)));
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
    ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
  ],
});

/** What an assistant gets. */
function called(query) {
  return client.callTool({ name: 'search', arguments: { query } });
}

async function search(query) {
  return contract.content(await called(query)).results[0];
}

const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 360, height: 640 };

/** Opens an address; everything the page complains about and every request it makes is collected. */
async function open(url, size = DESKTOP, colorScheme = 'light', context = {}) {
  const page = await browser.newPage({ viewport: size, colorScheme, ...context });
  const complaints = [];
  const foreign = [];
  page.on('pageerror', (error) => complaints.push(`script error: ${error.message}`));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(`${new URL(url).origin}/`)) foreign.push(request.url());
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

await report.check('the start page names the server and says how to connect', async () => {
  const opened = await open(`${server.origin}/`);
  assert.equal(opened.answer.status(), 200);
  const text = await opened.page.innerText('body');
  assert.match(text, /docent/i);
  assert.ok(text.includes(server.url), `the address to connect to: ${text.slice(0, 800)}`);
  assert.match(text, /Last updated \d+ \w+ 20\d\d/);
  assert.ok(await opened.page.title(), 'a title');
  assert.ok(await opened.page.getAttribute('html', 'lang'), 'a language');
  await shot(opened.page, 'start');
  clean(opened);
});

await report.check('the box shows the very text that the tool returns', async () => {
  const query = 'Who receives a parcel: turn, idle or pinned';
  const { page, ...opened } = await open(`${server.origin}/`);
  await page.fill('#query', query);
  await page.click('#ask button');
  await page.waitForSelector('.hits');
  const result = await called(query);
  assert.equal(await page.locator('#answer details code').evaluate((code) => code.textContent), result.content[0].text);
  const answer = contract.content(result);
  assert.equal(await page.textContent('#state'), `${answer.results.length} sections found`);
  const shown = await page.$$eval('.hits > li', (hits) =>
    hits.map((hit) => ({
      title: hit.querySelector('h3').textContent,
      url: hit.querySelector('h3 a').getAttribute('href'),
      breadcrumb: hit.querySelector('.note').textContent,
      text: hit.querySelector('.passage')?.textContent ?? '',
      id: hit.querySelector('code').textContent,
    })),
  );
  const wanted = answer.results.map(({ title, url, breadcrumb, text = '', id }) => ({ title, url, breadcrumb, text, id }));
  assert.deepEqual(shown, wanted);
  await shot(page, 'start-search');
  // The address can be given to others: it asks again by itself.
  const again = await open(page.url());
  await again.page.waitForSelector('.hits');
  assert.equal(await again.page.inputValue('#query'), query);
  clean(opened);
  clean(again);
});

await report.check('an answer that attacks is shown as text', async () => {
  const { page, ...opened } = await open(`${server.origin}/`);
  const attack = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>';
  const hit = { id: attack, title: attack, breadcrumb: attack, url: 'javascript:window.pwned=1', text: attack, also: [attack] };
  const instead = { did_you_mean: [attack], headings: [hit], without: [{ filter: attack, sections: 1, ids: [attack] }] };
  const text = JSON.stringify({ results: [hit], notice: attack, instead });
  await page.route('**/mcp', (route) => route.fulfill({ json: { result: { content: [{ type: 'text', text }] } } }));
  await page.fill('#query', 'x');
  await page.press('#query', 'Enter');
  await page.waitForSelector('.hits');
  assert.equal(await page.textContent('.hits h3'), attack);
  for (const what of ['script', 'img', '[onerror]', 'a']) {
    assert.equal(await page.locator(`#answer ${what}`).count(), 0, what);
  }
  await page.click('.hits h3');
  assert.equal(await page.evaluate(() => window.pwned), undefined);
  clean(opened);
});

await report.check('where nothing is found the box says what to try', async () => {
  const { page, ...opened } = await open(`${server.origin}/?q=zyxwvutsrq`);
  await page.waitForSelector('#answer details');
  assert.equal(await page.textContent('#state'), 'No sections found');
  const { notice } = contract.content(await called('zyxwvutsrq'));
  assert.equal(await page.textContent('.notice'), notice);
  clean(opened);
});

await report.check('a used-up limit and a server that is gone are told beside the box', async () => {
  const { page } = await open(`${server.origin}/`);
  const refusal = { error: { message: 'the limit of 120/minute calls is used up; try again in 7 s' } };
  await page.route('**/mcp', (route) =>
    route.fulfill({ status: 429, headers: { 'retry-after': '7' }, json: refusal }),
  );
  const ask = async () => {
    await page.fill('#query', 'berth');
    await page.press('#query', 'Enter');
    await page.waitForFunction(() => !/^(|Searching…)$/.test(document.getElementById('state').textContent));
    return page.textContent('#state');
  };
  assert.match(await ask(), /is used up; try again in 7 s \(at .*\d.*\)$/);
  await page.evaluate(() => (document.getElementById('state').textContent = ''));
  await page.unroute('**/mcp');
  await page.route('**/mcp', (route) => route.abort());
  assert.equal(await ask(), 'The server could not be reached.');
  assert.equal(await page.locator('.hits').count(), 0);
});

await report.check('the start page is used by keyboard alone', async () => {
  const { page, ...opened } = await open(`${server.origin}/`);
  const focused = () =>
    page.evaluate(() => {
      const element = document.activeElement;
      return element.id || element.getAttribute('href') || element.className || element.tagName;
    });
  await page.keyboard.press('Tab');
  assert.equal(await focused(), '#docent-content', 'first of all one can skip to the content');
  for (let at = 0; (await focused()) !== 'query'; at++) {
    assert.ok(at < 10, `the box is reached: ${await focused()}`);
    await page.keyboard.press('Tab');
  }
  await page.keyboard.type('berth.overflow setting');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.hits');
  assert.equal(await focused(), 'query', 'the focus stays');
  for (let at = 0; !(await focused()).startsWith('client-'); at++) {
    assert.ok(at < 80, `the tabs are reached: ${await focused()}`);
    await page.keyboard.press('Tab');
  }
  assert.equal(await focused(), 'client-0');
  await page.keyboard.press('ArrowRight');
  assert.equal(await focused(), 'client-1');
  const visible = () => page.locator('.panel:visible').evaluateAll((all) => all.map((it) => it.ariaLabel));
  assert.deepEqual(await visible(), ['Claude Desktop']);
  const ring = await page.locator('#client-1 + label').evaluate((label) => getComputedStyle(label).outlineStyle);
  assert.equal(ring, 'solid', 'one sees where the focus is');
  for (let at = 0; at < 3; at++) await page.keyboard.press('ArrowRight');
  assert.deepEqual(await visible(), ['Cursor']);
  await page.keyboard.press('Tab');
  assert.match(await focused(), /^cursor:\/\//, 'the panel follows its tab');
  clean(opened);
});

await report.check('a button copies what is to be pasted', async () => {
  const permissions = ['clipboard-read', 'clipboard-write'];
  const { page, ...opened } = await open(`${server.origin}/`, DESKTOP, 'light', { permissions });
  const block = page.locator('.panel:visible .block').first();
  await block.locator('.copy').click();
  await page.waitForFunction(() => document.querySelector('.told').textContent === 'Copied');
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.equal(copied, await block.locator('code').textContent());
  assert.match(copied, /^claude mcp add --transport http \S+ http:\/\/127/);
  clean(opened);
});

await report.check('without a script all but the box is there', async () => {
  const { page, ...opened } = await open(`${server.origin}/`, DESKTOP, 'light', { javaScriptEnabled: false });
  assert.equal(await page.locator('#ask').isVisible(), false);
  assert.match(await page.innerText('body'), /search box needs JavaScript/);
  assert.equal(await page.locator('.copy').count(), 0);
  await page.locator('label', { hasText: 'Zed' }).click();
  const panel = page.locator('.panel:visible');
  assert.equal(await panel.count(), 1);
  assert.match(await panel.innerText(), /context_servers/);
  await shot(page, 'start-without-script');
  clean(opened);
});

await report.check('a closed door shows how to come in and no box', async () => {
  const { page, ...opened } = await open(`${closed.origin}/`);
  const text = await page.innerText('body');
  assert.match(text, /Authorization: Bearer dk_live_/);
  assert.equal(await page.locator('#ask').count(), 0);
  assert.doesNotMatch(text, /berth|parcel/i, 'nothing of what is inside');
  assert.ok((await page.locator('.copy').count()) > 1, 'what is to be pasted can be copied');
  await shot(page, 'closed');
  clean(opened);
});

/** The owner's report of what was asked, as the page that `docent usage` writes. */
async function usage() {
  const watched = await docent.configured(docent.copyOfDocs(), () => '');
  const asking = new Client({ name: 'docent-tests', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
  await asking.connect(new StreamableHTTPClientTransport(new URL(watched.url)));
  for (const query of ['berth.overflow setting', 'zeppelin <b>hangar</b>', 'parcels']) {
    await asking.callTool({ name: 'search', arguments: { query } });
  }
  await asking.close();
  assert.equal(await watched.stop(), 0);
  const file = path.join(docent.temporary(), 'usage.html');
  const { status, stderr } = watched.cli('usage', '--html', file);
  assert.equal(status, 0, stderr);
  assert.match(fs.readFileSync(file, 'utf8'), /zeppelin &lt;b&gt;hangar/);
  return `file://${file}`;
}

const searched = `${server.origin}/?q=berth.overflow+setting`;
const pages = {
  start: `${server.origin}/`,
  searched,
  docs: (await search('Who receives a parcel: turn, idle or pinned')).url,
  list: `${server.origin}/docs/docs/`,
  missing: `${server.origin}/docs/docs/berht.md`,
  closed: `${closed.origin}/`,
  refused: `${closed.origin}/docs/docs/`,
  usage: await usage(),
};
for (const [name, url] of Object.entries(pages)) {
  await report.check(`axe finds nothing, and nothing is too wide: ${name}`, async () => {
    for (const [device, size] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
      for (const scheme of ['light', 'dark']) {
        const { page } = await open(url, size, scheme);
        if (url === searched) {
          await page.waitForSelector('.hits');
          await page.click('#answer summary');
        }
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        assert.ok(wide <= 0, `${device}: ${wide} pixels too wide`);
        // Through the protocol of the browser: the page's own policy lets no other script in.
        const session = await page.context().newCDPSession(page);
        await session.send('Runtime.evaluate', { expression: fs.readFileSync(AXE, 'utf8') });
        const found = await session.send('Runtime.evaluate', {
          expression: 'axe.run().then(({ passes, violations }) => JSON.stringify([passes.length, violations]))',
          awaitPromise: true,
          returnByValue: true,
        });
        const [passes, violations] = JSON.parse(found.result.value);
        const where = ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html.slice(0, 200)).join(' ')}`;
        assert.deepEqual(violations.map(where), [], `${device}, ${scheme}`);
        assert.ok(passes > 10, `axe looked at the page: ${passes}`);
        await page.screenshot({ path: path.join(SCREENSHOTS, `${name}-${device}-${scheme}.png`), fullPage: true });
        await page.close();
      }
    }
  });
}

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
await closed.stop();
await server.stop();
