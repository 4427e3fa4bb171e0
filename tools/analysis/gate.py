"""Rules of `prof diff --fail-on`: how much a count may rise."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from fractions import Fraction

from attrs import frozen
from prof.errors import UsageError
from prof.tools.analysis.difference import Change, Difference, by_interval, counted
from prof.tools.analysis.timings import Timing
from prof.tools.analysis.view import View

_GRAMMAR = """\
RULE is MEASURE>LIMIT, or MEASURE>LIMIT%, with ,function=GLOB behind it where it is of single functions:
  MEASURE   {measures}, or {last}; of several runs a side also {by_interval}
  LIMIT     the rise that is still allowed, in the measure's own unit (times: ns), or in % of what it was before
  GLOB      functions or sections by name, * and ? as in the shell; each of them is held to the limit

A rule without function= is of the total. A fall never breaks a rule; a rise from nothing breaks every rule in %.
Times, and counts that are not the same in all runs of a side, break a rule when all of their interval is above it.
"""
_RULE = re.compile(r"\s*([a-z_]+)\s*>\s*(\d+(?:\.\d+)?)\s*(%?)\s*(?:,\s*function\s*=\s*(\S.*?))?\s*")


def grammar(modes: Sequence[type[View]]) -> str:
    """What rules look like, for people; of what these modes count."""
    *measures, last = (c.key for c in counted(modes))
    return _GRAMMAR.format(
        measures=", ".join(measures), last=last, by_interval=", ".join(c.key for c in by_interval(modes))
    )


@frozen
class Rule:
    """How much a measure may rise, in per cent of what it was or by a number; of functions that match `glob`, or of all
    together."""

    text: str
    measure: str
    limit: Fraction
    relative: bool
    glob: str | None

    def breaks(self, change: Change | Timing) -> bool:
        """Whether the measure has risen further than allowed."""
        interval = change.intervals.get(self.measure)
        if interval is None:
            before, after = change.pair(self.measure)
            return after > before and after - before > self._allowed(before)
        return interval.shown and interval.low > 0 and interval.low > self._allowed(interval.before)

    def unsure(self, change: Change | Timing) -> bool:
        """Whether it takes more runs to say: the interval reaches above what is allowed."""
        interval = change.intervals.get(self.measure)
        if interval is None or self.breaks(change):
            return False
        return interval.more > 0 and interval.high > self._allowed(interval.before)

    def _allowed(self, before: float) -> Fraction:
        return self.limit * Fraction(before) / 100 if self.relative else self.limit


@frozen
class Verdict:
    """A rule, what it was held against, and what broke it, the largest rise first."""

    rule: Rule
    checked: int
    broken: Sequence[Change | Timing]
    unsure: Sequence[Change | Timing] = ()
    """What more runs might show to break it."""


def parse_rule(text: str, modes: Sequence[type[View]]) -> Rule:
    """A rule about what these modes count; raises UsageError, which says what is known."""
    found = _RULE.fullmatch(text)
    if found is None:
        raise UsageError(f"--fail-on {text!r} is not MEASURE>LIMIT[%][,function=GLOB], such as 'ops>2%'")
    measure, limit, percent, glob = found.groups()
    known = [c.key for c in (*counted(modes), *by_interval(modes))]
    if measure not in known:
        raise UsageError(f"--fail-on {text!r}: no measure {measure!r}; known: {', '.join(known)}")
    return Rule(text, measure, Fraction(limit), bool(percent), glob)


def judge(difference: Difference, rules: list[Rule]) -> Iterator[Verdict]:
    """What becomes of each rule. Raises UsageError for one that there is nothing to hold against."""
    has = [c.key for c in (*difference.counted, *difference.timings.measures)]
    for rule in rules:
        if rule.measure not in has:
            raise UsageError(
                f"--fail-on {rule.text!r}: {rule.measure} is not compared here; there is: {', '.join(has)}"
            )
        checked = _of(rule, difference)
        if not checked:
            raise UsageError(f"--fail-on {rule.text!r}: no function of either capture is like {rule.glob}")
        broken = [change for change in checked if rule.breaks(change)]
        broken.sort(key=lambda change: (-change.rise(rule.measure), change.place.name))
        yield Verdict(rule, len(checked), broken, [change for change in checked if rule.unsure(change)])


def _of(rule: Rule, difference: Difference) -> Sequence[Change | Timing]:
    timings = difference.timings
    if any(measure.key == rule.measure for measure in timings.measures):
        whole = timings.whole(rule.measure)
        if rule.glob is None:
            return [whole] if whole is not None else []
        return [row for row in timings.functions(rule.measure) if fnmatchcase(row.place.name, rule.glob)]
    if rule.glob is None:
        return [difference.totals]
    return [change for change in difference.every if fnmatchcase(change.place.name, rule.glob)]
