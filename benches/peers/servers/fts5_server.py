"""A docs server of forty lines.

  fts5_server.py index DATABASE DOCS
  fts5_server.py serve DATABASE PORT
"""

import pathlib
import re
import sqlite3
import sys


def sections(text: str):
    """A heading and what stands below it; a `#` in a block of code is no heading."""
    heading, lines, fenced = "", [], False
    for line in text.splitlines():
        fenced ^= line.lstrip().startswith(("```", "~~~"))
        found = None if fenced else re.match(r"#{1,6} +(.+)", line)
        if found:
            yield heading, "\n".join(lines)
            heading, lines = found.group(1), []
        else:
            lines.append(line)
    yield heading, "\n".join(lines)


def index(database: str, docs: pathlib.Path):
    db = sqlite3.connect(database)
    db.execute("CREATE VIRTUAL TABLE docs USING fts5(path UNINDEXED, heading, body, tokenize='porter unicode61')")
    for page in sorted(docs.rglob("*.md")):
        rows = sections(page.read_text(encoding="utf-8", errors="replace"))
        path = str(page.relative_to(docs))
        db.executemany("INSERT INTO docs VALUES (?, ?, ?)", ((path, *row) for row in rows if any(row)))
    db.execute("INSERT INTO docs(docs) VALUES ('optimize')")
    db.commit()


def serve(database: str, port: int):
    from fastmcp import FastMCP

    db = sqlite3.connect(database, check_same_thread=False)
    mcp = FastMCP("docs")

    # Not in a thread: on one core it would only wait there, and a connection of SQLite is one thread's at a time.
    @mcp.tool
    async def search(query: str, limit: int = 5) -> list[dict]:
        """Search the documentation. Give keywords or a question; returns the sections that match best."""
        words = " OR ".join(f'"{word}"' for word in re.findall(r"\w+", query)) or '""'
        rows = db.execute(
            "SELECT path, heading, snippet(docs, 2, '', '', '…', 64) FROM docs WHERE docs MATCH ? "
            "ORDER BY bm25(docs, 0, 10, 1) LIMIT ?",
            (words, limit),
        )
        return [{"path": path, "heading": heading, "snippet": snippet} for path, heading, snippet in rows]

    quiet = {"log_level": "warning", "access_log": False}
    mcp.run("http", host="127.0.0.1", port=port, stateless_http=True, json_response=True, show_banner=False, uvicorn_config=quiet)


if sys.argv[1] == "index":
    index(sys.argv[2], pathlib.Path(sys.argv[3]))
else:
    serve(sys.argv[2], int(sys.argv[3]))
