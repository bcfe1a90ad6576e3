"""The docs folder vanishes and returns, empty, another one, or as a mount: what was indexed is served meanwhile,
/readyz says so, and what has changed is followed afterwards."""

import asyncio
import os
import random
import shutil

from crash.disk import Disk
from crash.pages import Pages, fetch
from crash.server import Server
from lib import calls, wire
from lib.report import Report, figure, run, until

SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
ROUNDS = 10 if os.environ.get("ENDURANCE_LONG") else 1
SOON = 10
#: Seconds for which nothing may change that must not.
STAYS = 2


class Docs:
    def __init__(self, root=None):
        self.server = Server(access="keys")
        if root:
            self.server.file.write_text(self.server.file.read_text().replace(str(self.server.docs), str(root)))
        self.root = root or self.server.docs
        self.pages = Pages(self.root, SEED, still=20)
        self.away = self.server.home / "away"

    async def begin(self):
        await self.server.begin()
        self.token = await self.server.key("load")
        self.connection = wire.Connection(self.server.port)
        await self.followed()

    def write(self, root):
        """Some changes, wherever the folder is now."""
        self.pages.root = root
        for _ in range(10):
            self.pages.write_some()

    async def told(self, current: bool):
        async def is_so():
            told = await self.server.told()
            assert told["ready"] is True, told
            return told["current"] is current

        await until(SOON, f"current: {current}", is_so)

    async def followed(self):
        self.pages.root = self.root

        async def is_so():
            return not await self.pages.behind(self.connection, self.token)

        try:
            await until(SOON, "the docs are followed", is_so)
        except AssertionError as error:
            behind = await self.pages.behind(self.connection, self.token)
            raise AssertionError(f"{error}: {behind[:3]}, {self.server.said()[-1500:]}") from None

    async def as_before(self):
        """All pages are still there, for a while."""
        mark = self.server.heard()
        await self.told(False)
        async with calls.Load(self.server.port, 2, self.token) as load:
            await asyncio.sleep(STAYS)
        failed = [it for it in load.calls if not it.outcome.startswith(("ok", "200 "))]
        assert load.calls and not failed, failed[:3]
        lacking = [it for it in self.pages.paths() if self.pages.history[it][-1] and not await self.has(it)]
        assert not lacking, f"{len(lacking)} pages are gone: {lacking[:3]}"
        lines = len(self.server.said(mark).splitlines())
        assert lines < 10 * STAYS, self.server.said(mark)[-2000:]

    async def has(self, path: str) -> bool:
        return await fetch(self.connection, path, self.token) is not None


async def main():
    report = Report("docs")
    figure(f"SEED={SEED}")
    docs = Docs()
    await docs.begin()
    for number in range(1, ROUNDS + 1):
        async with report.check(f"round {number}: away, docs are served as they were, and followed when they are back"):
            docs.root.rename(docs.away)
            await docs.as_before()
            docs.write(docs.away)
            docs.away.rename(docs.root)
            await docs.told(True)
            await docs.followed()
        async with report.check(f"round {number}: an empty folder in its place is taken for one that is not there"):
            docs.root.rename(docs.away)
            docs.root.mkdir()
            await docs.as_before()
            docs.write(docs.away)
            docs.root.rmdir()
            docs.away.rename(docs.root)
            await docs.told(True)
            await docs.followed()
        async with report.check(f"round {number}: emptied file by file, it is taken for that, too"):
            shutil.copytree(docs.root, docs.away)
            for it in docs.root.iterdir():
                shutil.rmtree(it)
            await docs.told(False)
            shutil.rmtree(docs.root)
            docs.write(docs.away)
            docs.away.rename(docs.root)
            await docs.told(True)
            await docs.followed()
        async with report.check(f"round {number}: another folder in its place is served, and followed from then on"):
            shutil.copytree(docs.root, docs.away)
            docs.write(docs.away)
            old = docs.server.home / f"old-{number}"
            docs.root.rename(old)
            docs.away.rename(docs.root)
            await docs.followed()
            docs.write(docs.root)
            await docs.followed()
            # Nobody reads the one from before any more.
            (old / "stranger.md").write_text("# Stranger\n\nIt is elsewhere.\n")
            await asyncio.sleep(0.5)
            assert not await docs.has("stranger.md")
    docs.server.kill()
    await mounted(report)
    await gone_at_the_start(report, docs)


async def mounted(report: Report):
    disk = Disk(megabytes=16, device=True)
    docs = Docs(disk.path / "docs")
    await docs.begin()
    for number in range(1, ROUNDS + 1):
        async with report.check(f"round {number}: a mount that vanishes and returns"):
            await until(5, "nobody has files open there", lambda: unmounted(disk))
            await docs.as_before()
            disk.mount()
            docs.write(docs.root)
            await docs.told(True)
            await docs.followed()
            docs.write(docs.root)
            await docs.followed()
    docs.server.kill()
    disk.close()
    # The mount point itself: a folder that is there, and empty.
    disk = Disk(megabytes=16, device=True)
    docs = Docs(disk.path)
    await docs.begin()
    for number in range(1, ROUNDS + 1):
        async with report.check(f"round {number}: the same, where the mount point itself is the docs folder"):
            await until(5, "nobody has files open there", lambda: unmounted(disk))
            await docs.as_before()
            disk.mount()
            docs.write(docs.root)
            await docs.told(True)
            await docs.followed()
            docs.write(docs.root)
            await docs.followed()
    async with report.check("a server that is started while it is away serves what it has"):
        docs.server.kill()
        docs.connection.close()
        disk.unmount()
        await docs.server.begin()
        await docs.as_before()
        disk.mount()
        await docs.told(True)
        await docs.followed()
    docs.server.kill()
    disk.close()


async def unmounted(disk: Disk) -> bool:
    try:
        disk.unmount()
        return True
    except AssertionError:
        return False


async def gone_at_the_start(report: Report, docs: Docs):
    async with report.check("a docs folder that is not there at the start is named, with status 1"):
        docs.root.rename(docs.away)
        done = await docs.server.run("serve", "--listen", f"127.0.0.1:{docs.server.port}")
        assert done.returncode == 1 and str(docs.root) in done.stderr, done


run(main())
