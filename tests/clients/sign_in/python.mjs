// The Python SDK, in a process of its own (python_client.py); it asks here for a person.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import path from 'node:path';
import * as docent from '../lib/docent.mjs';
import { Person } from '../lib/person.mjs';
import * as provider from '../lib/provider.mjs';

/** Any port of this machine: nobody listens, the person says where they were sent. */
export const BACK = 'http://127.0.0.1:65002/callback';

/** `server` is a house that may fetch the document `python`. */
export async function python(server, documents) {
  // Answers an address that a person is sent to with the one that they are sent back to.
  const people = http.createServer(async (request, answer) => {
    const address = new URL(request.url, 'http://person').searchParams.get('address');
    try {
      answer.end((await new Person(provider.ADA).signIn(address)).href);
    } catch (error) {
      answer.writeHead(500).end(error.stack);
    }
  });
  await once(people.listen(0, '127.0.0.1'), 'listening');
  const person = `http://127.0.0.1:${people.address().port}/`;
  const script = ['-B', '-m', 'sign_in.python_client', server.origin, person, BACK, documents.address('python')];
  const child = spawn(path.join(docent.HERE, '.tools/venv/bin/python'), script, { cwd: docent.HERE, stdio: 'inherit' });
  const [code] = await once(child, 'close');
  people.close();
  if (code !== 0) process.exitCode = 1;
}
