"""What in a text is not its answer: thoughts, an echo of the prompt, the next question."""

from __future__ import annotations

import re
from collections.abc import Iterator

from panvox.curation.expect import Asked, Expect
from panvox.curation.extract.readings import SHORT

_THOUGHT = re.compile(r"</(?:think|thinking|thought|reasoning|scratchpad)>\s*(?=\S)", re.IGNORECASE)
_NEXT = re.compile(
    r"\n[ \t]*(?:#{1,4}[ \t]*|\*\*)?(?:(?:next |new )?(?:question|problem|exercise|task|q|"
    r"input|human|user|instruction|frage|pregunta)"
    r"(?:\s*#?\d{1,3})?\s*[:：]|(?:问题|题目|例题|問題|질문)\s*\d{0,3}\s*[:：]|<\|?(?:human|user|im_start|"
    r"endoftext|start_header)|"
    r"<human>|\[INST\]|请你运用)",
    re.IGNORECASE,
)
_REFUSES = re.compile(
    r"\b(?:i (?:can(?:not|'t)|am unable|'m unable|am not able|won't)|as an ai|i'm sorry|"
    r"i am sorry|unable to (?:determine|answer)|"
    r"not enough information|cannot be determined|none of the (?:above|options))|无法|抱歉|对不起|не могу",
    re.IGNORECASE,
)
_ENDED = (".", "!", "?", "。", "！", "？", '"', "”", ")", "]", "}", "*", "`", "$", ">", "|", ":")
_NOUNS = {
    Expect.NUMBER: "a number",
    Expect.CHOICE: "an option",
    Expect.YES_NO: "yes or no",
    Expect.DATE: "a date",
    Expect.LITERAL: "a value",
    Expect.CODE: "code",
    Expect.JSON: "JSON",
    Expect.SHORT: "a short answer",
}


def parts(text: str, asked: Asked) -> Iterator[str]:
    """The parts of a text in which to look: what was said first, without thoughts and echo; then all."""
    thoughts = list(_THOUGHT.finditer(text)) if "</" in text else []
    said = text[thoughts[-1].end() :] if thoughts else text
    after = _after_prompt(said, asked.question)
    end = _next_prompt(after, asked.question)
    if end is not None and after[:end].strip():
        yield after[:end].strip()
    if after:
        yield after
    if after is not said and not after:
        yield said
    if thoughts:
        yield text


def _after_prompt(text: str, question: str) -> str:
    """`text` without a prompt that it begins with; empty where it holds nothing else."""
    start = question.strip()[:200]
    place = text.find(start, 0, len(start) + 40) if len(start) >= 20 else -1
    if place < 0 or (text[:place].strip() and not text[:place].rstrip().endswith((":", "：", ">"))):
        return text
    tail = question.strip()[-60:]
    end = text.find(tail, place)
    return text[end + len(tail) :].strip() if end >= 0 else ""


def _next_prompt(text: str, question: str) -> int | None:
    """Where a base model goes on with another question or with the same prompt again, if it does."""
    following = _NEXT.search(text, 1)
    start = question.strip()[:60]
    again = text.find(start, 1) if len(start) >= 20 else -1
    places = [place for place in (following.start() if following else -1, again) if place > 0]
    return min(places, default=None)


def reason(text: str, asked: Asked) -> str:
    """Why no answer could be read, as a clause for people."""
    if _REFUSES.search(text[:400]) or _REFUSES.search(text[-400:]):
        return "it declines to answer"
    if asked.fields and '"' in text and not text.rstrip("` \n").endswith("}"):
        return f"it ends before its field {asked.fields[0]!r}"
    if not text.endswith(_ENDED) and len(text) > SHORT:
        return "it ends in the middle, before an answer"
    if asked.kind is Expect.CHOICE:
        return "it does not say which option it chooses"
    return f"nothing in it can be read as {_NOUNS[asked.kind]}"
