"""The disk of the data folder is full: what was indexed is served, what cannot be kept is not acknowledged, all of it
is said, and room is all that it takes to go on."""

import asyncio
import os
import random
import time

from crash import server as docent
from crash.disk import Disk
from crash.keys import Keys
from crash.pages import Pages
from crash.people import People
from crash.server import Server, key_in
from lib import calls, wire
from lib.report import Report, figure, run, until

LONG = bool(os.environ.get("ENDURANCE_LONG"))
SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
#: Times that it is filled, to another point each time.
ROUNDS = 40 if LONG else 6
#: Seconds for which it is full.
FULL = 1.5
#: Seconds until it goes on after there is room.
SOON = 10
#: Lines of the log in a second, and for each step of a person that cannot be done.
A_SECOND, A_PERSON = 5, 2
SAID = ("No space left", "disk is full", "disk I/O error")


def says_so(text: str) -> bool:
    return any(words in text for words in SAID)


async def main():
    report = Report("disk")
    figure(f"SEED={SEED}")
    disk = Disk(megabytes=24)
    chance = random.Random(SEED)
    await full_from_the_start(report, disk)
    server = Server(data=disk.path / "data")
    pages = Pages(server.docs, SEED, still=40)
    keys, people = Keys(server, SEED), People(server, SEED)
    await server.begin()
    token = await server.key("load")
    connection = wire.Connection(server.port)

    async def current(is_so: bool):
        return await until(SOON, f"current: {is_so}", lambda: told_current(server, is_so))

    async def kept(what: str):
        """What was acknowledged holds."""
        lost = await keys.lost() + await people.lost() + keys.wrong + people.wrong
        assert not lost, f"{what}: {lost[:5]}"

    for _ in range(20):
        await keys.work()
        await people.work()

    async with report.check("full: what is indexed is served, /readyz and the log say what is wrong"):
        mark = server.heard()
        disk.fill()
        # Not all of it fits into what SQLite and the index have reserved already.
        for path in pages.living():
            pages.write(path, filler=600)
        await current(False)
        assert says_so(server.said(mark)), server.said(mark)[-2000:]
        async with calls.Load(server.port, 4, token) as load:
            await asyncio.sleep(1)
        assert load.calls and not [it for it in load.calls if not it.outcome.startswith(("ok", "200 "))], load.calls[:3]
        assert not await pages.whole(connection, token)
    async with report.check("full: a key is not given away that cannot be kept, and the command says why"):
        given = []
        for number in range(5):
            done = await server.run("key", "create", "--name", f"full-{number}")
            if key := key_in(done.stdout):
                given.append(key[0])
            else:
                assert done.returncode == 1 and says_so(done.stderr), done
        figure(f"{len(given)} of 5 keys could be kept")
    async with report.check("full: who cannot be signed in is told so, and nobody is told what is not kept"):
        people.refused = []
        registered, signed_in = len(people.apps), len(people.sign_ins)
        for _ in range(60):
            await people.work()
        figure(f"{len(people.apps) - registered} apps and {len(people.sign_ins) - signed_in} sign-ins could be kept")
        strange = [it for it in people.refused if "500" not in it and "503" not in it]
        assert not strange, strange[:3]
        assert people.refused, "everything could be kept: it was not full"
        figure(f"one is told: {people.refused[0][:200]}")
    async with report.check(f"full: the log has {A_SECOND} lines a second at most, and {A_PERSON} for a refusal"):
        mark, began, tried = server.heard(), time.monotonic(), 0
        while time.monotonic() < began + 3:
            await people.work()
            tried += 1
        lines, seconds = len(server.said(mark).splitlines()), time.monotonic() - began
        figure(f"{lines} lines in {seconds:.1f} s, in which {tried} people tried something")
        assert lines <= A_SECOND * seconds + A_PERSON * tried, server.said(mark)[-2000:]
    async with report.check(f"there is room: it goes on by itself within {SOON} s"):
        disk.free()
        await current(True)
        await until(SOON, "the docs are followed", lambda: follows(pages, connection, token))
        people.refused = None
        for _ in range(10):
            await keys.work()
            await people.work()
        for it in given:
            assert await calls.is_known(server.port, it), "a key that was given is not known"
        await kept("after it was full")

    async with report.check(f"filled up to {ROUNDS} random points under load, nothing acknowledged is lost"):
        for number in range(ROUNDS):
            keys.refused, people.refused = [], []
            disk.fill(leave=int(2 ** chance.uniform(0, 19)))
            end = time.monotonic() + FULL
            while time.monotonic() < end:
                for _ in range(3):
                    pages.write_some()
                await asyncio.gather(keys.work(), people.work(), people.work())
            assert not await pages.whole(connection, token), f"round {number}"
            if number % 3 == 2:
                server.kill()
                connection.close()
                await looks_well(server)
                server.start()
                await server.ready()
                assert not await pages.whole(connection, token), f"round {number}, killed"
            disk.free()
            keys.refused = people.refused = None
            await current(True)
            await until(SOON, "the docs are followed", lambda: follows(pages, connection, token))
            await kept(f"round {number}")
    async with report.check("full: a server that was stopped either starts, or says what it lacks and ends with 1"):
        assert server.stop() == 0
        connection.close()
        disk.fill()
        server.start()
        try:
            await server.ready()
            figure("it starts")
            assert server.stop() == 0
        except AssertionError:
            said = server.said().splitlines()[-1]
            assert server.ended() == 1 and "cannot open the state in " in said and says_so(said), said
            figure(f"it says: {said}")
        disk.free()
        await server.begin()
    async with report.check("full: a server that was killed starts again and serves what it has"):
        disk.fill()
        server.kill()
        server.start()
        await server.ready()
        assert await calls.is_known(server.port, token)
        assert not await pages.whole(connection, token)
        mark = server.heard()
        disk.free()
        pages.write_some()
        await current(True)
        await until(SOON, "the docs are followed", lambda: follows(pages, connection, token))
        await kept("after that")
    async with report.check("what was asked and who came is written down"):
        said = await until(SOON, "usage", lambda: server.do("usage", "--json"))
        assert said and "client.registered" in await server.do("audit", "--json")
    async with report.check("the databases and the index pass their own checks, and nothing panicked"):
        server.kill()
        await looks_well(server)
        assert "panicked" not in server.said()


async def told_current(server: Server, is_so: bool) -> bool:
    told = await server.told()
    assert told["ready"] is True, told
    return told["current"] is is_so


async def follows(pages: Pages, connection: wire.Connection, token: str) -> bool:
    return not await pages.behind(connection, token)


async def looks_well(server: Server):
    found = docent.refusals_of_sqlite(server.data)
    assert not found, found
    done = await server.run("index", "--check")
    assert done.returncode == 0, done.stderr


async def full_from_the_start(report: Report, disk: Disk):
    async with report.check("full from the start: each command says so and ends with 1, and does no harm"):
        server = Server(access="keys", data=disk.path / "data")
        Pages(server.docs, SEED, still=40)
        for leave in (0, 8 << 10, 64 << 10):
            disk.fill(leave)
            commands = [["index"], ["key", "create", "--name", "x"]]
            if leave < 64 << 10:
                # With more the state has room, and it is the index that has none.
                commands.append(["serve", "--listen", f"127.0.0.1:{server.port}"])
            for words in commands:
                done = await asyncio.wait_for(server.run(*words), 30)
                if words[0] == "key" and key_in(done.stdout):
                    continue
                assert done.returncode == 1, f"{leave}: {done}"
                assert done.stderr.startswith("docent: ") or "\ndocent: " in done.stderr, f"{leave}: {done}"
                assert says_so(done.stderr), f"{leave}: {done}"
                assert "panicked" not in done.stderr, f"{leave}: {done}"
        disk.free()
        await server.begin()
        server.kill()
    disk.free()


run(main())
