"""Texts of models as data for other models: made harmless to read, without names, each in a fence of its own.

A fence is a word that chance makes anew for each text and that none of the texts holds, so that no text can
pretend to end where it does not. What follows from a reply is then decided by code, never by a text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from random import Random

from panvox.remembering import remembered

FENCE_BITS = 64
"""Of a fence, written as sixteen hexadecimal digits: nobody guesses it."""

MASKED = "[model]"
"""What stands in the place of a model's name."""

_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*+[ -/]*+[@-~]"  # CSI
    r"|(?:\x1b[]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*+(?:\x07|\x1b\\|\x9c)"  # OSC, DCS, SOS, PM, APC
    r"|\x1b[ -/]*+[0-~]"
)
_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_SELECTORS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
"""Variation selectors: marks without a shape, hundreds of which can hide a text behind one letter."""

_MAKERS = (
    *("openai", "chatgpt", "gpt", "anthropic", "claude", "google", "deepmind", "gemini", "gemma", "bard"),
    *("meta ai", "llama", "alibaba", "tongyi", "qwen", "mistral", "mixtral", "deepseek", "xai", "grok"),
    *("moonshot", "kimi", "microsoft", "copilot", "phi-", "cohere", "command-r", "baidu", "ernie", "zhipu"),
    *("chatglm", "glm", "nvidia", "nemotron", "vicuna", "minimax", "doubao", "bytedance"),
    *("通义千问", "通义", "文心", "豆包", "百度", "阿里云", "深度求索", "智谱"),
)
_MAKER = "|".join(_MAKERS)
_SELF = (
    r"\bi(?:['’]m| am)\b|\bmy name is\b|\bas (?:an? )?(?:ai|large language|language) |"
    r"\bich bin\b|\bje suis\b|\b(?:yo )?soy\b|\bsono\b|\beu sou\b|我是|我叫|本模型|私は"
)
_SAYS_WHO = re.compile(
    rf"((?:{_SELF})[^.!?。！？\n]{{0,80}}?)((?<![a-z])(?:{_MAKER})(?:[.\-]?[a-z0-9]){{0,30}})", re.IGNORECASE
)
_SIGNATURE = re.compile(rf"^(\s*[-—\u2013]+\s*)((?:{_MAKER})[^\n]{{0,30}})$", re.IGNORECASE)
_ROUNDS = 3
"""Names that one sentence may hold: who it is, of which family, by whom."""


class _Readable(dict[int, str | None]):
    """What `str.translate` makes of a character: nothing of those that people do not see."""

    def __missing__(self, code: int) -> str | None:
        hidden = any(code in selectors for selectors in _SELECTORS) or (
            code not in (0x09, 0x0A) and unicodedata.category(chr(code)) in ("Cc", "Cf", "Co", "Cn")
        )
        lost = unicodedata.category(chr(code)) == "Cs"
        found = None if hidden else ("\N{REPLACEMENT CHARACTER}" if lost else chr(code))
        self[code] = found
        return found


_READABLE = _Readable()


def readable(text: str, *, most: int) -> str:
    """`text` as people see it, about `most` characters of it: its beginning, its end, and what is left out.

    Terminal escapes, control characters and everything that has no shape (zero width, direction, tags,
    variation selectors) are gone. Linear in the length of `text`.
    """
    text = cut(text, 4 * most)
    if not (text.isascii() and text.isprintable()):
        text = _LINE_ENDS.sub("\n", _ESCAPES.sub("", text)).translate(_READABLE)
    return cut(text.strip(), most)


def cut(text: str, most: int) -> str:
    """About `most` characters of `text`: its beginning, how much is left out, and its end."""
    if len(text) <= most:
        return text
    tail = most // 3
    return (
        f"{text[: most - tail]}\n[… {len(text) - most:,} characters left out …]\n{text[len(text) - tail :]}"
    )


def nameless(text: str, *, names: Iterable[str] = (), question: str = "") -> str:
    """`text` with `[model]` where it says which model wrote it, or holds one of `names`.

    What the question itself names stays: there it is a subject, and no signature.
    """
    asked = _folded(question)

    def masked(found: re.Match[str]) -> str:
        return found[0] if found[2].casefold().strip(".-") in asked else f"{found[1]}{MASKED}"

    folded = text.casefold()
    if any(maker in folded for maker in _MAKERS):
        text = _unsigned(text, masked)
    told = {name for name in names if _tells(name) and name.casefold() in folded}
    spelled = sorted(
        (re.escape(name) for name in told if name.casefold() not in asked), key=len, reverse=True
    )
    if spelled:
        text = re.sub(rf"(?<![\w.-])(?:{'|'.join(spelled)})(?![\w-])", MASKED, text, flags=re.IGNORECASE)
    return text


@remembered(lambda _, question: len(question), most=16)
def _folded(question: str) -> str:
    return question.casefold()


def _unsigned(text: str, masked: Callable[[re.Match[str]], str]) -> str:
    """`text` with what it says of itself `masked`: in its sentences, and below it."""
    for _ in range(_ROUNDS):
        text, changes = _SAYS_WHO.subn(masked, text)
        if not changes:
            break
    head, newline, last = text.rpartition("\n")
    return f"{head}{newline}{_SIGNATURE.sub(masked, last)}"


def _tells(name: str) -> bool:
    """Whether a name is one that no sentence holds by chance."""
    return len(name) > 4 and any(character.isdigit() for character in name)


def fences(texts: Sequence[str], count: int, random: Random) -> list[str]:
    """So many different words that occur in none of `texts`, whatever the case."""
    joined = "\n".join(texts).casefold()
    found: list[str] = []
    while len(found) < count:
        word = f"{random.getrandbits(FENCE_BITS):016x}"
        if word not in joined and word not in found:
            found.append(word)
    return found


def fenced(title: str, text: str, fence: str) -> str:
    """`text` under its title between two lines that only who knows the fence can write."""
    return f"<<<{fence} {title}\n{text}\n{fence}>>>"
