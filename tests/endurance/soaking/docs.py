"""A docs folder that somebody edits twice a second, and what each of its pages held when."""

import asyncio
import bisect
import dataclasses
import itertools
import pathlib
import random
import re
import shutil
import time

#: Pages that are edited; the others stay as they are.
LIVE = 40
EDITS_PER_SECOND = 2
#: A change is searchable within this time; longer is a wrong answer.
FOLLOWS_WITHIN_SECONDS = 3.0
#: Pages of one index were on disk together but for this time, because reading a folder takes some.
READ_WITHIN_SECONDS = 1.0
STAMP = re.compile(r"stamp-(\d+)-(\d+)")


@dataclasses.dataclass
class Version:
    """One text of a page; `until` is when it began to go away."""

    number: int
    text: str
    since: float
    until: float = float("inf")


class Docs:
    """Still pages, and live ones in `live/`; an edit writes a page anew, takes it away, or brings it back."""

    def __init__(self, root: pathlib.Path, still: pathlib.Path, seed: int):
        self.root = root
        shutil.copytree(still, root, ignore=shutil.ignore_patterns(".*"))
        (root / "live").mkdir()
        self.still = {
            str(path.relative_to(root)): path.read_text(errors="replace")
            for path in sorted(root.rglob("*.md"))
            if "live" not in path.relative_to(root).parts[:1]
        }
        self.edits = 0
        self._random = random.Random(seed)
        self._versions: dict[int, list[Version]] = {}
        for page in range(LIVE):
            self._versions[page] = []
            self._write(page)

    def id(self, page: int) -> str:
        return f"live/page-{page}.md"

    def _write(self, page: int):
        self.edits += 1
        text = self._text(page, self.edits)
        now = time.monotonic()
        self._close(page, now)
        path = self.root / self.id(page)
        # As editors save: the page is there whole, before or after.
        fresh = path.with_name(f".page-{page}.tmp")
        fresh.write_text(text)
        self._versions[page].append(Version(self.edits, text, now))
        fresh.replace(path)

    def _take_away(self, page: int):
        self.edits += 1
        self._close(page, time.monotonic())
        (self.root / self.id(page)).unlink()

    def _close(self, page: int, now: float):
        if self.is_there(page):
            self._versions[page][-1].until = now

    def is_there(self, page: int) -> bool:
        versions = self._versions[page]
        return bool(versions) and versions[-1].until == float("inf")

    def _text(self, page: int, number: int) -> str:
        stamp = f"stamp-{page}-{number}"
        parts = [f"# Live page {page}\n\nThe unique{page}word of this page, {stamp}.\n"]
        for part in range(1 + number % 4):
            # A block of code, so that a passage could be cut in the wrong place.
            lines = "\n".join(f"run --part {part} --line {line}" for line in range(number % 7))
            parts.append(
                f"## Part {part} of {page}\n\nHere is unique{page}word again, with harbour{number % 13} and {stamp}.\n\n"
                f"```sh\n{lines}\n```\n\nAfter the block of {stamp}.\n"
            )
        return "\n".join(parts)

    def edit(self):
        page = self._random.randrange(LIVE)
        if not self.is_there(page):
            self._write(page)
        elif self._random.random() < 0.1:
            self._take_away(page)
        else:
            self._write(page)

    async def edit_for_ever(self, pause: asyncio.Event):
        """Edits, but for the times when `pause` is set."""
        while True:
            await asyncio.sleep(1 / EDITS_PER_SECOND)
            if not pause.is_set():
                self.edit()

    # What an answer may say.

    def version(self, page: int, number: int, asked: float) -> Version:
        """The version that an answer to a question asked then may still hold; a wrong one is an AssertionError."""
        versions = self._versions[page]
        at = bisect.bisect_left(versions, number, key=lambda it: it.number)
        assert at < len(versions) and versions[at].number == number, f"page {page} never was {number}"
        found = versions[at]
        late = asked - FOLLOWS_WITHIN_SECONDS - found.until
        assert late <= 0, f"page {page} is that of edit {number}, {late:.1f} s too late"
        return found

    def may_be_missing(self, page: int, asked: float) -> bool:
        """Whether an answer to a question asked then may not know the page: it was away, or was until just before."""
        versions = [*self._versions[page], Version(0, "", float("inf"))]
        away = (after.since for before, after in itertools.pairwise(versions) if before.until < after.since)
        return any(until > asked - FOLLOWS_WITHIN_SECONDS for until in away)

    def story(self, page: int) -> str:
        """The last versions of a page, in seconds before now, for a message."""
        now = time.monotonic()
        return ", ".join(f"{it.number}: {it.since - now:.1f} to {it.until - now:.1f}" for it in self._versions[page][-3:])

    def passage(self, text: str, asked: float) -> list[Version]:
        """The versions that a text says it is of; each page in it says one."""
        stamps = {int(page): int(number) for page, number in STAMP.findall(text)}
        assert all(
            int(number) == stamps[int(page)] for page, number in STAMP.findall(text)
        ), f"two versions of a page in one answer: {text[:300]}"
        return [self.version(page, number, asked) for page, number in stamps.items()]

    @staticmethod
    def together(versions: list[Version]):
        """All of these were on disk at one time, but for the time that reading takes."""
        if versions:
            apart = max(it.since for it in versions) - min(it.until for it in versions)
            assert apart <= READ_WITHIN_SECONDS, f"pages of one answer were {apart:.1f} s apart"
