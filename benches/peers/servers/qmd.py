"""qmd in its word mode: `lex` alone, nothing reranked, so that no model is asked for."""

import json
import pathlib

from lib import tools

NAME = "qmd"
TOOL = "query"
REVISION = "2026-07-28"
SETTINGS = "`searches` of type `lex`, `rerank` false; no embeddings"
_COLLECTION = "docs"


def _command() -> list:
    modules = tools.FOLDER / "node_modules"
    return [modules / "node/bin/node", modules / "@tobilu/qmd/bin/qmd"]


def version() -> str:
    return json.loads((tools.FOLDER / "node_modules/@tobilu/qmd/package.json").read_text())["version"]


def environment(home: pathlib.Path) -> dict[str, str]:
    # Its launcher starts the node of the path.
    return {
        "PATH": f"{_command()[0].parent}:/usr/local/bin:/usr/bin:/bin",
        "XDG_CACHE_HOME": str(home / "data"),
        "XDG_CONFIG_HOME": str(home / "config"),
    }


def index(docs: pathlib.Path, home: pathlib.Path) -> list:
    return [*_command(), "collection", "add", docs, "--name", _COLLECTION]


def serve(docs: pathlib.Path, home: pathlib.Path, port: int) -> list:
    return [*_command(), "mcp", "--http", "--host", "127.0.0.1", "--port", port]


def arguments(query: str, limit: int | None = None) -> dict:
    return {"searches": [{"type": "lex", "query": query}], "rerank": False} | ({"limit": limit} if limit else {})


def pages(result: dict) -> list[str]:
    """A file is named with its collection before it."""
    return [hit["file"].removeprefix(f"{_COLLECTION}/") for hit in result["structuredContent"]["results"]]
