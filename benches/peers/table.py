"""The figures as tables in Markdown."""


def size(number: float) -> str:
    return f"{number / 1e6:,.0f} MB" if number >= 1e6 else f"{number / 1e3:.0f} kB"


def seconds(number: float) -> str:
    return f"{number * 1e3:.0f} ms" if number < 1 else f"{number:,.1f} s"


def rate(number: float) -> str:
    return f"{number:,.0f}/s" if number >= 10 else f"{number:.1f}/s"


def milliseconds(number: float) -> str:
    return f"{number:.2f}" if number < 10 else f"{number:,.0f}"


def _rows(head: list[str], rows: list[list[str]], figures: str = "--:|") -> list[str]:
    """The first column is words, the others are figures."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + figures * (len(head) - 1)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows] + [""]


def _alone(corpus: dict) -> list[str]:
    """What does not depend on callers."""
    head = ["server", "index", "its CPU", "its size", "start", "resident", "of it own", "under load", "of it own"]
    rows = []
    for name, it in corpus["servers"].items():
        loads = it.get("loads", {}).values()
        most = [max((load[key] for load in loads), default=0) for key in ("resident", "own")]
        cells = [name, seconds(it["index"]["seconds"]), seconds(it["index"]["cpu_seconds"]), size(it["index"]["bytes"])]
        cells += [seconds(it["start_seconds"]), size(it["memory"]["resident"]), size(it["memory"]["own"])]
        rows.append(cells + [size(number) if number else "–" for number in most])
    return _rows(head, rows)


def _loads(corpus: dict) -> list[str]:
    servers = {name: it["loads"] for name, it in corpus["servers"].items() if "loads" in it}
    if not servers:
        return []
    kinds = list(next(iter(servers.values())))
    head = ["requests/s, p50, p99 in ms", *(f"{kind.replace(' ', ', ')} conn." for kind in kinds), "CPU of one"]
    rows = []
    for name, loads in servers.items():
        cells = [name]
        for kind in kinds:
            it = loads[kind]
            failed = f", {it['failed']:.0f} failed" if it["failed"] else ""
            cells.append(f"{rate(it['rate'])}, {milliseconds(it['p50_ms'])}, {milliseconds(it['p99_ms'])}{failed}")
        one = loads["short 8"] if "short 8" in loads else loads[kinds[0]]
        rows.append([*cells, f"{one['cpu_us']:,.0f} µs"])
    return _rows(head, rows)


def _answers(corpus: dict) -> list[str]:
    head = ["answers", "questions", "refused", "nothing found", "hits", "characters of text", "of structured", "bytes"]
    rows = []
    for kind in ("short", "long"):
        for name, it in corpus["servers"].items():
            if kind in it["answers"]:
                of = it["answers"][kind]
                cells = [f"{name}, {kind}", *(str(number) for number in (of["asked"], len(of["refused"]), of["empty"]))]
                cells.append(f"{of['hits']:.1f}")
                rows.append(cells + [f"{of[key]:,.0f}" for key in ("text", "structured", "bytes")])
    return _rows(head, rows)


def _quality(corpus: dict) -> list[str]:
    servers = {name: it["quality"] for name, it in corpus["servers"].items() if "quality" in it}
    if not servers:
        return []
    kinds = list(next(iter(servers.values()))["kinds"])
    head = ["right page", "hit@1", "hit@5", "in the answer as it comes", "refused", "nothing found", *(f"hit@5 {kind}" for kind in kinds)]
    rows = []
    for name, it in servers.items():
        cells = [name, *(f"{it[key]} of {it['asked']}" for key in ("hit1", "hit5", "hit5_default"))]
        cells += [str(it["refused"]), str(it["empty"])]
        rows.append(cells + ["{} of {}".format(*it["kinds"][kind]) for kind in kinds])
    return _rows(head, rows)


def _echo(found: dict) -> list[str]:
    head = ["requests/s, CPU of one", "bytes", "docent, 1 conn.", "echo", "docent, 8", "echo", "docent, 64", "echo", "docent's CPU less the echo's"]
    rows = []
    for kind, it in found.items():
        cells = [kind, f"{it['bytes']:,}"]
        for connections in (1, 8, 64):
            for name in ("docent", "echo"):
                load = it[f"{name} {connections}"]
                cells.append(f"{rate(load['rate'])}, {load['cpu_us']:,.1f} µs")
        rows.append([*cells, f"{it['docent 8']['cpu_us'] - it['echo 8']['cpu_us']:,.1f} µs"])
    return _rows(head, rows)


def table(found: dict) -> str:
    rows = [[name, found["versions"][name], found["settings"][name]] for name in found["versions"]]
    lines = [f"Measured on {found['date']}.", "", *_rows(["server", "version", "set"], rows, "---|")]
    for corpus in found["corpora"]:
        lines += [f"{corpus['docs']}: {corpus['pages']:,} pages, {size(corpus['bytes'])} of Markdown", ""]
        for part in (_alone, _loads, _answers, _quality):
            lines += part(corpus)
    if "echo" in found:
        lines += ["docent and an echo of the same bytes", "", *_echo(found["echo"])]
    return "\n".join(lines)
