"""The Python SDK, `mcp`: both eras, HTTP and stdio."""

import os
import re
import sys
import warnings

import anyio
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.subscriptions import ResourcesListChanged, ResourceUpdated
from mcp.shared.exceptions import MCPDeprecationWarning
from mcp_types import ResourceListChangedNotification, ResourceTemplateReference, ResourceUpdatedNotification

from lib import contract, docent
from lib.report import Report, until

# The handshake revisions are tested on purpose.
warnings.filterwarnings("ignore", category=MCPDeprecationWarning)

MODERN = "2026-07-28"
MODES = [("legacy", "2025-11-25"), ("auto", MODERN), (MODERN, MODERN)]
NOTICE_SECONDS = 15


async def refused(awaitable, *codes):
    try:
        await awaitable
    except MCPError as error:
        assert error.code in codes, error
    else:
        raise AssertionError("no error")


async def journey(client: Client, report: Report, mode: str, origin: str | None):
    """What a connected client does with docent."""
    if mode != MODERN:  # a pinned client asks nothing when it connects
        with report.check("says who it is and how to begin"):
            assert client.server_info and client.server_info.name == "docent"
            assert "search" in (client.instructions or "")
    await tool_calls(client, report, origin)
    await refusals(client, report)
    await resources(client, report)
    with report.check("offers the prompt ask"):
        prompts = (await client.list_prompts()).prompts
        assert "ask" in [prompt.name for prompt in prompts], prompts
        answer = await client.get_prompt("ask", {"question": "Who receives a parcel?"})
        assert "Who receives a parcel?" in answer.model_dump_json()


async def tool_calls(client: Client, report: Report, origin: str | None):
    with report.check("lists search, fetch and outline"):
        contract.tools((await client.list_tools()).tools)
    with report.check("search finds the right section first, fetch reads it"):
        found = contract.content(await client.call_tool("search", {"query": contract.QUESTION}))
        contract.hits(found, origin)
        first = found["results"][0]
        assert first["id"] == contract.ANSWER_ID, found
        fetched = contract.content(await client.call_tool("fetch", {"id": first["id"]}))
        contract.page(fetched, first["id"])
        assert "synchronisation" in fetched["text"] and "HL-2003" not in fetched["text"], fetched
        by_url = contract.content(await client.call_tool("fetch", {"id": first["url"]}))
        assert by_url["id"] == first["id"], "the citation leads back to the section"
    with report.check("fetch pages through a long page"):
        parts = [part async for part in fetch_all(client, contract.LONG_PAGE)]
        assert len(parts) >= 2, len(parts)
        headings = re.findall(r"^### ", "\n".join(parts), re.MULTILINE)
        assert len(headings) == contract.LONG_PAGE_HEADINGS, "every section once"
    with report.check("outline shows pages and headings"):
        shown = str(contract.content(await client.call_tool("outline", {"path": "guide/install.md"})))
        assert "macOS" in shown and "HL-2003" not in shown, shown


async def fetch_all(client: Client, id: str):
    """The texts of all parts of a page."""
    cursor = None
    while True:
        more = {"cursor": cursor} if cursor else {}
        fetched = contract.content(await client.call_tool("fetch", {"id": id, "max_tokens": 3000} | more))
        contract.page(fetched, id)
        contract.part(fetched["text"])
        yield fetched["text"]
        before, cursor = cursor, fetched["metadata"].get("next")
        if not cursor:
            return
        assert cursor != before, "the cursor moves on"


async def refusals(client: Client, report: Report):
    with report.check("refuses what it does not know and says what to do"):
        wrong = await client.call_tool("search", {"query": "berth", "colour": "blue"})
        contract.refusal(wrong, "colour", "limit")
        contract.refusal(await client.call_tool("fetch", {"id": "guide/instal.md"}), "guide/install.md")
    with report.check("an unknown tool is an error of the protocol"):
        await refused(client.call_tool("format_disk", {}), -32602)


async def resources(client: Client, report: Report):
    with report.check("lists and reads pages and sections as resources"):
        listed = (await client.list_resources()).resources
        page = next(resource for resource in listed if resource.uri.endswith("/guide/install.md"))
        assert page.mime_type == "text/markdown" and page.title == "Installation", page
        text = (await client.read_resource(page.uri)).contents[0].text
        assert "systemd" in text and "disk image" in text
        text = (await client.read_resource(f"{page.uri}#linux")).contents[0].text
        assert "systemd" in text and "disk image" not in text
        await refused(client.read_resource(f"{page.uri}.gone"), -32002, -32602)
    with report.check("completes the path of a resource template"):
        template = contract.page_template((await client.list_resource_templates()).resource_templates)
        completed = await client.complete(
            ResourceTemplateReference(uri=template),
            {"name": "path", "value": "guide/in"},
            {"collection": page.uri.removeprefix("docs:///").split("/")[0]},
        )
        assert "guide/install.md" in completed.completion.values, completed


def ring_the_bell(docs):
    with (docs / "operations" / "watch.md").open("a") as page:
        page.write("\n## Bell\n\nThe bell rings cormorantbell times.\n")


def sound_the_foghorn(docs):
    (docs / "operations" / "foghorn.md").write_text("# Foghorn\n\nSounds petrelhorn in fog.\n")


async def finds(client: Client, word: str, id: str) -> bool:
    found = contract.content(await client.call_tool("search", {"query": word}))
    return any(hit["id"] == id and word in hit.get("text", "") for hit in found["results"])


async def lists(client: Client, path: str) -> bool:
    return any(page.uri.endswith(path) for page in (await client.list_resources()).resources)


async def watch_page(client: Client) -> str:
    listed = (await client.list_resources()).resources
    return next(resource.uri for resource in listed if resource.uri.endswith("/operations/watch.md"))


async def listens(client: Client, report: Report, docs):
    """The modern revision: a subscription is a request that stays open."""
    with report.check("is told when a page changes"):
        uri = await watch_page(client)
        async with client.listen(resources_list_changed=True, resource_subscriptions=[uri]) as subscription:
            assert subscription.honored.resources_list_changed is True, subscription.honored
            ring_the_bell(docs)
            await event(subscription, ResourceUpdated(uri))
            assert await finds(client, "cormorantbell", "operations/watch.md#bell"), "at once"
            assert "cormorantbell" in (await client.read_resource(uri)).contents[0].text
            sound_the_foghorn(docs)
            # An edit may change the list too, so the first notice need not be the one for the new page.
            await event(subscription, ResourcesListChanged())
            while not await lists(client, "/operations/foghorn.md"):
                await event(subscription, ResourcesListChanged())
            assert await finds(client, "petrelhorn", "operations/foghorn.md#foghorn"), "at once"


async def event(subscription, wanted):
    with anyio.fail_after(NOTICE_SECONDS):
        async for seen in subscription:
            if seen == wanted:
                return
    raise AssertionError(f"the subscription ended before {wanted}")


async def subscribes(client: Client, report: Report, docs, notices: list):
    """A handshake revision over stdio: the server speaks up by itself."""
    with report.check("is told when a page changes"):
        uri = await watch_page(client)
        await client.subscribe_resource(uri)
        ring_the_bell(docs)
        await notice(notices, ResourceUpdatedNotification)
        assert await finds(client, "cormorantbell", "operations/watch.md#bell"), "at once"
        sound_the_foghorn(docs)
        await notice(notices, ResourceListChangedNotification)
        while not await lists(client, "/operations/foghorn.md"):
            await notice(notices, ResourceListChangedNotification)
        assert await finds(client, "petrelhorn", "operations/foghorn.md#foghorn"), "at once"


async def notice(notices: list, kind):
    """Takes a notice that came, or waits for it."""

    async def take():
        at = next((at for at, seen in enumerate(notices) if isinstance(seen, kind)), None)
        return notices.pop(at) if at is not None else None

    await until(NOTICE_SECONDS, f"{kind.__name__} in {notices}", take)


async def over_http(mode: str, revision: str):
    report = Report("python-mcp", "http", f"{revision} ({mode})")
    with docent.temporary() as home, docent.http(docs := docent.copy_of_docs(home)) as origin:
        async with Client(f"{origin}/mcp", mode=mode) as client:
            with report.check("connects"):
                assert client.protocol_version == revision, client.protocol_version
            await journey(client, report, mode, origin)
            if revision == MODERN:
                await listens(client, report, docs)
            else:
                with report.check("finds what was changed while it was connected"):
                    ring_the_bell(docs)
                    ask = lambda: finds(client, "cormorantbell", "operations/watch.md#bell")
                    await until(NOTICE_SECONDS, "the new text", ask)


def stdio(docs, home):
    """How a client starts docent on stdin and stdout; what docent logs is not shown."""
    data = str(home / "data")
    server = StdioServerParameters(
        command=docent.binary(), args=["stdio", str(docs), "--data-dir", data], env=docent.environment(), cwd=home
    )
    return stdio_client(server, errlog=open(os.devnull, "w"))


async def over_stdio(mode: str, revision: str):
    report = Report("python-mcp", "stdio", f"{revision} ({mode})")
    notices = []

    async def collect(message):
        notices.append(message)

    with docent.temporary() as home:
        docs = docent.copy_of_docs(home)
        async with Client(stdio(docs, home), mode=mode, message_handler=collect) as client:
            with report.check("connects"):
                assert client.protocol_version == revision, client.protocol_version
            await journey(client, report, mode, None)
            if revision == MODERN:
                await listens(client, report, docs)
            else:
                await subscribes(client, report, docs, notices)


async def paging():
    report = Report("python-mcp", "stdio", f"{MODERN} (auto)")
    with docent.temporary() as home:
        async with Client(stdio(docent.many_pages(home, 1200), home)) as client:
            with report.check("pages through the resources of a large folder"):
                first = await client.list_resources()
                second = await client.list_resources(cursor=first.next_cursor)
                assert (len(first.resources), len(second.resources)) == (1000, 200)
                assert not second.next_cursor
                assert len({page.uri for page in first.resources + second.resources}) == 1200
                await refused(client.list_resources(cursor="not-a-cursor"), -32602)


async def main():
    for mode, revision in MODES:
        await over_http(mode, revision)
    for mode, revision in MODES:
        await over_stdio(mode, revision)
    await paging()


anyio.run(main)
sys.exit(1 if Report.failures else 0)
