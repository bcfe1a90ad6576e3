"""Redis, or Valkey: a real server of its own, that can hang, go away, and come back with what it held."""

import os
import socket

from . import process


class Engine:
    def __init__(self, kind: str):
        self.program = os.environ["CLUSTER_REDIS" if kind == "redis" else "CLUSTER_VALKEY"]
        self.port = process.free_port()
        self.home = process.temporary()
        self.url = f"redis://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        words = ["--port", self.port, "--bind", "127.0.0.1", "--dir", self.home, "--save", ""]
        # What it has said is written, so that a server that is killed comes back with it; when that reaches the disk is
        # left to the system, because others use the disk, too.
        words += ["--appendonly", "yes", "--appendfsync", "no"]
        self._process = process.Process([self.program, *words], self.home / "log")
        process.wait_until_listening(self._process, self.port)

    def freeze(self):
        self._process.freeze()

    def thaw(self):
        self._process.thaw()

    def kill(self):
        self._process.kill()

    def pin(self, cores: list[int]):
        self._process.pin(cores)

    def cpu_seconds(self) -> float:
        return self._process.cpu_seconds()

    def ask(self, *words):
        """One command (RESP 2); raises what the server calls an error."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            parts = [str(word).encode() for word in words]
            connection.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(it), it) for it in parts))
            with connection.makefile("rb") as reader:
                return _read(reader)


def _read(reader):
    line = reader.readline().rstrip(b"\r\n")
    kind, rest = line[:1], line[1:]
    if kind == b"-":
        raise AssertionError(rest.decode())
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return None if rest == b"-1" else reader.read(int(rest) + 2)[:-2].decode(errors="replace")
    if kind == b"*":
        return [_read(reader) for _ in range(int(rest))]
    return rest.decode()
