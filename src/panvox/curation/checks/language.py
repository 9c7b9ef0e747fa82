"""Which language a text is written in, as far as that can be told at a glance.

The script decides where a script belongs to few languages, the most frequent little words where many
languages share one. Only clear cases get a name: a check that is built on this must not throw out right
answers.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter

from panvox.remembering import remembered

_SAMPLE = 400
"""Characters of a text that are looked at."""

_LETTERS = 120
"""Letters of a sample whose script is looked up."""

_SCRIPTS = (
    (0x0041, "latin"),
    (0x0370, "greek"),
    (0x0400, "cyrillic"),
    (0x0530, "armenian"),
    (0x0590, "hebrew"),
    (0x0600, "arabic"),
    (0x0900, "devanagari"),
    (0x0980, "bengali"),
    (0x0A00, "indic"),
    (0x0E00, "thai"),
    (0x0F00, "other"),
    (0x10A0, "georgian"),
    (0x1100, "hangul"),
    (0x1200, "other"),
    (0x1E00, "latin"),
    (0x1F00, "greek"),
    (0x2000, "other"),
    (0x3040, "kana"),
    (0x3100, "han"),
    (0xAC00, "hangul"),
    (0xD7B0, "other"),
    (0xF900, "han"),
    (0xFB00, "other"),
    (0x20000, "han"),
)
_STARTS = [start for start, _ in _SCRIPTS]

_LITTLE_WORDS = {
    "en": "the of and to is are was were in that it for with this be have by not you they from "
    "which what how",
    "de": "der die das und ist sind nicht ein eine einen mit für auf den dem des von zu wie "
    "auch sich wird werden",
    "fr": "le les des et est une un dans pour que qui du pas sur avec sont au aux cette ce il "
    "elle nous vous par",
    "es": "el los las y es una un en para que del por con se son como más su pero esta este al lo",
    "it": "il gli di e è una un che per della del con sono non come più nel alla questo questa si dei le",
    "pt": "os as e é uma um para que do da dos das em não com são como mais seu sua no na por ao",
    "nl": "de het een en van is zijn niet met voor op dat die te wordt worden ook naar deze aan als bij",
    "sv": "och att det som en är av för på inte med den till har ett om kan eller från",
    "pl": "i w na że się nie z do jest to jak oraz dla są przez od który która które po",
    "tr": "ve bir bu için ile de da olarak çok daha gibi olan en ne değil ise veya",
    "id": "yang dan di untuk dengan adalah ini dari pada dalam tidak itu atau akan dapat oleh",
}
_LANGUAGES_OF: dict[str, tuple[str, ...]] = {}
for _language, _listed in _LITTLE_WORDS.items():
    for _word in _listed.split():
        _LANGUAGES_OF[_word] = (*_LANGUAGES_OF.get(_word, ()), _language)

_WORD = re.compile(r"[^\W\d_]+")
_CODE = re.compile(r"```.*?(?:```|$)|`[^`\n]*`", re.DOTALL)
_NAMED = re.compile(
    r"\b(?:translat|übersetz|tradu|vertaal|перев[её]|tłumacz|çevir|terjemah)|翻译|翻譯|翻訳|번역|译成|语|語|"
    r"\b(?:arabic|bengali|chinese|cyrillic|czech|danish|dutch|english|esperanto|finnish|french|"
    r"german|greek|hebrew|"
    r"hindi|hungarian|indonesian|italian|japanese|kanji|korean|latin|malay|mandarin|norwegian|"
    r"pinyin|persian|polish|"
    r"portuguese|punjabi|romanian|russian|spanish|swahili|swedish|tagalog|tamil|thai|turkish|ukrainian|urdu|"
    r"vietnamese|language|deutsch|englisch|französisch|spanisch|sprache|anglais|français|allemand|langue|"
    r"inglés|español|idioma|inglese|italiano|lingua|inglês|português)",
    re.IGNORECASE,
)


def language(text: str) -> str:
    """The language (`en`) or script (`cyrillic`) of a text; empty where it is short, mixed or unclear."""
    sample = text[: 4 * _SAMPLE]
    if "`" in sample:
        sample = _CODE.sub(" ", sample)
    sample = sample[:_SAMPLE]
    script = "latin" if sample.isascii() else _script(sample)
    return _by_little_words(sample) if script == "latin" else script


def _script(sample: str) -> str:
    letters = "".join(filter(str.isalpha, sample))
    step = max(1, len(letters) // _LETTERS)
    counts = Counter(_SCRIPTS[bisect_right(_STARTS, ord(letter)) - 1][1] for letter in letters[::step])
    seen = counts.total()
    if seen < 8:
        return ""
    if counts["kana"] > 0.1 * seen:
        return "japanese" if counts["kana"] + counts["han"] > 0.7 * seen else ""
    name, most = counts.most_common(1)[0]
    return name if most > 0.7 * seen and name != "other" else ""


def _by_little_words(sample: str) -> str:
    found = _WORD.findall(sample.casefold())
    if len(found) < 8:
        return ""
    votes: Counter[str] = Counter()
    for word in found:
        votes.update(_LANGUAGES_OF.get(word, ()))
    (name, most), (_, second) = [*votes.most_common(2), ("", 0), ("", 0)][:2]
    return name if most >= max(3, 0.12 * len(found)) and most >= 2 * second else ""


@remembered(lambda _, question: len(question), most=64)
def asked_for(question: str) -> frozenset[str]:
    """The languages in which a question may expect its answer; empty where any will do.

    Any will do where the question speaks of a language or of translating, and where the language of its first
    or last paragraph is unclear. A question in several languages may be answered in each of them.
    """
    paragraphs = [part for part in question.split("\n") if len(part.split()) > 1 or len(part) > 12]
    if not paragraphs or _NAMED.search(question[:20_000]):
        return frozenset()
    found = {language(part) for part in (paragraphs[0], paragraphs[-1], question)}
    return frozenset() if "" in found else frozenset(found)


def is_wrong_language(text: str, question: str) -> bool:
    """Whether a text is clearly in another language than its question asks for."""
    expected = asked_for(question)
    if not expected or len(text) < 40:
        return False
    spoken = language(text)
    return bool(spoken) and spoken not in expected
