"""What the calls of several dialects have in common: addresses, headers, JSON, pictures in addresses."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from urllib.parse import quote, unquote_to_bytes

import msgspec

from panvox.errors import PromptError, UnknownModel
from panvox.protocols import Quirks

_LONGEST_START = 40  # characters of an address that are quoted


def address(base_url: str, path: str, *queries: str) -> str:
    """The URL of `path` below `base_url`, whose own query comes first; empty queries are left out."""
    base, _, query = base_url.partition("?")
    asked = "&".join(filter(None, (query, *queries)))
    return f"{base.rstrip('/')}/{path}{'?' if asked else ''}{asked}"


def step(model: str, *, safe: str = "") -> str:
    """The name of a model as a part of an address, where `safe` letters stay; raises `UnknownModel`."""
    try:
        return quote(model, safe=safe)
    except UnicodeEncodeError as error:
        raise _unknown(error) from None


def key_headers(key: str | None, quirks: Quirks, *, usual: str = "Authorization") -> dict[str, str]:
    """The header that carries the key, and those that the vendor wants besides, which come last and win.

    `usual` is the header of the dialect; in `Authorization` the key is a bearer's.
    """
    name = quirks.key_header or usual
    value = f"Bearer {key}" if name.lower() == "authorization" else key
    return {**({name: value} if key and value else {}), **dict(quirks.headers)}


def head(fields: Mapping[str, object], quirks: Quirks) -> bytes:
    """The beginning of a JSON object, for a tail to follow: `fields`, and what the vendor wants besides."""
    besides = {name: msgspec.Raw(text.encode()) for name, text in quirks.body}
    whole = {**fields, **besides}
    return document(whole)[:-1] + b"," if whole else b"{"


def document(fields: Mapping[str, object]) -> bytes:
    """A JSON object that holds the name of a model; raises `UnknownModel` for a name that is not text."""
    try:
        return msgspec.json.encode(fields)
    except UnicodeEncodeError as error:
        raise _unknown(error) from None


def tail(fields: Mapping[str, object]) -> bytes:
    """The end of a JSON object: those of `fields` that are not None; raises `PromptError` for no text."""
    told = {name: value for name, value in fields.items() if value is not None}
    try:
        return msgspec.json.encode(told)[1:]
    except UnicodeEncodeError as error:
        raise PromptError(
            f"The prompt holds {_letters(error)}, which is half a character and not text."
        ) from None


def _unknown(error: UnicodeEncodeError) -> UnknownModel:
    return UnknownModel(f"The model's name holds {_letters(error)}, which is half a character and not text.")


def _letters(error: UnicodeEncodeError) -> str:
    return error.object[error.start : error.end].encode("unicode_escape").decode()


def schema(text: str, whose: str) -> object:
    """The JSON Schema that `text` spells; raises `PromptError`, which tells `whose` it was."""
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError) as error:
        raise PromptError(f"The schema {whose} is not JSON: {error}.") from None


class Embedded(msgspec.Struct, frozen=True):
    """A picture that its address holds: the type, and the bytes in base64."""

    media_type: str
    data: str


def embedded(url: str) -> Embedded | None:
    """The picture in a `data:` address (RFC 2397), None for any other; raises `PromptError` for no image."""
    if url[:5].lower() != "data:":
        return None
    kind, comma, data = url[5:].partition(",")
    media_type, *parameters = kind.lower().split(";")
    if not comma or not media_type.startswith("image/"):
        raise PromptError(
            f"The address {url[:_LONGEST_START]!r} holds no image: one begins like data:image/png;base64,"
        )
    if "base64" not in parameters:
        data = base64.b64encode(unquote_to_bytes(data)).decode()
    return Embedded(media_type, data)
