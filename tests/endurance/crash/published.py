"""Docs that somebody publishes into a folder all the time, and dies doing so; others follow."""

import json
import pathlib
import random

import blake3

from lib import process, wire

from .pages import Pages
from .server import Server


class Published:
    def __init__(self, seed: int):
        self.random = random.Random(seed)
        # It is never started: only its settings and docs are used.
        self.publisher = Server(access="keys")
        self.pages = Pages(self.publisher.docs, seed, count=10)
        self.place = process.temporary() / "snapshots"
        self.url = f"file://{self.place}"
        self.killed = self.whole = 0
        #: What cannot be.
        self.wrong: list[str] = []

    async def work(self, kill_after: float | None = None):
        """Edits, and publishes; is killed then, after so many seconds."""
        for _ in range(self.random.randrange(1, 6)):
            self.pages.write_some()
        done = await self.publisher.run("index", "--publish", self.url, kill_after=kill_after)
        if done.returncode < 0:
            self.killed += 1
        elif done.returncode:
            self.wrong.append(f"docent index --publish: {done.returncode} {done.stderr}")
        else:
            self.whole += 1

    def torn(self) -> list[str]:
        """What the pointer promises and is not there."""
        pointer = self.place / "current.json"
        if not pointer.exists():
            return [] if self.whole == 0 else ["the pointer is gone"]
        said = json.loads(pointer.read_bytes())
        manifest = self.place / "snapshots" / f"{said['id']}.json"
        if not manifest.exists() or _hash(manifest.read_bytes()) != said["blake3"]:
            return [f"the manifest {said['id']} is not what the pointer says"]
        told = json.loads(manifest.read_bytes())
        files = told["files"] + ([told["vectors"]["file"]] if told.get("vectors") else [])
        return [why for file in files if (why := self._torn(file))]

    def _torn(self, file: dict) -> str | None:
        body = b""
        for name in file.get("pieces") or [file["blake3"]]:
            there: pathlib.Path = self.place / "files" / name
            if not there.exists():
                return f"{file['name']}: {name} is not there"
            piece = there.read_bytes()
            if _hash(piece) != name:
                return f"{file['name']}: {name} is torn"
            body += piece
        if len(body) != file["size"] or _hash(body) != file["blake3"]:
            return f"{file['name']} is not what the manifest says"
        return None

    async def followed(self) -> list[str]:
        """What is wrong with what a replica serves that starts now and has nothing yet."""
        replica = Server(access="open", follow=self.url)
        try:
            await replica.begin()
            async with wire.Connection(replica.port) as connection:
                return await self.pages.whole(connection, None)
        finally:
            replica.kill()


def _hash(body: bytes) -> str:
    return blake3.blake3(body).hexdigest()
