"""Starts the real docent on a copy of ./docs, so that a check may edit its pages."""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent.parent


def binary() -> str:
    try:
        return os.environ["DOCENT_BIN"]
    except KeyError:
        raise SystemExit("DOCENT_BIN is not set: start this script through ./run") from None


@contextlib.contextmanager
def temporary():
    with tempfile.TemporaryDirectory(prefix="docent-clients-") as folder:
        yield pathlib.Path(folder)


def copy_of_docs(home: pathlib.Path) -> pathlib.Path:
    """A fresh copy of the fixture docs."""
    return pathlib.Path(shutil.copytree(HERE / "docs", home / "docs"))


def many_pages(home: pathlib.Path, count: int) -> pathlib.Path:
    """A docs folder with `count` one-paragraph pages, for paging through lists."""
    docs = home / "docs"
    docs.mkdir()
    for number in range(1, count + 1):
        (docs / f"ledger-{number:05}.md").write_text(f"# Ledger {number}\n\nEntry number {number}.\n")
    return docs


def environment() -> dict[str, str]:
    """The environment without settings of the person who runs the tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith("DOCENT_")}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_ready(origin: str) -> bool:
    try:
        with urllib.request.urlopen(f"{origin}/readyz", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


@contextlib.contextmanager
def http(docs: pathlib.Path):
    """`docent serve`, ready; gives where it serves."""
    with temporary() as home:
        origin = f"http://127.0.0.1:{free_port()}"
        log = home / "docent.log"
        listen = origin.removeprefix("http://")
        command = [binary(), "serve", str(docs), "--listen", listen, "--data-dir", str(home / "data")]
        with log.open("wb") as out:
            process = subprocess.Popen(
                command, cwd=home, env=environment(), stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
        try:
            end = time.monotonic() + 60
            while not is_ready(origin):
                if process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"docent is not ready: {' '.join(command)}\n{log.read_text()[-4000:]}")
                time.sleep(0.05)
            yield origin
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
