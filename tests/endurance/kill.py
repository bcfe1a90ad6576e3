"""docent is killed (`kill -9`) at random points while docs are edited, people sign in, keys are made and docs are
published: started again it serves a whole index and has lost nothing that it had acknowledged.

KILLS says how often, SEED gives the points of an earlier run again, as far as the machine lets them be the same.
"""

import asyncio
import contextlib
import os
import random
import shutil
import time

from crash import server as docent
from crash.keys import Keys
from crash.pages import Pages, fetch, search
from crash.people import People
from crash.published import Published
from crash.server import Server
from lib import calls, wire
from lib.report import Report, figure, run

KILLS = int(os.environ.get("KILLS", "25"))
SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
#: Seconds from a start to a kill.
LONGEST = 2.5
#: Seconds until what is served is what is on the disk.
FOLLOW_SECONDS = 10
#: Pages that never change and make an index take its time.
STILL = 400
#: Shares of kills that come before it is ready, and while the index is made for the first time.
EARLY, FIRST = 0.2, 0.1
#: What is wrong is told this often; after that one knows.
ENOUGH = 5


class Findings:
    """What each check found."""

    WHAT = {
        "start": "it starts again each time, within {bound} s",
        "old or new": "what is served then is whole: each page is one that was written, and none older than was served",
        "follows": "then it serves what is on the disk, and finds each page by its own word",
        "index": "the index passes its own check after each kill (docent index --check)",
        "sqlite": "the databases pass those of SQLite",
        "keys": "no key that was given is lost, and none that was taken back lets in",
        "people": "no app, sign-in or token that was told is lost, and what was ended stays ended",
        "snapshots": "what is published is whole whenever its publisher dies, and a replica can start with it",
        "calls": "no call is answered wrongly meanwhile",
        "panics": "nothing panics",
    }

    def __init__(self):
        self.found: dict[str, list[str]] = {name: [] for name in self.WHAT}

    def add(self, name: str, when: str, what: list[str]):
        self.found[name] += [f"{when}: {it}" for it in what]

    @property
    def enough(self) -> bool:
        return sum(map(len, self.found.values())) >= ENOUGH


class Life:
    """A server, and what goes on around it until it is killed."""

    def __init__(self):
        self.random = random.Random(SEED)
        self.server = Server()
        self.pages = Pages(self.server.docs, SEED, still=STILL)
        self.keys, self.people = Keys(self.server, SEED), People(self.server, SEED)
        self.published = Published(SEED)
        self.findings = Findings()
        self.calls = 0
        self.starts: list[float] = []
        self.token = ""

    def tried(self) -> dict[str, int]:
        """How often what was done."""
        keys, people, published = self.keys, self.people, self.published
        return {
            "calls": self.calls,
            "pages written": self.pages.serial,
            "keys": len(keys.keys),
            "commands killed": keys.killed,
            "apps": len(people.apps),
            "sign-ins": len(people.sign_ins),
            "refreshes": sum(it.refreshes for it in people.sign_ins),
            "refreshes tried again": people.tried_again,
            "sign-ins ended": sum(it.lasts is False for it in people.sign_ins),
            "published": published.whole,
            "publishers killed": published.killed,
        }

    async def begin(self):
        await self.server.begin()
        self.token = await self.server.key("load")
        await self.published.work()

    @contextlib.asynccontextmanager
    async def traffic(self):
        """Everything at once, until the end of the block; what was begun is finished."""
        over = asyncio.Event()
        work = [self._edits, self._calls, self._calls, self._keys, self._people, self._people, self._people]
        tasks = [asyncio.create_task(it(over)) for it in [*work, self._publishes]]
        try:
            yield
        finally:
            over.set()
            for done in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(done, BaseException):
                    raise done

    async def _edits(self, over):
        while not over.is_set():
            self.pages.write_some()
            await asyncio.sleep(self.random.uniform(0, 0.03))

    async def _calls(self, over):
        """Asks for pages one after the other, and notes what was served."""
        async with wire.Connection(self.server.port) as connection:
            while not over.is_set():
                path = self.random.choice(self.pages.living())
                # Answers to others that ask at the same time may come first.
                starts, least = self.server.starts, self.pages.served(path)
                try:
                    text = await fetch(connection, path, self.token)
                    if why := self.pages.wrong_with(path, text, least):
                        self.findings.add("calls", f"start {starts}", [why])
                    await search(connection, f"word{self.random.randrange(5000)}", self.token)
                    self.calls += 2
                except (wire.Broken, OSError):
                    await asyncio.sleep(0.02)
                except AssertionError as error:
                    self.findings.add("calls", f"start {starts}", [str(error)])
                    await asyncio.sleep(0.1)

    async def _keys(self, over):
        while not over.is_set():
            await self.keys.work()

    async def _people(self, over):
        while not over.is_set():
            await self.people.work()
            await asyncio.sleep(0.01 if self.server.alive() else 0.1)

    async def _publishes(self, over):
        while not over.is_set():
            kill_after = self.random.uniform(0, 0.4) if self.random.random() < 0.7 else None
            await self.published.work(kill_after)
            self.findings.add("snapshots", f"start {self.server.starts}", self.published.torn())
            await asyncio.sleep(0.2)

    async def kill_once(self, number: int):
        """Lets it run, kills it, starts it again, and looks at everything."""
        when = f"kill {number}"
        async with self.traffic():
            await asyncio.sleep(self.random.uniform(0, LONGEST))
            self.server.kill()
            await asyncio.sleep(0.02)
        whole = True
        if self.random.random() < FIRST:
            when, whole = f"{when}, while the index is made", False
            shutil.rmtree(self.server.data / "search")
            await self._kill_early(1.0)
        while self.random.random() < EARLY:
            when += ", and at the start"
            await self._kill_early(0.15)
        await self._look_at_the_dead(when, whole)
        self.server.start()
        try:
            self.starts.append(await self.server.ready())
        except AssertionError as error:
            self.findings.add("start", when, [str(error)])
            raise
        await self._look(when)

    async def _kill_early(self, longest: float):
        self.server.start()
        await asyncio.sleep(self.random.uniform(0, longest))
        self.server.kill()

    async def _look_at_the_dead(self, when: str, whole: bool):
        self.findings.add("sqlite", when, docent.refusals_of_sqlite(self.server.data))
        done = await self.server.run("index", "--check")
        # While it is made for the first time there may be none yet, and that is what is said.
        if done.returncode and (whole or "damaged" in done.stderr):
            self.findings.add("index", when, [done.stderr])

    async def _look(self, when: str):
        async with wire.Connection(self.server.port) as connection:
            self.findings.add("old or new", when, await self.pages.whole(connection, self.token))
            end = time.monotonic() + FOLLOW_SECONDS
            while (behind := await self.pages.behind(connection, self.token)) and time.monotonic() < end:
                await asyncio.sleep(0.05)
            self.findings.add("follows", when, behind)
        self.findings.add("keys", when, await self.keys.lost() + _taken(self.keys.wrong))
        self.findings.add("people", when, await self.people.lost() + _taken(self.people.wrong))
        self.findings.add("snapshots", when, self.published.torn() + _taken(self.published.wrong))
        if self.random.random() < 0.2:
            self.findings.add("snapshots", f"{when}, a replica", await self.published.followed())


def _taken(wrong: list[str]) -> list[str]:
    taken, wrong[:] = list(wrong), []
    return taken


async def main():
    report = Report("kill")
    figure(f"SEED={SEED} KILLS={KILLS}")
    life = Life()
    began, kills = time.monotonic(), 0
    async with report.check("it begins with nothing but docs"):
        await life.begin()
    # On a machine that is busy with other things it takes more of them until everything was tried.
    while (kills < KILLS or (kills < 2 * KILLS and not all(life.tried().values()))) and not life.findings.enough and not Report.failures:
        try:
            async with asyncio.timeout(240):
                await life.kill_once(kills + 1)
        except Exception as error:
            if not life.findings.found["start"]:
                life.findings.add("start", f"kill {kills + 1}", [f"{type(error).__name__}: {error}"])
            break
        kills += 1
        if kills % 25 == 0:
            figure(f"{kills} kills, {time.monotonic() - began:.0f} s")
    life.findings.add("panics", "the log", [it for it in life.server.said().splitlines() if "panicked" in it])
    async with report.check(f"{kills} kills"):
        assert kills >= KILLS, f"it was given up after {kills} of {KILLS}"
    for name, what in Findings.WHAT.items():
        async with report.check(what.format(bound=docent.START_SECONDS)):
            found = life.findings.found[name]
            assert not found, "\n".join([f"SEED={SEED}", *found[:ENOUGH], f"{len(found)} in all"])
    async with report.check("all of it was tried"):
        tried = life.tried()
        figure(", ".join(f"{count} {what}" for what, count in tried.items()))
        assert all(tried.values()), f"{tried}"
    if life.starts:
        starts = sorted(life.starts)
        middle, last = starts[len(starts) // 2], starts[-1]
        figure(f"ready again after {middle * 1000:.0f} ms at the median, {last * 1000:.0f} ms at most")


run(main())
