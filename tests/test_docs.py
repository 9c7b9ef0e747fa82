"""The pages tell the truth: links lead somewhere, examples are typed, every state and layer is named."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from panvox.messages import State

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
EXAMPLES = [
    (page.name, number, example)
    for page in (ROOT / "README.md", ROOT / "docs" / "python.md")
    for number, example in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL))
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_page_can_be_found_from_the_readme() -> None:
    text = (ROOT / "README.md").read_text()
    assert [page.name for page in (ROOT / "docs").glob("*.md") if f"docs/{page.name}" not in text] == []


def test_every_state_of_the_ledger_is_explained() -> None:
    text = (ROOT / "docs" / "failures.md").read_text()
    assert [state for state in State if f"`{state}`" not in text] == []


def test_the_map_names_every_layer_in_the_order_that_is_checked() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    checked = [part for layer in contracts[0]["layers"] for part in layer.split(" | ") if part != "__main__"]
    table = re.search(r"\| layer \|.*?\n\n", (ROOT / "ARCHITECTURE.md").read_text(), re.DOTALL)
    assert table is not None
    drawn = [
        name
        for row in table[0].split("|---|---|\n")[1].strip().splitlines()
        for name in re.findall(r"`(\w+)`", row.split("|")[1])
    ]
    assert drawn == checked


@pytest.mark.parametrize(("page", "number", "example"), EXAMPLES, ids=lambda value: str(value)[:12])
def test_python_examples_are_well_typed(page: str, number: int, example: str, tmp_path: Path) -> None:
    file = tmp_path / f"example_{number}.py"
    file.write_text(example)
    options = ("--strict", "--config-file=", f"--cache-dir={tmp_path}")
    silent = "--follow-imports=silent"  # as for users: what is installed is believed
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, silent, str(file)],
        capture_output=True,
        text=True,
        check=False,
        env={"MYPYPATH": str(ROOT / "src"), "PATH": ""},
    )
    assert done.returncode == 0, done.stdout
