"""Whose limit a refusal is about: that of the account, or that of one of its models."""

from __future__ import annotations

import re
from collections.abc import Sequence

from panvox.errors import Category, Fault
from panvox.protocols import Scope

_PER_MODEL = re.compile(r"per[\s_-]?model|, model: ", re.IGNORECASE)  # the second is Google's way to say so


def scope_of(fault: Fault, scopes: Sequence[Scope]) -> Scope:
    """The scope of a call whose limit a refusal is about, by what it says.

    The account, for keys share its limits; the model where the refusal names it or says that the limit is one
    for each model, and for a spent quota of a free model, so that those that cost something go on.
    """
    account = of_kind("account", scopes)
    model = of_kind("account model", scopes) or of_kind("model", scopes)
    if model is not None and _is_about(fault, model):
        return model
    return account or model or scopes[-1]


def _is_about(fault: Fault, model: Scope) -> bool:
    name = model.name.split("/", 2 if model.kind == "account model" else 1)[-1]
    if fault.category is Category.OUT_OF_QUOTA and name.endswith(":free"):
        return True
    short = re.escape(name.rpartition("/")[2] or name)
    named = re.search(rf"(?<![\w.-]){short}(?![\w-]|\.\w)", fault.message, re.IGNORECASE)
    return named is not None or says_per_model(fault)


def says_per_model(fault: Fault) -> bool:
    """Whether the refusal says that each model has a limit of its own."""
    return _PER_MODEL.search(fault.message) is not None


def of_kind(kind: str, scopes: Sequence[Scope]) -> Scope | None:
    """The first scope of a kind."""
    return next((scope for scope in scopes if scope.kind == kind), None)
