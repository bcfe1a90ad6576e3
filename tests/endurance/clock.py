"""The clock of the machine jumps a day, forwards and backwards, under the real program (libfaketime): what is counted
goes on by time that has passed, what ends on a date ends by date, and nobody is locked out for a day."""

import asyncio
import datetime
import json
import os
import pathlib
import random
import time

from crash import server as docent
from crash.keys import Keys
from crash.pages import Pages
from crash.people import People
from crash.server import Server
from lib import calls, person, process, wire
from lib.report import Report, figure, run, until

SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
LIMIT = 5
SOON = 10
#: Share of a processor that it may take when nobody asks.
MOST_CPU = 0.2


class Clock:
    """The clock of all programs that are started after this; what only goes on (CLOCK_MONOTONIC) is the real one."""

    def __init__(self):
        self.file = process.temporary() / "time"
        self.jump(0)
        library = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
        assert library, "libfaketime is missing (on Debian: apt-get install faketime)"
        os.environ["LD_PRELOAD"] = str(library)
        os.environ["FAKETIME_TIMESTAMP_FILE"] = str(self.file)
        os.environ["FAKETIME_NO_CACHE"] = "1"
        os.environ["FAKETIME_DONT_FAKE_MONOTONIC"] = "1"
        os.environ["DONT_FAKE_MONOTONIC"] = "1"

    def jump(self, days: int):
        self.days = days
        aside = self.file.with_name("next")
        aside.write_text(f"{days:+d}d\n")
        aside.rename(self.file)


async def main():
    report = Report("clock")
    figure(f"SEED={SEED}")
    clock = Clock()
    server = Server(limits={"key": f"{LIMIT}/minute"})
    pages = Pages(server.docs, SEED, still=20)
    keys, people = Keys(server, SEED), People(server, SEED)
    keys.refused = []
    await server.begin()
    load = await server.key("load", "--limit", "100000/minute")
    connection = wire.Connection(server.port)

    async def goes_on(what: str):
        """All that people and programs do."""
        async with report.check(f"{what}: docs are followed, keys made, people signed in, nobody is busy for nothing"):
            for _ in range(10):
                pages.write_some()
            await until(SOON, "the docs are followed", lambda: follows(pages, connection, load))
            for _ in range(12):
                await keys.work()
                await people.work()
            lost = await keys.lost() + await people.lost() + keys.wrong + people.wrong
            assert not lost, lost
            assert not keys.refused, keys.refused
            used, began = server.cpu_seconds(), time.monotonic()
            await asyncio.sleep(2)
            share = (server.cpu_seconds() - used) / (time.monotonic() - began)
            assert share < MOST_CPU, f"{share:.0%} of a processor"

    async def asked(what: str):
        answer = await calls.search(server.port, f"berth asked {what}", load)
        assert answer.status == 200, answer.text()

    await goes_on("before")
    async with report.check("docent sees the clock that is set for it"):
        clock.jump(10)
        listed = await made(server, "ten-days-later")
        assert abs(listed - time.time() - 864_000) < 3600, listed
        clock.jump(0)
    app = await person.App.at(server.origin, lambda _: server.port)
    tokens = await app.sign_in("ada")
    short, lasting = await server.key("short", "--expires", "12h"), await server.key("lasting", "--expires", "90d")
    await asked("before")

    for days, when in ((1, "a day forwards"), (0, "and back"), (-1, "a day backwards"), (0, "and forwards again")):
        counted = await server.key(f"counted {when}")
        await use_up(server, counted)
        before, _ = clock.days, clock.jump(days)
        if days > before:
            people.let_time_pass()
        async with report.check(f"{when}: a limit that is used up is used up, for no longer than it says"):
            answer = await calls.search(server.port, "berth", counted)
            assert answer.status == 429, answer.text()
            assert int(answer.headers["retry-after"]) <= 60, answer.headers
        async with report.check(f"{when}: a key ends by its date, and others do not"):
            assert await calls.is_known(server.port, short) is (days < 1)
            assert await calls.is_known(server.port, lasting)
        async with report.check(f"{when}: who is signed in stays so; only an access token ends after its hour"):
            if days == 1:
                assert not await calls.is_known(server.port, tokens["access_token"])
            tokens = await app.refresh(tokens["refresh_token"])
            assert await calls.is_known(server.port, tokens["access_token"])
            signed_in = await app.sign_in("bob")
            assert await calls.is_known(server.port, signed_in["access_token"])
        await goes_on(when)
        await asked(when)
        async with report.check(f"{when}: it starts again"):
            assert server.stop() == 0
            connection.close()
            server.start()
            await server.ready()
            assert await calls.is_known(server.port, load)
            tokens = await app.refresh(tokens["refresh_token"])
            assert await calls.is_known(server.port, tokens["access_token"])
            assert not await pages.behind(connection, load)

    async with report.check("a limit lets in again after the time that it told, by the clock on the wall"):
        counted = await server.key("counted")
        await use_up(server, counted)
        began = time.monotonic()
        answer = await calls.search(server.port, "berth", counted)
        assert answer.status == 429, answer.text()
        left = int(answer.headers["retry-after"])
        clock.jump(1)
        await asyncio.sleep(max(0, left - 2 - (time.monotonic() - began)))
        assert await calls.status(server.port, counted) == 429, "too early"
        await asyncio.sleep(3)
        assert await calls.status(server.port, counted) == 200, f"after {time.monotonic() - began:.0f} s of {left}"
        clock.jump(0)
    async with report.check("what was asked and who came was written down all the time"):

        async def known():
            said = await server.do("usage", "--json", "--since", "30d")
            return all(f"asked {when}" in said for when in ("before", "a day forwards", "a day backwards"))

        await until(SOON, "the questions are in the report", known)
        audit = await server.do("audit", "--json")
        assert "client.registered" in audit and "sign_in.done" in audit
    async with report.check("the databases and the index pass their own checks, and nothing panicked"):
        server.kill()
        assert not docent.refusals_of_sqlite(server.data)
        done = await server.run("index", "--check")
        assert done.returncode == 0, done.stderr
        assert "panicked" not in server.said()
    connection.close()


async def use_up(server: Server, token: str):
    for _ in range(LIMIT):
        assert await calls.status(server.port, token) == 200


async def made(server: Server, name: str) -> float:
    """When a key was made, as docent says."""
    await server.do("key", "create", "--name", name)
    listed = json.loads(await server.do("key", "list", "--json"))
    said = next(it["created"] for it in listed if it["name"] == name)
    return datetime.datetime.fromisoformat(said.replace("Z", "+00:00")).timestamp()


async def follows(pages: Pages, connection: wire.Connection, token: str) -> bool:
    return not await pages.behind(connection, token)


run(main())
