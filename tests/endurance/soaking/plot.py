"""Memory, waiting time and descriptors over the time of a soak, below each other, as one SVG."""

WIDTH, HEIGHT, LEFT, GAP = 720, 150, 64, 44


def draw(samples: list[dict], calls: list[tuple[float, float]]) -> str:
    """Of the samples and the calls (when they began and how long they took) of a report."""
    rows = [
        ("resident memory, MB", [(it["at"], it["resident"]) for it in samples]),
        ("p99 of a call, ms", [(at, 1000 * seconds) for at, seconds in _p99(calls)]),
        ("descriptors", [(it["at"], it["descriptors"]) for it in samples]),
    ]
    last = max(it["at"] for it in samples)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {len(rows) * (HEIGHT + GAP) + 20}" width="{WIDTH}"'
        ' role="img" font-family="system-ui, sans-serif" font-size="12" fill="#808080">'
    ]
    for number, (title, points) in enumerate(rows):
        parts.append(_row(number * (HEIGHT + GAP) + 20, title, points, last))
    parts.append(f'<text x="{WIDTH - 8}" y="{len(rows) * (HEIGHT + GAP) + 12}" text-anchor="end">{last / 60:.0f} minutes</text>')
    return "\n".join([*parts, "</svg>\n"])


def _row(top: float, title: str, points: list[tuple[float, float]], last: float) -> str:
    high = max((value for _, value in points), default=0) * 1.1 or 1
    line = " ".join(
        f"{LEFT + at / last * (WIDTH - LEFT - 8):.1f},{top + HEIGHT - value / high * HEIGHT:.1f}" for at, value in points
    )
    below = top + HEIGHT
    return (
        f'<text x="{LEFT}" y="{top - 4:.0f}">{title}</text>'
        f'<path d="M{LEFT},{top}V{below}H{WIDTH - 8}" fill="none" stroke="#808080"/>'
        f'<text x="{LEFT - 6}" y="{below}" text-anchor="end">0</text>'
        f'<text x="{LEFT - 6}" y="{top + 10}" text-anchor="end">{high:.0f}</text>'
        f'<polyline points="{line}" fill="none" stroke="#2f7bd9" stroke-width="1.5"/>'
    )


def _p99(calls: list[tuple[float, float]], pieces: int = 120) -> list[tuple[float, float]]:
    if not calls:
        return []
    first = calls[0][0]
    width = (calls[-1][0] - first) / pieces or 1
    parts: list[list[float]] = [[] for _ in range(pieces)]
    for began, seconds in calls:
        parts[min(pieces - 1, int((began - first) / width))].append(seconds)
    return [
        (at * width, sorted(part)[int(len(part) * 0.99)]) for at, part in enumerate(parts) if part
    ]
