"""Yes and no, true and false, in the languages that models answer in; and short answers in words."""

from __future__ import annotations

import re
import unicodedata

from panvox.curation.extract.markup import bare

_YES = (  # noqa: SIM905 - a table of words is read more easily as one text
    "yes yeah yep true correct right valid ja wahr richtig oui vrai sí si verdadero "
    "cierto sim verdadeiro sì vero да верно правда 是 是的 对 对的 正确 真 成立 はい 正しい 네 예 맞습니다 "
    "참 نعم صحيح हाँ tak evet prawda "
).split()
_NO = (  # noqa: SIM905 - as above
    "no nope false incorrect wrong invalid not nein falsch non faux falso não não. "
    "нет неверно ложь 否 不 不是 不对 错 错误 不正确 假 不成立 いいえ 違います 아니요 아니오 거짓 لا خطأ नहीं "
    "nie hay\u0131r fałsz "
).split()
_SIDE = dict.fromkeys(_YES, True) | dict.fromkeys(_NO, False)
_FIRST = re.compile(r"[^\W_]+")
_HAN = sorted((word for word in _SIDE if not word.isascii() and word[0] >= "\u3000"), key=len, reverse=True)
_AFTERTHOUGHT = re.compile(
    r"\s+(?:is|would be) (?:the |my )?(?:(?:final |correct |right )?answer|correct|right)\W*$", re.IGNORECASE
)
_ARTICLE = re.compile(r"^(?:the|a|an|der|die|das|le|la|les|el|los|las|il|lo|o|os)\s+(?=\S)")


_PREAMBLE = re.compile(
    r"^(?:(?:so|thus|therefore|hence|ok|okay|well|sure|i (?:think|believe|"
    r"would say)(?: that)?|it(?: is|['’]s| must be| would be)|"
    r"that(?: is|['’]s)|(?:that|this|which) (?:gives|leaves)(?: us)?|we (?:have|get|can conclude)(?: that)?|"
    r"i(?:['’]d| would) (?:go with|pick|choose)|my (?:guess|pick|choice) is|(?:the )?result comes out to|"
    r"also|donc|es ist|c['’]est|entonces|portanto|因此|所以)[\s,，:]+)+(?:that |called |named )?(?=\S)",
    re.IGNORECASE,
)


def without_preamble(span: str) -> str:
    """A span without the words that only lead up to an answer: `Paris.` of `So it's Paris.`."""
    return _PREAMBLE.sub("", span.lstrip(" \t\n∴⇒→~>"), count=1) or span


def polarity(span: str) -> bool | None:
    """Whether a span says yes or no with its first word, None where it says neither."""
    text = without_preamble(bare(span[:400])).casefold()
    first = _FIRST.match(text)
    if not first:
        return None
    if first[0] in _SIDE:
        return _SIDE[first[0]]
    return next((_SIDE[word] for word in _HAN if text.startswith(word)), None)


def phrase(span: str) -> str:
    """A short answer in words: lower case, single spaces, without article, layout and signs around it."""
    text = _AFTERTHOUGHT.sub("", bare(without_preamble(span)))
    words = " ".join(text.casefold().replace("’", "'").split())
    return _ARTICLE.sub("", _without_signs(words)) or words


def _without_signs(text: str) -> str:
    """`text` without signs at its edges, but for those that belong to names and amounts: C++, $5, 20%."""
    begin, end = 0, len(text)
    while begin < end and unicodedata.category(text[begin])[0] in "PSZ" and text[begin] not in ".$€£+-#@":
        begin += 1
    while begin < end and unicodedata.category(text[end - 1])[0] in "PSZ" and text[end - 1] not in "+#%°'":
        end -= 1
    return text[begin:end]
