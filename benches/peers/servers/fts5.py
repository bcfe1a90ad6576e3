"""What one writes in an afternoon: FastMCP over SQLite's FTS5, in fts5_server.py."""

import pathlib

from lib import tools

NAME = "FastMCP with FTS5"
TOOL = "search"
REVISION = "2026-07-28"
SETTINGS = "stateless, JSON answers; sections in FTS5 (porter), headings weigh ten times, any word may match"
_SERVER = pathlib.Path(__file__).with_name("fts5_server.py")


def version() -> str:
    return tools.python_version("fastmcp", "fastmcp")


def environment(home: pathlib.Path) -> dict[str, str]:
    return {}


def index(docs: pathlib.Path, home: pathlib.Path) -> list:
    return [tools.python("fastmcp"), "-B", _SERVER, "index", home / "data/docs.db", docs]


def serve(docs: pathlib.Path, home: pathlib.Path, port: int) -> list:
    return [tools.python("fastmcp"), "-B", _SERVER, "serve", home / "data/docs.db", port]


def arguments(query: str, limit: int | None = None) -> dict:
    return {"query": query} | ({"limit": limit} if limit else {})


def pages(result: dict) -> list[str]:
    return [hit["path"] for hit in result["structuredContent"]["result"]]
