"""HTTP/1.1 in a few lines, because a check has to know what was sent on which connection and what came back of it."""

import asyncio
import dataclasses
import json


class Broken(Exception):
    """The connection ended before the whole answer was there."""


@dataclasses.dataclass
class Answer:
    status: int
    headers: dict[str, str]
    cookies: list[str]
    body: bytes

    def json(self):
        return json.loads(self.body)

    def text(self) -> str:
        return self.body.decode(errors="replace")


class Connection:
    """Kept alive; one request at a time. It is opened with the first one, and again after it was closed."""

    def __init__(self, port: int):
        self.port = port
        self._reader = self._writer = None

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.close()

    def close(self):
        if self._writer:
            self._writer.close()
        self._reader = self._writer = None

    async def open(self):
        if not self._writer:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)

    async def ask(self, method: str, path: str, headers: dict | None = None, body: bytes = b"") -> Answer:
        head = {"Host": f"127.0.0.1:{self.port}", "Content-Length": str(len(body))} | (headers or {})
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
        try:
            await self.open()
            self._writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
            return await self._answer()
        except (OSError, EOFError, asyncio.IncompleteReadError) as error:
            self.close()
            raise Broken(f"{method} {path} at {self.port}: {type(error).__name__} {error}") from None
        except BaseException:
            # An answer that nobody waited for would be taken for that of the next request.
            self.close()
            raise

    async def _answer(self) -> Answer:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split()[1])
        pairs = [line.split(":", 1) for line in head[1:] if ":" in line]
        pairs = [(name.lower(), value.strip()) for name, value in pairs]
        headers = dict(pairs)
        cookies = [value for name, value in pairs if name == "set-cookie"]
        if headers.get("transfer-encoding") == "chunked":
            body = b"".join([chunk async for chunk in self._chunks()])
        else:
            body = await self._reader.readexactly(int(headers.get("content-length", 0)))
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Answer(status, headers, cookies, body)

    async def _chunks(self):
        while size := int((await self._reader.readline()).split(b";")[0], 16):
            yield await self._reader.readexactly(size)
            await self._reader.readexactly(2)
        await self._reader.readline()


async def ask(port: int, method: str, path: str, headers: dict | None = None, body: bytes = b"") -> Answer:
    """One request on a connection of its own."""
    async with Connection(port) as connection:
        return await connection.ask(method, path, headers, body)
