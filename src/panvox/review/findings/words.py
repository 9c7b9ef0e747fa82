"""Words that reviews are made of, in several languages."""

from __future__ import annotations

import re

from panvox.review.findings.findings import Severity

_SPOKEN = {
    Severity.CRITICAL: "critical blocker blocking severe fatal p0 sev0 sev1 kritisch schwerwiegend critique"
    " bloquant"
    " crítico crítica critico critica критический критическая критично 严重 致命 紧急 重大 緊急 치명적 심각",
    Severity.HIGH: "high major important error p1 sev2 hoch wichtig fehler élevé élevée haute majeur"
    " majeure alto alta"
    " grave высокий высокая важно 高 高危 重要 높음 🔴 🟠",
    Severity.MEDIUM: "medium moderate warning p2 sev3 mittel warnung moyen moyenne modéré modérée medio"
    " media médio"
    " média средний средняя 中 中等 中危 警告 보통 중간 🟡",
    Severity.LOW: "low minor p3 p4 sev4 trivial niedrig gering faible mineur mineure bajo baja baixo baixa"
    " basso bassa"
    " низкий низкая 低 低危 轻微 軽微 낮음 🟢",
    Severity.INFO: "info information informational note nit nitpick suggestion style hint hinweis remarque"
    " sugerencia замечание 信息 提示 建议 情報 정보 🔵",
}
SEVERITIES = {word: severity for severity, words in _SPOKEN.items() for word in words.split()}
"""What models write for each severity, in lower case."""

FILLING = frozenset(
    "severity severities priority risk impact level issue issues problem problems finding findings bug bugs"
    " defect"
    " defects vulnerability vulnerabilities concern concerns comment comments review code detailed list of"
    " in the and"
    " for file files by main key all other further general details probleme befunde fehler schwere risiko"
    " priorität"
    " problèmes gravité problemas gravedad hallazgos problemi проблемы 问题 问題 级别 严重性 优先级".split()
)
"""Words of a heading that tell of no issue of their own."""

_PASSED_OVER = re.compile(
    r"(?:(?:the |an? )?(?:executive |final |brief |quick |overall |general )?"
    r"(?:summary|overview|overall|conclusions?|verdict|introduction|assessment|impressions?|next steps"
    r"|scope|tl;?dr"
    r"|recommendations|action items|checklist|questions|caveats|limitations|methodology|disclaimer)"
    r"|what(?:['’]s| is| was| works| i like)\b.{0,30}?(?:good|well|right|liked?|solid)?"
    r"|(?:the )?(?:good|strengths?|positives?|pros|praise|highlights|well done|kudos)\b.{0,40}"
    r"|positive (?:aspects|notes|observations|points|feedback)"
    r"|zusammenfassung|fazit|überblick|gesamteindruck|stärken|positives|was gut ist|lob|résumé|synthèse"
    r"|points forts"
    r"|conclusión|resumen|fortalezas|puntos fuertes|resumo|pontos fortes|riepilogo|punti di forza|итоги?"
    r"|вывод|резюме"
    r"|总结|概述|优点|结论|总体评价|亮点|まとめ|良い点|概要|요약|장점)",
    re.IGNORECASE,
)
_NONE = re.compile(
    r"(?:(?:i |we )?(?:have |did |could )?(?:found|see|saw|find|not find|not found|didn't find|did not"
    r" find)? ?"
    r"(?:no|not any|any|zero|0) (?:[\w-]+ ){0,4}?(?:issues?|problems?|findings?|bugs?|defects?"
    r"|vulnerabilit\w+"
    r"|concerns?|errors?)(?:\W.{0,200})?"
    r"|none(?: found| identified| detected)?|n/a|nothing (?:to report|found|wrong)\b.{0,100}|looks"
    r" good\b.{0,60}|lgtm"
    r"|keine? (?:\w+ ){0,3}?(?:probleme?|befunde?|fehler|mängel|auffälligkeiten).{0,100}"
    r"|aucun\w* (?:\w+ ){0,3}?(?:problème|défaut|erreur|anomalie).{0,100}"
    r"|(?:no se (?:han )?encontr\w+|ning[uú]n|sin) (?:\w+ ){0,3}?(?:problemas?|errores?|defectos?"
    r"|hallazgos).{0,100}"
    r"|nenhum\w* (?:\w+ ){0,3}?(?:problema|erro|defeito).{0,100}|nessun\w* (?:\w+ ){0,3}?(?:problema"
    r"|errore).{0,100}"
    r"|(?:未发现|没有发现|没有|无).{0,20}(?:问题|缺陷|错误).{0,60}|无|問題(?:は)?(?:ありません|なし).{0,60}"
    r"|(?:проблем|ошибок).{0,20}не (?:найдено|обнаружено).{0,60})[.!。\s]*",
    re.IGNORECASE,
)
_PRAISE = re.compile(
    r"[✅👍✔🎉]|(?:good|nice|great|excellent|well|clean|solid)\b[\w-]*(?:[ ,:]|$)|gut(?:e|er|es)?\b|bien\b",
    re.IGNORECASE,
)
_LABELS = {
    "place": "location locations where file files path place position ort stelle datei fundstelle"
    " emplacement fichier"
    " ubicación archivo local arquivo posizione место файл 位置 文件 场所 場所 ファイル",
    "line": "line lines zeile zeilen ligne lignes línea líneas linha linhas riga righe строка строки 行 行号",
    "severity": "severity priority risk level schweregrad schwere priorität gravité sévérité gravedad"
    " severidad"
    " severidade gravità серьезность 严重性 严重程度 级别 優先度 重要度",
    "title": "issue title problem finding problème problema titel 问题 標題 标题 проблема",
    "text": "description details explanation why impact fix recommendation suggestion solution evidence"
    " example code"
    " remediation rationale reason recommended suggested proposed effect consequence category type"
    " confidence cwe"
    " beschreibung auswirkung empfehlung lösung begründung vorschlag korrektur description correction"
    " recommandation"
    " descripción recomendación solución impacto описание рекомендация 描述 建议 修复 影响 原因 说明"
    " 解决方案",
}
LABELS = {word: kind for kind, words in _LABELS.items() for word in words.split()}
"""What a labelled line such as `Location: src/a.py` tells: "place", "line", "severity", "title" or "text"."""


def passed_over(title: str) -> bool:
    """Whether what stands below this heading is praise or summary and no issue."""
    return _PASSED_OVER.fullmatch(title[:80]) is not None


def finds_none(sentence: str) -> bool:
    """Whether a sentence says that there is nothing to tell, in one of several languages."""
    return len(sentence) <= 400 and _NONE.fullmatch(sentence) is not None


def praises(sentence: str) -> bool:
    """Whether an item begins as praise does."""
    return _PRAISE.match(sentence) is not None


def severity_of(words: str) -> Severity | None:
    """The first severity among some words, None without one."""
    for word in re.findall(r"[^\W_]+|[🔴🟠🟡🟢🔵]", words[:80].lower()):
        if word in SEVERITIES:
            return SEVERITIES[word]
    return None
