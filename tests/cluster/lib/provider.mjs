// The certified provider of ../../clients as a program: provider.mjs PORT CALLBACK.
import { start } from '../../clients/lib/provider.mjs';

const [port, callback] = process.argv.slice(2);
await start(Number(port), callback);
