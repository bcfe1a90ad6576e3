"""How often the page that answers a question is among the first."""

import json
import pathlib


class Question:
    def __init__(self, line: str):
        said = json.loads(line)
        self.kind, self.query = said.get("kind", ""), said["query"]
        best = max(gold.get("grade", 1) for gold in said["gold"])
        #: Pages of the best grade: those that answer it.
        self.pages = {gold["path"] for gold in said["gold"] if gold.get("grade", 1) == best}


def read(path: pathlib.Path) -> list[Question]:
    return [Question(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def hit(question: Question, pages: list[str], among: int) -> bool:
    """Whether one of its pages is among the first that are not the same: many hits in one page are one."""
    return bool(question.pages & set(list(dict.fromkeys(pages))[:among]))
