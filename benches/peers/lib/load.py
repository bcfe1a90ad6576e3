"""Load on a server: wrk on its core, and what it costs the server."""

import os
import pathlib
import subprocess
import sys
import threading

from . import program

SCRIPT = pathlib.Path(__file__).parent / "load.lua"


class Requests:
    """What is asked over and over: headers, and messages without their beginning."""

    def __init__(self, home: pathlib.Path, name: str, headers: dict[str, str], messages: list[str]):
        self.headers, self.messages = home / f"{name}.headers", home / f"{name}.messages"
        self.headers.write_text("".join(f"{name}: {value}\n" for name, value in headers.items()))
        self.messages.write_text("".join(f"{message}\n" for message in messages), encoding="utf-8")


def run(server: program.Program, url: str, requests: Requests, connections: int, seconds: int) -> dict[str, float]:
    """Requests per second, p50 and p99 in ms, CPU of a request in µs, bytes of an answer, failures, most memory."""
    words = ["taskset", "-c", str(program.CLIENT_CORE), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
    words += ["--timeout", "60s", "--latency", "-s", str(SCRIPT), url]
    env = os.environ | {"HEADERS": str(requests.headers), "MESSAGES": str(requests.messages)}
    memory, ended = [], threading.Event()

    def look():
        while not ended.wait(seconds / 4):
            memory.append(server.memory())

    looker = threading.Thread(target=look)
    before = server.cpu_seconds()
    looker.start()
    try:
        said = subprocess.run(words, env=env, capture_output=True, text=True)
    finally:
        ended.set()
        looker.join()
    used = server.cpu_seconds() - before
    server.check()
    if said.returncode or not said.stdout.strip():
        sys.exit(f"benches/peers/run: {' '.join(words)} ended with {said.returncode}: {said.stdout}{said.stderr}")
    done, rate, p50, p99, size, failed = map(float, said.stdout.splitlines()[-1].split())
    if not done:
        sys.exit(f"benches/peers/run: nothing was answered in {seconds} s by {' '.join(server.words)}: {server.tail()}")
    server.settle()
    return {
        "requests": done,
        "rate": rate,
        "p50_ms": p50,
        "p99_ms": p99,
        "cpu_us": used * 1e6 / done,
        "bytes": size,
        "failed": failed,
        "resident": max((it["resident"] for it in memory), default=0),
        "own": max((it["own"] for it in memory), default=0),
    }
