// People who sign in: official clients and judges before docent, a certified provider behind it.
import * as documentsOf from './lib/documents.mjs';
import { house } from './lib/house.mjs';
import * as ins from './sign_in/inspector.mjs';
const documents = await documentsOf.documents({ inspector: [ins.BACK] });
const server = await house({...documents.house, top: '[limits]\nuser = "1000/hour"' });
await ins.inspector(server, documents);
await server.close();
documents.stop();
console.log(documents.fetched);
