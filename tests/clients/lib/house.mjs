// docent where people sign in, with the provider beside it.
import * as docent from './docent.mjs';
import * as provider from './provider.mjs';

/** `settings` go under [sign_in]; `env` is added to docent's environment. */
export async function house({ settings = '', env = {}, docs = docent.copyOfDocs(), top = '' } = {}) {
  let stand;
  const server = await docent.configured(
    docs,
    async (origin) => {
      stand = await provider.start(await docent.freePort(), `${origin}/auth/google/callback`);
      return `access = "google"
public_url = "${origin}"
${top}
[sign_in]
issuer = "${stand.issuer}"
client_id = "${provider.CLIENT_ID}"
client_secret = "${provider.CLIENT_SECRET}"
${settings}
`;
    },
    env,
  );
  // The provider stays while docent is started again; `close` ends both.
  const close = async () => {
    stand.stop();
    return server.stop();
  };
  return { ...server, close, provider: stand };
}

/** Registers a client; what the server says of it. */
export async function register(origin, redirectUris, name = 'A test') {
  const answer = await fetch(`${origin}/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_name: name, redirect_uris: redirectUris, token_endpoint_auth_method: 'none' }),
  });
  if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`);
  return answer.json();
}
