"""Replicas of the real docent over one state and one bucket, with HAProxy in front; an operator, and a provider."""

import asyncio
import json
import pathlib
import shutil
import subprocess

from . import balancer, bucket, calls, engine, process, provider
from .replica import BINARY, PLENTY, Replica
from .report import until

DOCS = provider.CLIENTS / "docs"
NAMES = ("one", "two", "three")


class House:
    """`async with House(…) as house`. `alone` replicas share nothing: each has the docs and a state of its own."""

    def __init__(self, access="keys", limits=None, fallback=None, kind="redis", count=3, alone=False, usage=True):
        self.access, self.kind, self.count, self.alone = access, kind, count, alone
        self.limits = {"key": PLENTY, "user": PLENTY, "address": PLENTY, "registration": "1000/hour"} | (limits or {})
        if fallback:
            self.limits["fallback"] = fallback
        self.usage = usage
        self.replicas: list[Replica] = []

    async def __aenter__(self):
        self.port = process.free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self.home = process.temporary()
        self.docs = pathlib.Path(shutil.copytree(DOCS, self.home / "docs"))
        self.env, self.engine, self.bucket = {}, None, None
        if not self.alone:
            self.engine, self.bucket = engine.Engine(self.kind), bucket.Bucket()
            self.env = self.bucket.environment()
        if self.access == "google":
            self.provider = provider.Provider(f"{self.origin}/auth/google/callback")
        self.operator = self.home / "operator.toml"
        self.operator.write_text(self._settings(docs=True))
        if self.bucket:
            await self.publish()
        settings = self._settings(docs=self.alone, follow=not self.alone)
        self.replicas = [Replica(name, settings, self.env) for name in NAMES[: self.count]]
        await asyncio.gather(*(replica.ready() for replica in self.replicas))
        self.balancer = balancer.Balancer(self.port, {replica.name: replica.port for replica in self.replicas})
        await until(10, "HAProxy takes them all in", self.all_in)
        return self

    async def __aexit__(self, *_):
        self.balancer.stop()
        codes = [replica.stop() for replica in self.replicas if not await replica.ended()]
        assert not any(codes), f"ends of replicas: {codes}"

    def _settings(self, docs: bool, follow: bool = False) -> str:
        lines = [
            'data_dir = "data"',
            f'public_url = "{self.origin}"',
            f'access = "{self.access}"',
            'trusted_proxies = ["127.0.0.1"]',
            'log = "json"',
        ]
        if self.engine:
            lines.append(f'state = "{self.engine.url}"')
        if follow:
            lines.append(f'follow = "{bucket.URL}"')
        lines += ["[limits]", *(f'{name} = "{value}"' for name, value in self.limits.items())]
        lines += ["[usage]", f"enabled = {str(self.usage).lower()}"]
        if self.access == "google":
            lines += ["[sign_in]", f'issuer = "{self.provider.issuer}"', f'client_id = "{provider.CLIENT_ID}"']
            lines.append(f'client_secret = "{provider.CLIENT_SECRET}"')
        if docs:
            lines += ["[[collections]]", 'name = "docs"', f"path = {json.dumps(str(self.docs))}"]
        return "\n".join(lines) + "\n"

    def pin(self, cores: list[int]):
        """What runs here, but for HAProxy, uses no other cores."""
        for it in [*self.replicas, *filter(None, [self.engine])]:
            it.pin(cores)

    @property
    def ports(self) -> list[int]:
        return [replica.port for replica in self.replicas]

    async def all_in(self) -> bool:
        return all(row["status"].startswith("UP") for row in self.balancer.servers().values())

    async def drained(self, name: str) -> bool:
        return self.balancer.servers()[name]["scur"] == "0"

    async def run(self, *words, env: dict[str, str] | None = None, config=None) -> subprocess.CompletedProcess:
        """A command of the operator, who has the docs and settings with the same state; it may fail."""
        child = await asyncio.create_subprocess_exec(
            *map(str, [BINARY, *words, "--config", config or self.operator]),
            cwd=self.home,
            env=process.environment(**(env or self.env)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            out, err = await asyncio.wait_for(child.communicate(), 60)
        except BaseException:
            child.kill()
            raise
        return subprocess.CompletedProcess(words, child.returncode, out.decode(), err.decode())

    async def do(self, *words, **more) -> str:
        """A command of the operator that succeeds; its standard output."""
        done = await self.run(*words, **more)
        assert done.returncode == 0, f"docent {' '.join(map(str, words))}: {done.returncode}\n{done.stderr}"
        return done.stdout

    async def publish(self):
        await self.do("index", "--publish", bucket.URL)

    async def key(self, name: str, *more, replica: Replica | None = None) -> str:
        """Makes a key that all replicas know; with `replica` in the state that it has alone."""
        token = (await self.do("key", "create", "--name", name, *more, config=replica and replica.file)).strip()

        async def is_known():
            return all([await calls.is_known(it.port, token) for it in ([replica] if replica else self.replicas)])

        await until(5, f"the key {name} is known", is_known)
        return token

    async def snapshots(self) -> list[str]:
        """The snapshot that each replica says it serves."""
        return [(await replica.told())["snapshot"]["id"] for replica in self.replicas]
