"""Reviews in the layouts that models write, all made up by hand for two small files, with what they list.

No model wrote any of them.
"""

from __future__ import annotations

from typing import NamedTuple

from panvox.review.findings import Severity
from panvox.review.material import InputFile


def file(path: str, text: str) -> InputFile:
    """An input file with this text."""
    return InputFile(path=path, text=text, sha256="0" * 64, bytes=len(text.encode()))


STORE = file(
    "src/shop/store.py",
    "import sqlite3\n\n\ndef find(connection, name):\n"
    "    query = f\"SELECT * FROM users WHERE name = '{name}'\"\n"
    "    return connection.execute(query).fetchall()\n\n\ndef close(connection):\n    try:\n"
    "        connection.close()\n    except Exception:\n        pass\n" + "\n" * 20 + "LIMIT = 10\n",
)
CART = file("src/shop/cart.py", "def total(items):\n    return sum(items) / len(items)\n" + "# more\n" * 60)
FILES = (STORE, CART, file("README.md", "# Shop\n" * 12), file("tests/cart.py", "pass\n"))

CRITICAL, HIGH, MEDIUM, LOW, INFO = Severity


class Told(NamedTuple):
    """What one finding of a text tells: `title` is a part of its title."""

    title: str
    severity: Severity | None = None
    path: str = ""
    line: int | None = None
    end_line: int | None = None


class Review(NamedTuple):
    """A text with its findings."""

    layout: str
    text: str
    told: tuple[Told, ...]


_STORE, _CART = STORE.path, "src/shop/cart.py"

REVIEWS = (
    Review(
        "asked for",
        "- [critical] src/shop/store.py:5: SQL injection through `name`. Use parameters.\n"
        "- [high] src/shop/store.py:10-13: Errors of closing are swallowed. Log them.\n"
        "- [low] src/shop/cart.py: No docstrings.\n- [info] general: There are no tests.\n",
        (
            Told("SQL injection through `name`", CRITICAL, _STORE, 5),
            Told("Errors of closing are swallowed", HIGH, _STORE, 10, 13),
            Told("No docstrings", LOW, _CART),
            Told("There are no tests", INFO),
        ),
    ),
    Review(
        "numbered",
        "I looked at the code. Here is what I found:\n\n"
        "1. [High] `src/shop/store.py:5` - The query is built from user input.\n   Use placeholders.\n\n"
        "2. (medium) src/shop/cart.py, line 2: Division by zero for an empty cart.\n\nLet me know!\n",
        (
            Told("The query is built from user input", HIGH, _STORE, 5),
            Told("Division by zero for an empty cart", MEDIUM, _CART, 2),
        ),
    ),
    Review(
        "bold paragraphs",
        "**High** – `src/shop/store.py` line 5: SQL is put together from strings.\nThis lets attackers"
        " in.\n\n"
        "**Low** – `cart.py` lines 1–2: the name `total` misleads.\n",
        (
            Told("SQL is put together from strings", HIGH, _STORE, 5),
            Told("the name `total` misleads", LOW),
        ),
    ),
    Review(
        "heading for each",
        "# Code review\n\n## Findings\n\n### 1. SQL injection (critical)\n\nThe name goes into the query as"
        " it is.\n\n"
        "**Location:** `src/shop/store.py:5`\n\n#### Recommendation\n\n- Use parameters\n- Add a test\n\n"
        "### 2. Mean of nothing (Severity: Medium)\n\nLocation: src/shop/cart.py#L2\n\n```python\n- [high]"
        " not one\n```\n\n"
        "## Summary\n\n- Fix the first at once.\n",
        (
            Told("SQL injection", CRITICAL, _STORE, 5),
            Told("Mean of nothing", MEDIUM, _CART, 2),
        ),
    ),
    Review(
        "heading for each severity",
        "## 🔴 Critical issues\n\n- **SQL injection** in `src/shop/store.py:5`: the name is not escaped.\n\n"
        "## Medium\n\n* `src/shop/cart.py:2`: ZeroDivisionError on an empty list\n  - happens with new"
        " users\n"
        "  - `total([])`\n\n## What is good\n\n- Small functions\n- Clear names\n",
        (
            Told("SQL injection", CRITICAL, _STORE, 5),
            Told("ZeroDivisionError on an empty list", MEDIUM, _CART, 2),
        ),
    ),
    Review(
        "heading for each file",
        "## `src/shop/store.py`\n\n- **Line 5** (high): string formatting in SQL\n- L12: bare `except"
        " Exception`\n\n"
        "## src/shop/cart.py\n\n1. Line 2 - divides by zero\n\n### Overall\n\nGood work.\n- Keep going\n",
        (
            Told("string formatting in SQL", HIGH, _STORE, 5),
            Told("bare `except Exception`", None, _STORE, 12),
            Told("divides by zero", None, _CART, 2),
        ),
    ),
    Review(
        "table",
        "| # | Severity | File | Line | Issue | Fix |\n|---|:--|---|---|---|---|\n"
        "| 1 | High | `src/shop/store.py` | 5 | SQL injection | use `?` \\| named |\n"
        "| 2 | Low | src/shop/cart.py | 1-2 | No type hints | add |\n",
        (
            Told("SQL injection", HIGH, _STORE, 5),
            Told("No type hints", LOW, _CART, 1, 2),
        ),
    ),
    Review(
        "table of places",
        "| Location | Priority | Description |\n| --- | --- | --- |\n"
        "| store.py:12 | P1 | Exceptions are swallowed. Nobody notices. |\n",
        (Told("Exceptions are swallowed", HIGH, _STORE, 12),),
    ),
    Review(
        "fenced JSON",
        'Here you are:\n```json\n[{"severity": "HIGH", "file": "src/shop/store.py", "line": 5, "title":'
        ' "SQL injection",'
        ' "description": "unescaped"}, {"level": "minor", "path": "src/shop/cart.py", "start_line": 1,'
        ' "end_line": 2,'
        ' "message": "No docstring"}]\n```\n',
        (
            Told("SQL injection", HIGH, _STORE, 5),
            Told("No docstring", LOW, _CART, 1, 2),
        ),
    ),
    Review(
        "bare JSON",
        '{"summary": "two", "findings":'
        ' [{"issue": "SQL injection", "location": {"file": "store.py", "line": "5-6"},'
        ' "priority": "p0"}]}',
        (Told("SQL injection", CRITICAL, _STORE, 5, 6),),
    ),
    Review(
        "labels in items",
        "1. **SQL injection**\n   - **Severity**: High\n   - **File**: `src/shop/store.py`\n   - **Line**:"
        " 5\n"
        "   - **Description**: name is used as it is\n\n2. **Empty cart**\n   - **Severity**: Low\n"
        "   - **Location**: src/shop/cart.py(2)\n",
        (
            Told("SQL injection", HIGH, _STORE, 5),
            Told("Empty cart", LOW, _CART, 2),
        ),
    ),
    Review(
        "topics",
        "## Security\n\n- The query in `src/shop/store.py` (line 5) is open to injection\n\n"
        "## Reliability\n\n- `src/shop/cart.py` (lines 1-2) fails for no items\n\n## Conclusion\n\n- Do not"
        " merge\n",
        (
            Told("open to injection", None, _STORE, 5),
            Told("fails for no items", None, _CART, 1, 2),
        ),
    ),
    Review(
        "German",
        "### Kritisch\n\n- `src/shop/store.py`, Zeile 5: Der Name landet ungeprüft in der Abfrage.\n\n"
        "### Niedrig\n\n- src/shop/cart.py, Zeilen 1–2: Kein Kommentar.\n\n### Fazit\n\n- Insgesamt"
        " ordentlich\n",
        (
            Told("Der Name landet ungeprüft in der Abfrage", CRITICAL, _STORE, 5),
            Told("Kein Kommentar", LOW, _CART, 1, 2),
        ),
    ),
    Review(
        "Chinese",
        "1. 【严重】src/shop/store.py 第5行：存在SQL注入漏洞。应使用参数化查询。\n"
        "2. 【低】src/shop/cart.py 第2行：空列表会导致除零错误。\n\n## 总结\n\n- 需要修复\n",
        (
            Told("存在SQL注入漏洞", CRITICAL, _STORE, 5),
            Told("空列表会导致除零错误", LOW, _CART, 2),
        ),
    ),
    Review(
        "French",
        "- **Élevé** : `src/shop/store.py` ligne 5 : injection SQL possible.\n- Moyen : src/shop/cart.py"
        " ligne 2 : division"
        " par zéro.\n",
        (
            Told("injection SQL possible", HIGH, _STORE, 5),
            Told("division par zéro", MEDIUM, _CART, 2),
        ),
    ),
    Review(
        "bold heads",
        "**1. SQL injection in `find`**\n\nSeverity: High\nLocation: `src/shop/store.py`, lines 5-6\n\nThe"
        " name is pasted.\n\n"
        "**2. Silent failures**\n\nSeverity: Medium\nLocation: src/shop/store.py:12\n\nNobody learns of"
        " it.\n",
        (
            Told("SQL injection in `find`", HIGH, _STORE, 5, 6),
            Told("Silent failures", MEDIUM, _STORE, 12),
        ),
    ),
    Review(
        "invented file",
        "- [high] src/shop/payment.py:99: charges twice\n- [low] src/shop/cart.py:900: ends without a"
        " newline\n",
        (
            Told("src/shop/payment.py:99: charges twice", HIGH),
            Told("ends without a newline", LOW, _CART, 62),
        ),
    ),
    Review(
        "quoted code",
        "- [high] src/shop/store.py:2: `return connection.execute(query).fetchall()` loads all rows at"
        " once.\n"
        "- [low] src/shop/store.py:1: a bare clause.\n\n  ```python\n      except Exception:\n  ```\n",
        (
            Told("loads all rows at once", HIGH, _STORE, 6),
            Told("a bare clause", LOW, _STORE, 12),
        ),
    ),
    Review("nothing found", "No issues found in the given files.\n", ()),
    Review(
        "nothing wrong", "## Findings\n\n- No critical issues were found.\n\n## Strengths\n\n- Short\n", ()
    ),
    Review("prose", "The code is short and clear. I would merge it.\n", ()),
    Review("empty", "", ()),
)
