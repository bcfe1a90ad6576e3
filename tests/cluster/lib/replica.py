"""One server: it can be killed, stopped, and started again where it was."""

import asyncio
import os

from . import process, wire
from .report import until

BINARY = os.environ["DOCENT_BIN"]
#: What every caller of the parts that put load on may have: nobody is refused there.
PLENTY = "100000/second"


class Replica:
    """One `docent serve`; started again it keeps its port and data folder."""

    def __init__(self, name: str, settings: str, env: dict[str, str], port: int | None = None):
        self.name, self.env = name, env
        self.port = port or process.free_port()
        self.home = process.temporary()
        self.file = self.home / "docent.toml"
        self.file.write_text(settings)
        self.start()

    def start(self):
        words = [BINARY, "serve", "--config", self.file, "--listen", f"127.0.0.1:{self.port}"]
        env = process.environment(**self.env)
        self._process = process.Process(words, self.home / "log", cwd=self.home, env=env)

    async def is_ready(self) -> bool:
        assert self._process.alive(), f"{self.name} ended: {self._process.tail()}"
        try:
            # While it starts the port is taken, and nobody answers there.
            return (await asyncio.wait_for(wire.ask(self.port, "GET", "/readyz"), 2)).status == 200
        except (wire.Broken, TimeoutError):
            return False

    async def ready(self, seconds: float = 60):
        try:
            await until(seconds, f"{self.name} is ready", self.is_ready)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self._process.tail()}") from None

    async def ended(self) -> bool:
        return not self._process.alive()

    async def told(self) -> dict:
        """What /readyz says."""
        return (await wire.ask(self.port, "GET", "/readyz")).json()

    def freeze(self):
        self._process.freeze()

    def kill(self):
        self._process.kill()

    def stop(self) -> int:
        return self._process.stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    def cpu_seconds(self) -> float:
        return self._process.cpu_seconds()

    def pin(self, cores: list[int]):
        self._process.pin(cores)

    def log(self) -> str:
        return self._process.log.read_text(errors="replace")
