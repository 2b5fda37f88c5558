# SPDX-License-Identifier: Apache-2.0
"""Faults in Python sources: every small change of an expression that could have been a slip.

Left alone is what no result depends on, or a type checker sees: docstrings and other strings,
annotations, decorators, imports, and what a `raise` says.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OPERATORS: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Add,),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Mult,),
    ast.Mod: (ast.FloorDiv,),
    ast.Pow: (ast.Mult,),
    ast.LShift: (ast.RShift,),
    ast.RShift: (ast.LShift,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.BitXor: (ast.BitOr,),
}
COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any", "ceil": "floor"}
SKIPPED_FIELDS = {"annotation", "returns", "decorator_list"}
SKIPPED_KEYWORDS = {"strict", "repr", "dtype", "axis"}
"""Types and axes come as names and numbers that a wrong value of fails at once."""


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One change of one file. number: among all of the file. text: of the line, as it was."""

    path: str
    number: int
    line: int
    text: str
    was: str
    becomes: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.was} -> {self.becomes}"


def _alternatives(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.BinOp(left, operator, right):
            yield from (ast.BinOp(left, new(), right) for new in OPERATORS.get(type(operator), ()))
        case ast.AugAssign(target, operator, value):
            for new in OPERATORS.get(type(operator), ()):
                yield ast.AugAssign(target, new(), value)
            yield ast.Pass()
        case ast.Compare(left, operators, right):
            for place, operator in enumerate(operators):
                for new in COMPARISONS[type(operator)]:
                    changed = [*operators[:place], new(), *operators[place + 1 :]]
                    yield ast.Compare(left, changed, right)
        case ast.BoolOp(operator, values):
            yield ast.BoolOp(ast.Or() if isinstance(operator, ast.And) else ast.And(), values)
        case ast.UnaryOp(operator, operand):
            yield operand
        case ast.Constant(bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(int() | float() as value):
            yield ast.Constant(value + 1)
            if value >= 1:
                yield ast.Constant(value - 1)
        case ast.Name(name) | ast.Attribute(attr=name) if name in NAMES:
            if isinstance(node, ast.Name):
                yield ast.Name(NAMES[name], node.ctx)
            elif isinstance(node, ast.Attribute):
                yield ast.Attribute(node.value, NAMES[name], node.ctx)
        case ast.If(test, body, orelse) | ast.IfExp(test, body, orelse):
            if not isinstance(test, ast.Compare | ast.UnaryOp):
                yield type(node)(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.Expr(ast.Call()):
            yield ast.Pass()


def _changes(node: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, ast.AST, ast.AST]]:
    """Parent, field, place in it, the node there, what it becomes; in the order of the source."""
    for field, value in ast.iter_fields(node):
        if field in SKIPPED_FIELDS:
            continue
        for place, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or isinstance(child, ast.Raise | ast.JoinedStr):
                continue
            if isinstance(child, ast.keyword) and child.arg in SKIPPED_KEYWORDS:
                continue
            for new in _alternatives(child):
                yield node, field, place, child, new
            yield from _changes(child)


def mutants(path: Path, name: str) -> list[Mutant]:
    """All of a file, which is called `name`."""
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines()
    found = []
    for number, (*_, old, new) in enumerate(_changes(ast.parse(source))):
        line = getattr(old, "lineno", 1)
        was, becomes = (_short(ast.unparse(ast.fix_missing_locations(part))) for part in (old, new))
        found.append(
            Mutant(
                path=name,
                number=number,
                line=line,
                text=lines[line - 1].strip(),
                was=was,
                becomes=becomes,
            )
        )
    return found


def mutated(path: Path, number: int) -> ast.Module:
    """The file with its mutant of this number."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for here, (parent, field, place, old, new) in enumerate(_changes(tree)):
        if here == number:
            ast.copy_location(new, old)
            if place is None:
                setattr(parent, field, new)
            else:
                getattr(parent, field)[place] = new
            return ast.fix_missing_locations(tree)
    raise ValueError(f"{path.name} has no mutant {number}")


def _short(text: str, most: int = 70) -> str:
    first = text.splitlines()[0]
    return first if len(first) <= most else f"{first[: most - 3]}..."
