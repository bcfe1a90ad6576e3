"""Programs that are started here and end with the script, with all that they started themselves."""

import atexit
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERTZ = os.sysconf("SC_CLK_TCK")
#: Where servers run, and where what asks them runs.
SERVER_CORE, CLIENT_CORE = 0, 1
#: What indexes may have all.
_CORES = ",".join(map(str, sorted(os.sched_getaffinity(0))))

_running: set["Program"] = set()
_folders: list[pathlib.Path] = []


@atexit.register
def _end_all():
    for program in list(_running):
        program.kill()
    for folder in _folders:
        shutil.rmtree(folder, ignore_errors=True)


# An interrupt or the end of a pipe must not leave servers behind.
for _signal in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(_signal, lambda *_: sys.exit(143))


def temporary() -> pathlib.Path:
    """A folder that goes away with the script."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="docent-peers-"))
    _folders.append(folder)
    return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(more: dict[str, str]) -> dict[str, str]:
    """The environment without settings of the person who measures."""
    prefixes = ("DOCENT_", "GNOSIS_", "FASTMCP_", "QMD_", "XDG_")
    return {name: value for name, value in os.environ.items() if not name.startswith(prefixes)} | more


def run(command: list, env: dict[str, str], log: pathlib.Path) -> dict[str, float]:
    """Runs it to its end, on all cores; how long that took."""
    words = ["taskset", "-c", _CORES, *map(str, command)]
    began = time.monotonic()
    with log.open("wb") as out:
        child = subprocess.Popen(words, env=environment(env), stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        said = log.read_text(errors="replace")[-2000:]
        sys.exit(f"benches/peers/run: {' '.join(words)} ended with {child.returncode}: {said}")
    return {"seconds": time.monotonic() - began, "cpu_seconds": used.ru_utime + used.ru_stime}


class Program:
    """A server on its core, the head of a group of processes."""

    def __init__(self, command: list, env: dict[str, str], log: pathlib.Path):
        self.words = [str(word) for word in command]
        self._log = log
        self.began = time.monotonic()
        with log.open("wb") as out:
            self._child = subprocess.Popen(
                ["taskset", "-c", str(SERVER_CORE), *self.words],
                env=environment(env),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        _running.add(self)

    def check(self):
        """Ends the script where the program has ended."""
        if self._child.poll() is not None:
            sys.exit(f"benches/peers/run: {' '.join(self.words)} ended: {self.tail()}")

    def tail(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]

    def kill(self):
        try:
            os.killpg(self._child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._child.wait()
        _running.discard(self)

    def stop(self):
        """As an operator ends it; what does not go is killed."""
        os.killpg(self._child.pid, signal.SIGTERM)
        try:
            self._child.wait(10)
        except subprocess.TimeoutExpired:
            pass
        self.kill()

    def _processes(self) -> list[pathlib.Path]:
        """Of its session: it, and what it has started."""
        found = []
        for folder in pathlib.Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
                except OSError:
                    continue
                if int(fields[3]) == self._child.pid:
                    found.append(folder)
        return found

    def cpu_seconds(self) -> float:
        """Of user and system, since it began."""
        ticks = 0
        for folder in self._processes():
            try:
                fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            ticks += int(fields[11]) + int(fields[12])
        return ticks / HERTZ

    def memory(self) -> dict[str, int]:
        """Bytes: what is resident, and of it what is its own and not of files."""
        found = {"VmRSS": 0, "RssAnon": 0}
        for folder in self._processes():
            try:
                text = (folder / "status").read_text()
            except OSError:
                continue
            for name in found:
                said = re.search(rf"^{name}:\s+(\d+)", text, re.M)
                found[name] += int(said.group(1)) * 1024 if said else 0
        return {"resident": found["VmRSS"], "own": found["RssAnon"]}

    def settle(self, patience: float = 60):
        """Waits until it does nothing of its own accord any more."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            before = self.cpu_seconds()
            time.sleep(0.5)
            if self.cpu_seconds() - before <= 0.02:
                return
        print(f"{self.words[0]} does not come to rest; what follows may be slower for it", file=sys.stderr)


def size(folder: pathlib.Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
