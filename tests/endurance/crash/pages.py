"""Docs that are written all the time, and what may be served of them: every page has a stamp that no other has."""

import hashlib
import json
import pathlib
import random
import re

from lib import calls, wire

#: A stamp: letters alone, so that it is one word of the index whatever the language.
_STAMP = re.compile(r"\bzq[a-z]{14}\b")
#: How often it stands in a page.
TIMES = 4


def stamp(serial: int) -> str:
    digits = int.from_bytes(hashlib.sha256(str(serial).encode()).digest()[:12], "big")
    letters = ""
    for _ in range(14):
        digits, letter = divmod(digits, 20)
        letters += "bcdfghjklmnpqrtvwxyz"[letter]
    return f"zq{letters}"


class Pages:
    """A docs folder. What stood at a path is kept in order: stamps, and None where there was nothing."""

    def __init__(self, root: pathlib.Path, seed: int, count: int = 40, still: int = 0):
        self.root, self.random = root, random.Random(seed)
        self.serial = 0
        self.history: dict[str, list[str | None]] = {}
        #: What was seen to be served: never again what was before it.
        self.seen: dict[str, int] = {}
        self.count = count
        for number in range(still):
            # They make an index take its time, and are never written again.
            self.write(f"still/{number // 50}/page-{number}.md", filler=300)
        for _ in range(count):
            self._create()

    def living(self) -> list[str]:
        return [path for path, was in self.history.items() if was[-1] and not path.startswith("still/")]

    def write_some(self):
        """What people do to docs: mostly they change a page."""
        what = self.random.random()
        if what < 0.03:
            # Like a checkout of another branch.
            for path in self.living():
                self.write(path)
        elif what < 0.15:
            self._create()
        elif what < 0.25 and len(self.living()) > self.count // 2:
            self._delete(self.random.choice(self.living()))
        elif what < 0.35:
            self._rename(self.random.choice(self.living()))
        else:
            self.write(self.random.choice(self.living()))

    def _new(self) -> str:
        self.serial += 1
        # Some paths come again, with another page.
        number = self.random.randrange(3 * self.count)
        return f"part-{number % 7}/page-{number}.md"

    def _create(self):
        self.write(self._new())

    def write(self, path: str, filler: int = 0):
        self.serial += 1
        word = stamp(self.serial)
        words = " ".join(f"word{self.random.randrange(5000)}" for _ in range(filler or self.random.randrange(60)))
        text = f"# Page {path}\n\nIt begins with {word}.\n\n## First\n\n{words}\n\n{word}\n\n"
        text += f"## Second\n\nThis is {word}, too.\n\n## Last\n\nIt ends with {word}.\n"
        self.history.setdefault(path, []).append(word)
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        # As editors do: nobody ever sees half of it.
        aside = file.with_name(f".{file.name}.tmp")
        aside.write_text(text)
        aside.rename(file)

    def _delete(self, path: str):
        self.history[path].append(None)
        (self.root / path).unlink()

    def _rename(self, path: str):
        there = self._new()
        if there == path:
            return
        self.history.setdefault(there, []).append(self.history[path][-1])
        self.history[path].append(None)
        (self.root / there).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).rename(self.root / there)

    def paths(self, still: int = 20) -> list[str]:
        """All that ever were, and some of those that never change."""
        moving = [path for path in self.history if not path.startswith("still/")]
        resting = [path for path in self.history if path.startswith("still/")]
        return moving + self.random.sample(resting, min(still, len(resting)))

    def served(self, path: str) -> int:
        """Which text of a path was served last, as a place in its history: none that is asked for from now on is older."""
        return self.seen.get(path, 0)

    def wrong_with(self, path: str, text: str | None, least: int) -> str | None:
        """Why this must not be served for a path to who asked when `least` had been; notes that it was."""
        word = None
        if text is not None:
            words = _STAMP.findall(text)
            if len(words) != TIMES or len(set(words)) != 1:
                return f"{path} is half of something: {words}; what stood there: {self.history.get(path, [])[-6:]}"
            word = words[0]
        was = self.history.get(path, [None])
        # A path that never had anything had nothing from the beginning.
        was = was if was[0] is None else [None, *was]
        if word not in was:
            return f"{path} has {word}, which was never written there"
        if word not in was[least:]:
            return f"{path} has {word or 'no page'} again, after {was[least] or 'no page'} was served"
        self.seen[path] = max(self.served(path), was.index(word, least))
        return None

    async def whole(self, connection: wire.Connection, token: str | None) -> list[str]:
        """What is wrong with what is served."""
        found = []
        for path in self.paths():
            least = self.served(path)
            if why := self.wrong_with(path, await fetch(connection, path, token), least):
                found.append(why)
        return found

    async def behind(self, connection: wire.Connection, token: str | None, still: int = 20) -> list[str]:
        """Where what is served differs from what is on the disk."""
        found = []
        for path in self.paths(still):
            text, file = await fetch(connection, path, token), self.root / path
            there = file.read_text() if file.exists() else None
            if (text is None) != (there is None) or (text and _plain(text) != _plain(there)):
                found.append(f"fetch {path}: {text!r:.80} instead of {there!r:.80}")
                continue
            word = self.history[path][-1] or next((it for it in reversed(self.history[path]) if it), None)
            hits = await search(connection, word, token)
            # A page that was renamed keeps its stamp.
            homes = {it for it in self.history if self.history[it][-1] == word}
            if {hit.split("#")[0] for hit in hits} & set(self.history) - homes - _near(self, hits, word):
                found.append(f"search {word} finds {hits} instead of {homes}")
            elif there is not None and path not in {hit.split("#")[0] for hit in hits[:TIMES]}:
                found.append(f"search {word} finds {hits}, not {path}")
        return found


def _near(pages: Pages, hits: list[str], word: str) -> set[str]:
    """Pages that have another stamp: a word that is not there brings what is near it, and that is no harm."""
    others = {hit.split("#")[0] for hit in hits}
    return {it for it in others if pages.history.get(it, [None])[-1] not in (None, word)}


def _plain(text: str) -> str:
    return " ".join(text.split())


async def tool(connection: wire.Connection, name: str, arguments: dict, token: str | None) -> dict:
    headers, _ = calls.request("", token)
    headers["X-Forwarded-For"] = calls.place()
    params = {"name": name, "arguments": arguments}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()
    answer = await connection.ask("POST", "/mcp", headers, body)
    assert answer.status == 200, f"{name} {arguments}: {answer.status} {answer.text()[:300]}"
    return answer.json()["result"]


async def fetch(connection: wire.Connection, path: str, token: str | None) -> str | None:
    """The text of a page; None if there is none."""
    result = await tool(connection, "fetch", {"id": path}, token)
    if result.get("isError"):
        said = result["content"][0]["text"]
        assert "no page" in said or "there is no" in said, f"fetch {path}: {said}"
        return None
    return result["structuredContent"]["text"]


async def search(connection: wire.Connection, query: str, token: str | None) -> list[str]:
    """Ids of hits."""
    result = await tool(connection, "search", {"query": query}, token)
    assert not result.get("isError"), f"search {query}: {result}"
    return [hit["id"] for hit in result["structuredContent"]["results"]]
