"""Terms of numbers, such as `(56 + 46 + 26) * 0.50`, worked out exactly."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from fractions import Fraction

_BINARY: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def value_of_term(text: str) -> Fraction | None:
    """The value of an arithmetical term, None where it is none or its value is too long."""
    text = (
        re.sub(r"[$€£%,]", "", text).translate(str.maketrans("×·⋅÷\u2212\u2013", "***/--")).replace("^", "**")
    )
    if len(text) > 200 or re.search(r"\d{20}", text):
        return None
    text = re.sub(r"(?<![\d.])0+(?=\d)", "", text)
    try:
        return _value(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError, RecursionError, MemoryError):
        return None


def _value(node: ast.expr) -> Fraction:
    match node:
        case ast.Constant(value=int() | float() as value):
            return Fraction(str(value))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.BinOp(op=ast.Pow(), left=left, right=right):
            base, exponent = _value(left), _value(right)
            if exponent.denominator != 1 or abs(exponent) > 64 or abs(base) > 10**6:
                raise ValueError(exponent)
            return Fraction(base ** int(exponent))
        case ast.BinOp(op=op, left=left, right=right) if type(op) in _BINARY:
            return _BINARY[type(op)](_value(left), _value(right))
        case _:
            raise ValueError(node)
