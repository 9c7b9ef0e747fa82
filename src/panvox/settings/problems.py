"""What is wrong with settings, as lines for people: where, which key, its value, what is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from panvox.settings.schema import Document
from panvox.settings.toml_lines import KeyPath

_SENTENCES = {
    "greater_than": "must be greater than {gt:.12g}",
    "greater_than_equal": "must be at least {ge:.12g}",
    "less_than_equal": "must be at most {le:.12g}",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "string_type": "must be text in quotes",
    "string_too_short": "must not be empty",
    "string_too_long": "must be at most {max_length} characters",
    "path_type": "must be a path in quotes",
    "tuple_type": "must be an array",
    "too_short": "must not be empty",
    "mapping_type": "must be a table",
    "model_type": "must be a table",
    "missing": "is missing",
    "value_error": "{error}",
}

_NAMES_A_SECRET = re.compile(r"key|token(?!s)|secret|passw|credential|authori", re.IGNORECASE)
_IS_A_SECRET = re.compile(r"(sk|gsk|hf|xai|pplx|nvapi|gh[opsu]|github_pat)[-_]\w|AIza|Bearer ", re.IGNORECASE)


class _Problem(NamedTuple):
    line: int
    text: str


Where = Callable[[KeyPath], tuple[int, str]]
"""The line of a place in a document (0 if it has none), and its words: `panvox.toml:12: run.deadline`."""


def find_problems(document: Mapping[str, Any], error: ValidationError, where: Where) -> list[str]:
    """All that is wrong with `document`, in the order of its lines; `error` is what its validation said."""
    details = error.errors(include_url=False)
    problems = [_problem(item, where) for item in details if not _told_elsewhere(item)]
    return [problem.text for problem in sorted([*problems, *_repeated_ids(document, where)])]


def _told_elsewhere(item: ErrorDetails) -> bool:
    """Ids are looked at here; an array whose entries are wrong counts as empty, since none is left of it."""
    return item["type"] == "repeated_ids" or (item["type"] == "too_short" and bool(item["input"]))


def _problem(item: ErrorDetails, where: Where) -> _Problem:
    in_name = item["loc"][-1:] == ("[key]",)
    path = item["loc"][:-1] if in_name else item["loc"]
    line, place = where(path)
    without_value = in_name or item["type"] == "missing" or item["input"] is None
    value = "" if without_value else f" = {shown(path, item['input'])}"
    return _Problem(line, f"{place}{value}: {_sentence(item, path)}")


def _sentence(item: ErrorDetails, path: KeyPath) -> str:
    kind = item["type"]
    if kind == "extra_forbidden":
        return _unknown(path)
    if kind == "tuple_type" and path == ("providers",):
        return "must be an array of tables; write [[providers]]"
    template = _SENTENCES.get(kind)
    return template.format(**item.get("ctx", {})) if template else item["msg"]


def _unknown(path: KeyPath) -> str:
    section = _section(path[:-1])
    name, allowed = str(path[-1]), list(section.model_fields)
    if _NAMES_A_SECRET.search(name):
        field = "env" if "env" in allowed else "key_env"
        return f"is not a setting: keys stay out of settings; name the variable that holds one in {field}"
    near = get_close_matches(name.lower(), allowed, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    return f"is not a setting; {meant}allowed: {', '.join(allowed)}"


def _section(path: KeyPath) -> type[BaseModel]:
    """The part of the settings at `path`; indexes and names that people choose lead no further."""
    section: type[BaseModel] = Document
    for part in path:
        field = section.model_fields.get(str(part))
        section = (_section_in(field.annotation) if field else None) or section
    return section


def _section_in(annotation: object) -> type[BaseModel] | None:
    """The section that an annotation is about, such as that of an array of sections."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_section_in, get_args(annotation))), None)


def _repeated_ids(document: Mapping[str, Any], where: Where) -> Iterator[_Problem]:
    # Read from the document itself: validation finds repeated ids only once nothing else is wrong.
    providers = document.get("providers")
    first: dict[str, int] = {}
    for index, provider in enumerate(providers if isinstance(providers, list) else ()):
        name = provider.get("id") if isinstance(provider, dict) else None
        if not isinstance(name, str):
            continue
        if name in first:
            path: KeyPath = ("providers", index, "id")
            line, place = where(path)
            _, earlier = where(("providers", first[name], "id"))
            yield _Problem(
                line, f"{place} = {shown(path, name)}: is used before, at {earlier}; ids must differ"
            )
        first.setdefault(name, index)


def shown(path: KeyPath, value: object) -> str:
    """`value` as TOML would have it, short, safe for a terminal, and masked where it may be a secret."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return _shown_text(path, value)
        case dict():
            return "{…}"
        case list() | tuple():
            return "[…]"
        case _:
            return str(value)[:60]


def _shown_text(path: KeyPath, text: str) -> str:
    names = [part for part in path if isinstance(part, str) and part not in ("key_env", "key_limits", "keys")]
    # What stands where a key may have been pasted is only shown when it cannot be one.
    near_keys = path[-1:] == ("key_env",) or ("keys" in path and path[-1:] != ("expires",))
    pasted = near_keys and not re.fullmatch(r"[A-Z0-9_ $]*|[0-9-]{0,10}", text)
    if pasted or _IS_A_SECRET.match(text) or any(_NAMES_A_SECRET.search(name) for name in names):
        return "***"
    # Up to the last @, since a password may hold one; the address of a proxy may come without a scheme.
    start = r"([a-z0-9]*://)?" if "proxy" in path else r"(.*?//)"
    text = re.sub(rf"^{start}.*@", r"\1***@", text, flags=re.DOTALL | re.IGNORECASE)
    text = re.sub(r"(?<=[?#]).*", "***", text) if "://" in text else text
    return repr(text if len(text) <= 60 else f"{text[:59]}…")


def dotted(path: KeyPath) -> str:
    """A path as people write it: `providers[0].base_url`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else repr(part)
            text += f".{name}" if text else name
    return text
