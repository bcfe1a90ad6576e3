"""What keys, sign-ins and full windows take in Redis: bytes for each of a thousand. Measures, and is not among all parts."""

import asyncio
import collections
import re

from lib import calls, wire
from lib.house import House
from lib.person import App
from lib.report import Report, figure, run

MANY = 1000
#: At a time; the provider has one core, too.
AT_ONCE = 8
WORD = re.compile(r"[a-z-]{1,12}|\{state\}")
LIMITS = {"user": "40/hour", "key": "60/minute"}


async def each(what, count: int) -> list:
    """`what(number)` for each number, a few at a time."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number):
        async with gate:
            return await what(number)

    return await asyncio.gather(*(one(number) for number in range(count)))


class Memory:
    """Bytes of all keys by kind of key, and what the whole server uses."""

    def __init__(self, engine):
        self.used = int(re.search(r"used_memory:(\d+)", engine.ask("INFO", "memory")).group(1))
        self.kinds = collections.Counter()
        self.counts = collections.Counter()
        cursor = "0"
        while True:
            cursor, names = engine.ask("SCAN", cursor, "COUNT", 1000)
            for name in names:
                # Ids and hashes are what differs between keys of a kind.
                kind = ":".join(part if WORD.fullmatch(part) else "…" for part in name.split(":"))
                self.kinds[kind] += engine.ask("MEMORY", "USAGE", name, "SAMPLES", 0) or 0
                self.counts[kind] += 1
            if cursor == "0":
                return

    def since(self, before: "Memory", what: str):
        kinds = self.kinds - before.kinds
        used = (self.used - before.used) / MANY
        figure(f"{what}: {sum(kinds.values()) / MANY:.0f} bytes each in keys, {used:.0f} of all memory")
        for kind, size in kinds.most_common():
            count = self.counts[kind] - before.counts[kind]
            figure(f"    {size / MANY:7.0f} bytes each, {count / MANY:.2f} keys each: {kind}")


async def main():
    report = Report("memory")
    async with House("google", limits=LIMITS, usage=False) as house:
        app = await App.at(house.origin, lambda _: house.port)
        # What there is one of comes before what there are many of.
        await house.key("first")
        await calls.status(house.port, (await app.sign_in("first"))["access_token"])

        async def window(token, calls_each):
            made = 0
            async with wire.Connection(house.port) as connection:
                while made < calls_each:
                    answer = await connection.ask("POST", "/mcp", *calls.request("berth", token))
                    found = calls.outcome(answer)
                    assert found in ("ok", "limited"), found
                    made += found == "ok"
                    # A replica that is too busy for Redis admits a share, for a moment.
                    await asyncio.sleep(found == "limited")

        async with report.check(f"{MANY} keys, people and windows were measured"):
            memory = Memory(house.engine)
            tokens = await each(lambda number: house.key(f"agent {number}"), MANY)
            keys = Memory(house.engine)
            keys.since(memory, "a key")
            # The window of a key lasts a minute, too short for all of them.
            people = await each(lambda number: app.sign_in(f"person {number}"), MANY)
            signed_in = Memory(house.engine)
            signed_in.since(keys, "a person who signed in")
            await each(lambda number: window(people[number]["access_token"], 40), MANY)
            full = Memory(house.engine)
            full.since(signed_in, "a full window of 40 calls")
            await each(lambda number: app.refresh(people[number]["refresh_token"]), MANY)
            Memory(house.engine).since(full, "a refresh within an hour")
            assert len(set(tokens)) == MANY


run(main())
