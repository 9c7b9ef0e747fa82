"""Answers that decline to answer, in the words of several languages."""

from __future__ import annotations

import re

_OPENING = 300
"""Characters in which a refusal says that it is one."""

_LONGEST = 900
"""Characters beyond which a text that begins with regrets has gone on to say something."""

_I_CANNOT = (
    r"(?:cannot|can't|can not|won't|will not|unable to|not able to|not allowed to|"
    r"not permitted to|not going to|"
    r"not comfortable|must decline|have to decline|must refuse|decline to|refuse to|couldn't|could not)"
)
_DOING = (
    r"(?:help|assist|provide|comply|fulfil|fulfill|create|write|generate|engage|do that|do this|"
    r"answer|give|offer|"
    r"support|continue|discuss|respond|share|complete|participate|produce|process|recommend|"
    r"promote|access|predict|"
    r"browse|tell|accurately|definitively|directly)"
)
_PHRASES = (
    rf"(?:sorry|apologi[sz]e|apologies|afraid|unfortunately)\b[^.!?\n]{{0,60}}\b{_I_CANNOT}\b",
    rf"\b(?:i|we)(?:'m| am| are|'re)? {_I_CANNOT}(?: \w+){{0,2}} {_DOING}\b",
    (
        rf"\bas an? (?:ai|artificial|language|large|assistant|responsible)[^.!?\n]{{0,60}}\b"
        rf"{_I_CANNOT}(?: \w+){{0,2}} {_DOING}\b"
    ),
    r"\b(?:it|this|that) (?:is|would be) (?:not appropriate|inappropriate|unethical)\b",
    r"\bagainst my (?:programming|guidelines|principles|policy)",
    (
        r"(?:tut mir leid|leider|entschuldigung)[^.!?\n]{0,50}\b(?:kann|darf|werde|bin)\b[^.!?\n]{0,60}"
        r"\b(?:nicht|kein\w*)\b"
    ),
    (
        r"\bich (?:kann|darf|werde)\b[^.!?\n]{0,40}\bnicht\b[^.!?\n]{0,30}\b(?:helfen|beantworten|"
        r"unterstützen|liefern)"
    ),
    r"(?:désolée?|regrette|malheureusement|excuse\w*)[^.!?\n]{0,40}\bne (?:peux|suis pas|puis|pouvons)",
    r"\bje ne (?:peux|puis) pas\b[^.!?\n]{0,30}\b(?:aider|répondre|fournir|créer|satisfaire)",
    r"(?:lo siento|lamento|disculp\w+|lamentablemente)[^.!?\n]{0,40}\bno (?:puedo|podemos|estoy|me es)\b",
    r"\bno puedo (?:ayudar|proporcionar|responder|cumplir|crear|generar)",
    r"(?:mi dispiace|spiacente|purtroppo)[^.!?\n]{0,40}\bnon (?:posso|sono in grado|possiamo)\b",
    (
        r"(?:desculp\w+|sinto muito|lamento|infelizmente)[^.!?\n]{0,40}\bnão (?:posso|consigo|"
        r"podemos|sou capaz)\b"
    ),
    r"(?:het spijt me|helaas|sorry)[^.!?\n]{0,40}\b(?:kan|mag)\b[^.!?\n]{0,40}\bniet\b",
    r"(?:przykro mi|przepraszam|niestety)[^.!?\n]{0,40}\bnie (?:mogę|możemy|jestem w stanie)",
    r"(?:üzgünüm|maalesef|özür dilerim)[^.!?\n]{0,80}(?:amam|emem|am\u0131yorum|emiyorum|edemem)",
    r"\bmaaf\b[^.!?\n]{0,40}\btidak (?:dapat|bisa)\b",
    r"(?:извините|простите|к сожалению|сожалею)[^.!?\n]{0,40}\bне (?:могу|можем|имею|состоянии)",  # noqa: RUF001 - Russian
    r"\bя не могу (?:помочь|ответить|предоставить|выполнить|создать)",
    r"(?:抱歉|对不起|對不起|不好意思|遗憾)[^。！？\n]{0,24}(?:不能|无法|無法|没法|不便|不可以|不会)",
    r"我(?:不能|无法|無法|没法|不会)(?:为您|为你|给您|给你|对此)?(?:回答|提供|帮助|协助|完成|满足|生成|处理|给出)",
    r"作为(?:一个|一名|一款)?(?:人工智能|ai|语言模型)[^。！？\n]{0,24}(?:不能|无法|没有能力)",
    r"(?:申し訳|すみません|恐れ入りますが|残念ながら)[^。！？\n]{0,40}(?:できません|できかねます|いたしかねます|ません)",
    r"(?:죄송|유감)[^.!?\n]{0,40}(?:수 없|어렵|못)",
    r"(?:عذر|آسف|أعتذر)[^.!؟\n]{0,40}(?:لا أستطيع|لا يمكنني|غير قادر)",
    r"(?:क्षमा करें|माफ़ करें|खेद है)[^।\n]{0,60}(?:नहीं)",
    r"(?:xin lỗi|rất tiếc)[^.!?\n]{0,40}không thể",
)
_REFUSAL = re.compile("|".join(_PHRASES))
_REGRETS = re.compile(
    r"sorry|apolog|afraid|unfortunately|cannot|can't|can not|won't|will not|unable|not able|"
    r"not allowed|not perm|"
    r"not going|not comf|decline|refuse|as an? |appropriate|unethical|against my|leid|leider|kann|darf|werde|"
    r"entschuld|désol|regrett|malheur|excus|ne peux|ne puis|siento|lament|disculp|no puedo|"
    r"dispiac|spiac|purtroppo|"
    r"descul|sinto|infeliz|spijt|helaas|przykro|przepr|niestety|üzg|maalesef|özür|maaf|[^\x00-\x7f]"
)
_GOES_ON = re.compile(
    r"\b(?:however|that said|but i can|but here|but as of|but based on|instead, (?:i|here)|"
    r"here (?:is|are)|here's|nevertheless|"
    r"in general|generally|allerdings|jedoch|cependant|toutefois|sin embargo|tuttavia|no entanto|однако)\b|"
    r"但是|不过|然而|しかし|ただし|하지만"
)


def is_refusal(text: str) -> bool:
    """Whether a text declines to answer and says nothing else."""
    if len(text) > _LONGEST:
        return False
    opening = text[:_OPENING].casefold().replace("’", "'")
    if not _REGRETS.search(opening) or not (found := _REFUSAL.search(opening)):
        return False
    rest = text[found.end() :].casefold()
    return not _GOES_ON.search(rest) and "```" not in rest and rest.count("\n") < 8
