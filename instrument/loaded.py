"""A module that is instrumented as it is loaded: what its source asks for, without an edited file.

Functions get their probes in their code, so the source decides about two things only: which functions the rules leave
alone, and where sections begin and end. Lines keep their numbers.
"""

from __future__ import annotations

import ast
import warnings
from types import CodeType

from attrs import frozen

from . import compiled, copied, markers, names, sections
from .plan import Options, outside
from .rules import Rule
from .scan import apply_rules, scan
from .source import parse, split
from .splice import Insert, splice

# Their functions never run.
_IDLE = ("overload", "type-checking", "line-numbers")


@frozen
class Loaded:
    """`skipped` are the first line and name of functions that the rules leave alone; `code` is the module with its
    sections, None where it has none; `outside` says that some of them are not in a function."""

    skipped: frozenset[tuple[int, str]] = frozenset()
    code: CodeType | None = None
    outside: bool = False


def instrument(source: bytes, path: str, options: Options) -> Loaded:
    """What the source asks for. Raises `Refusal` where it does not parse."""
    tree = parse(source)
    bom, lines = split(source)
    found = scan(tree)
    apply_rules(found, options.rules)
    compiled.apply(tree, found, options.rules)
    kept = [f for f in found.functions if f.rule is None]
    skipped = frozenset(
        (min([f.node.lineno, *(d.lineno for d in f.node.decorator_list)]), f.node.name)
        for f in found.functions
        if f.rule is not None and f.rule.name not in _IDLE
    )
    areas = copied.regions(tree, lines)
    calls, _ = outside(markers.find(source, tree).calls, areas)
    blocks = sections.find(kept, lines, options.sections) if options.sections else []
    blocks = [b for b in blocks if not copied.around(areas, b.first)]
    if not calls and not blocks:
        return Loaded(skipped)
    first = min([*(m.line for m in calls), *(b.first for b in blocks)])
    used = names.settle(tree, source, first, found.star, binds=False).used.encode()
    inserts = sections.inserts(blocks, lines, used)
    edited = splice(bom, lines, inserts, [(m.line, markers.call(used, m, lines)) for m in calls])
    within = {n for f in found.functions for n in range(f.node.lineno, (f.node.end_lineno or f.node.lineno) + 1)}
    return Loaded(skipped, _compiled(edited, path, inserts, len(lines)), any(m.line not in within for m in calls))


def _compiled(edited: bytes, path: str, inserts: list[Insert], lines: int) -> CodeType:
    """The edited source's code, with the line numbers of the lines that it was made of."""
    above = [0] * (lines + 2)
    for insert in inserts:
        above[insert.line] += 1
    original = [0, *(number for number in range(1, lines + 2) for _ in range(above[number] + 1))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the loader has said them
        tree = ast.parse(edited, path)
        for node in ast.walk(tree) if inserts else ():
            for name in ("lineno", "end_lineno"):
                if number := getattr(node, name, None):
                    setattr(node, name, original[number])
        code: CodeType = compile(tree, path, "exec", dont_inherit=True)
    return code


def hints(rules: tuple[Rule, ...]) -> list[str]:
    """Names without which no rule is about a module's functions: its code has all names of one of these where one is.
    An empty one, where a rule may be about any."""
    found: set[str] = set()
    for rule in rules:
        found.update("" for _ in rule.functions)
        # Each part of a decorator's dotted name is imported or used.
        for pattern in rule.decorators if rule.name not in _IDLE else ():
            found.add(" ".join(part for part in pattern.split(".") if part.isidentifier()))
    return sorted(found)
