"""Mixed traffic at half of what the server can do, while its docs are edited twice a second: nothing grows, nothing is
wrong.

SOAK_SECONDS says for how long, SOAK_DOCS over which docs, SEED which edits and questions. What was measured is left in
.tools/soak.json, and drawn in soak.svg beside it.
"""

import asyncio
import dataclasses
import json
import os
import pathlib
import random
import shutil
import statistics
import time

from lib import calls, process, provider
from lib.replica import BINARY, PLENTY, Replica
from lib.report import Report, figure, run, until
from soaking import plot
from soaking.docs import EDITS_PER_SECOND, FOLLOWS_WITHIN_SECONDS, Docs
from soaking.figures import Gauge, ends, growth, p99_by_piece
from soaking.traffic import People, Streams, Traffic

LEFT = pathlib.Path(__file__).parent / ".tools"
MANUAL = pathlib.Path(__file__).parent.parent.parent / "corpus"
#: What the hour is held to; a short run sees the memory of the first minutes, which is still being taken.
LONG_SECONDS = 1800
GROWTH_MB_IN_TEN_MINUTES = 1.0
CLIENTS = 16
SAME_QUESTIONS = 20


@dataclasses.dataclass
class Asked:
    seconds: int = int(os.environ.get("SOAK_SECONDS", 3600 if "ENDURANCE_LONG" in os.environ else 90))
    docs: pathlib.Path = pathlib.Path(os.environ.get("SOAK_DOCS", MANUAL))
    seed: int = int(os.environ.get("SEED", random.randrange(1 << 31)))


def settings(docs: pathlib.Path, port: int, issuer: str) -> str:
    return "\n".join(
        [
            'data_dir = "data"',
            f'public_url = "http://127.0.0.1:{port}"',
            'access = "google"',
            'trusted_proxies = ["127.0.0.1"]',
            'log = "json"',
            "[limits]",
            *(f'{name} = "{PLENTY}"' for name in ("key", "user", "address", "registration")),
            "[sign_in]",
            f'issuer = "{issuer}"',
            f'client_id = "{provider.CLIENT_ID}"',
            f'client_secret = "{provider.CLIENT_SECRET}"',
            "[[collections]]",
            'name = "docs"',
            f"path = {json.dumps(str(docs))}",
            "",
        ]
    )


class Soak:
    def __init__(self, asked):
        self.asked = asked
        self.pause = asyncio.Event()
        self.rate = 50.0
        #: What is looked at begins after these seconds.
        self.warm = min(600, asked.seconds / 3)
        self.same = self.different = 0

    async def start(self):
        home = process.temporary()
        self.home = home
        self.docs = Docs(home / "docs", self.asked.docs, self.asked.seed)
        port = process.free_port()
        self.provider = provider.Provider(f"http://127.0.0.1:{port}/auth/google/callback")
        self.replica = Replica("soak", settings(self.docs.root, port, self.provider.issuer), {}, port)
        await self.replica.ready()
        key = (await self.command("key", "create", "--name", "soak")).strip()
        await until(5, "the key is known", lambda: calls.is_known(port, key))
        self.traffic = Traffic(port, self.docs, key, self.asked.seed)
        await self.traffic.prepare()
        # One core for the server and one for everybody else, so that a capacity means something.
        self.replica.pin([0])
        others = set(range(1, os.cpu_count() or 1)) or {0}
        os.sched_setaffinity(0, others)
        self.gauge = Gauge(self.replica.pid)
        self.streams = Streams(self.traffic, 8, 60)
        self.people = People(self.traffic, f"http://127.0.0.1:{port}", max(1.0, min(5.0, self.asked.seconds / 60)))

    async def command(self, *words, config=None) -> str:
        child = await asyncio.create_subprocess_exec(
            *map(str, [BINARY, words[0], "--config", config or self.replica.file, *words[1:]]),
            env=process.environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(child.communicate(), 120)
        assert child.returncode == 0, f"docent {' '.join(map(str, words))}: {err.decode()}"
        return out.decode()

    async def steer(self):
        """So many requests that they and the edits take half of the server's core, as far as that is found out while it
        warms up: what grows with the rate would look as if it grew with time."""
        await asyncio.sleep(5)
        end = time.monotonic() + self.warm
        while time.monotonic() < end:
            before, began = self.gauge.look(), time.monotonic()
            await asyncio.sleep(5)
            busy = (self.gauge.look().cpu_seconds - before.cpu_seconds) / (time.monotonic() - began)
            self.rate = min(2000.0, max(20.0, self.rate * min(1.5, max(0.7, 0.5 / max(busy, 0.01)))))

    async def compare(self, every_seconds: float):
        """Now and then nobody edits for a moment, and the server answers as an index that is built from nothing."""
        number = 0
        while True:
            await asyncio.sleep(every_seconds)
            number += 1
            self.pause.set()
            await asyncio.sleep(FOLLOWS_WITHIN_SECONDS)
            try:
                await self._compare(self.home / f"fresh-{number}")
            except (AssertionError, TimeoutError) as error:
                self.traffic.wrong.append(f"comparing: {error}")
            self.pause.clear()

    async def _compare(self, data: pathlib.Path):
        questions = random.Random(self.asked.seed + self.docs.edits).sample(
            self.traffic._questions, min(SAME_QUESTIONS, len(self.traffic._questions))
        )
        await self.command("index", "--data-dir", data)
        for question in questions:
            fresh = json.loads(await self.command("search", "--json", "--data-dir", data, "--", question))
            answer = await calls.search(self.replica.port, question, self.traffic.key)
            served = answer.json()["result"]["structuredContent"]
            if served == fresh:
                self.same += 1
            else:
                self.different += 1
                self.traffic.wrong.append(f"{question!r}: {difference(served, fresh)}")
        shutil.rmtree(data, ignore_errors=True)

    async def go(self):
        """The traffic, for as long as was asked."""
        self.idle = self.gauge.look()
        every = 60 if self.asked.seconds >= 300 else 20
        jobs = [
            self.gauge.run(),
            self.docs.edit_for_ever(self.pause),
            self.traffic.run(CLIENTS, lambda: self.rate),
            self.streams.run(),
            self.people.run(),
            self.steer(),
            self.compare(every),
            self.progress(),
        ]
        tasks = [asyncio.create_task(job) for job in jobs]
        done, _ = await asyncio.wait(tasks, timeout=self.asked.seconds, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()

    async def progress(self):
        while True:
            await asyncio.sleep(60)
            sample = self.gauge.samples[-1]
            figure(
                f"{sample.at:.0f} s: {sum(self.traffic.counts.values())} answers, {self.rate:.0f} a second, "
                f"{len(self.traffic.wrong)} wrong, {sample.resident:.1f} MB ({sample.private:.1f} private), "
                f"{sample.descriptors} descriptors"
            )

    def report(self) -> dict:
        warm = self.warm
        samples = self.gauge.after(warm)
        began = self.gauge.samples[0].at
        times = [it for it in self.traffic.seconds if it[0] - self.traffic.seconds[0][0] >= warm]
        return {
            "seconds": self.asked.seconds,
            "pages": len(self.docs.still),
            "edits": self.docs.edits,
            "answers": dict(self.traffic.counts),
            "wrong": self.traffic.wrong[:20],
            "same_as_fresh": self.same,
            "sign_ins": self.people.sign_ins,
            "refreshes": self.people.refreshes,
            "streams": self.streams.opened,
            "notices": self.streams.notices,
            "busy": (samples[-1].cpu_seconds - samples[0].cpu_seconds) / (samples[-1].at - samples[0].at),
            "resident_mb": ends([it.resident for it in samples]),
            "private_mb": ends([it.private for it in samples]),
            "growth_mb_in_ten_minutes": growth(samples, lambda it: it.resident),
            "private_growth_mb_in_ten_minutes": growth(samples, lambda it: it.private),
            "p99_ms": p99_by_piece(times, 10),
            "samples": [vars(it) for it in self.gauge.samples[:: max(1, len(self.gauge.samples) // 1000)]],
            "began": began,
        }


async def main():
    asked = Asked()
    report = Report("soak")
    figure(f"SEED={asked.seed}, {asked.seconds} s")
    soak = Soak(asked)
    await soak.start()
    await soak.go()
    found = soak.report()
    LEFT.mkdir(exist_ok=True)
    (LEFT / "soak.json").write_text(json.dumps(found, indent=1))
    (LEFT / "soak.svg").write_text(plot.draw(found["samples"], sorted(soak.traffic.seconds)))
    figure(
        f"{sum(found['answers'].values())} answers ({found['answers']}), {found['edits']} edits, {found['sign_ins']} sign-ins, "
        f"{found['refreshes']} refreshes, {found['streams']} streams with {found['notices']} notices; "
        f"{found['busy']:.0%} of a core"
    )
    async with report.check("no answer is wrong"):
        assert sum(found["answers"].values()) > asked.seconds * 10, "hardly anything was asked"
        assert not found["wrong"], f"{len(soak.traffic.wrong)} wrong: " + "\n".join(found["wrong"][:5])
    async with report.check("what is served is what an index built from nothing has"):
        assert soak.different == 0 < soak.same, f"{soak.different} differ, {soak.same} agree"
        figure(f"{soak.same} answers compared")
    async with report.check("people sign in and renew, streams are told of edits"):
        assert found["sign_ins"] and found["refreshes"] and found["notices"] > soak.docs.edits / 20
    async with report.check("memory stays"):
        slope = found["growth_mb_in_ten_minutes"]
        first, last = found["resident_mb"]
        figure(
            f"{first:.1f} MB to {last:.1f} MB, {slope:+.2f} MB in ten minutes; private {found['private_mb'][0]:.1f} to "
            f"{found['private_mb'][1]:.1f}, {found['private_growth_mb_in_ten_minutes']:+.2f}"
        )
        if asked.seconds >= LONG_SECONDS:
            assert slope < GROWTH_MB_IN_TEN_MINUTES, f"it grows by {slope:.2f} MB in ten minutes"
        else:
            assert last < first * 1.25, f"it grew from {first:.0f} to {last:.0f} MB"
    async with report.check("descriptors and threads are given back"):
        await until(20, "connections are closed", lambda: settled(soak))
        figure(f"{soak.idle.descriptors} descriptors before, {soak.gauge.look().descriptors} after")
    async with report.check("p99 stays"):
        pieces = found["p99_ms"]
        early, late = statistics.median(pieces[:3]), statistics.median(pieces[-3:])
        figure("p99 by tenths of the time: " + ", ".join(f"{it:.1f}" for it in pieces) + " ms")
        assert late < max(early * 1.5, early + 2), f"from {early:.1f} to {late:.1f} ms"
    async with report.check("it ends in order"):
        assert soak.replica.stop() == 0, soak.replica.log()[-2000:]
        bad = [line for line in soak.replica.log().splitlines() if '"ERROR"' in line or "panicked" in line]
        assert not bad, "\n".join(bad[:5])


def difference(served, built, at: str = "") -> str:
    """Where two answers begin to differ."""
    if isinstance(served, dict) and isinstance(built, dict) and served.keys() == built.keys():
        return next((difference(served[it], built[it], f"{at}.{it}") for it in served if served[it] != built[it]), "")
    if isinstance(served, list) and isinstance(built, list) and len(served) == len(built):
        pairs = enumerate(zip(served, built))
        return next((difference(one, other, f"{at}[{number}]") for number, (one, other) in pairs if one != other), "")
    return f"{at}: served {json.dumps(served)[:300]}, built {json.dumps(built)[:300]}"


async def settled(soak) -> bool:
    now = soak.gauge.look()
    return now.descriptors <= soak.idle.descriptors + 5 and now.threads <= soak.idle.threads + 4


run(main())
