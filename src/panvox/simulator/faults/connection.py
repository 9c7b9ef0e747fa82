"""Faults below any dialect: silence, broken connections, and pages that are no API's."""

from __future__ import annotations

from panvox.errors import Category
from panvox.simulator.exchange import Complaint, Page, Reason
from panvox.simulator.faults.acts import Bomb, Break, Drip, Fault, Hang, Nothing, Refuse, Way

_PAGE = b"""<!DOCTYPE html>
<html><head><title>%b</title></head><body><h1>%b</h1><p>Please come back later.</p></body></html>
"""


def _html(status: int, title: bytes) -> Page:
    return Page(status=status, content_type="text/html; charset=utf-8", body=_PAGE % (title, title))


BOMB_SIZE = 256 * 2**20
"""Bytes that the bomb unpacks to."""

CONNECTION = (
    Fault(
        "hang-before-head", Category.TIMED_OUT, "accepts the call and never replies", Hang(before_head=True)
    ),
    Fault(
        "hang-mid-stream",
        Category.TIMED_OUT,
        "falls silent after half of the answer and keeps the connection open",
        Hang(before_head=False),
    ),
    Fault("slow-drip", Category.TIMED_OUT, "sends its answer at a byte a second", Drip(1.0)),
    Fault("no-reply", Category.UNREACHABLE, "closes the connection without a reply", Break(Way.UNHEARD)),
    Fault(
        "reset-mid-stream",
        Category.TRUNCATED,
        "resets the connection after half of the answer",
        Break(Way.RESET),
    ),
    Fault(
        "close-mid-stream",
        Category.TRUNCATED,
        "closes the connection after half of the answer",
        Break(Way.CLOSED),
    ),
    Fault(
        "end-without-finish",
        Category.TRUNCATED,
        "ends the body properly, but after half of the answer",
        Break(Way.ENDED),
    ),
    Fault("html-200", Category.MALFORMED, "a web page with status 200", _html(200, b"Welcome")),
    Fault(
        "html-502", Category.OVERLOADED, "a proxy's web page with status 502", _html(502, b"502 Bad Gateway")
    ),
    Fault(
        "wrong-content-type",
        Category.MALFORMED,
        "a picture with status 200",
        Page(status=200, content_type="image/png", body=b"\x89PNG\r\n\x1a\n" + bytes(64)),
    ),
    Fault(
        "empty-body",
        Category.TRUNCATED,
        "status 200, a stream's content type and no body",
        Nothing(),
    ),
    Fault(
        "redirect",
        Category.MALFORMED,
        "sends the caller to another host, with its key",
        Page(
            status=307,
            content_type="text/plain",
            body=b"",
            headers={"location": "http://redirected.invalid/v1/chat/completions"},
        ),
    ),
    Fault(
        "gzip-bomb",
        Category.MALFORMED,
        f"a text of {BOMB_SIZE // 2**20} MiB, packed into a thousandth of it",
        Bomb(BOMB_SIZE),
    ),
    Fault(
        "large-error",
        Category.OVERLOADED,
        "status 500 with a body of 5 MB",
        Refuse(Complaint(reason=Reason.SERVER_ERROR, message="x" * 5_000_000)),
    ),
)
