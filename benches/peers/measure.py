"""What `run` measures, in this order: each server indexes the docs and starts; then they are asked in turn.

  measure.py DOCS [QUESTIONS]
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import table
from lib import load, mcp, program, quality
from servers import docent, fts5, gnosis, qmd

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MANUAL = ROOT / "corpus"
OUT = pathlib.Path(os.environ["OUT"]).resolve()
SECONDS = int(os.environ.get("SECONDS_EACH", 10))
WARM_UP = 2
PARTS = os.environ.get("PARTS", "load quality echo").split()
SERVERS = (docent, fts5, gnosis, qmd)
CONNECTIONS = (1, 8, 64)
#: The same questions for all, from the lists of benches/load/questions.py.
QUESTIONS = 100
#: A start is timed so often, and an answer at the most waited for so long.
STARTS, PATIENCE = 5, 120


def say(text: str):
    print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)


class Served:
    """A server over docs that it has indexed."""

    def __init__(self, server, docs: pathlib.Path):
        self.server, self.docs = server, docs
        self.home = program.temporary()
        (self.home / "data").mkdir()
        self._env = server.environment(self.home)
        self._running: program.Program | None = None
        self.port = 0

    def index(self) -> dict[str, float]:
        """From nothing, with the docs in the page cache."""
        found = program.run(self.server.index(self.docs, self.home), self._env, self.home / "index.log")
        return found | {"bytes": program.size(self.home / "data")}

    def start(self) -> program.Program:
        self.port = program.free_port()
        command = self.server.serve(self.docs, self.home, self.port)
        self._running = program.Program(command, self._env, self.home / "serve.log")
        return self._running

    @property
    def running(self) -> program.Program:
        assert self._running, "not started"
        return self._running

    def stop(self):
        self.running.stop()

    def client(self) -> mcp.Client:
        return mcp.Client(self.port, revision=self.server.REVISION)

    def wait(self, query: str) -> tuple[float, list[str]]:
        """Seconds from its start to its first answer, and the pages of that."""
        while True:
            try:
                client = self.client()
                result, _ = client.call(self.server.TOOL, self.server.arguments(query))
                client.close()
                return time.monotonic() - self.running.began, self.server.pages(result)
            except (OSError, mcp.Refused) as failure:
                self.running.check()
                if time.monotonic() > self.running.began + PATIENCE:
                    sys.exit(f"benches/peers/run: {self.server.NAME} does not answer: {failure}: {self.running.tail()}")
                time.sleep(0.002)

    def requests(self, name: str, questions: list[str]) -> load.Requests:
        client = self.client()
        tool = self.server.TOOL
        calls = [{"name": tool, "arguments": self.server.arguments(question)} for question in questions]
        messages = [client.rest("tools/call", call) for call in calls]
        return load.Requests(self.home, name, client.headers("tools/call", tool), messages)


def questions_of(docs: pathlib.Path, home: pathlib.Path) -> dict[str, list[str]]:
    subprocess.run([sys.executable, ROOT / "benches/load/questions.py", docs, home], check=True)
    found = {}
    for kind in ("short", "long"):
        lines = (home / f"{kind}.txt").read_text(encoding="utf-8").splitlines()
        found[kind] = [line for line in lines if line.strip()][:QUESTIONS]
    if not found["short"]:
        sys.exit(f"benches/peers/run: no headings in {docs} to ask for")
    return {kind: lines for kind, lines in found.items() if lines}


def starts(served: Served, questions: list[str]) -> tuple[float, str]:
    """Seconds to the first right answer, in the median, and the question: the first that finds something. Right is what it
    answers later, too."""
    served.start()
    served.wait(questions[0])
    served.running.settle()
    for query in questions:
        right = served.wait(query)[1]
        if right:
            break
    else:
        sys.exit(f"benches/peers/run: {served.server.NAME} finds nothing for any of {len(questions)} questions")
    served.stop()
    taken = []
    for _ in range(STARTS):
        served.start()
        seconds, pages = served.wait(query)
        while pages != right:
            if seconds > PATIENCE:
                sys.exit(f"benches/peers/run: {served.server.NAME} answers {query!r} otherwise than before its start")
            seconds, pages = served.wait(query)
        taken.append(seconds)
        served.stop()
    return statistics.median(taken), query


def answers(served: Served, questions: list[str]) -> dict:
    """Each question once: what answers hold, and which questions are answered with an error."""
    client, sizes, wire, hits, refused = served.client(), [], [], [], []
    for question in questions:
        try:
            result, size = client.call(served.server.TOOL, served.server.arguments(question))
        except mcp.Refused as failure:
            say(f"{served.server.NAME} refuses {question!r}: {failure}")
            refused.append(question)
            continue
        sizes.append(mcp.characters(result))
        wire.append(size)
        hits.append(len(served.server.pages(result)))
    client.close()
    if not sizes:
        sys.exit(f"benches/peers/run: {served.server.NAME} refuses all questions")
    return {
        "asked": len(questions),
        "refused": refused,
        "empty": sum(not count for count in hits),
        "hits": statistics.mean(hits),
        "text": statistics.mean(size["text"] for size in sizes),
        "structured": statistics.mean(size["structured"] for size in sizes),
        "bytes": statistics.mean(wire),
    }


def asked(served: Served, questions: list[quality.Question]) -> dict:
    """How many of the questions find their page."""
    client = served.client()
    found = {"asked": len(questions), "hit1": 0, "hit5": 0, "hit5_default": 0, "empty": 0, "refused": 0, "kinds": {}}
    for question in questions:
        try:
            deep, _ = client.call(served.server.TOOL, served.server.arguments(question.query, 20))
            plain, _ = client.call(served.server.TOOL, served.server.arguments(question.query))
            pages, given = served.server.pages(deep), served.server.pages(plain)
        except mcp.Refused as failure:
            say(f"{served.server.NAME} refuses {question.query!r}: {failure}")
            found["refused"] += 1
            pages, given = [], []
        right = quality.hit(question, pages, 5)
        found["hit1"] += quality.hit(question, pages, 1)
        found["hit5"] += right
        found["hit5_default"] += bool(question.pages & set(given))
        found["empty"] += not pages
        of, all_of = found["kinds"].get(question.kind, (0, 0))
        found["kinds"][question.kind] = (of + right, all_of + 1)
    client.close()
    return found


def under_load(all_served: list[Served], questions: dict[str, list[str]]) -> dict:
    """The loads of all servers, in turn."""
    found = {served.server.NAME: {} for served in all_served}
    for kind, lines in questions.items():
        # Long questions at one number of connections only: they differ in what the search costs, and not in the rest.
        for connections in CONNECTIONS if kind == "short" else CONNECTIONS[1:2]:
            for served in all_served:
                requests = served.requests(kind, lines)
                url = f"http://127.0.0.1:{served.port}/mcp"
                if connections == (CONNECTIONS[0] if kind == "short" else CONNECTIONS[1]):
                    load.run(served.running, url, requests, connections, WARM_UP)
                got = load.run(served.running, url, requests, connections, SECONDS)
                found[served.server.NAME][f"{kind} {connections}"] = got
                said = {name: round(value, 3) for name, value in got.items()}
                say(f"{served.server.NAME}, {kind}, {connections} connections: {said}")
    return found


def measure(docs: pathlib.Path, questions: list[quality.Question] | None) -> dict:
    """All of one docs folder."""
    lists = questions_of(docs, program.temporary())
    found, all_served = {}, []
    for server in SERVERS:
        served = Served(server, docs)
        say(f"{server.NAME}: indexes {docs.name}")
        it = found[server.NAME] = {"index": served.index()}
        say(f"{server.NAME}: {it['index']}; starts")
        it["start_seconds"], query = starts(served, lists["short"])
        served.start()
        served.wait(query)
        served.running.settle()
        it["memory"] = served.running.memory()
        say(f"{server.NAME}: {it['start_seconds']:.3f} s, {it['memory']}; is asked")
        it["answers"] = {kind: answers(served, lines) for kind, lines in lists.items()}
        if questions:
            it["quality"] = asked(served, questions)
            say(f"{server.NAME}: {it['quality']}")
        all_served.append(served)
    if "load" in PARTS:
        # An error is quickly said: what one refuses, none is asked under load.
        for kind in lists:
            refused = {line for it in found.values() for line in it["answers"][kind]["refused"]}
            lists[kind] = [line for line in lists[kind] if line not in refused]
        for name, loads in under_load(all_served, lists).items():
            found[name]["loads"] = loads
    for served in all_served:
        served.stop()
    pages = [file for file in docs.rglob("*") if file.suffix in (".md", ".mdx")]
    size = sum(file.stat().st_size for file in pages)
    return {"docs": docs.name, "pages": len(pages), "bytes": size, "servers": found}


def echoed(docs: pathlib.Path) -> dict:
    """docent's searches and pings, and a server that answers each with the same bytes and does nothing."""
    lists = questions_of(docs, program.temporary())
    served = Served(docent, docs)
    served.index()
    served.start()
    served.wait(lists["short"][0])
    served.running.settle()
    client, folder = served.client(), program.temporary()
    said, asked = {}, {}
    for kind, lines in lists.items():
        asked[kind] = served.requests(kind, lines)
        messages = [client.body("tools/call", {"name": docent.TOOL, "arguments": docent.arguments(line)}) for line in lines]
        got = [client.post(message, client.headers("tools/call", docent.TOOL)) for message in messages]
        # The one of the middle by its size.
        said[kind] = sorted(got, key=lambda answer: len(answer[2]))[len(got) // 2]
    # In 2026-07-28 there is no ping any more.
    older = mcp.Client(served.port, revision=mcp.LEGACY)
    asked["ping"] = load.Requests(served.home, "ping", older.headers("ping", None), [older.rest("ping", {})])
    said["ping"] = older.post(older.body("ping", {}), older.headers("ping", None))
    for kind, (_, headers, text) in said.items():
        kept = [f"{name}: {value}" for name, value in headers.items() if name not in ("content-length", "date", "connection")]
        (folder / kind).write_text("\n".join(kept) + "\n\n" + text, encoding="utf-8")
    port = program.free_port()
    echo = program.Program([os.environ["ECHO_BIN"], f"127.0.0.1:{port}", folder], {}, served.home / "echo.log")
    wait_for_echo(echo, port)
    found = {}
    for kind in said:
        found[kind] = {"bytes": len(said[kind][2].encode())}
        for connections in CONNECTIONS:
            for name, server, url in (
                ("docent", served.running, f"http://127.0.0.1:{served.port}/mcp"),
                ("echo", echo, f"http://127.0.0.1:{port}/{kind}"),
            ):
                if connections == CONNECTIONS[0]:
                    load.run(server, url, asked[kind], connections, WARM_UP)
                got = load.run(server, url, asked[kind], connections, max(2, SECONDS // 2))
                found[kind][f"{name} {connections}"] = got
                say(f"{name}, {kind}, {connections} connections: {got['rate']:.0f}/s, {got['cpu_us']:.1f} µs")
    echo.stop()
    served.stop()
    return found


def wait_for_echo(echo: program.Program, port: int):
    end = time.monotonic() + 10
    while True:
        try:
            client = mcp.Client(port, "/ping")
            client.post(client.body("ping", {}), {})
            return
        except OSError:
            echo.check()
            if time.monotonic() > end:
                sys.exit(f"benches/peers/run: the echo does not answer: {echo.tail()}")
            time.sleep(0.01)


def main():
    docs = pathlib.Path(sys.argv[1])
    own = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else None
    os.sched_setaffinity(0, {program.CLIENT_CORE})
    found = {"date": time.strftime("%Y-%m-%d"), "versions": {}, "settings": {}, "corpora": []}
    for server in SERVERS:
        found["versions"][server.NAME], found["settings"][server.NAME] = server.version(), server.SETTINGS

    def keep():
        """What was measured is kept, whatever happens to the rest."""
        (OUT / "figures.json").write_text(json.dumps(found, indent=1) + "\n")
        (OUT / "table.md").write_text(table.table(found))

    def questions(path: pathlib.Path) -> list[quality.Question] | None:
        return quality.read(path) if "quality" in PARTS else None

    beside = "load" in PARTS or "quality" in PARTS
    if beside and (own or docs != MANUAL):
        found["corpora"].append(measure(docs, questions(own) if own else None))
        keep()
    if beside and not own:
        found["corpora"].append(measure(MANUAL, questions(ROOT / "tests/questions/manual.jsonl")))
        keep()
    if "echo" in PARTS:
        found["echo"] = echoed(docs)
        keep()
    print(table.table(found))


if __name__ == "__main__":
    main()
