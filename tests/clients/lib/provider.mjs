// A certified OpenID provider (npm oidc-provider) in Google's place, on loopback. Who signs in is chosen on its page.
import crypto from 'node:crypto';
import { once } from 'node:events';
import Provider from 'oidc-provider';

export const CLIENT_ID = 'docent-tests.apps.example';
export const CLIENT_SECRET = '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vider-know';
/** Subjects as Google has them: long numbers. */
export const ADA = '108234567890123456789';
export const BOB = '117000000000000000042';

const PAGE = `<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>Provider</title>
<h1>Choose an account</h1><form method="post">
<button name="account" value="${ADA}">Ada</button> <button name="account" value="${BOB}">Bob</button>
<button name="account" value="">Cancel</button></form></html>`;

/**
 * Starts one that sends people back to `callback`. Every account chosen on its page is in `asked`; what docent sent to
 * exchange a code, and what it got for it, is in `exchanged`.
 */
export async function start(port, callback) {
  const issuer = `http://127.0.0.1:${port}`;
  const { privateKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: 'test-key' };
  const [asked, exchanged] = [[], []];
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
        redirect_uris: [callback],
        grant_types: ['authorization_code'],
        response_types: ['code'],
        token_endpoint_auth_method: 'client_secret_post',
      },
    ],
    jwks: { keys: [key] },
    cookies: { keys: [crypto.randomBytes(24).toString('hex')] },
    // Google's screen comes each time when nobody is signed in; here it always does.
    ttl: { Session: 1, Grant: 60, Interaction: 600, AuthorizationCode: 60, AccessToken: 60, IdToken: 600 },
    scopes: ['openid'],
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false } },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    interactions: { url: (_, interaction) => `/choose/${interaction.uid}` },
  });
  provider.use(async (context, next) => {
    if (!context.path.startsWith('/choose/')) return next();
    const interaction = await provider.interactionDetails(context.req, context.res);
    const { params, prompt, session } = interaction;
    if (prompt.name === 'login' && context.method === 'GET') {
      context.type = 'html';
      context.body = PAGE;
      return undefined;
    }
    const finish = (result) => {
      context.respond = false;
      return provider.interactionFinished(context.req, context.res, result, { mergeWithLastSubmission: true });
    };
    if (prompt.name === 'login') {
      const account = new URLSearchParams(await read(context.req)).get('account');
      asked.push({ account, scope: params.scope });
      return finish(account ? { login: { accountId: account } } : { error: 'access_denied' });
    }
    const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    return finish({ consent: { grantId: await grant.save() } });
  });
  provider.on('grant.success', (context) => exchanged.push({ ...context.oidc.params, ...context.body }));
  const server = provider.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return { issuer, asked, exchanged, stop: () => server.closeAllConnections() ?? server.close() };
}

async function read(request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text;
}
