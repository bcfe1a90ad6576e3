"""One docent with all that it has to keep: docs that are followed, keys, people who sign in. It is the real program."""

import asyncio
import contextlib
import itertools
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time

from lib import calls, process, provider, wire
from lib.replica import BINARY, PLENTY

#: Seconds from a start until it is ready, with an index to make. A debug build is given more.
START_SECONDS = 60 if "debug" in BINARY else 15
#: Nobody is refused for these; a part that looks at limits has its own.
LIMITS = dict.fromkeys(("key", "user", "address", "registration"), PLENTY)
_TOKEN = re.compile(r"\bdk_live_([0-9A-Za-z]{8})_[0-9A-Za-z]{49}\b")
_logs = itertools.count(1)
#: The databases of a data folder.
STATE, USAGE = "state.sqlite", "usage.sqlite"


def _log() -> pathlib.Path:
    """A file that stays after the script, for whoever looks for a cause: that of the part's first server, and others."""
    script = pathlib.Path(sys.argv[0])
    logs = script.parent / ".tools/logs"
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{script.stem}-{next(_logs)}.log"
    log.write_bytes(b"")
    return log


def port() -> int:
    """A port that no connection is given by chance: clients that try a server which is away would meet themselves."""
    while True:
        number = random.randrange(20_000, 30_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", number))
                return number
            except OSError:
                continue


class Server:
    """`docent serve`, started as often as wanted with the same port, docs and data folder."""

    def __init__(self, access="google", limits=None, data: pathlib.Path | None = None, follow: str | None = None):
        self.home = process.temporary()
        self.docs, self.data = self.home / "docs", data or self.home / "data"
        self.docs.mkdir()
        self.port = port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self.file = self.home / "docent.toml"
        self.log = _log()
        self.env: dict[str, str] = {}
        #: Words in front of the program.
        self.before: list[str] = []
        #: Counts starts: what went wrong in one of them alone was not for a kill.
        self.starts = 0
        self.provider = provider.Provider(f"{self.origin}/auth/google/callback") if access == "google" else None
        self.file.write_text(self._settings(access, LIMITS | (limits or {}), follow))
        self._process: process.Process | None = None

    def _settings(self, access, limits, follow) -> str:
        lines = [
            f"data_dir = {json.dumps(str(self.data))}",
            f'public_url = "{self.origin}"',
            f'access = "{access}"',
            'trusted_proxies = ["127.0.0.1"]',
            'log = "json"',
        ]
        if follow:
            lines.append(f"follow = {json.dumps(follow)}")
        lines += ["[limits]", *(f'{name} = "{value}"' for name, value in limits.items())]
        if self.provider:
            lines += ["[sign_in]", f'issuer = "{self.provider.issuer}"', f'client_id = "{provider.CLIENT_ID}"']
            lines.append(f'client_secret = "{provider.CLIENT_SECRET}"')
        if not follow:
            lines += ["[[collections]]", 'name = "docs"', f"path = {json.dumps(str(self.docs))}"]
        return "\n".join(lines) + "\n"

    def start(self):
        words = [*self.before, BINARY, "serve", "--config", self.file, "--listen", f"127.0.0.1:{self.port}"]
        self.starts += 1
        self._process = process.Process(words, self.log, cwd=self.home, env=process.environment(**self.env))

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self):
        self._process.kill()

    def stop(self) -> int:
        return self._process.stop()

    def ended(self) -> int:
        """The status with which it has ended by itself."""
        return self._process.stop()

    def alive(self) -> bool:
        return self._process is not None and self._process.alive()

    def cpu_seconds(self) -> float:
        return self._process.cpu_seconds()

    async def is_ready(self) -> bool:
        assert self.alive(), f"docent ended: {self._process.tail()}"
        try:
            return (await asyncio.wait_for(wire.ask(self.port, "GET", "/readyz"), 2)).status == 200
        except (wire.Broken, TimeoutError):
            return False

    async def ready(self, seconds: float = START_SECONDS) -> float:
        """Waits for it; how long that took."""
        began = time.monotonic()
        while not await self.is_ready():
            assert time.monotonic() < began + seconds, f"not ready within {seconds} s: {self._process.tail()}"
            await asyncio.sleep(0.01)
        return time.monotonic() - began

    async def begin(self) -> "Server":
        self.start()
        await self.ready()
        return self

    async def told(self) -> dict:
        """What /readyz says."""
        return (await wire.ask(self.port, "GET", "/readyz")).json()

    def said(self, since: int = 0) -> str:
        """Its log from this byte on."""
        return self.log.read_bytes()[since:].decode(errors="replace")

    def heard(self) -> int:
        """How many bytes its log has."""
        return self.log.stat().st_size

    async def run(self, *words, kill_after: float | None = None, config=None) -> subprocess.CompletedProcess:
        """A command with the same settings, which may fail; one that is killed has a negative status."""
        child = await asyncio.create_subprocess_exec(
            *map(str, [*self.before, BINARY, *words, "--config", config or self.file]),
            cwd=self.home,
            env=process.environment(**self.env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        talk = asyncio.ensure_future(child.communicate())
        try:
            if kill_after is not None:
                await asyncio.wait([talk], timeout=kill_after)
                _kill(child)
            out, err = await asyncio.wait_for(talk, 60)
        except BaseException:
            _kill(child)
            raise
        return subprocess.CompletedProcess(words, child.returncode, out.decode(), err.decode())

    async def do(self, *words) -> str:
        """A command that succeeds; its standard output."""
        done = await self.run(*words)
        assert done.returncode == 0, f"docent {' '.join(map(str, words))}: {done.returncode}\n{done.stderr}"
        return done.stdout

    async def key(self, name: str, *more) -> str:
        """A key that the running server knows."""
        token, _ = key_in(await self.do("key", "create", "--name", name, *more))
        end = time.monotonic() + 5
        while not await calls.is_known(self.port, token):
            assert time.monotonic() < end, f"the key {name} is not known"
            await asyncio.sleep(0.05)
        return token


def _kill(child: asyncio.subprocess.Process):
    """Not by its own method, which takes the status away from who waits for it."""
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)


def key_in(said: str) -> tuple[str, str] | None:
    """The key that a command has given away, whole, and its id."""
    found = _TOKEN.search(said)
    return (found.group(0), found.group(1)) if found and said.endswith("\n") else None


def refusals_of_sqlite(data: pathlib.Path) -> list[str]:
    """What SQLite finds wrong in the databases of a data folder that nobody has open. It looks at copies, as they are
    after a crash: opening one repairs it."""
    found = []
    aside = process.temporary()
    try:
        for name in (STATE, USAGE):
            if not (data / name).exists():
                continue
            for ending in ("", "-wal"):
                if (data / f"{name}{ending}").exists():
                    shutil.copyfile(data / f"{name}{ending}", aside / f"{name}{ending}")
            with sqlite3.connect(aside / name) as database:
                for check in ("integrity_check", "foreign_key_check"):
                    said = database.execute(f"PRAGMA {check}").fetchall()
                    found += [f"{name}: {check}: {row}" for row in said if row != ("ok",)]
            database.close()
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return found
