"""Calls of the tool `search`, one or many at once, and what becomes of them."""

import asyncio
import collections
import dataclasses
import json
import random
import time

from . import wire

#: Longer than anything that a check allows a call to take.
PATIENCE_SECONDS = 30


def request(query: str, token: str | None = None) -> tuple[dict, bytes]:
    """Headers and body of a call."""
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2025-11-25",
    }
    if token:
        headers["Authorization"] = f"Bearer {token}"
    params = {"name": "search", "arguments": {"query": query}}
    return headers, json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()


async def is_known(port: int, token: str) -> bool:
    """Whether the token lets in; this is not counted."""
    headers, _ = request("", token)
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}).encode()
    headers["X-Forwarded-For"] = place()
    return (await wire.ask(port, "POST", "/mcp", headers, body)).status == 200


def place() -> str:
    """An address, for one call: what is refused is counted for each."""
    return f"198.18.{random.randrange(256)}.{random.randrange(256)}"


def outcome(answer: wire.Answer) -> str:
    """`ok`, `limited` (429 that says when to come back), or what is wrong."""
    if answer.status == 429 and answer.headers.get("retry-after", "").isdigit():
        return "limited"
    if answer.status != 200:
        return f"{answer.status} {answer.text()[:200]}"
    result = answer.json().get("result", {})
    if result.get("isError") or not result.get("structuredContent", {}).get("results"):
        return f"200 {answer.text()[:200]}"
    return "ok"


async def search(port: int, query: str = "berth", token: str | None = None) -> wire.Answer:
    """One call, from an address of its own."""
    headers, body = request(query, token)
    headers["X-Forwarded-For"] = place()
    return await asyncio.wait_for(wire.ask(port, "POST", "/mcp", headers, body), PATIENCE_SECONDS)


async def status(port: int, token: str | None = None) -> int:
    return (await search(port, token=token)).status


async def at_once(ports: list[int], count: int, token: str | None = None) -> collections.Counter:
    """So many calls on as many connections that are open before the first is sent; how many had which outcome."""
    connections = [wire.Connection(ports[number % len(ports)]) for number in range(count)]
    await asyncio.gather(*(connection.open() for connection in connections))
    headers, body = request("berth", token)

    async def one(connection):
        async with connection:
            try:
                return outcome(await asyncio.wait_for(connection.ask("POST", "/mcp", headers, body), PATIENCE_SECONDS))
            except (wire.Broken, TimeoutError) as error:
                return f"{type(error).__name__} {error}"

    return collections.Counter(await asyncio.gather(*map(one, connections)))


@dataclasses.dataclass
class Call:
    began: float
    seconds: float
    outcome: str


class Load:
    """Clients that keep their connections alive and call one after the other: `async with Load(…) as load`."""

    QUERIES = ("berth", "HL-1042", "install on Linux", "watch a harbour", "settings of the clock", "quickstart")

    def __init__(self, port: int, clients: int, token: str | None = None, pause_seconds: float = 0.0):
        self.port, self.clients, self.token, self.pause_seconds = port, clients, token, pause_seconds
        self.calls: list[Call] = []
        self._over = False

    async def __aenter__(self):
        self._tasks = [asyncio.create_task(self._client(number)) for number in range(self.clients)]
        return self

    async def __aexit__(self, *_):
        self._over = True
        for done in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(done, BaseException):
                raise done

    async def _client(self, number: int):
        async with wire.Connection(self.port) as connection:
            while not self._over:
                number += 1
                headers, body = request(self.QUERIES[number % len(self.QUERIES)], self.token)
                began = time.monotonic()
                try:
                    answer = await asyncio.wait_for(connection.ask("POST", "/mcp", headers, body), PATIENCE_SECONDS)
                    what = outcome(answer)
                except (wire.Broken, TimeoutError) as error:
                    what = f"{type(error).__name__} {error}"
                self.calls.append(Call(began, time.monotonic() - began, what))
                await asyncio.sleep(self.pause_seconds)

    def failed(self, since: float = 0.0, allowed: tuple[str, ...] = ("ok",)) -> list[Call]:
        """Calls that ended after this time, other than allowed."""
        return [call for call in self.calls if call.began + call.seconds >= since and call.outcome not in allowed]

    def seconds(self, since: float = 0.0, to: float = float("inf")) -> list[float]:
        """How long calls took that ended in this time, sorted."""
        return sorted(call.seconds for call in self.calls if since <= call.began + call.seconds < to)


def percentile(values: list[float], share: float) -> float:
    """Of sorted values."""
    assert values, "no call was made"
    return values[min(len(values) - 1, int(len(values) * share))]
