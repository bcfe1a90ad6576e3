// A person in Chromium signs in: through the question, the provider and back; says no; comes late; is led astray.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import { once } from 'node:events';
import path from 'node:path';
import { chromium } from 'playwright-core';
import * as docent from './lib/docent.mjs';
import { house, register } from './lib/house.mjs';
import { Report } from './lib/report.mjs';

const SCREENSHOTS = path.join(docent.HERE, '.tools/screenshots');
const report = new Report('chromium', 'http', 'sign-in');
fs.mkdirSync(SCREENSHOTS, { recursive: true });

// The client, as people see it: a page that says that they are back.
const app = http.createServer((request, response) => {
  response.setHeader('content-type', 'text/html');
  response.end(pages.get(request.url.split('?')[0]) ?? '<!doctype html><title>Back</title><h1>Back at the app</h1>');
});
const pages = new Map();
app.listen(0, 'localhost');
await once(app, 'listening');
const APP = `http://localhost:${app.address().port}`;
const BACK = `${APP}/callback`;

let server = await house();
const first = await register(server.origin, ['http://localhost/callback'], 'Harbour <b>Assistant</b>');
const second = await register(server.origin, [BACK, 'https://app.example/callback'], 'Another App');
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
    ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
  ],
});

/** What a client sends a person to, and what it keeps for itself. */
function request(client, redirectUri = BACK) {
  const verifier = crypto.randomBytes(32).toString('base64url');
  const state = crypto.randomBytes(12).toString('base64url');
  const url = new URL(`${server.origin}/authorize`);
  for (const [name, value] of Object.entries({
    response_type: 'code',
    client_id: client.client_id,
    redirect_uri: redirectUri,
    code_challenge: crypto.createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    state,
    resource: `${server.origin}/mcp`,
  })) {
    url.searchParams.set(name, value);
  }
  return { url: url.href, verifier, state, client, redirectUri };
}

/** A browser of its own, without a past; what its pages complain about is collected. */
async function fresh(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1000, height: 900 }, ...options });
  const page = await context.newPage();
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(`script error: ${error.message}`));
  page.on('console', (message) => {
    // The pages of the provider and of the app are not ours.
    if (!message.location().url.startsWith(`${server.origin}/`)) return;
    if (['error', 'warning'].includes(message.type())) complaints.push(`console: ${message.text()}`);
  });
  // What stood in the address that the provider was opened with.
  let atProvider;
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.origin === server.provider.issuer && url.searchParams.has('state')) atProvider ??= url;
  });
  return { context, page, complaints, state: () => atProvider.searchParams.get('state') };
}

const shot = (page, name) => page.screenshot({ path: path.join(SCREENSHOTS, `${name}.png`), fullPage: true });
const allow = (page) => page.getByRole('button', { name: /^Allow/ }).click();
const deny = (page) => page.getByRole('button', { name: 'Do not allow' }).click();
const choose = (page, name) => page.getByRole('button', { name }).click();

/** The address that the person came back to, checked. */
async function back(page, asked) {
  await page.waitForURL((url) => url.href.startsWith(BACK), { timeout: 15_000 });
  const { searchParams } = new URL(page.url());
  assert.equal(searchParams.get('state'), asked.state, 'the state is the one that was sent');
  assert.equal(searchParams.get('iss'), server.origin, 'the answer says who gives it');
  return searchParams;
}

async function exchange(asked, code) {
  const body = new URLSearchParams({
    grant_type: 'authorization_code',
    code,
    redirect_uri: asked.redirectUri,
    client_id: asked.client.client_id,
    code_verifier: asked.verifier,
  });
  const answer = await fetch(`${server.origin}/token`, { method: 'POST', body });
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer.json();
}

async function search({ access_token: token }) {
  return fetch(`${server.origin}/mcp`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'search', arguments: { query: 'berth' } },
    }),
  });
}

await report.check('a browser that opens the endpoint learns how to connect', async () => {
  for (const colorScheme of ['light', 'dark']) {
    const { context, page, complaints } = await fresh({ colorScheme });
    const answer = await page.goto(`${server.origin}/mcp`);
    assert.equal(answer.status(), 200);
    const text = await page.innerText('body');
    assert.ok(text.includes(server.url) && /sign in/i.test(text) && text.includes('Bearer dk_live_'), text);
    assert.doesNotMatch(text, /Harbour|berth/i, 'nothing of what is inside');
    await shot(page, `sign-in-closed-${colorScheme}`);
    assert.deepEqual(complaints, []);
    await context.close();
  }
});

await report.check('a person signs in, through the question, the provider and back', async () => {
  for (const colorScheme of ['light', 'dark']) {
    const asked = request(first);
    const { context, page, complaints } = await fresh({ colorScheme });
    const answer = await page.goto(asked.url);
    assert.equal(answer.status(), 200);
    const text = await page.innerText('main');
    assert.match(text, /Harbour <b>Assistant<\/b>/, 'the name is text');
    assert.match(text, new RegExp(`localhost:${app.address().port}`), 'where they will be sent');
    assert.match(text, /your own computer/, 'that anybody on it could be this app');
    assert.match(text, /nobody has checked/);
    assert.match(text, /40 calls per hour/);
    await shot(page, `sign-in-question-${colorScheme}`);
    await allow(page);
    await page.waitForURL((url) => url.origin === server.provider.issuer);
    await choose(page, 'Ada');
    const { code } = Object.fromEntries(await back(page, asked));
    const tokens = await exchange(asked, code);
    assert.equal((await search(tokens)).status, 200);
    assert.deepEqual(complaints, [], 'no complaint of the browser, on no page');
    // The cookies of the sign-in are gone with it.
    const left = (await context.cookies(server.origin)).filter(({ name }) => name.includes('docent'));
    assert.deepEqual(left, []);
    await context.close();
  }
  assert.ok(server.provider.asked.every(({ scope }) => scope === 'openid'), 'openid and nothing else');
});

await report.check('it fits a phone, works without script and by keyboard alone', async () => {
  const asked = request(second);
  const { context, page } = await fresh({ viewport: { width: 360, height: 640 }, javaScriptEnabled: false });
  await page.goto(asked.url);
  await shot(page, 'sign-in-question-phone');
  const box = await page.locator('main').boundingBox();
  assert.ok(box.x >= 0 && box.x + box.width <= 360, `${box.width} pixels wide`);
  const names = [];
  for (let presses = 0; presses < 12 && !names.at(-1)?.startsWith('Allow'); presses++) {
    await page.keyboard.press('Tab');
    names.push(await page.locator(':focus').innerText());
  }
  assert.ok(names.at(-1)?.startsWith('Allow'), names.join(', '));
  await page.keyboard.press('Enter');
  await choose(page, 'Ada');
  const { code } = Object.fromEntries(await back(page, asked));
  await exchange(asked, code);
  await context.close();
});

await report.check('a person says no, here and at the provider', async () => {
  for (const where of ['here', 'at the provider']) {
    const asked = request(first);
    const { context, page } = await fresh();
    await page.goto(asked.url);
    if (where === 'here') {
      await deny(page);
    } else {
      await allow(page);
      await choose(page, 'Cancel');
    }
    const answer = await back(page, asked);
    assert.equal(answer.get('error'), 'access_denied', where);
    assert.equal(answer.get('code'), null);
    await context.close();
  }
});

await report.check('a second person, and a second app of the first: two limits', async () => {
  const people = [];
  for (const [name, client] of [['Ada', first], ['Bob', first], ['Ada', second]]) {
    const asked = request(client);
    const { context, page } = await fresh();
    await page.goto(asked.url);
    await allow(page);
    await choose(page, name);
    people.push(await exchange(asked, (await back(page, asked)).get('code')));
    await context.close();
  }
  const left = async (tokens) => Number(/r=(\d+)/.exec((await search(tokens)).headers.get('ratelimit'))[1]);
  const ada = await left(people[0]);
  assert.equal(await left(people[1]), 39, 'Bob has called once');
  assert.equal(await left(people[2]), ada - 1, 'both apps of Ada are counted as one');
});

await report.check('back from the provider to the question, and once more', async () => {
  const asked = request(first);
  const { context, page } = await fresh();
  await page.goto(asked.url);
  await allow(page);
  await page.waitForURL((url) => url.origin === server.provider.issuer);
  await page.goBack();
  await page.waitForURL((url) => url.pathname === '/authorize');
  await allow(page);
  await choose(page, 'Ada');
  const { code } = Object.fromEntries(await back(page, asked));
  await exchange(asked, code);
  // And back again after the end: nothing is given twice, and the page says what to do.
  await page.goBack();
  const text = await page.innerText('body');
  assert.doesNotMatch(page.url(), /code=/, text);
  await context.close();
});

await report.check('o22 o24 whoever agreed is who must come back: a link that is passed on leads nowhere', async () => {
  const asked = request(first);
  const attacker = await fresh();
  await attacker.page.goto(asked.url);
  await allow(attacker.page);
  await attacker.page.waitForURL((url) => url.origin === server.provider.issuer);
  const victim = await fresh({ colorScheme: 'dark' });
  const answer = await victim.page.goto(`${server.origin}/auth/google/callback?code=anything&state=${attacker.state()}`);
  assert.equal(answer.status(), 403);
  assert.match(await victim.page.innerText('body'), /began in another browser/);
  await shot(victim.page, 'sign-in-elsewhere-dark');
  // The one who agreed can still go on.
  await choose(attacker.page, 'Ada');
  assert.ok((await back(attacker.page, asked)).get('code'));
  await victim.context.close();
  await attacker.context.close();
});

await report.check('o20 o21 a page of another site can neither frame the question nor answer it', async () => {
  const asked = request(first);
  const { context, page } = await fresh();
  await page.goto(asked.url);
  const [id, token] = await Promise.all(
    ['sign_in', 'token'].map((name) => page.locator(`input[name=${name}]`).getAttribute('value')),
  );
  pages.set('/frame', `<!doctype html><title>Frame</title><iframe src="${asked.url.replaceAll('&', '&amp;')}"></iframe>`);
  pages.set(
    '/forge',
    `<!doctype html><title>Forge</title><form method="post" action="${server.origin}/consent">
     <input name="sign_in" value="${id}"><input name="token" value="${token}"><button name="answer" value="allow">x</button></form>`,
  );
  const framing = await context.newPage();
  await framing.goto(`${APP}/frame`);
  await framing.waitForTimeout(500);
  const frame = framing.frames()[1];
  assert.equal(await frame.locator('button').count().catch(() => 0), 0, 'no button in the frame');
  const forging = await context.newPage();
  await forging.goto(`${APP}/forge`);
  const [answer] = await Promise.all([forging.waitForNavigation(), forging.getByRole('button').click()]);
  assert.equal(answer.status(), 403);
  await shot(forging, 'sign-in-forged');
  // The page itself can still be answered.
  await allow(page);
  await choose(page, 'Ada');
  await back(page, asked);
  await context.close();
});

await report.check('a request that cannot be answered is a page, and sends nobody anywhere', async () => {
  const asked = request(first, 'https://evil.example/callback');
  for (const colorScheme of ['light', 'dark']) {
    const { context, page, complaints } = await fresh({ colorScheme });
    const answer = await page.goto(asked.url);
    assert.equal(answer.status(), 400);
    assert.equal(new URL(page.url()).origin, server.origin);
    await shot(page, `sign-in-stopped-${colorScheme}`);
    assert.ok(complaints.every((complaint) => complaint.includes('400')), complaints.join('\n'));
    await context.close();
  }
});

await report.check('a sign-in that is over says so', async () => {
  const asked = request(first);
  const { context, page } = await fresh();
  await page.goto(asked.url);
  const before = server.provider;
  await server.stop();
  server = { ...(await server.start()), start: server.start, provider: before };
  await allow(page);
  const text = await page.innerText('body');
  assert.match(text, /This sign-in is over/);
  assert.match(text, /connect again/);
  await shot(page, 'sign-in-over');
  // From the start it works, and the client is still known.
  await page.goto(asked.url);
  await allow(page);
  await choose(page, 'Ada');
  await exchange(asked, (await back(page, asked)).get('code'));
  await context.close();
});

await browser.close();
app.close();
server.provider.stop();
await report.check('the server ends when it is told to', async () => assert.equal(await server.stop(), 0));
process.exit(process.exitCode);
