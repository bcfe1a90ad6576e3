// Whose calls are counted together: a person's, whatever app they use.
import assert from 'node:assert/strict';
import { App } from '../lib/app.mjs';
import { house } from '../lib/house.mjs';
import { Person } from '../lib/person.mjs';
import * as provider from '../lib/provider.mjs';
import { Report } from '../lib/report.mjs';

export async function limits() {
  const report = new Report('app', 'http', 'limits');
  const server = await house({ top: '[limits]\nuser = "3/hour"' });
  const [one, other] = [await App.at(server.origin, 'One'), await App.at(server.origin, 'Other')];
  const token = async (app, who) => (await app.signIn(new Person(who))).access_token;
  const searches = async (app, access, statuses) => {
    for (const status of statuses) assert.equal(await app.search(access), status);
  };
  const ada = await token(one, provider.ADA);

  await report.check('two people with two apps have a limit each', async () => {
    await searches(one, ada, [200, 200]);
    await searches(other, await token(other, provider.BOB), [200, 200, 200, 429]);
    await searches(one, ada, [200, 429]);
  });
  await report.check('a person has one limit in all apps, and signing in again is no way around it', async () => {
    await searches(other, await token(other, provider.ADA), [429]);
    await searches(one, await token(one, provider.ADA), [429]);
    await searches(one, await token(one, provider.BOB), [429]);
  });
  await server.close();
}
