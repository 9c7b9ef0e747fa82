"""File names for models: safe on every file system, one for each model, never outside of the folder. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def page_names(models: Iterable[str]) -> Mapping[str, str]:
    """The name of the page of each model, such as `openai_gpt-5.md`.

    All are different, also where case does not count; the name of a model does not depend on the others
    unless two would be the same.
    """
    return {model: model.replace("/", "_") + ".md" for model in models}
