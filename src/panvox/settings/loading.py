"""From files and the environment to settings: the nearer wins, and all that is wrong is told at once.

PANVOX_… variables   above   panvox.toml of the project   above   panvox.toml of the user
                     above   PROXY_URL, NO_PROXY and the like, which other programs heed too
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import reduce
from operator import eq
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import SecretStr, ValidationError

from panvox.errors import SettingsError
from panvox.settings import places
from panvox.settings.key_sources import EnvironmentKeys, KeyFiles, KeySource
from panvox.settings.places import FILE_VARIABLE, MOST_BYTES, PREFIX, current_folder, environment
from panvox.settings.problems import Where, dotted, find_problems, shown
from panvox.settings.proxy_variables import ProxyVariables, read_proxy_variables
from panvox.settings.schema import IN_THE_CLEAR, Document, Settings
from panvox.settings.toml_lines import KeyPath, line_numbers
from panvox.settings.vendors import VENDORS


def load(
    *, explicit: Path | None = None, cwd: Path | None = None, environ: Mapping[str, str] | None = None
) -> Settings:
    """The settings that hold in the folder `cwd`; the current one and the process's environment if not given.

    `explicit`, or the variable PANVOX_SETTINGS, names the one file to read instead of those of the user and
    the project. Raises `SettingsError` with a line for each thing that is wrong.
    """
    mark = places.fingerprint(explicit) if environ is None and cwd is None else ""
    environ = environment() if environ is None else environ
    cwd = current_folder() if cwd is None else cwd.absolute()
    files = places.files(explicit, cwd=cwd, environ=environ)
    layers = [*(_file_layer(file, cwd) for file in files), _environment_layer(environ, cwd)]
    parts = [_checked(layer) for layer in layers]
    said = reduce(_merged, (part.document for part in parts))
    of_proxies = read_proxy_variables(environ, but=said.get("network", {}))
    proxies = _checked(_proxy_layer(of_proxies, cwd))
    merged = _merged(proxies.document, said)
    document, variables = Document(**merged), _variables(environ)
    from_environment, from_files = _keys(document, environ), _key_files(document, parts)
    problems = [line for part in (*parts, proxies) for line in part.problems]
    problems += (*from_environment.problems, *from_files.problems, *_unfit(variables))
    problems = problems or _in_the_clear(document, parts)
    if problems:
        raise SettingsError("\n".join(problems))
    return Settings(
        **merged,
        keys={**from_environment.found, **from_files.found},
        variables=variables,
        files=tuple(files),
        fingerprint=mark,
        explicit=explicit,
        proxy_setting=of_proxies.names.get("proxy", "network.proxy"),
    )


class _Layer(NamedTuple):
    """One source: what it says, the folder its paths count from, where it says it, what cannot be read."""

    document: dict[str, Any]
    folder: Path
    where: Where
    problems: tuple[str, ...] = ()


def _checked(layer: _Layer) -> _Layer:
    """The layer with what it says checked; with nothing but problems where something is wrong with it."""
    try:
        document = Document.model_validate(layer.document, context={"folder": layer.folder})
    except ValidationError as error:
        wrong = find_problems(layer.document, error, layer.where)
        return layer._replace(document={}, problems=(*layer.problems, *wrong))
    return layer._replace(document=document.model_dump(exclude_unset=True))


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Tables are joined key by key; of everything else, arrays included, the one above holds."""
    both = {
        name: _merged(below[name], value)
        for name, value in above.items()
        if isinstance(value, dict) and isinstance(below.get(name), dict)
    }
    return below | above | both


def _in_the_clear(document: Document, layers: list[_Layer]) -> list[str]:
    """A line for each provider that would be asked over plain HTTP; only all layers together tell."""
    lines: list[str] = []
    for index in document.in_the_clear():
        path: KeyPath = ("providers", index, "base_url")
        address = shown(path, document.providers[index].base_url)
        lines.append(f"{_place(path, layers)} = {address}: {IN_THE_CLEAR}")
    return lines


def _place(path: KeyPath, layers: list[_Layer]) -> str:
    """Where a part of the providers is said: they come as a whole from the nearest layer that has some."""
    nearest = next(layer for layer in reversed(layers) if "providers" in layer.document)
    words: str = nearest.where(path)[1]
    return words


# --- keys ---------------------------------------------------------------------------------------------


class _Keys(NamedTuple):
    """Keys by where they are kept, and what is wrong with those that cannot be used."""

    found: dict[str, SecretStr]
    problems: list[str]


def _keys(document: Document, environ: Mapping[str, str]) -> _Keys:
    """Every key that a vendor or a provider may want, as far as the environment has it."""
    source: KeySource = EnvironmentKeys(environ)
    wanted = {name for vendor in VENDORS.values() for name in vendor.key_env}
    wanted |= {provider.key_env for provider in document.providers if provider.key_env}
    wanted |= {key.env for provider in document.providers for key in provider.keys if key.env}
    keys = _Keys({}, [])
    for name in sorted(wanted):
        try:
            secret = source.secret(name)
        except ValueError as error:
            keys.problems.append(f"environment: {name} = ***: {error}")
            continue
        if secret is not None:
            keys.found[name] = secret
    return keys


def _key_files(document: Document, layers: list[_Layer]) -> _Keys:
    """The keys that providers have in files. What is there instead of a path may be a key, and is masked."""
    source: KeySource = KeyFiles()
    keys = _Keys({}, [])
    for index, provider in enumerate(document.providers):
        for number, key in enumerate(provider.keys):
            if key.file is None:
                continue
            try:
                secret = source.secret(str(key.file))
            except ValueError as error:
                path: KeyPath = ("providers", index, "keys", number, "file")
                keys.problems.append(f"{_place(path, layers)} = ***: {error}")
                continue
            if secret is not None:
                keys.found[key.place] = secret
    return keys


# --- files -------------------------------------------------------------------------------------------


def _file_layer(file: Path, cwd: Path) -> _Layer:
    name = str(file.relative_to(cwd) if file.is_relative_to(cwd) else file)
    text, lines = "", dict[KeyPath, int]()

    def where(path: KeyPath) -> tuple[int, str]:
        if not lines:
            lines.update(line_numbers(text))
        known = (path[:length] for length in range(len(path), 0, -1))
        line = next(lines[start] for start in known if start in lines)
        return line, f"{name}:{line}: {dotted(path)}"

    try:
        text = _text(file)
        return _Layer(_parsed(text), file.parent, where)
    except _UnusableError as error:
        return _Layer({}, file.parent, where, (f"{name}:{error}",))


class _UnusableError(Exception):
    """A file that holds no settings; the message begins with the line, if one is to blame."""


def _text(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise _UnusableError(f" there is no such file; --settings or {FILE_VARIABLE} names it") from None
    except OSError as error:
        raise _UnusableError(f" cannot be read: {error.strerror}") from None
    if len(data) > MOST_BYTES:
        raise _UnusableError(f" is larger than {MOST_BYTES // 2**20} MiB; is it a settings file?")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = data[error.start]
        raise _UnusableError(f"{line}: the byte 0x{byte:02x} is not UTF-8; save the file as UTF-8") from None


def _parsed(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r" \(at line (\d+), column (\d+)\)$", str(error))
        message = re.sub(r" \(at [^()]*\)$", "", str(error))
        line = f"{place[1]}:{place[2]}" if place else text.rstrip().count("\n") + 1
        raise _UnusableError(f"{line}: is not TOML: {message}") from None
    except (ValueError, RecursionError):  # two of Python's own limits, which tomllib lets through
        raise _UnusableError(" holds a number too long, or arrays too deep, to be read") from None


# --- the environment ---------------------------------------------------------------------------------


def _environment_layer(environ: Mapping[str, str], cwd: Path) -> _Layer:
    document: dict[str, Any] = {}
    variables: dict[KeyPath, str] = {}
    problems: list[str] = []
    for name, path in _settings_in(environ):
        if len(path) == 1 and path[0] not in Document.model_fields:
            meant = "__".join(path[0].split("_", 1)).upper()
            problems.append(f"environment: {name}: is not a setting; did you mean {PREFIX}{meant}?")
        elif _put(document, path, _value(environ[name])):
            variables[path] = name
        else:
            problems.append(f"environment: {name}: is part of what another variable sets as a whole")

    def where(path: KeyPath) -> tuple[int, str]:
        if path in variables:
            return 0, f"environment: {variables[path]}"
        # What is wrong lies inside of what a variable set, or around it.
        near = (name for set_, name in variables.items() if all(map(eq, set_, path)))
        return 0, f"environment: {next(near)}: {dotted(path)}"

    return _Layer(document, cwd, where, tuple(problems))


def _proxy_layer(variables: ProxyVariables, cwd: Path) -> _Layer:
    def where(path: KeyPath) -> tuple[int, str]:
        return 0, f"environment: {variables.names[str(path[1])]}"

    return _Layer({"network": variables.network} if variables.network else {}, cwd, where)


def _settings_in(environ: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The variables that set something, and the path they set; not those of others with a like name."""
    for name in sorted(environ):
        path = tuple(name.removeprefix(PREFIX).lower().split("__"))
        ours = len(path) > 1 or path[0].split("_")[0] in Document.model_fields
        if name.startswith(PREFIX) and name != FILE_VARIABLE and ours and environ[name]:
            yield name, path


def _put(document: dict[str, Any], path: tuple[str, ...], value: object) -> bool:
    """Set `value` at `path`; False where something that is no table is in the way."""
    *tables, last = path
    place: Any = document
    for table in tables:
        place = place.setdefault(table, {})
        if not isinstance(place, dict):
            return False
    place[last] = value
    return True


def _value(text: str) -> object:
    """What `text` means in TOML; itself where it means nothing there."""
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return parsed["value"] if len(parsed) == 1 else text


def _variables(environ: Mapping[str, str]) -> dict[str, str]:
    """What the addresses of vendors are made of, as far as the environment has it."""
    wanted = {name for vendor in VENDORS.values() for name in vendor.looked_for}
    found = {name: environ.get(name, "").strip() for name in sorted(wanted)}
    return {name: value for name, value in found.items() if value}


def _unfit(variables: Mapping[str, str]) -> list[str]:
    """What would make an address that leads elsewhere, or nowhere."""
    bases = {
        name for row in VENDORS.values() for name in row.variables if row.base_url.startswith(f"{{{name}}}")
    }
    problems = []
    for name, value in variables.items():
        place = f"environment: {name} = {shown((name,), value)}"
        if name in bases and not re.fullmatch(r"https?://[^\s?#@{}]+", value):
            problems.append(
                f"{place}: must be an address that begins with https://, without key, query and fragment"
            )
        elif name not in bases and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:-]*", value):
            problems.append(f"{place}: must be a word of letters, digits, dots and dashes")
    return problems
