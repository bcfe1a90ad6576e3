#!/usr/bin/env python3
"""Makes docs of any size from real ones.

  generate.py DOCS OUT PAGES [SEED]

Up to as many pages as DOCS has they are real ones, taken evenly. All further ones are made of those: of the words between
headings, code, links and macros every twentieth is replaced by one that no real page has, and every twentieth changes
places with the one after it. Within one copy of the docs a word is always replaced by the same new one, so that the
vocabulary grows as that of real docs does: with the root of their length rather than with it. The same arguments make
the same pages. OUT/000 has the real ones; folders hold 200 pages.
"""

import os
import pathlib
import random
import re
import sys
import zlib

EACH_FOLDER = 200
REPLACED = SWAPPED = 0.05
#: What stays as it is, or a word.
PIECE = re.compile(
    r"\A---\n.*?\n---\n|^(?:```|~~~).*?^(?:```|~~~)|^#[^\n]*|`[^`\n]*`|\{\{.*?\}\}|\[[^\]\n]*\]\([^)\n]*\)|<[^>\n]*>|\S+://\S+"
    r"|(?P<word>\b[A-Za-z]{3,}\b)",
    re.DOTALL | re.MULTILINE,
)
SLUG = re.compile(r"^slug: ", re.MULTILINE)
SYLLABLES = [consonant + vowel for consonant in "bdklmnr" for vowel in "aeiou"]


def ending(copy: int, seed: int) -> str:
    """Of the new words of a copy; three syllables."""
    number = copy * 7919 + seed
    return "".join(SYLLABLES[number // len(SYLLABLES) ** place % len(SYLLABLES)] for place in range(3))


def split(text: str) -> tuple[list[str], list[int]]:
    """All pieces of a text, and which of them are words that may be changed."""
    pieces, words, at = [], [], 0
    for match in PIECE.finditer(text):
        if match["word"]:
            pieces += (text[at : match.start()], match[0])
            words.append(len(pieces) - 1)
            at = match.end()
    return [*pieces, text[at:]], words


def some(count: int, share: float, rng: random.Random) -> list[int]:
    """So many of the numbers below `count`, as near as chance comes to it."""
    return rng.sample(range(count), int(count * share + rng.random())) if count > 0 else []


def perturbed(pieces: list[str], words: list[int], copy: int, rng: random.Random, end: str) -> str:
    made = pieces.copy()
    for at in some(len(words), REPLACED, rng):
        made[words[at]] += end
    for at in some(len(words) - 1, SWAPPED, rng):
        one, two = words[at], words[at + 1]
        made[one], made[two] = made[two], made[one]
    # A page has one address.
    return SLUG.sub(f"slug: copy-{copy}/", "".join(made), count=1)


def name(path: pathlib.Path) -> str:
    """A name of its own for a page, out of the names of its folders."""
    words = path.with_suffix("").as_posix().removesuffix("/index").replace("/", "-")
    return (words if len(words) < 150 else f"{words[:140]}-{zlib.crc32(words.encode()):08x}") + path.suffix


def main():
    docs, out, pages = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 7
    found = sorted(path for path in docs.rglob("*") if path.suffix in (".md", ".mdx") and path.is_file())
    if not found or pages < 1:
        sys.exit(f"no pages in {docs}" if pages else __doc__)
    real = [found[number * len(found) // min(pages, len(found))] for number in range(min(pages, len(found)))]
    copies = -(-pages // len(real))
    ends = [ending(copy, seed) for copy in range(copies)]
    for copy in range(copies):
        for group in range(-(-len(real) // EACH_FOLDER)):
            os.makedirs(out / f"{copy:03}/{group:03}", exist_ok=True)
    for number, path in enumerate(real):
        text = path.read_text(encoding="utf-8", errors="replace")
        pieces, words = split(text)
        leaf = f"{number // EACH_FOLDER:03}/{name(path.relative_to(docs))}"
        rng = random.Random(f"{seed} {leaf}")
        for copy in range(copies):
            if copy * len(real) + number >= pages:
                break
            made = perturbed(pieces, words, copy, rng, ends[copy]) if copy else text
            with open(out / f"{copy:03}" / leaf, "w", encoding="utf-8") as file:
                file.write(made)


if __name__ == "__main__":
    main()
