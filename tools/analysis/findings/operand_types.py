"""Hot places whose operands have several types: the interpreter cannot specialise them for one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from prof.counted import Code, Operands
from prof.tools.analysis.findings.counts import Counts
from prof.tools.analysis.findings.evidence import Evidence
from prof.tools.analysis.name_uses import with_types
from prof.tools.screen.units import count, many

# Executions of a place, and combinations of types of one that are named.
_LEAST, _NAMED = 1000, 3


def evidence(counts: Counts) -> Iterator[Evidence]:
    """A line once, however many places it has."""
    places: dict[Any, list[Operands]] = defaultdict(list)
    for each in counts.solved.operands():
        if each.count >= _LEAST and counts.own(each.code) is not None:
            places[each.code, each.line, each.columns, each.category, each.name].append(each)
    lines: dict[tuple[Code, int], list[list[Operands]]] = defaultdict(list)
    for (code, line, *_), met in places.items():
        if len({with_types(each) for each in met}) > 1:
            lines[code, line].append(met)
    for (code, line), several in lines.items():
        function = counts.own(code)
        assert function is not None
        words = "; ".join(map(_words, several[:_NAMED]))
        share = counts.share(code, line)
        yield Evidence(
            kind="mixed types", file=code.file, line=line, function=function.label.name, begins=(code.file, code.line),
            text=f"operands of several types in {many(len(several), 'place')}, which ran"
            f" {count(max(met[0].count for met in several))} times: {words}",
            sure=f"runs counted exactly; types of the first {sum(each.seen for each in several[0]):,} of a place",
            share=share, of="operations", weight=0.5 * share, indirect=True, more="--show operands",
        )  # fmt: skip


def _words(met: list[Operands]) -> str:
    words = list(dict.fromkeys(with_types(each) for each in met))
    return ", ".join(f"`{each}`" for each in words[:_NAMED]) + (" and more" if len(words) > _NAMED else "")
