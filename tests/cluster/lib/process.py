"""Programs that are started here and end with the script, in whatever state it is."""

import atexit
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

_running: set["Process"] = set()
_folders: list[pathlib.Path] = []


@atexit.register
def _end_all():
    for process in list(_running):
        process.kill()
    for folder in _folders:
        shutil.rmtree(folder, ignore_errors=True)


# An interrupt or the end of a pipe must not leave servers behind.
for _signal in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(_signal, lambda *_: os._exit(143) if _end_all() is None else None)


def temporary() -> pathlib.Path:
    """A folder that goes away with the script."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="docent-cluster-"))
    _folders.append(folder)
    return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(**more: str) -> dict[str, str]:
    """The environment without settings of the person who runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DOCENT_", "AWS_"))}
    return kept | more


class Process:
    def __init__(self, command: list, log: pathlib.Path, cwd=None, env=None):
        self.command = [str(word) for word in command]
        self.log = log
        with log.open("ab") as out:
            self._child = subprocess.Popen(
                self.command, cwd=cwd, env=env or environment(), stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
        _running.add(self)

    @property
    def pid(self) -> int:
        return self._child.pid

    def alive(self) -> bool:
        return self._child.poll() is None

    def freeze(self):
        """It holds its connections and answers nothing."""
        self._child.send_signal(signal.SIGSTOP)

    def thaw(self):
        self._child.send_signal(signal.SIGCONT)

    def kill(self):
        """Ends it in the middle of whatever it does."""
        self._child.kill()
        self._child.wait()
        _running.discard(self)

    def stop(self) -> int:
        """Ends it as an operator does; its exit code."""
        self._child.terminate()
        try:
            code = self._child.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.command[0]} does not end: {self.tail()}") from None
        _running.discard(self)
        return code

    def pin(self, cores: list[int]):
        """It and all of its threads."""
        for thread in os.listdir(f"/proc/{self.pid}/task"):
            os.sched_setaffinity(int(thread), cores)

    def cpu_seconds(self) -> float:
        """Of user and system, since it began."""
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def tail(self) -> str:
        return f"{' '.join(self.command)}\n{self.log.read_text(errors='replace')[-4000:]}"


def wait_until_listening(process: Process, port: int, seconds: float = 60):
    """Until somebody takes connections at this port; `process` is who should."""
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if not process.alive() or time.monotonic() > end:
                raise AssertionError(f"nobody listens at {port}: {process.tail()}") from None
            time.sleep(0.02)
