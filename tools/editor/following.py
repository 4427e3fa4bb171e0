"""Where recorded lines are in a text that has been edited since: by what they say, not by their numbers."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from attrs import Factory, frozen
from prof.tools.editor.facts import FileFacts, Finding, FunctionFacts, LineFacts

CHANGED = "changed since"


@frozen
class Followed:
    """What is shown of a file: all by the lines that it has now, counted from 1."""

    functions: list[tuple[int, FunctionFacts, bool]] = Factory(list)
    """Each with the line that it begins on, and whether it has changed."""
    lines: dict[int, LineFacts] = Factory(dict)
    """Lines that are as they were, in functions that have not changed."""
    findings: list[tuple[int, Finding]] = Factory(list)


def moved(before: Sequence[str], now: Sequence[str]) -> dict[int, int]:
    """Where lines are now, both counted from 1; those that are gone or say something else are not in it."""
    if list(before) == list(now):
        return {number: number for number in range(1, len(now) + 1)}
    matcher = SequenceMatcher(None, [*map(str.rstrip, before)], [*map(str.rstrip, now)], autojunk=False)
    found: dict[int, int] = {}
    for old, new, size in matcher.get_matching_blocks():
        found.update((old + n + 1, new + n + 1) for n in range(size))
    return found


@frozen
class _Extent:
    """A function's lines: from its decorators, from `def` on, and up to its last."""

    first: int
    begin: int
    last: int


def extents(lines: Sequence[str]) -> dict[str, list[_Extent]]:
    """Where functions are in a text, by qualified name; nothing of one that is no Python at the moment."""
    try:
        tree = ast.parse("\n".join(lines))
    except (SyntaxError, ValueError, RecursionError):
        return {}
    found: dict[str, list[_Extent]] = {}
    waiting: list[tuple[ast.AST, str]] = [(tree, "")]
    while waiting:
        node, around = waiting.pop()
        inside = around
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            name = inside = f"{around}{node.name}"
            first = min((each.lineno for each in node.decorator_list), default=node.lineno)
            if not isinstance(node, ast.ClassDef):
                found.setdefault(name, []).append(_Extent(first, node.lineno, node.end_lineno or node.lineno))
                inside = f"{name}.<locals>"
            inside += "."
        waiting += ((child, inside) for child in ast.iter_child_nodes(node))
    return found


def follow(facts: FileFacts, now: Sequence[str]) -> Followed:
    """The facts in a text. Without the recorded text there are functions alone, by their names, as changed."""
    here = extents(now)
    if facts.text is None:
        return Followed([row for each in facts.functions for row in _by_name(each, here)])
    places = moved(facts.text, now)
    there = [extent for rows in extents(facts.text).values() for extent in rows]
    changed = [extent for extent in there if not _same(extent, places)]
    functions: list[tuple[int, FunctionFacts, bool]] = []
    for each in facts.functions:
        extent = next((e for e in there if e.first <= each.line <= e.begin), None)
        at = places.get(extent.begin if extent else each.line)
        if at is None:
            functions += _by_name(each, here)
        else:
            functions.append((at, each, extent is not None and not _same(extent, places)))

    def kept(line: int) -> bool:
        return line in places and not any(extent.begin < line <= extent.last for extent in changed)

    return Followed(
        functions,
        {places[line]: found for line, found in facts.lines.items() if kept(line)},
        [(places[finding.line], finding) for finding in facts.findings if kept(finding.line)],
    )


def _same(extent: _Extent, places: dict[int, int]) -> bool:
    """Whether a function's lines are all there, one behind the other."""
    begin = places.get(extent.begin)
    lines = range(extent.begin, extent.last + 1)
    return begin is not None and all(places.get(line) == begin + n for n, line in enumerate(lines))


def _by_name(facts: FunctionFacts, here: dict[str, list[_Extent]]) -> Iterator[tuple[int, FunctionFacts, bool]]:
    """A function where one of its name is, if there is just one."""
    parts = facts.name.split(".")
    for begin in range(len(parts)):
        rows = here.get(".".join(parts[begin:]), [])
        if len(rows) == 1:
            yield rows[0].begin, facts, True
            return
