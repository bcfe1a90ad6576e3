"""HAProxy in front of the replicas, by ../haproxy.cfg."""

import csv
import pathlib
import socket
import time

from . import process

CONFIGURATION = pathlib.Path(__file__).parent.parent / "haproxy.cfg"


class Balancer:
    def __init__(self, port: int, servers: dict[str, int]):
        """`servers` are names and ports."""
        self.port = port
        self.home = process.temporary()
        self._socket = self.home / "admin"
        text = CONFIGURATION.read_text().replace("SOCKET", str(self._socket)).replace("PORT", str(port))
        text += "".join(f"    server {name} 127.0.0.1:{at}\n" for name, at in servers.items())
        (self.home / "haproxy.cfg").write_text(text)
        self._process = process.Process(["haproxy", "-db", "-f", self.home / "haproxy.cfg"], self.home / "log")
        process.wait_until_listening(self._process, port)
        # It gets its name when all else is done.
        end = time.monotonic() + 10
        while not self._socket.exists():
            assert time.monotonic() < end, self._process.tail()
            time.sleep(0.02)

    def stop(self):
        self._process.kill()

    def cpu_seconds(self) -> float:
        return self._process.cpu_seconds()

    def servers(self) -> dict[str, dict[str, str]]:
        """What HAProxy counts of each server: `status`, `stot` (sessions so far), `scur` (now), and more."""
        rows = csv.DictReader(self._ask("show stat").removeprefix("# ").splitlines())
        return {row["svname"]: row for row in rows if row["pxname"] == "docents" and row["svname"] != "BACKEND"}

    def drain(self, name: str):
        """It is sent nothing new."""
        self._ask(f"set server docents/{name} state drain")

    def _ask(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self._socket))
            connection.sendall(f"{command}\n".encode())
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


def connections(port: int) -> int:
    """How many connections to this port of this machine are open, those that wait to be taken among them."""
    rows = pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]
    fields = [row.split() for row in rows]
    return sum(1 for row in fields if row[1].endswith(f":{port:04X}") and row[3] == "01")
