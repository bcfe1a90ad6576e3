// An app in a few lines, where a check wants every step in its own hands. The official clients are in ../sign_in/.
import crypto from 'node:crypto';
import { register } from './house.mjs';

export class App {
  /** Registers by itself. */
  static async at(origin, name = 'A test') {
    const back = 'http://127.0.0.1:65000/callback';
    const { client_id: id } = await register(origin, [back], name);
    return new App(origin, id, back);
  }

  constructor(origin, id, back) {
    Object.assign(this, { origin, id, back });
  }

  /** Where a person is sent; the verifier and state are new each time. */
  address() {
    this.verifier = crypto.randomBytes(32).toString('base64url');
    this.state = crypto.randomBytes(16).toString('base64url');
    const challenge = crypto.createHash('sha256').update(this.verifier).digest('base64url');
    const query = {
      response_type: 'code',
      client_id: this.id,
      redirect_uri: this.back,
      state: this.state,
      code_challenge: challenge,
      code_challenge_method: 'S256',
      resource: `${this.origin}/mcp`,
    };
    return `${this.origin}/authorize?${new URLSearchParams(query)}`;
  }

  /** A whole sign-in; the tokens. */
  async signIn(person) {
    const back = await person.signIn(this.address());
    const code = back.searchParams.get('code');
    if (!code || back.searchParams.get('state') !== this.state) throw new Error(`no code: ${back}`);
    this.code = code;
    return this.exchange(code);
  }

  exchange(code) {
    return this.#tokens({ grant_type: 'authorization_code', code, redirect_uri: this.back, code_verifier: this.verifier });
  }

  refresh(token) {
    return this.#tokens({ grant_type: 'refresh_token', refresh_token: token });
  }

  async revoke(token) {
    const answer = await this.#post('/revoke', { token });
    if (!answer.ok) throw new Error(`/revoke: ${answer.status} ${await answer.text()}`);
  }

  /** The status of a search with this token. */
  search(token, query = 'berth') {
    return this.call(token, 'tools/call', { name: 'search', arguments: { query } });
  }

  /** The status of a call with this token. */
  async call(token, method, params = {}) {
    const body = { jsonrpc: '2.0', id: 1, method, params };
    const answer = await fetch(`${this.origin}/mcp`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2025-11-25',
      },
      body: JSON.stringify(body),
    });
    await answer.text();
    return answer.status;
  }

  async #tokens(form) {
    const answer = await this.#post('/token', form);
    const body = await answer.json();
    if (!answer.ok) throw new Error(`/token: ${answer.status} ${body.error}: ${body.error_description}`);
    return body;
  }

  #post(path, form) {
    return fetch(this.origin + path, { method: 'POST', body: new URLSearchParams({ client_id: this.id, ...form }) });
  }
}
