"""The data folder cannot be written: from the start, or because the system finds the disk broken while docent runs."""

import asyncio
import os
import random

from crash import server as docent
from crash.disk import Disk
from crash.keys import Keys
from crash.pages import Pages, search
from crash.people import People
from crash.server import Server, key_in
from lib import calls, wire
from lib.report import Report, figure, run, until

SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
SOON = 10
#: What the system and SQLite say of a folder in which nothing may be written.
REFUSALS = ("Read-only file system", "readonly database", "unable to open database file")


async def main():
    report = Report("readonly")
    figure(f"SEED={SEED}")
    await before_the_start(report)
    await while_it_runs(report)


async def before_the_start(report: Report):
    disk = Disk(megabytes=24)
    server = Server(access="open", data=disk.path / "data")
    pages = Pages(server.docs, SEED, still=40)
    await server.begin()
    assert server.stop() == 0
    disk.read_only(True)
    async with wire.Connection(server.port) as connection:
        async with report.check("before the start: the index that is there is served as it is, and the log says so"):
            await server.begin()
            assert not await pages.whole(connection, None)
            assert "serving the index as it is" in server.said(), server.said()
            assert "what is asked is not recorded" in server.said(), server.said()
            assert "panicked" not in server.said()
        async with report.check("what changes in the docs is not served then, and nothing is lost for it"):
            for _ in range(20):
                pages.write_some()
            await asyncio.sleep(1)
            assert not await pages.whole(connection, None)
        async with report.check("commands that only read go on: docent search, docent index --check"):
            done = await server.run("index", "--check")
            assert done.returncode == 0, done
            words = pages.history["still/0/page-1.md"][-1]
            assert "still/0/page-1.md" in await server.do("search", words)
        async with report.check("commands that write say so and end with 1: docent index, docent key create"):
            for words in (["index"], ["key", "create", "--name", "x"]):
                done = await server.run(*words)
                assert done.returncode == 1 and not key_in(done.stdout), done
                assert any(it in done.stderr for it in REFUSALS), done
                assert str(server.data) in done.stderr, done
        async with report.check(f"it can be written again: the docs are followed within {SOON} s, without a restart"):
            disk.read_only(False)
            await until(SOON, "the docs are followed", lambda: follows(pages, connection, None))
    server.kill()
    async with report.check("with keys or people, a start says that the state cannot be opened, and ends with 1"):
        guarded = Server(access="keys", data=disk.path / "guarded")
        Pages(guarded.docs, SEED)
        await guarded.begin()
        token = await guarded.key("kept")
        assert guarded.stop() == 0
        disk.read_only(True)
        done = await asyncio.wait_for(guarded.run("serve", "--listen", f"127.0.0.1:{guarded.port}"), 20)
        assert done.returncode == 1 and "cannot open the state in " in done.stderr, done
        assert "panicked" not in done.stderr, done
        figure(done.stderr.strip().splitlines()[-1])
        disk.read_only(False)
        await guarded.begin()
        assert await calls.is_known(guarded.port, token)
        guarded.kill()
    disk.close()


async def while_it_runs(report: Report):
    disk = Disk(megabytes=48, device=True)
    server = Server(data=disk.path / "data")
    pages = Pages(server.docs, SEED, still=40)
    keys, people = Keys(server, SEED), People(server, SEED)
    await server.begin()
    token = await server.key("load")
    for _ in range(15):
        await keys.work()
        await people.work()
    connection = wire.Connection(server.port)
    assert not await pages.whole(connection, token)
    async with report.check("while it runs: what is indexed is served, and /readyz and the log say what is wrong"):
        mark = server.heard()
        disk.fail()
        for _ in range(20):
            pages.write_some()
        await until(SOON, "it is said", lambda: is_told(server))
        assert "Read-only file system" in server.said(mark), server.said(mark)
        assert not await pages.whole(connection, token)
        assert await search(connection, pages.history["still/0/page-1.md"][-1], token)
    async with report.check("what cannot be kept is not acknowledged: keys, apps, sign-ins"):
        keys.refused, people.refused = [], []
        apps, sign_ins, made = len(people.apps), len(people.sign_ins), len(keys.keys)
        for _ in range(5):
            await keys.work()
        for _ in range(30):
            await people.work()
        assert (len(people.apps), len(people.sign_ins), len(keys.keys)) == (apps, sign_ins, made)
        figure(f"one is told: {people.refused[0][:150]}")
    async with report.check("mounted again, after a restart, nothing that was acknowledged is lost"):
        assert server.alive(), "it ended"
        server.kill()
        connection.close()
        disk.unmount()
        disk.mount()
        found = docent.refusals_of_sqlite(server.data)
        assert not found, found
        keys.refused = people.refused = None
        server.start()
        await server.ready()
        await until(SOON, "the docs are followed", lambda: follows(pages, connection, token))
        lost = await keys.lost() + await people.lost() + keys.wrong + people.wrong
        assert not lost, lost
        assert "panicked" not in server.said()
    connection.close()
    server.kill()


async def is_told(server: Server) -> bool:
    told = await server.told()
    assert told["ready"] is True, told
    return told["current"] is False


async def follows(pages: Pages, connection: wire.Connection, token: str | None) -> bool:
    return not await pages.behind(connection, token)


run(main())
