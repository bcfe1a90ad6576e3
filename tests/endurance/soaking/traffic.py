"""What clients do all day, each answer compared with what the docs held when it was made."""

import asyncio
import collections
import json
import random
import time

from lib import wire
from lib.calls import place
from lib.person import App, Refused

from .docs import LIVE, Docs

REVISION = "2025-11-25"
MODERN = "2026-07-28"
#: How often each is asked, of a hundred.
SHARES = {"search_still": 30, "search_live": 25, "fetch": 20, "read": 15, "outline": 5, "list": 5}
PATIENCE_SECONDS = 30


class Traffic:
    """Clients that ask on connections they keep, so many requests a second in all."""

    def __init__(self, port: int, docs: Docs, key: str, seed: int):
        self.port, self.docs, self.key = port, docs, key
        self.tokens: list[str] = []
        self.seconds: collections.deque[tuple[float, float]] = collections.deque()
        self.counts: collections.Counter[str] = collections.Counter()
        self.wrong: list[str] = []
        #: What a question about still pages found first.
        self.firsts: dict[str, str] = {}
        self._random = random.Random(seed)
        self._questions = self._of_still_pages()
        self._still: dict[str, str] = {}

    def _of_still_pages(self) -> list[str]:
        """Headings, and words in a row of the text."""
        questions = []
        for text in self.docs.still.values():
            lines = [line.strip("# ") for line in text.splitlines() if line.startswith("#")]
            words = text.split()
            at = self._random.randrange(max(1, len(words) - 8))
            questions += [*lines[:3], " ".join(words[at : at + 8])]
        self._random.shuffle(questions)
        return [question[:300] for question in questions if question.strip()][:500]

    async def prepare(self):
        """What still pages hold and which of them answers what, before anything is edited."""
        async with wire.Connection(self.port) as connection:
            for page in list(self.docs.still):
                self._still[page] = (await self._call(connection, "fetch", {"id": page, "max_tokens": 20000}))["text"]
            for question in self._questions:
                found = (await self._call(connection, "search", {"query": question}))["results"]
                if found and not found[0]["id"].startswith("live/"):
                    self.firsts[question] = found[0]["id"]
        self._questions = list(self.firsts)
        assert self._questions, "no question about the docs is answered by them"

    async def run(self, clients: int, rate):
        """`rate()` is how many requests a second all clients make together."""
        await asyncio.gather(*(self._client(clients, rate) for _ in range(clients)))

    async def _client(self, clients: int, rate):
        kinds, weights = zip(*SHARES.items())
        async with wire.Connection(self.port) as connection:
            due = time.monotonic() + self._random.random() * clients / rate()
            while True:
                # Late ones are made up for, but not all at once after a stop.
                due = max(due + clients / rate(), time.monotonic() - 1)
                await asyncio.sleep(due - time.monotonic())
                await self._one(connection, self._random.choices(kinds, weights)[0])

    async def _one(self, connection, kind: str):
        asked = time.monotonic()
        try:
            await getattr(self, f"_{kind}")(connection, asked)
        except (AssertionError, KeyError, wire.Broken, TimeoutError) as error:
            self.wrong.append(f"{kind}: {type(error).__name__} {error}"[:2000])
        self.counts[kind] += 1

    # The wire.

    async def _ask(self, connection, method: str, params: dict) -> dict:
        token = self._random.choice([self.key, *self.tokens[-50:]])
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": REVISION,
            "Authorization": f"Bearer {token}",
            "X-Forwarded-For": place(),
        }
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        began = time.monotonic()
        answer = await asyncio.wait_for(connection.ask("POST", "/mcp", headers, body), PATIENCE_SECONDS)
        self.seconds.append((began, time.monotonic() - began))
        assert answer.status == 200, f"{method} {params}: {answer.status} {answer.text()[:300]}"
        return answer.json()

    async def _call(self, connection, tool: str, arguments: dict) -> dict | None:
        """What the tool answers; nothing where it says that there is no such page."""
        result = (await self._ask(connection, "tools/call", {"name": tool, "arguments": arguments}))["result"]
        if result.get("isError"):
            return None
        structured = result["structuredContent"]
        assert json.loads(result["content"][0]["text"]) == structured, "the two channels differ"
        return structured

    # One of each kind.

    async def _search_still(self, connection, asked):
        question = self._random.choice(self._questions)
        results = (await self._call(connection, "search", {"query": question, "limit": 10}))["results"]
        ids = [hit["id"] for hit in results]
        assert self.firsts[question] in ids, f"{question!r} found {self.firsts[question]} first, and now {ids}"
        for hit in results:
            page = hit["id"].split("#")[0]
            if page in self._still:
                self._holds(self._still[page], hit.get("text", ""), hit["id"])
        self._consistent(results, asked)

    async def _search_live(self, connection, asked):
        page = self._random.randrange(LIVE)
        query = {"query": f"unique{page}word harbour{self._random.randrange(13)}"}
        answer = await self._call(connection, "search", query)
        results = answer["results"]
        if not any(hit["id"].startswith(self.docs.id(page)) for hit in results):
            assert self.docs.may_be_missing(page, asked), self._lost(page, f"{query['query']} found {[hit['id'] for hit in results]} ({answer.get('notice')})")
        self._consistent(results, asked)

    def _consistent(self, results: list[dict], asked: float):
        """Passages of live pages are of one version each, word for word, and these were there together."""
        texts = [hit["text"] for hit in results if hit["id"].startswith("live/") and "text" in hit]
        versions = self.docs.passage("\n".join(texts), asked)
        self.docs.together(versions)
        for text in texts:
            if found := self.docs.passage(text, asked):
                self._holds(found[0].text, text, "a live page")

    @staticmethod
    def _holds(whole: str, passage: str, what: str):
        """Each line of the passage stands in the page, in its order; a fence that was cut is closed."""
        assert passage.count("```") % 2 == 0 or "````" in passage, f"{what}: a fence stays open: {passage}"
        rest = whole
        for line in passage.splitlines():
            line = line.strip("… ")
            if not line or line.startswith("```"):
                continue
            _, found, rest = rest.partition(line)
            assert found, f"{what} does not hold {line!r} in its place"

    async def _fetch(self, connection, asked):
        if self._random.random() < 0.3:
            page = self._random.choice(list(self._still))
            got = await self._call(connection, "fetch", {"id": page, "max_tokens": 20000})
            assert got and got["text"] == self._still[page], f"{page} changed, and nobody edited it"
            return
        page = self._random.randrange(LIVE)
        got = await self._call(connection, "fetch", {"id": self.docs.id(page), "max_tokens": 20000})
        self._whole(page, got and got["text"], asked)

    async def _read(self, connection, asked):
        page = self._random.randrange(LIVE)
        answer = await self._ask(connection, "resources/read", {"uri": f"docs:///docs/{self.docs.id(page)}"})
        contents = answer.get("result", {}).get("contents")
        self._whole(page, contents and contents[0]["text"], asked)

    def _whole(self, page: int, text: str | None, asked: float):
        if text is None:
            assert self.docs.may_be_missing(page, asked), self._lost(page)
            return
        (version,) = self.docs.passage(text, asked)
        assert text.strip() == version.text.strip(), f"page {page} of edit {version.number} is {text!r}"

    def _lost(self, page: int, instead=None) -> str:
        return f"page {page} is not there{f', but {instead}' if instead else ''}; it was: {self.docs.story(page)}"

    async def _outline(self, connection, asked):
        got = await self._call(connection, "outline", {"path": "live", "max_tokens": 20000})
        text = json.dumps(got)
        for page in range(LIVE):
            if f"page-{page}.md" not in text:
                assert self.docs.may_be_missing(page, asked), self._lost(page)

    async def _list(self, connection, asked):
        uris, cursor = set(), None
        while True:
            result = (await self._ask(connection, "resources/list", {"cursor": cursor} if cursor else {}))["result"]
            uris |= {resource["uri"] for resource in result["resources"]}
            if not (cursor := result.get("nextCursor")):
                break
        for page in range(LIVE):
            if f"docs:///docs/{self.docs.id(page)}" not in uris:
                assert self.docs.may_be_missing(page, asked), self._lost(page)


class Streams:
    """Clients that listen for changes; each hangs up after a while and comes back."""

    def __init__(self, traffic: Traffic, count: int, seconds: float):
        self.traffic, self.count, self.seconds = traffic, count, seconds
        self.notices = 0
        self.opened = 0

    async def run(self):
        await asyncio.gather(*(self._listen(number) for number in range(self.count)))

    async def _listen(self, number: int):
        while True:
            try:
                async with asyncio.timeout(self.seconds * (0.5 + self.traffic._random.random())):
                    await self._stream(number)
            except TimeoutError:
                pass

    async def _stream(self, number: int):
        uri = f"docs:///docs/{self.traffic.docs.id(number)}"
        meta = {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientInfo": {"name": "soak", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        wanted = {"resourcesListChanged": True, "resourceSubscriptions": [uri]}
        params = {"_meta": meta, "notifications": wanted}
        body = json.dumps({"jsonrpc": "2.0", "id": "l", "method": "subscriptions/listen", "params": params}).encode()
        head = [
            "POST /mcp HTTP/1.1",
            f"Host: 127.0.0.1:{self.traffic.port}",
            f"Content-Length: {len(body)}",
            "Content-Type: application/json",
            "Accept: application/json, text/event-stream",
            f"MCP-Protocol-Version: {MODERN}",
            "Mcp-Method: subscriptions/listen",
            f"Authorization: Bearer {self.traffic.key}",
        ]
        reader, writer = await asyncio.open_connection("127.0.0.1", self.traffic.port)
        try:
            writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)
            self.opened += 1
            status = await reader.readline()
            if b" 200 " not in status:
                self.traffic.wrong.append(f"a stream is answered with {status}")
                await asyncio.sleep(1)
            while line := await reader.readline():
                if b"notifications/resources/" in line:
                    self.notices += 1
        finally:
            writer.close()


class People:
    """Somebody signs in now and then, and apps renew what they have."""

    def __init__(self, traffic: Traffic, origin: str, every_seconds: float):
        self.traffic, self.origin, self.every_seconds = traffic, origin, every_seconds
        self.sign_ins = self.refreshes = 0

    async def run(self):
        app = await App.at(self.origin, lambda _: self.traffic.port)
        signed_in: list[dict] = []
        while True:
            await asyncio.sleep(self.every_seconds)
            try:
                if len(signed_in) < 20 or self.sign_ins * 2 < self.refreshes:
                    signed_in.append(await app.sign_in(f"person-{self.sign_ins % 200}"))
                    self.sign_ins += 1
                    if len(signed_in) > 200:
                        gone = signed_in.pop(0)
                        self.traffic.tokens.remove(gone["access_token"])
                        # Calls with it that are under way are answered first.
                        await asyncio.sleep(1)
                        await app.revoke(gone["refresh_token"])
                else:
                    # The one that was renewed longest ago.
                    old = signed_in.pop(0)
                    signed_in.append(await app.refresh(old["refresh_token"]))
                    if old["access_token"] in self.traffic.tokens:
                        self.traffic.tokens.remove(old["access_token"])
                    self.refreshes += 1
                self.traffic.tokens.append(signed_in[-1]["access_token"])
            except (AssertionError, Refused, wire.Broken, TimeoutError) as error:
                self.traffic.wrong.append(f"signing in: {type(error).__name__} {error}")
