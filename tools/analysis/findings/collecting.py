"""Time in garbage collections, at the function in which they ran."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prof.tools.analysis.findings.evidence import Evidence
from prof.tools.analysis.whose import COLLECTIONS
from prof.tools.screen.units import duration, many, percent

if TYPE_CHECKING:
    from prof.tools.analysis.view import View

_LEAST = 0.05


def evidence(view: View) -> Iterator[Evidence]:
    """The user's own functions in which the collector took a twentieth of the time at least."""
    collections = [function for function in view.functions if function.label.kind == "gc"]
    runs, items = (sum(getattr(each, field) for each in collections) for field in ("calls", "items"))
    column = next(iter(view.tree_columns))
    charges = view.charged(column)
    for owner in charges.owners:
        amount = owner.below[COLLECTIONS]
        if not charges.whole or amount < _LEAST * charges.whole or not amount or owner.label is None:
            continue
        words = f"{many(runs, 'collection')} in all reclaimed {many(items, 'object')}"
        share = amount / charges.whole
        text = f"garbage collections in it took {duration(amount)}, {percent(amount, charges.whole)}"
        text += f" of {view.answers} in spans; {words}"
        yield Evidence(
            kind="garbage collection", file=owner.label.file, line=owner.label.line, function=owner.name,
            begins=(owner.label.file, owner.label.line), text=text, sure="measured exactly", share=share,
            of=view.answers, weight=share, more="--show gc", whole=True,
        )  # fmt: skip
