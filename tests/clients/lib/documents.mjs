// What clients say of themselves at an https address of their own (Client ID Metadata Documents), on loopback.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import * as docent from './docent.mjs';

/**
 * Serves a document for each name in `clients`, with the addresses that it may send people back to. `house` are the
 * options of a house that may fetch them: only docent trusts the certificate, no client has to.
 */
export async function documents(clients) {
  const file = path.join(docent.HERE, '.tools/localhost.pem');
  execFileSync(path.join(docent.HERE, '.tools/venv/bin/python'), ['-B', path.join(docent.HERE, 'lib/certificate.py'), file]);
  const pem = fs.readFileSync(file);
  const fetched = [];
  const server = https.createServer({ cert: pem, key: pem }, (request, answer) => {
    const name = request.url.slice(1);
    fetched.push(name);
    const document = {
      client_id: address(name),
      client_name: name,
      redirect_uris: clients[name],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    };
    answer.writeHead(clients[name] ? 200 : 404, { 'content-type': 'application/json' });
    answer.end(JSON.stringify(document));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = (name) => `https://localhost:${server.address().port}/${name}`;
  return {
    address,
    fetched,
    house: { settings: 'client_networks = ["127.0.0.1", "::1"]', env: { SSL_CERT_FILE: file } },
    stop: () => server.closeAllConnections() ?? server.close(),
  };
}
