// What outlives a server that ends, by order or in the middle of what it does (K14).
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { App } from '../lib/app.mjs';
import { house } from '../lib/house.mjs';
import { Person } from '../lib/person.mjs';
import * as provider from '../lib/provider.mjs';
import { Report } from '../lib/report.mjs';

const ROUNDS = 20;
/** Milliseconds for which a refresh is under way when the server is killed, at most. */
const LONGEST = 8;

export async function restarts() {
  const report = new Report('app', 'http', 'restarts');
  const server = await house({ top: '[limits]\nuser = "1000/hour"' });
  const app = await App.at(server.origin);
  const person = new Person(provider.ADA);
  let tokens = await app.signIn(person);
  let running = server;

  await report.check('a restart loses no sign-in and no registration', async () => {
    assert.equal(await running.stop(), 0);
    running = await server.start();
    assert.equal(await app.search(tokens.access_token), 200);
    tokens = await app.refresh(tokens.refresh_token);
    assert.equal(await app.search(tokens.access_token), 200);
    // The client is still known, so that a new sign-in begins without registering.
    assert.equal(await app.search((await app.signIn(person)).access_token), 200);
  });

  await report.check(`k14 ${ROUNDS} kills in the middle of refreshes, and the sign-in goes on`, async () => {
    let refreshed = 0;
    for (let round = 0; round < ROUNDS; round++) {
      // A few go well, fewer than a sign-in may be refreshed in an hour; then one is under way when the end comes.
      for (let left = Math.floor(Math.random() * 20); left > 0; left--) {
        tokens = await app.refresh(tokens.refresh_token);
        refreshed += 1;
      }
      const underWay = app.refresh(tokens.refresh_token).catch((error) => error);
      await sleep(Math.random() * LONGEST);
      await running.kill();
      const answer = await underWay;
      if (answer instanceof Error) {
        assert.doesNotMatch(answer.message, /^\/token/, `round ${round}: refused before the kill`);
      } else {
        tokens = answer;
        refreshed += 1;
      }
      running = await server.start();
      // The answer that was lost may have been given or not: the last token that was told is good in both cases.
      assert.equal(await app.search(tokens.access_token), 200, `round ${round}`);
      tokens = await app.refresh(tokens.refresh_token);
      assert.equal(await app.search(tokens.access_token), 200, `round ${round}`);
    }
    assert.ok(refreshed >= ROUNDS, `${refreshed} refreshes before the kills`);
  });
  server.provider.stop();
  await running.stop();
}
