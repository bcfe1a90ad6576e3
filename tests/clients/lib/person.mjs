// A person at a browser without a screen: keeps cookies, reads the pages, presses their buttons.
import assert from 'node:assert/strict';

export class Person {
  constructor(account) {
    this.account = account;
    this.cookies = new Map();
    this.pages = [];
    /** What must stay between this browser and who gave it: cookies, form tokens, what addresses carry. */
    this.secrets = new Set();
  }

  /** Opens the address that a client sends people to, and signs in; the address they are sent back to in the end. */
  async signIn(address, { allow = true } = {}) {
    const home = new URL(address).origin;
    let request = { url: String(address) };
    for (let steps = 0; steps < 20; steps++) {
      this.#keepSecrets(request);
      const answer = await this.#ask(request);
      const location = answer.headers.get('location');
      if (location) {
        request = { url: new URL(location, request.url).href };
        const { origin } = new URL(request.url);
        // Neither here nor at the provider any more: back at the client.
        if (origin !== home && !this.#knows(origin)) {
          this.#keepSecrets(request);
          return new URL(request.url);
        }
        continue;
      }
      const page = await answer.text();
      this.pages.push(page);
      assert.equal(answer.status, 200, `${request.url}: ${page}`);
      request = this.#press(request.url, page, allow);
    }
    throw new Error(`the sign-in does not end: ${request.url}`);
  }

  /** The provider's pages are those that offer accounts. */
  #knows(origin) {
    this.provider ??= origin;
    return this.provider === origin;
  }

  #press(url, page, allow) {
    const form = new URLSearchParams();
    for (const [, name, value] of page.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)">/g)) form.set(name, value);
    if (page.includes('name="answer"')) form.set('answer', allow ? 'allow' : 'deny');
    else form.set('account', this.account);
    const action = page.match(/action="([^"]+)"/)?.[1] ?? url;
    return { url: new URL(action, url).href, body: form };
  }

  #keepSecrets({ url, body = [] }) {
    const secret = ['code', 'state', 'nonce', 'code_challenge', 'token', 'sign_in', 'account'];
    for (const [name, value] of [...new URL(url).searchParams, ...body]) if (secret.includes(name)) this.secrets.add(value);
  }

  async #ask({ url, body }) {
    const { host } = new URL(url);
    const jar = this.cookies.get(host) ?? new Map();
    const headers = { accept: 'text/html' };
    if (jar.size) headers.cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(url, { method: body ? 'POST' : 'GET', body, headers, redirect: 'manual' });
    for (const line of answer.headers.getSetCookie()) {
      const [pair] = line.split(';');
      const at = pair.indexOf('=');
      if (/max-age=0|expires=thu, 01 jan 1970/i.test(line)) jar.delete(pair.slice(0, at));
      else {
        jar.set(pair.slice(0, at), pair.slice(at + 1));
        this.secrets.add(pair.slice(at + 1));
      }
    }
    this.cookies.set(host, jar);
    return answer;
  }
}
