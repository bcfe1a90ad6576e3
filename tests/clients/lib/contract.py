"""What every client must find, whatever it is written in. The TypeScript twin is lib/contract.mjs."""

import json
import re

QUESTION = "What does error HL-1042 mean when the clock drifts?"
ANSWER_ID = "reference/errors.md#hl-1042-the-clock-drifts"
LONG_PAGE = "reference/settings.md"
LONG_PAGE_HEADINGS = 60


def tools(listed):
    """The three tools, complete and harmless."""
    assert sorted(tool.name for tool in listed) == ["fetch", "outline", "search"], listed
    for tool in listed:
        assert tool.description and len(tool.description.encode()) <= 2048, tool.name
        assert tool.input_schema["type"] == "object", tool.name
        assert tool.output_schema and tool.output_schema["type"] == "object", tool.name
        hints = tool.annotations
        assert hints and hints.read_only_hint is True and hints.idempotent_hint is True, tool.name
        assert hints.open_world_hint is False, tool.name


def content(result):
    """The result of a tool, after a look at both of its channels."""
    assert not result.is_error, f"an error: {result.content}"
    assert [item.type for item in result.content] == ["text"], result.content
    assert json.loads(result.content[0].text) == result.structured_content, "both channels say the same"
    return result.structured_content


def refusal(result, *words):
    """A refusal that tells what to do next."""
    assert result.is_error, result
    text = "\n".join(item.text for item in result.content)
    for word in words:
        assert word in text, f"the refusal says {word}: {text}"


def hits(found, origin):
    """`origin` is where the server shows pages to people; without one (stdio) a hit cites the resource."""
    assert found["results"], found
    for hit in found["results"]:
        for field in ("id", "title", "page", "breadcrumb", "url"):
            assert hit.get(field), f"{field} of {hit}"
        assert hit["url"].startswith(f"{origin}/" if origin else "docs:///"), hit["url"]


def page(fetched, id):
    """What a fetched page or section must have."""
    assert fetched["id"] == id
    assert fetched["title"] and fetched["text"] and fetched["url"], fetched
    assert fetched["metadata"]["tokens"] > 0
    assert isinstance(fetched["metadata"]["sections"], list)


def part(text):
    """One part of a long page: no code block cut in two."""
    assert len(re.findall(r"^```", text, re.MULTILINE)) % 2 == 0, "no code block is cut"


def page_template(templates):
    """The template whose argument is the path of a page."""
    for template in templates:
        if re.search(r"\{\+?path\}", template.uri_template):
            return template.uri_template
    raise AssertionError(f"a template with a variable path: {templates}")
