// People who sign in: official clients and judges before docent, a certified provider behind it, and what is left after.
import { documents as serve } from './lib/documents.mjs';
import { house } from './lib/house.mjs';
import { conformance } from './sign_in/conformance.mjs';
import * as inspector from './sign_in/inspector.mjs';
import { limits } from './sign_in/limits.mjs';
import * as python from './sign_in/python.mjs';
import { restarts } from './sign_in/restarts.mjs';
import { secrets } from './sign_in/secrets.mjs';
import * as typescript from './sign_in/typescript.mjs';

await conformance();

// Clients with a document of their own, and without.
const documents = await serve({ typescript: [typescript.BACK], inspector: [inspector.BACK], python: [python.BACK] });
for (const client of [typescript.typescript, inspector.inspector, python.python]) {
  const server = await house({ ...documents.house, top: '[limits]\nuser = "1000/hour"' });
  await client(server, documents);
  await server.close();
}
documents.stop();

await restarts();
await limits();
await secrets();
