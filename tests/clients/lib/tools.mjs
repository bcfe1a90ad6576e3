// Lets the scripts here import packages by name although they are installed in .tools/, not beside them.
// Loaded first by ./run: node --import ./lib/tools.mjs SCRIPT.
import { registerHooks } from 'node:module';

const parentURL = new URL('../.tools/', import.meta.url).href;
const isPackage = (name) => !/^(\.|\/|node:|file:|data:)/.test(name);
const isOurs = (url) => url?.startsWith(new URL('../', import.meta.url).href) && !url.includes('/node_modules/');

registerHooks({
  resolve: (name, context, next) => next(name, isPackage(name) && isOurs(context.parentURL) ? { ...context, parentURL } : context),
});
