"""The rules of a comparison as JUnit's XML, which CI systems show: a test case a rule, a property a total."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prof.tools.analysis.difference import Difference
from prof.tools.analysis.gate import Verdict
from prof.tools.reports.diff_text import broken_words
from prof.tools.reports.faults import Fault, faults
from prof.tools.screen.markup import escape

SUITE = "prof diff"


def render(difference: Difference, verdicts: Sequence[Verdict]) -> Iterator[str]:
    """The file, in parts."""
    failures = sum(bool(verdict.broken) for verdict in verdicts)
    skipped = sum(bool(verdict.unsure and not verdict.broken) for verdict in verdicts)
    yield '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n'
    yield (
        f'<testsuite name="{SUITE}" tests="{len(verdicts)}" failures="{failures}" errors="0" skipped="{skipped}">\n'
        "<properties>\n"
    )
    yield from _properties(difference)
    yield "</properties>\n"
    lines = faults(difference)
    for verdict in verdicts:
        yield from _case(verdict, lines)
    yield "</testsuite>\n</testsuites>\n"


def _properties(difference: Difference) -> Iterator[str]:
    for name, side in (("before", difference.before), ("after", difference.after)):
        yield _property(name, side.path)
        yield _property(f"runs_{name}", str(side.runs))
    for measure in difference.counted:
        for name, number in zip(("before", "after"), difference.totals.pair(measure.key), strict=True):
            yield _property(f"{measure.key}_{name}", str(number))
    for measure in difference.timings.measures:
        row = difference.timings.whole(measure.key)
        if row is not None:
            yield _property(f"{measure.key}_before", f"{row.interval.before:.0f}")
            yield _property(f"{measure.key}_after", f"{row.interval.after:.0f}")
            yield _property(f"{measure.key}_verdict", row.interval.words)


def _property(name: str, value: str) -> str:
    return f'<property name="{escape(name)}" value="{escape(value)}"/>\n'


def _case(verdict: Verdict, lines: Sequence[Fault]) -> Iterator[str]:
    rule = verdict.rule
    yield f'<testcase classname="{SUITE}" name="{escape(rule.text)}">\n'
    rows = [broken_words(rule, row) for row in verdict.broken or verdict.unsure]
    if verdict.broken:
        where = [fault.words for fault in lines if fault.measure.key == rule.measure]
        text = "\n".join([*rows, *where])
        yield f'<failure type="prof.rule" message="{escape(rows[0])}">{escape_lines(text)}</failure>\n'
    elif verdict.unsure:
        yield f'<skipped message="{escape(rows[0])}"/>\n'
    yield "</testcase>\n"


def escape_lines(text: str) -> str:
    """`escape` for text of several lines."""
    return "\n".join(map(escape, text.split("\n")))
