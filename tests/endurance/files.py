"""All file descriptors are used up (EMFILE): who is in is served, nobody is told what is lost, and docent waits
quietly."""

import asyncio
import os
import pathlib
import random
import subprocess
import time

from crash.keys import Keys
from crash.pages import Pages
from crash.people import People
from crash.server import Server
from lib import calls, wire
from lib.report import Report, figure, run, until

SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
ROUNDS = 10 if os.environ.get("ENDURANCE_LONG") else 1
#: Descriptors that it may open beside those that it has.
SPARE = 24
#: Connections that come, more than there are descriptors.
CROWD = 200
#: Lines of the log in a second; share of a processor.
MOST_LINES, MOST_CPU = 10, 0.5
SOON = 15


def limit_files(server: Server, spare: int | None):
    used = len(list(pathlib.Path(f"/proc/{server.pid}/fd").iterdir()))
    most = 4096 if spare is None else used + spare
    subprocess.run(["prlimit", "--pid", str(server.pid), f"--nofile={most}:4096"], check=True)


async def main():
    report = Report("files")
    figure(f"SEED={SEED}")
    server = Server()
    pages = Pages(server.docs, SEED, still=40)
    keys, people = Keys(server, SEED), People(server, SEED)
    await server.begin()
    token = await server.key("load")
    connection = wire.Connection(server.port)
    for _ in range(15):
        await keys.work()
        await people.work()
    for number in range(1, ROUNDS + 1):
        assert not await pages.whole(connection, token)
        mark = server.heard()
        limit_files(server, SPARE)
        crowd = [await come(server.port) for _ in range(CROWD)]
        async with report.check(f"round {number}: who has a connection is served, and the log says what is wrong"):
            await until(5, "it is said", lambda: says(server, mark, "cannot accept a connection"))
            for _ in range(20):
                pages.write_some()
            assert not await pages.whole(connection, token)
        quietly = f"less than {MOST_CPU:.0%} of a processor and {MOST_LINES} lines a second"
        async with report.check(f"round {number}: it waits, with {quietly}"):
            await asyncio.sleep(0.5)
            begun, used, before = time.monotonic(), server.cpu_seconds(), server.heard()
            await asyncio.sleep(4)
            passed = time.monotonic() - begun
            share = (server.cpu_seconds() - used) / passed
            lines = len(server.said(before).splitlines()) / passed
            figure(f"{share:.1%} of a processor, {lines:.1f} lines a second")
            assert share < MOST_CPU and lines < MOST_LINES, server.said(before)[-2000:]
        async with report.check(f"round {number}: nobody is told what is lost"):
            people.refused = []
            for it in [it for it in people.sign_ins if it.lasts][:5]:
                # On the connection that is there.
                await refresh_at(connection, people, it)
            keys.refused = []
            for _ in range(5):
                await keys.work()
        async with report.check(f"round {number}: as they go it goes on within {SOON} s, and nothing is lost"):
            for _, writer in crowd:
                writer.close()
            await until(SOON, "new connections are answered", lambda: is_current(server))
            people.refused = keys.refused = None
            await until(SOON, "the docs are followed", lambda: follows(pages, connection, token))
            for _ in range(10):
                await keys.work()
                await people.work()
            limit_files(server, None)
            lost = await keys.lost() + await people.lost() + keys.wrong + people.wrong
            assert not lost, lost
    async with report.check("nothing panicked, and the index is whole"):
        server.kill()
        done = await server.run("index", "--check")
        assert done.returncode == 0, done.stderr
        assert "panicked" not in server.said()


async def come(port: int):
    """A connection that has been of use once, if there was somebody to take it, and stays."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    return reader, writer


async def refresh_at(connection: wire.Connection, people: People, it):
    it.asked = it.asked or time.monotonic()
    form = f"grant_type=refresh_token&refresh_token={it.refresh}&client_id={it.app.id}".encode()
    headers = {"Host": f"127.0.0.1:{connection.port}", "Content-Type": "application/x-www-form-urlencoded"}
    headers["X-Forwarded-For"] = calls.place()
    answer = await connection.ask("POST", "/token", headers, form)
    assert answer.status in (200, 500, 503), f"{answer.status} {answer.text()}"
    it.refreshes += 1
    if answer.status == 200:
        told = answer.json()
        it.access, it.refresh, it.asked = told["access_token"], told["refresh_token"], None


async def says(server: Server, mark: int, words: str) -> bool:
    return words in server.said(mark)


async def is_current(server: Server) -> bool:
    try:
        return (await asyncio.wait_for(server.told(), 2))["current"] is True
    except (wire.Broken, TimeoutError):
        return False


async def follows(pages: Pages, connection: wire.Connection, token: str) -> bool:
    return not await pages.behind(connection, token)


run(main())
