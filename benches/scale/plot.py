#!/usr/bin/env python3
"""Draws what ./run measured: answers.svg and indexing.svg beside figures.json.

  plot.py FIGURES.json [OUT]
"""

import json
import math
import pathlib
import sys

WIDTH, HEIGHT = 640, 380
LEFT, RIGHT, TOP, BOTTOM = 64, 40, 56, 48


class Plot:
    """Two logarithmic axes and lines between points."""

    def __init__(self, title: str, down: str, across: str, series: dict[str, list[tuple[float, float]]]):
        self.title, self.across, self.down, self.series = title, across, down, series
        points = [point for line in series.values() for point in line]
        self.x = self._decades([x for x, _ in points])
        self.y = self._decades([y for _, y in points])

    @staticmethod
    def _decades(values: list[float]) -> tuple[int, int]:
        low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)) - 1e-9)
        return low, max(high, low + 1)

    def _at(self, x: float, y: float) -> tuple[float, float]:
        share_x = (math.log10(x) - self.x[0]) / (self.x[1] - self.x[0])
        share_y = (math.log10(y) - self.y[0]) / (self.y[1] - self.y[0])
        return LEFT + share_x * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - share_y * (HEIGHT - TOP - BOTTOM)

    def svg(self) -> str:
        # It is read in light and dark: the lines are of the middle, the rest is of whoever shows it.
        colours = ["#2f7bd9", "#d9622f", "#3f9d58", "#9a59c9"]
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img"'
            ' font-family="system-ui, sans-serif" font-size="12" fill="#808080">',
            f"<title>{self.title}</title>",
            f'<text x="{LEFT}" y="20" font-size="14">{self.title}</text>',
            f'<text x="{(WIDTH + LEFT - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{self.across}</text>',
            f'<text transform="translate(14 {(HEIGHT + TOP - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">{self.down}</text>',
        ]
        for decade in range(self.x[0], self.x[1] + 1):
            x, y = self._at(10.0**decade, 10.0 ** self.y[0])
            parts.append(f'<path d="M{x:.1f} {y:.1f}V{TOP}" stroke="#808080" stroke-opacity=".25"/>')
            parts.append(f'<text x="{x:.1f}" y="{y + 18:.1f}" text-anchor="middle">{number(10.0**decade)}</text>')
        for decade in range(self.y[0], self.y[1] + 1):
            x, y = self._at(10.0 ** self.x[0], 10.0**decade)
            parts.append(f'<path d="M{x:.1f} {y:.1f}H{WIDTH - RIGHT}" stroke="#808080" stroke-opacity=".25"/>')
            parts.append(f'<text x="{x - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{number(10.0**decade)}</text>')
        for order, (name, line) in enumerate(self.series.items()):
            colour = colours[order % len(colours)]
            at = [self._at(x, y) for x, y in line]
            path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in at)
            parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in at]
            parts.append(f'<text x="{LEFT + 136 * order}" y="42" fill="{colour}">{name}</text>')
        return "\n".join([*parts, "</svg>"]) + "\n"


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:.6f}".rstrip("0")


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    source = pathlib.Path(sys.argv[1])
    out = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else source.parent
    found = json.loads(source.read_text())
    answers = {
        f"{name}, {connections} at once": [(it["pages"], it["loads"][f"short {connections}"][key]) for it in found]
        for connections in (1, 10)
        for name, key in (("p50", "p50_ms"), ("p99", "p99_ms"))
    }
    plots = {
        "answers.svg": Plot("Time of an answer, one core, short questions", "milliseconds", "pages", answers),
        "indexing.svg": Plot(
            "Indexing from nothing, two cores",
            "seconds",
            "pages",
            {
                "time": [(it["pages"], it["index_seconds"]) for it in found],
                "CPU": [(it["pages"], it["index_cpu_seconds"]) for it in found],
            },
        ),
    }
    for name, plot in plots.items():
        (out / name).write_text(plot.svg())
        print(out / name)


if __name__ == "__main__":
    main()
