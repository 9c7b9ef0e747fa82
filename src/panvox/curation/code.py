"""Code answers: which two programs are the same but for names, comments and layout."""

from __future__ import annotations

import ast
import hashlib
import re
import warnings
from typing import NamedTuple

LONGEST = 100_000
"""Characters of a program at most; a longer one is compared by its tokens."""

_DEEPEST = 80
_FENCE = re.compile(
    r"^[ \t]*(?:```|~~~)[ \t]*([\w+#.-]*)[^\n]*\n(.*?)(?:^[ \t]*(?:```|~~~)[ \t]*$|\Z)",
    re.DOTALL | re.MULTILINE,
)
_LOOKS_LIKE_CODE = re.compile(
    r"^[ \t]*(?:def \w+\(|class \w+|import \w+|from \w+ import|#include|function \w+\(|"
    r"const \w+ =|let \w+ =|var \w+ =|public |"
    r"fn \w+|func \w+|package \w+|select\b.*\bfrom\b|#!|return\b|print\()",
    re.IGNORECASE | re.MULTILINE,
)
_TOKEN = re.compile(
    r"//[^\n]*|/\*.*?(?:\*/|\Z)|(?<![\w$])#(?!include|define)[^\n]*|--[ \t][^\n]*|"
    r"(\"(?:[^\"\\\n]|\\.)*+\"?|'(?:[^'\\\n]|\\.)*+'?|`(?:[^`\\]|\\.)*+`?|\w+|[^\w\s])",
    re.DOTALL,
)
"""A text without an end goes as far as it could: to look for an end from each quote would take forever."""
_SIGNATURE = re.compile(
    r"^[ \t]*(?:async )?(?:def|class|function|fn|func|public|private|static)\b[^\n]*", re.MULTILINE
)
_PYTHON = frozenset({"", "python", "py", "python3", "py3"})


class Source(NamedTuple):
    """A program found in a text; `language` is the word beside its fence, `fenced` whether it had one."""

    text: str
    language: str
    fenced: bool


class CodeKey(NamedTuple):
    """`key` is equal where programs are equal but for names and layout; `shown` is the first signature."""

    key: str
    shown: str


def code_of(text: str) -> Source | None:
    """The program of an answer: its longest code block, else the whole text where it looks like a program."""
    blocks = [
        (len(body.strip()), -place, name, body)
        for place, (name, body) in enumerate(_FENCE.findall(text))
        if body.strip()
    ]
    if blocks:
        _, _, language, body = max(blocks)
        return Source(body.strip("\n"), language.casefold(), fenced=True)
    return Source(text.strip(), "", fenced=False) if _LOOKS_LIKE_CODE.search(text[:4_000]) else None


def code_key(source: str, language: str = "") -> CodeKey:
    """A digest of the program without what does not change what it does.

    Python: the syntax tree without docstrings and annotations, local names and arguments numbered by their
    first use. Other languages: the tokens without comments and white space, quotes unified.
    """
    shown = _shown(source)
    if language in _PYTHON and len(source) <= LONGEST and (tree := _tree(source)) is not None:
        return CodeKey(_digest("python", ast.dump(_Normal().visit(tree))), shown)
    tokens = " ".join(_unquoted(token) for token in _TOKEN.findall(source) if token)
    return CodeKey(_digest("tokens", tokens), shown)


def _tree(source: str) -> ast.Module | None:
    if _depth(source) > _DEEPEST:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def nesting(text: str) -> int:
    """How deep brackets are nested at most."""
    depth = deepest = 0
    for sign in text:
        if sign in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif sign in ")]}":
            depth -= 1
    return deepest


def _depth(source: str) -> int:
    """How deep a program may be nested at most: by brackets, by indentation, and by operators in a row."""
    chain = max((len(run) for run in re.findall(r"[-+~]{9,}|(?:\bnot\s+){9,}", source)), default=0)
    longest = max(
        (line.count("+") + line.count(".") + line.count("*") for line in source.split("\n")), default=0
    )
    return nesting(source) + chain + longest // 4


class _Normal(ast.NodeTransformer):
    """Numbers the names that a function binds, and drops docstrings and annotations."""

    def __init__(self) -> None:
        self._scopes: list[dict[str, str]] = []

    def visit_Module(self, node: ast.Module) -> ast.AST:
        node.body = _without_docstring(node.body)
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.body = _without_docstring(node.body) or [ast.Pass()]
        return self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        node.body = _without_docstring(node.body) or [ast.Pass()]
        node.returns = None
        self._scopes.append(_bound(node))
        self.generic_visit(node)
        self._scopes.pop()
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        self._scopes.append(_bound(node))
        self.generic_visit(node)
        self._scopes.pop()
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if node.value is None:
            return None if self._scopes else node
        return self.generic_visit(ast.Assign(targets=[node.target], value=node.value))

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        node.arg = self._name(node.arg)
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._name(node.id)
        return node

    def _name(self, name: str) -> str:
        for scope in reversed(self._scopes):
            if name in scope:
                return scope[name]
        return name


def _bound(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> dict[str, str]:
    """The names that a function binds, numbered by their first appearance."""
    arguments = node.args
    names = [each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    names += [each.arg for each in (arguments.vararg, arguments.kwarg) if each]
    outer: set[str] = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            names += [inner.id] if isinstance(inner.ctx, ast.Store) else []
        elif isinstance(inner, ast.Global | ast.Nonlocal):
            outer.update(inner.names)
    return {name: f"_{place}" for place, name in enumerate(dict.fromkeys(names)) if name not in outer}


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    match body:
        case [ast.Expr(value=ast.Constant(value=str())), *rest]:
            return rest
        case _:
            return body


def _unquoted(token: str) -> str:
    return f'"{token[1:-1]}"' if token[0] in "'`" and len(token) > 1 else token


def _digest(kind: str, text: str) -> str:
    return f"{kind}:{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:24]}"


def _shown(source: str) -> str:
    signature = _SIGNATURE.search(source[:LONGEST])
    first = next((line for line in source[:4_000].split("\n") if line.strip()), "")
    return (signature[0] if signature else first).strip()[:120]
