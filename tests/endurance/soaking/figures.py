"""What a process takes over time, and whether it grows."""

import asyncio
import dataclasses
import os
import pathlib
import statistics
import time

from lib.calls import percentile


@dataclasses.dataclass
class Sample:
    """At a time in seconds; memory in MB, `private` without what is mapped from files."""

    at: float
    resident: float
    private: float
    descriptors: int
    threads: int
    cpu_seconds: float


class Gauge:
    """Looks at a process once a second."""

    def __init__(self, pid: int):
        self.pid = pid
        self.samples: list[Sample] = []
        self._began = time.monotonic()

    def look(self) -> Sample:
        status = dict(
            line.split(":", 1) for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines() if ":" in line
        )
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()

        def megabytes(name):
            return int(status[name].split()[0]) / 1024

        return Sample(
            time.monotonic() - self._began,
            megabytes("VmRSS"),
            megabytes("RssAnon"),
            len(os.listdir(f"/proc/{self.pid}/fd")),
            int(status["Threads"]),
            (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"),
        )

    async def run(self):
        while True:
            self.samples.append(self.look())
            await asyncio.sleep(1)

    def after(self, seconds: float) -> list[Sample]:
        return [it for it in self.samples if it.at >= seconds]


def growth(samples: list[Sample], of) -> float:
    """By how much `of` grows in ten minutes, by a line of least squares. Each point is the least of a minute (or of a
    twentieth, where there are fewer), since what an index in the making takes is given back."""
    step = max(1, min(60, len(samples) // 20))
    pieces = [samples[at : at + step] for at in range(0, len(samples) - step + 1, step)]
    points = [(piece[0].at / 600, min(map(of, piece))) for piece in pieces]
    return statistics.linear_regression(*zip(*points)).slope if len(points) > 1 else 0.0


def ends(values: list[float]) -> list[float]:
    """The medians of the first and the last tenth: in the middle of a commit a moment has some megabytes more."""
    tenth = max(1, len(values) // 10)
    return [statistics.median(values[:tenth]), statistics.median(values[-tenth:])]


def p99_by_piece(calls: list[tuple[float, float]], pieces: int) -> list[float]:
    """The p99 in ms of each piece of the time, from (when, how long) in seconds."""
    calls = sorted(calls)
    first, last = calls[0][0], calls[-1][0]
    width = (last - first) / pieces or 1
    parts: list[list[float]] = [[] for _ in range(pieces)]
    for when, seconds in calls:
        parts[min(pieces - 1, int((when - first) / width))].append(seconds)
    return [1000 * percentile(sorted(part), 0.99) for part in parts if part]
