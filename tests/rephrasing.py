"""One answer, said in many ways: layouts, notations and languages, none taken from recorded answers."""

from __future__ import annotations

import random
from collections.abc import Callable

from panvox.curation.options import Option

FRAMES = (
    "⇒ {}",
    "Result → **{}**",
    "So it's {}.",
    "final: {}",
    "Working it through step by step leaves just one possibility.\n\n**{}**",
    "| step | value |\n|---|---|\n| start | … |\n| answer | {} |",
    "<working>see above</working>\n<result>{}</result>",
    "steps:\n  - read the text\n  - think\nanswer: {}\n",
    "thought = 'long'\nanswer = {}",
    '{{"thoughts": "some", "result": "{}"}}',
    "{{'reason': 'some', 'final_answer': '{}'}}",
    "Therefore, the answer must be {}.",
    "My final answer: {}",
    "ANSWER\n======\n{}",
    "In conclusion, I would say the correct answer is \\boxed{{{}}}.",
    "<think>Could it be something else? No.</think>\n{}",
    "The answer is:\n\n{}",
    "∴ {}",
    "Die Antwort lautet {}.",
    "La respuesta correcta es {}.",
    "La réponse est {}.",
    "A resposta final é {}.",
    "La risposta è {}.",
    "Ответ: {}",
    "最终答案：{}",
    "所以答案是{}。",
    "答えは{}です。",
    "정답은 {}입니다.",
    "{}\n\nThis follows from what was said in the text.",
    "### Solution\n\nIt is not hard.\n\n### Answer\n\n{}",
    "Final result ~> {}",
    "<final>{}</final>",
    "{} is the answer.",
    "The result comes out to {}.",
    "That gives us {}.",
    "- Answer: {}",
    "answer: {}\nconfidence: high",
    "Answer: {} (confidence: 95%)",
    "The answer is {}. Let me know if I can help with anything else!",
    "Odpowiedź: {}",
    "Cevap: {}",
    "Đáp án là {}.",
    "الجواب هو {}",
    "結論：{}",
    "<p>The answer is <b>{}</b></p>",
    "The answer to the question is: {}",
    "We can conclude that it is {}.",
)
"""Ways to mark an answer; `{}` is where it stands."""

NUMBERS: tuple[Callable[[str], str], ...] = (
    str,
    lambda number: f"{number}.0" if "." not in number else f"{number}0",
    lambda number: f"${grouped(number)}",
    lambda number: f"{grouped(number)}.",
    lambda number: f"{number} units",
    lambda number: f"\\({number}\\)",
    lambda number: f"${number}$",
    lambda number: f"{number}%",
    lambda number: in_words(number) or number,
    lambda number: f"{number}\\text{{ cm}}",
    lambda number: f"{number} €",
    lambda number: f"**{number}**",
)
"""Ways to write a plain decimal."""

CHOICES: tuple[Callable[[Option], str], ...] = (
    lambda option: option.label,
    lambda option: f"({option.label})",
    lambda option: f"**{option.label}**",
    lambda option: f"option {option.label}",
    lambda option: f"{option.label}) {option.text}",
    lambda option: f"{option.label}. {option.text}",
    lambda option: f"**{option.label}: {option.text}**",
    lambda option: f"\\text{{{option.label}}}",
    lambda option: option.text,
)
"""Ways to name an option."""

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
)


def grouped(number: str) -> str:
    """A number with commas between thousands."""
    whole, _, rest = number.partition(".")
    return f"{int(whole):,}" + (f".{rest}" if rest else "")


def in_words(number: str) -> str | None:
    """A number up to a thousand in English words; None for others."""
    if not number.isdigit() or int(number) > 999:
        return None
    value = int(number)
    small = _SMALL.split()
    tens = "twenty thirty forty fifty sixty seventy eighty ninety".split()  # noqa: SIM905 - as people read it
    if value >= 100:
        rest = in_words(str(value % 100)) if value % 100 else None
        return f"{small[value // 100]} hundred" + (f" and {rest}" if rest else "")
    if value <= 20:
        return small[value]
    return tens[value // 10 - 2] + (f"-{small[value % 10]}" if value % 10 else "")


def said(answer: str, chance: random.Random) -> str:
    """An answer in words or a number in some frame."""
    return chance.choice(FRAMES).format(answer)


def number_said(number: str, chance: random.Random) -> str:
    """A plain decimal in some notation and frame."""
    return said(chance.choice(NUMBERS)(number), chance)


def option_said(option: Option, chance: random.Random) -> str:
    """An option by letter or text in some frame; only letters stand in frames that are code."""
    return said(chance.choice(CHOICES)(option), chance)
