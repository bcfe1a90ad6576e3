// What outlives a server that ends, by order or in the middle of what it does (K14).
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { App } from '../lib/app.mjs';
import { house } from '../lib/house.mjs';
import { Person } from '../lib/person.mjs';
import * as provider from '../lib/provider.mjs';
import { Report } from '../lib/report.mjs';

const ROUNDS = 20;
/** Milliseconds of refreshing before the server is killed, at most. */
const LONGEST = 150;

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
      let killed = false;
      const kill = sleep(Math.random() * LONGEST).then(() => ((killed = true), running.kill()));
      // One after the other, so that whenever the end comes, one of them is under way.
      while (!killed) {
        const answer = await app.refresh(tokens.refresh_token).catch((error) => error);
        if (answer instanceof Error) {
          assert.doesNotMatch(answer.message, /^\/token/, `round ${round}: refused before the kill`);
          break;
        }
        tokens = answer;
        refreshed += 1;
      }
      await kill;
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
