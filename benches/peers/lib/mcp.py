"""A client of MCP over HTTP, as small as it can be: one request after the other on one connection."""

import http.client
import json

MODERN, LEGACY = "2026-07-28", "2025-11-25"
_CLIENT = {"name": "benches", "version": "1"}


class Refused(Exception):
    """The server answered, and not with a result."""


class Client:
    def __init__(self, port: int, path: str = "/mcp", revision: str = MODERN):
        """A revision before 2026-07-28 begins with a handshake, and goes on in the session that the server names."""
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._path = path
        self.revision = revision
        self._session = None
        if revision != MODERN:
            hello = {"protocolVersion": revision, "capabilities": {}, "clientInfo": _CLIENT}
            _, headers, _ = self.post(self.body("initialize", hello), {})
            self._session = headers.get("mcp-session-id")
            self.post(json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}), self.headers("", None))

    def close(self):
        self._connection.close()

    def headers(self, method: str, name: str | None) -> dict[str, str]:
        found = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": self.revision,
        }
        if self.revision == MODERN:
            found["Mcp-Method"] = method
            if name:
                found["Mcp-Name"] = name
        if self._session:
            found["Mcp-Session-Id"] = self._session
        return found

    def rest(self, method: str, params: dict) -> str:
        """A message without its beginning, which is `{"jsonrpc":"2.0","id":` and a number."""
        if self.revision == MODERN:
            params = params | {
                "_meta": {
                    "io.modelcontextprotocol/protocolVersion": MODERN,
                    "io.modelcontextprotocol/clientInfo": _CLIENT,
                    "io.modelcontextprotocol/clientCapabilities": {},
                }
            }
        message = json.dumps({"method": method, "params": params}, ensure_ascii=False, separators=(",", ":"))
        return "," + message.removeprefix("{")

    def body(self, method: str, params: dict) -> str:
        return '{"jsonrpc":"2.0","id":1' + self.rest(method, params)

    def post(self, body: str, headers: dict[str, str]) -> tuple[int, dict[str, str], str]:
        sent = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"} | headers
        self._connection.request("POST", self._path, body.encode(), sent)
        answer = self._connection.getresponse()
        text = answer.read().decode()
        if answer.status not in (200, 202):
            raise Refused(f"{answer.status}: {text[:500]}")
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, text

    def call(self, tool: str, arguments: dict) -> tuple[dict, int]:
        """The result of a tool, and the bytes that its message had."""
        body = self.body("tools/call", {"name": tool, "arguments": arguments})
        _, headers, text = self.post(body, self.headers("tools/call", tool))
        message = _message(headers, text)
        result = message.get("result")
        if result is None or result.get("isError"):
            raise Refused(text[:500])
        return result, len(text.encode())


def _message(headers: dict[str, str], text: str) -> dict:
    if headers.get("content-type", "").startswith("text/event-stream"):
        # The answer is the last event; before it there may be others.
        text = [line.removeprefix("data:") for line in text.splitlines() if line.startswith("data:")][-1]
    return json.loads(text)


def characters(result: dict) -> dict[str, int]:
    """What a model is given, by the channel that its client reads."""
    text = "".join(block.get("text", "") for block in result.get("content", []))
    structured = result.get("structuredContent")
    return {
        "text": len(text),
        "structured": len(json.dumps(structured, ensure_ascii=False)) if structured is not None else 0,
    }
