r"""What is only layout around an answer: Markdown, LaTeX, quotes, full stops."""

from __future__ import annotations

import re

DECORATION = " \t\r\n*_`\"'“”‘’„«»「」.,;:!?。，；：！？$()（）[]{}【】|#>→⇒∴"

_MACRO = re.compile(
    r"\\(?:text|mathrm|mathbf|textbf|mathit|textit|mbox|operatorname|emph|boldsymbol|mathsf|"
    r"texttt)\s*\{([^{}]*)\}"
)
_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")
_IGNORED = re.compile(
    r"\\[!,;:()\[\]]|\\(?:left|right|big|Big|displaystyle|quad|qquad)(?![A-Za-z])|"
    r"\^\s*\{?\s*\\circ\s*\}?|\\degree(?![A-Za-z])|"
    r"\{(?=,\})|(?<=,)\}(?=\d)"
)
_TAG = re.compile(
    r"</?(?:b|i|u|p|em|strong|span|div|br|code|li|td|tr|font|center|h[1-6]|mark)(?:\s[^<>]{0,80})?/?>",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+")


def unwrapped(span: str) -> str:
    r"""`span` without Markdown's emphasis and without LaTeX that only sets type.

    `\text{m}` becomes `m`, `1{,}234` becomes `1,234`; `\frac`, `\sqrt` and `\pi` are kept.
    """
    if "\\" in span:
        while box := _BOX.match(span.strip(" \t\n$*`.")):
            span = balanced(span.strip(" \t\n$*`."), box.end())
        for _ in range(3):
            span = _MACRO.sub(r"\1", span)
        span = _IGNORED.sub(" " if "\\quad" in span else "", span)
        span = (
            span.replace("\\%", "%")
            .replace("\\$", "$")
            .replace("\\#", "#")
            .replace("\\_", "_")
            .replace("\\ ", " ")
        )
    if "{," in span:
        span = span.replace("{,}", ",")
    if "<" in span and ">" in span:
        span = _TAG.sub("", span)
    for mark in ("**", "__", "`"):
        span = span.replace(mark, "")
    return span.strip()


def bare(span: str) -> str:
    """`span` without layout, quotes and full stops around it, on one line."""
    return " ".join(unwrapped(span).strip(DECORATION).split())


def balanced(text: str, begin: int) -> str:
    """What stands in `text` from `begin` to the brace that closes the one before it, or to the line's end."""
    depth = 1
    for place in range(begin, min(len(text), begin + 2_000)):
        character = text[place]
        if character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
            if not depth:
                return text[begin:place]
    return text[begin : begin + 2_000].split("\n", 1)[0].rstrip("}$. ")


def plain(text: str) -> str:
    """`text` as lower-case words with single spaces, without signs: what two spellings have in common."""
    return " ".join(_WORD.findall(unwrapped(text).casefold()))
