#!/usr/bin/env python3
"""Makes questions from a docs folder: real headings, and runs of words of real sentences.

  questions.py DOCS OUT      writes OUT/short.txt and OUT/long.txt, 500 lines each, always the same ones
"""
import os
import random
import re
import sys

docs, out = sys.argv[1], sys.argv[2]
rng = random.Random(7)
files = sorted(
    os.path.join(folder, name) for folder, _, names in os.walk(docs) for name in names if name.endswith((".md", ".mdx"))
)
short, long = [], []
for path in rng.sample(files, min(len(files), 2500)):
    text = open(path, encoding="utf-8", errors="replace").read()
    headings = [h for h in re.findall(r"^#{1,4} +(.+)$", text, re.M) if 2 <= len(h.split()) <= 7 and "{{" not in h]
    if headings:
        short.append(rng.choice(headings))
    sentences = [s.split() for s in re.findall(r"[A-Z][a-z][^.\n{}<>|`]{50,200}\.", text)]
    sentences = [s for s in sentences if len(s) >= 10]
    if sentences:
        words = rng.choice(sentences)
        start = rng.randrange(len(words) - 9)
        long.append(" ".join(words[start : start + rng.randint(6, 10)]))
os.makedirs(out, exist_ok=True)
for name, lines in (("short", short), ("long", long)):
    with open(os.path.join(out, name + ".txt"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines[:500]) + "\n")
