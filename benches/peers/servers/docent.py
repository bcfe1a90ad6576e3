"""docent, as `docent serve DOCS` runs without any configuration."""

import os
import pathlib
import subprocess

NAME = "docent"
TOOL = "search"
REVISION = "2026-07-28"
SETTINGS = "none: `docent serve DOCS`, usage recorded, docs watched"


def program() -> str:
    return os.environ["DOCENT_BIN"]


def version() -> str:
    return subprocess.run([program(), "--version"], check=True, capture_output=True, text=True).stdout.split()[1]


def environment(home: pathlib.Path) -> dict[str, str]:
    return {}


def index(docs: pathlib.Path, home: pathlib.Path) -> list:
    return [program(), "index", docs, "--data-dir", home / "data"]


def serve(docs: pathlib.Path, home: pathlib.Path, port: int) -> list:
    return [program(), "serve", docs, "--data-dir", home / "data", "--listen", f"127.0.0.1:{port}"]


def arguments(query: str, limit: int | None = None) -> dict:
    # The budget of the default answer would cut a long list.
    return {"query": query} | ({"limit": limit, "max_tokens": 20000} if limit else {})


def pages(result: dict) -> list[str]:
    """An id is a page, and where it is a section of it, `#` and its anchor."""
    return [hit["id"].partition("#")[0] for hit in result["structuredContent"]["results"]]
