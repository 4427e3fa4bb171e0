"""What differs as GitHub's Markdown: the answer, the rules and the lines at fault first, the tables folded below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prof.tools.analysis.difference import Difference
from prof.tools.analysis.gate import Verdict
from prof.tools.reports.diff_text import broken_words, sections, warnings
from prof.tools.reports.faults import faults
from prof.tools.reports.markdown import code, escaped, section_markdown, table_row
from prof.tools.screen.units import amount, many, rate, signed

LISTED = 5


def render(difference: Difference, verdicts: Sequence[Verdict], limit: int) -> Iterator[str]:
    """The report, in parts; `limit` rows a table, 0: all."""
    yield f"# {_answer(difference, verdicts)}\n\n"
    before, after = (f"{code(s.path)}, {many(s.runs, 'run')}" for s in (difference.before, difference.after))
    yield f"Before: {before}. After: {after}.\n"
    yield from (f"\n> **!** {escaped(text)}\n" for text in warnings(difference))
    yield from _rules(verdicts)
    yield from _faults(difference)
    yield from _totals(difference)
    tables = [part for section in sections(difference, limit) for part in section_markdown(section)]
    if tables:
        yield "\n<details><summary>All that differs</summary>\n"
        yield from tables
        yield "\n</details>\n"


def _answer(difference: Difference, verdicts: Sequence[Verdict]) -> str:
    broken = sum(bool(verdict.broken) for verdict in verdicts)
    if broken:
        return f"{many(broken, 'rule')} of {len(verdicts)} broken"
    if difference.same:
        return "No difference"
    return f"Difference; {'all rules kept' if verdicts else 'no rules'}"


def _rules(verdicts: Sequence[Verdict]) -> Iterator[str]:
    if verdicts:
        yield "\n"
    for verdict in verdicts:
        rows = verdict.broken or verdict.unsure
        word = "**FAILED**" if verdict.broken else "unsure" if verdict.unsure else "passed"
        yield f"- {word} {code(verdict.rule.text)}\n"
        yield from (f"  - {escaped(broken_words(verdict.rule, row))}\n" for row in rows[:LISTED])
        if len(rows) > LISTED:
            yield f"  - … {len(rows) - LISTED:,} more\n"


def _faults(difference: Difference) -> Iterator[str]:
    found = faults(difference)
    if not found:
        return
    yield "\n## Lines at fault\n\n"
    yield table_row(["line", "function", "measure", "change"])
    yield table_row([":---", ":---", ":---", "---:"])
    for fault in found:
        cells = [code(fault.where), code(fault.change.place.function), fault.measure.words, escaped(fault.amounts)]
        yield table_row(cells)


def _totals(difference: Difference) -> Iterator[str]:
    yield "\n## Totals\n\n"
    yield table_row(["in functions and sections", "before", "after", "change", "%"])
    yield table_row([":---", "---:", "---:", "---:", "---:"])
    for measure in difference.counted:
        before, after = difference.totals.pair(measure.key)
        change = signed(amount(abs(after - before), measure.unit), after - before)
        cells = [measure.words, f"{before:,}", f"{after:,}", change, rate(before, after)]
        yield table_row([escaped(cell) for cell in cells])
