"""The Python SDK, `mcp`: it finds out, registers, proves and renews by itself; only the browser is ours.

Started by python.mjs: python_client.py ORIGIN PERSON BACK DOCUMENT.
"""

import sys
import urllib.parse
import urllib.request
import warnings

import anyio
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider, TokenStorage
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client
from mcp.shared.auth import OAuthClientMetadata
from mcp.shared.exceptions import MCPDeprecationWarning

from lib import contract
from lib.report import Report

# The handshake revisions are tested on purpose.
warnings.filterwarnings("ignore", category=MCPDeprecationWarning)

ORIGIN, PERSON, BACK, DOCUMENT = sys.argv[1:]
MODES = [("legacy", "2025-11-25"), ("auto", "2026-07-28")]


class Kept(TokenStorage):
    """What an app keeps, as the SDK wants it."""

    tokens = client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


class Browser:
    """Sends a person to an address, and says where they came back to."""

    asked = 0

    async def open(self, address: str):
        self.asked += 1
        query = urllib.parse.urlencode({"address": address})
        self.back = await anyio.to_thread.run_sync(lambda: get(f"{PERSON}?{query}"))

    async def came_back(self) -> AuthorizationCodeResult:
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.back).query))
        return AuthorizationCodeResult(code=query["code"], state=query["state"], iss=query["iss"])


def get(address: str) -> str:
    with urllib.request.urlopen(address, timeout=30) as answer:
        return answer.read().decode()


def sign_in(kept: Kept, browser: Browser, document: str | None) -> OAuthClientProvider:
    metadata = OAuthClientMetadata(client_name="Python", redirect_uris=[BACK], token_endpoint_auth_method="none")
    return OAuthClientProvider(
        f"{ORIGIN}/mcp", metadata, kept, browser.open, browser.came_back, client_metadata_url=document
    )


async def search(auth: OAuthClientProvider, mode: str):
    """A new connection, as a new process would make it, and a search."""
    async with create_mcp_http_client(auth=auth) as http:
        async with Client(streamable_http_client(f"{ORIGIN}/mcp", http_client=http), mode=mode) as client:
            found = contract.content(await client.call_tool("search", {"query": contract.QUESTION}))
            assert found["results"][0]["id"] == contract.ANSWER_ID, found
            return client.protocol_version


async def revoke(kept: Kept, token: str):
    form = urllib.parse.urlencode({"client_id": kept.client.client_id, "token": token}).encode()
    request = urllib.request.Request(f"{ORIGIN}/revoke", form)
    await anyio.to_thread.run_sync(lambda: get(request))


async def check(mode: str, revision: str, document: str | None):
    report = Report("python-mcp", "http", f"{revision} ({'document' if document else 'registration'})")
    kept, browser = Kept(), Browser()
    with report.check("signs in by itself and searches"):
        assert await search(sign_in(kept, browser, document), mode) == revision
        assert browser.asked == 1
        assert kept.client.client_id == document if document else len(kept.client.client_id) == 22, kept.client
    with report.check("goes on with what it kept"):
        await search(sign_in(kept, browser, document), mode)
        assert browser.asked == 1, "the person is not asked again"
    with report.check("renews by itself"):
        before = kept.tokens
        await revoke(kept, before.access_token)
        auth = sign_in(kept, browser, document)
        # This SDK renews what has ended by its own clock, and signs in anew when it is refused.
        await auth._initialize()
        auth.context.token_expiry_time = 1
        await search(auth, mode)
        assert browser.asked == 1, "the person is not asked again"
        assert kept.tokens.access_token != before.access_token
        assert kept.tokens.refresh_token != before.refresh_token
    with report.check("asks the person again when the sign-in is over"):
        await revoke(kept, kept.tokens.refresh_token)
        await search(sign_in(kept, browser, document), mode)
        assert browser.asked == 2


async def main():
    for mode, revision in MODES:
        for document in (None, DOCUMENT):
            await check(mode, revision, document)


anyio.run(main)
sys.exit(1 if Report.failures else 0)
