"""What `prof bench` found, as JSON (`tools/bench_schema.json`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from prof.tools.analysis.bench import MEASURES, Bench
from prof.tools.analysis.confidence import CONFIDENCE
from prof.tools.analysis.difference import Difference
from prof.tools.analysis.gate import Verdict
from prof.tools.reports import diff_json
from prof.tools.screen.json_text import Object, Rows, document

SCHEMA = 1


def render(
    bench: Bench, difference: Difference | None, verdicts: Sequence[Verdict], kept: str, precision: float
) -> Iterator[str]:
    """The report, a row a line."""
    return document(_pairs(bench, difference, verdicts, kept, precision))


def _pairs(
    bench: Bench, difference: Difference | None, verdicts: Sequence[Verdict], kept: str, precision: float
) -> Iterator[tuple[str, Any]]:
    yield "schema", SCHEMA
    yield "confidence", CONFIDENCE
    yield "captures", kept or None
    yield "commands", Rows(_command(bench, index) for index in range(len(bench.contenders)))
    intervals = bench.compared(precision)
    if intervals:
        yield (
            "compared",
            {
                measure.key: {"change": interval.change, **diff_json.interval_values(interval)}
                for measure, interval in zip(MEASURES, intervals, strict=True)
            },
        )
    if difference is not None:
        yield "difference", Object(diff_json.pairs(difference, verdicts))


def _command(bench: Bench, index: int) -> dict[str, Any]:
    contender = bench.contenders[index]
    taken = {
        each.measure.key: {"mean": each.mean, "interval": [each.low, each.high], "least": each.least, "most": each.most}
        for each in bench.taken(index)
    }
    runs = [{measure.key: getattr(run, measure.key) for measure in MEASURES} for run in bench.runs[index]]
    return {"words": list(contender.words), "folder": contender.folder, "taken": taken, "runs": runs}
