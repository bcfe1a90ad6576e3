"""gnosis-mcp in its keyword mode: SQLite, no model."""

import json
import pathlib

from lib import tools

NAME = "gnosis-mcp"
TOOL = "search_docs"
#: It answers in sessions of 2025, as event streams; it has no setting for anything else.
REVISION = "2025-11-25"
SETTINGS = "SQLite, no model; access log off, log level WARNING"


def version() -> str:
    return tools.python_version("gnosis", "gnosis-mcp")


def environment(home: pathlib.Path) -> dict[str, str]:
    return {
        "GNOSIS_MCP_DATABASE_URL": f"sqlite:///{home / 'data/docs.db'}",
        # By default each search writes to the database and reads the pages it found to count their tokens.
        "GNOSIS_MCP_ACCESS_LOG": "false",
        "GNOSIS_MCP_LOG_LEVEL": "WARNING",
    }


def index(docs: pathlib.Path, home: pathlib.Path) -> list:
    return [tools.python("gnosis").with_name("gnosis-mcp"), "ingest", docs]


def serve(docs: pathlib.Path, home: pathlib.Path, port: int) -> list:
    command = tools.python("gnosis").with_name("gnosis-mcp")
    return [command, "serve", "--transport", "streamable-http", "--port", port]


def arguments(query: str, limit: int | None = None) -> dict:
    return {"query": query} | ({"limit": limit} if limit else {})


def pages(result: dict) -> list[str]:
    return [hit["file_path"] for hit in json.loads(result["content"][0]["text"])]
