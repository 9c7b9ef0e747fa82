"""Lists of models in the messages dialect."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panvox.dialects.anthropic import Anthropic
from panvox.protocols import Listing, Quirks
from tests.wire import json_values

BASE = "https://api.example/v1"


def item(**fields: object) -> dict[str, object]:
    return {"type": "model", "id": "claude-a", "display_name": "", "created_at": "", **fields}


def listed(*items: object, **page: object) -> bytes:
    return json.dumps({"data": items, "has_more": False, "first_id": None, "last_id": None, **page}).encode()


def listing(**fields: object) -> Listing:
    (found,) = Anthropic().listings(listed(item(**fields))).listings
    return found


def test_the_list_is_asked_for_in_large_pages_with_the_key() -> None:
    request = Anthropic().listing_request(base_url=BASE, key="secret")
    assert (request.method, request.url, request.body) == ("GET", BASE + "/models?limit=1000", ())
    assert request.headers["x-api-key"] == "secret"
    assert request.headers["anthropic-version"] == "2023-06-01"


def test_the_next_page_begins_after_the_last_model_of_this_one() -> None:
    page = Anthropic().listings(listed(item(), item(id="claude b&c"), has_more=True, last_id="claude b&c"))
    assert page.more == "claude b&c"
    quirks = Quirks(page_size=20, query="beta=true")
    url = Anthropic(quirks).listing_request(base_url=BASE, key=None, page=page.more).url
    assert url == BASE + "/models?beta=true&limit=20&after_id=claude%20b%26c"
    assert Anthropic().listings(listed(item(), has_more=False, last_id="claude-a")).more == ""
    assert Anthropic().listings(listed(item(), has_more="yes", last_id=5)).more == ""


def test_everything_that_the_list_tells_is_read() -> None:
    yes, no = {"supported": True}, {"supported": False}
    found = listing(
        id="claude-opus-4-5-20251101",
        display_name="Claude Opus 4.5",
        created_at="2025-11-24T00:00:00Z",
        max_input_tokens=200_000,
        max_tokens=64_000,
        lifecycle="active",
        line="opus",
        deprecated_at=None,
        retires_at=None,
        capabilities={
            "batch": yes,
            "citations": yes,
            "code_execution": yes,
            "context_management": {"supported": True, "clear_tool_uses_20250919": yes},
            "effort": {"supported": True, "low": yes, "medium": yes, "high": yes, "max": no},
            "image_input": yes,
            "pdf_input": yes,
            "server_tools": {"supported": True, "web_search": yes},
            "structured_outputs": yes,
            "thinking": {"supported": True, "types": {"enabled": yes, "adaptive": no}},
        },
    )
    assert found == Listing(
        id="claude-opus-4-5-20251101",
        name="Claude Opus 4.5",
        family="opus",
        context=200_000,
        max_output=64_000,
        inputs=("text", "image", "file"),
        outputs=("text",),
        capabilities=("vision", "multimodal", "json", "reasoning", "tools"),
        created=1_763_942_400,
    )


def test_what_a_model_cannot_do_is_told_as_well() -> None:
    no = {"supported": False}
    names = ("image_input", "pdf_input", "structured_outputs", "thinking", "server_tools")
    found = listing(capabilities=dict.fromkeys(names, no))
    assert (found.inputs, found.capabilities) == (("text",), ())
    assert found.denied == ("vision", "multimodal", "json", "reasoning")


def test_pictures_are_denied_and_documents_are_not() -> None:
    found = listing(capabilities={"image_input": {"supported": False}, "pdf_input": {"supported": True}})
    assert (found.capabilities, found.denied) == (("multimodal",), ("vision",))


def test_an_older_list_tells_names_and_days_alone() -> None:
    found = listing(id="claude-3-haiku-20240307", created_at="2024-03-07T00:00:00+00:00")
    assert found == Listing(id="claude-3-haiku-20240307", created=1_709_769_600)


@pytest.mark.parametrize(
    ("fields", "retires"),
    [
        ({"lifecycle": "active"}, ""),
        ({"lifecycle": "deprecated"}, "yes"),
        ({"lifecycle": "deprecated", "retires_at": "2026-12-01T00:00:00Z"}, "2026-12-01"),
        ({"lifecycle": "deprecated", "retires_at": "soon"}, "yes"),
        ({"lifecycle": 5}, ""),
    ],
)
def test_the_end_of_a_model_is_announced(fields: dict[str, object], retires: str) -> None:
    assert listing(**fields).retires == retires


def test_a_retired_model_cannot_be_talked_to() -> None:
    assert listing(lifecycle="retired").kind == "retired"


@pytest.mark.parametrize("day", ["1970-01-01T00:00:00Z", "", "yesterday", "9999-99-99", 5, None])
def test_a_day_that_is_none_is_unknown(day: object) -> None:
    assert listing(created_at=day).created is None


def test_one_bad_item_never_drops_the_list() -> None:
    bad: tuple[object, ...] = (
        None,
        5,
        {},
        [],
        item(id=None),
        item(id=""),
        {"type": "model"},
        {"id": "x", "type": "rule"},
    )
    odd = item(capabilities=[1], max_tokens="many", max_input_tokens=-1, line=5, display_name=None)
    found = Anthropic().listings(listed(*bad, odd)).listings
    assert found == (Listing(id="claude-a"),)


def test_the_list_of_another_dialect_is_read_too() -> None:
    body = json.dumps({"object": "list", "data": [{"id": "glm-5", "object": "model", "created": 7}]}).encode()
    assert Anthropic().listings(body).listings == (Listing(id="glm-5", created=7),)
    assert Anthropic().listings(listed()).listings == ()


def test_the_list_of_another_dialect_goes_on_where_it_says_so() -> None:
    page = Anthropic().listings(listed({"id": "glm-5"}, has_more=True, last_id="glm-5"))
    assert ([found.id for found in page.listings], page.more) == (["glm-5"], "glm-5")
    assert Anthropic().listings(listed({"id": "glm-5"}, last_id="glm-5")).more == ""
    assert Anthropic().listings(listed({"id": "glm-5"}, total_count=2)).more == ""


NAMES = ("id", "type", "display_name", "created_at", "capabilities", "image_input", "supported", "max_tokens")


@settings(deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(NAMES), json_values(*NAMES), max_size=5), max_size=4))
def test_a_list_of_any_shape_is_read_or_malformed(items: list[dict[str, object]]) -> None:
    typed = [{**fields, "type": "model"} for fields in items]
    page = Anthropic().listings(listed(*typed, *items))
    assert all(found.id for found in page.listings)
