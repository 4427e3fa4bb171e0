"""Counts of a test beside those of the baseline: what rose further than the rules allow, and where."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from fnmatch import fnmatchcase

from attrs import frozen
from prof.tools.analysis.compared import Entry, Place
from prof.tools.analysis.difference import Change
from prof.tools.analysis.gate import Rule
from prof.tools.integrations.pytest.baseline import Known
from prof.tools.integrations.pytest.counts import MEASURES, Row

FREE_LISTS = {"alloc_bytes": 512, "alloc_count": 8}
"""What allocations may rise by in any test: small objects come from the interpreter's free lists where these have some,
and whether they have depends on what ran before."""
_FUNCTIONS = 4
_LINES = 3


@frozen
class Rise:
    """A rule that a test breaks; `function` is the one that it is about, empty for all together."""

    rule: Rule
    function: str
    before: int
    after: int

    @property
    def text(self) -> str:
        """In one line."""
        more = self.after - self.before
        percent = f", +{more / self.before:.1%}" if self.before else ""
        of = f" of {self.function}" if self.function else ""
        return f"{self.rule.measure}{of} rose: {self.before:,} -> {self.after:,} (+{more:,}{percent}); {self.rule.text}"


def rises(before: Known, after: Known, rules: Sequence[Rule]) -> list[Rise]:
    """What the rules do not allow; of measures that are reproducible."""
    found = []
    for rule in rules:
        if rule.measure in {*before.varies, *after.varies} or rule.measure not in before.totals:
            continue
        for name, old, new in _pairs(before, after, rule):
            was, now = (Entry(Place("", "test"), {rule.measure: number}) for number in (old, new))
            if rule.breaks(Change(was, now)) and new - old > FREE_LISTS.get(rule.measure, 0):
                found.append(Rise(rule, name, old, new))
    return found


def _pairs(before: Known, after: Known, rule: Rule) -> Iterator[tuple[str, int, int]]:
    key = rule.measure
    if rule.glob is None:
        yield "", before.totals.get(key, 0), after.totals.get(key, 0)
        return
    for name in sorted({*before.functions, *after.functions}):
        if fnmatchcase(name, rule.glob):
            yield name, _count(before.functions.get(name), key), _count(after.functions.get(name), key)


def falls(before: Known, after: Known) -> dict[str, tuple[int, int]]:
    """By measure, what has become less."""
    kept = {key: number for key, number in before.totals.items() if key not in before.varies}
    pairs = {key: (number, after.totals.get(key, 0)) for key, number in kept.items()}
    return {key: (old, new) for key, (old, new) in pairs.items() if new < old}


def least(first: Known, second: Known) -> Known:
    """Of two runs of a test the one that did less."""
    return min(first, second, key=lambda each: [each.totals.get(key, 0) for key in MEASURES])


def where(before: Known, after: Known, key: str, root: str = "") -> Iterator[str]:
    """The functions, and their lines, whose counts rose, with files as below `root`. First those that did more though
    they were called no more often: that is where the change is. Then the others; of both the largest rise first."""
    rows = []
    for name, row in after.functions.items():
        old = before.functions.get(name)
        rise = _count(row, key) - _count(old, key)
        called_more = _count(row, "calls") > _count(old, "calls")
        if rise > 0 or called_more:
            rows.append((called_more and old is not None, -rise, name, old, row))
    rows.sort(key=lambda each: each[:3])
    for _, _, name, old, row in rows[:_FUNCTIONS]:
        new = "" if old is not None else "  (not in the baseline)"
        calls = _pair(_count(old, "calls"), _count(row, "calls"), "calls")
        counts = _pair(_count(old, key), _count(row, key), key)
        file = row.file.removeprefix(os.path.join(root, ""))
        yield f"  {name}  {file}:{row.line}  {', '.join(dict.fromkeys((counts, calls)))}{new}"
        yield from _lines(old, row, key, file)
    if len(rows) > _FUNCTIONS:
        yield f"  … and {len(rows) - _FUNCTIONS} functions more"


def _lines(old: Row | None, row: Row, key: str, file: str) -> Iterator[str]:
    """Where allocations rose further than those of the function's own lines, libraries made them that these lines call:
    then the lines that were changed are those that do other operations, or at least something else."""
    for measure in dict.fromkeys((key, "ops", "alloc_bytes")):
        changed = sorted(_changed(old, row, measure), key=lambda each: (each[1] - each[2], each[0]))
        rise = _count(row, measure) - _count(old, measure)
        if measure != "ops" and 2 * sum(after - before for _, before, after in changed) < rise:
            continue
        for offset, before, after in changed[:_LINES]:
            yield f"    {file}:{row.line + offset}  {_pair(before, after, measure)}"
        if changed:
            return
    for offset, _, counts in list(_different(old, row))[:_LINES]:
        does = ", ".join(f"{key} {number:,}" for key, number in counts.items())
        yield f"    {file}:{row.line + offset}  changed, and now {does}"


def _changed(old: Row | None, row: Row, key: str) -> Iterator[tuple[int, int, int]]:
    """Lines that did more: their distance from the function's beginning, and the count before and after."""
    for offset, before, after in _different(old, row):
        if after.get(key, 0) > before.get(key, 0):
            yield offset, before.get(key, 0), after[key]


def _different(old: Row | None, row: Row) -> Iterator[tuple[int, dict[str, int], dict[str, int]]]:
    """Lines that did something else: what they did before and after. Where lines came or went, those behind them are
    found again by what they did."""
    before = [] if old is None else sorted(old.lines.items())
    after = sorted(row.lines.items())
    old_counts, new_counts = ([tuple(sorted(counts.items())) for _, counts in each] for each in (before, after))
    for kind, first, last, begin, end in SequenceMatcher(None, old_counts, new_counts, autojunk=False).get_opcodes():
        for position in range(begin, end) if kind != "equal" else ():
            offset, counts = after[position]
            at = first + position - begin
            yield offset, before[at][1] if at < last else {}, counts


def _pair(before: int, after: int, key: str) -> str:
    return f"{key} {before:,} -> {after:,}" if before != after else f"{key} {after:,}"


def _count(row: Row | None, key: str) -> int:
    return 0 if row is None else row.counts.get(key, 0)


def varying(runs: Iterable[Known]) -> dict[str, str]:
    """By measure in which runs of one test differ, how far, and the first function and line that differ."""
    every = list(runs)
    found = {}
    for key in every[0].totals if every else ():
        seen = [each.totals.get(key, 0) for each in every]
        if min(seen) < max(seen):
            found[key] = f"{min(seen):,} to {max(seen):,}{_first(every, key)}"
    return found


def _first(every: list[Known], key: str) -> str:
    names = sorted({name for each in every for name in each.functions})
    for name in names:
        rows = [each.functions.get(name) for each in every]
        if len({_count(row, key) for row in rows}) > 1:
            there = next(row for row in rows if row is not None)
            offsets = sorted({offset for row in rows if row is not None for offset in row.lines})
            for offset in offsets:
                counts = {row.lines.get(offset, {}).get(key, 0) if row is not None else 0 for row in rows}
                if len(counts) > 1:
                    return f"; first in {name}, line {offset} behind its beginning"
            return f"; first in {name}{f' ({there.file})' if there.file else ''}"
    return ""
