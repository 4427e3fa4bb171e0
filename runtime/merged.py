"""Captures that were merged into a file: what the file's meta says of the processes which they were of.

The sums are the file's own (`csrc/read/merge_layout.c`). What is no sum stands under the key `merged` of its meta: the
processes, what memory took over time in the largest of them, what all took together, and what only some recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import asdict, astuple, fields, frozen
from prof.format import drop_words
from prof.records import Drop, Moment, Process, ProcessMoment
from prof.runs import Origin, origin

KEY = "merged"
USAGE = tuple(field.name for field in fields(ProcessMoment))[1:]
"""What processes took: all of a moment but its time."""


@frozen
class Merged:
    """What `read` finds in a capture's meta."""

    rows: list[tuple[Process, Origin]]
    """The processes, in the order in which they were merged."""
    peak: int | None
    """The index of the one that all peaks are of."""
    largest: int | None
    """And of the one that `series` is of."""
    series: list[Moment]
    usage: list[int] | None
    recorded: dict[str, int]
    """By mode, how many of the processes recorded it."""
    intervals: list[int]
    """Those of the samples, in ns."""
    details: tuple[int, int]
    """How many recorded memory, and of these how many in detail."""
    directories: list[str]
    notes: list[str]


def document(found: Merged) -> dict[str, Any]:
    """The value of the key."""
    rows = [
        {**asdict(process), "path": str(process.path), "drops": {drop.key: drop.count for drop in process.drops}}
        | _lineage(where)
        for process, where in found.rows
    ]
    rest = asdict(found, filter=lambda field, _: field.name not in ("rows", "series"))
    return rest | {"series": [list(astuple(moment)) for moment in found.series], "processes": rows}


def _lineage(where: Origin) -> dict[str, Any]:
    """As `origin` reads it."""
    if where.own is None:
        return {}
    lineage = [list(each[1:]) for each in (where.own, *where.ancestors)]
    return {"lineage": lineage} | ({"family": list(where.family[1:])} if where.family else {})


def read(meta: dict[str, Any]) -> Merged | None:
    """What a capture's meta says of that; None where it is a process's own. Captures are anybody's: rows that are none
    are left out, and so are figures; without any row it is not of several."""
    found = meta.get(KEY)
    if not isinstance(found, dict):
        return None
    rows = [row for each in _list(found.get("processes")) if (row := _row(each)) is not None]
    if not rows:
        return None
    usage = _numbers(found.get("usage"))
    details = _numbers(found.get("details"))
    recorded = found.get("recorded")
    return Merged(
        rows=rows,
        peak=_index(found.get("peak"), rows),
        largest=_index(found.get("largest"), rows),
        series=[
            Moment(*each) for each in map(_numbers, _list(found.get("series"))) if len(each) == len(fields(Moment))
        ],
        usage=usage if len(usage) == len(USAGE) else None,
        recorded={k: n for k, n in recorded.items() if _is_count(n)} if isinstance(recorded, dict) else {},
        intervals=_numbers(found.get("intervals")),
        details=(details[0], details[1]) if len(details) == 2 else (0, 0),
        directories=[each for each in _list(found.get("directories")) if isinstance(each, str)],
        notes=[each for each in _list(found.get("notes")) if isinstance(each, str)],
    )


def _row(found: Any) -> tuple[Process, Origin] | None:
    if not isinstance(found, dict):
        return None
    texts: dict[str, Any] = {key: found.get(key) for key in ("name", "command", "python", "host", "full")}
    counts: dict[str, Any] = {
        key: found.get(key) for key in ("pid", "parent", "depth", "start_unix_ns", "duration_ns", "threads")
    }
    peak: Any = found.get("peak_rss_bytes")
    totals: Any = found.get("totals")
    drops: Any = found.get("drops")
    whole = (
        all(isinstance(text, str) for text in texts.values())
        and all(_is_count(number) for number in counts.values())
        and (peak is None or _is_count(peak))
        and all(isinstance(each, dict) and all(map(_is_count, each.values())) for each in (totals, drops))
    )
    if not whole:
        return None
    process = Process(
        path=Path(str(found.get("path"))), **texts, **counts, peak_rss_bytes=peak, totals=totals,
        drops=[Drop(key, count, drop_words(key, count)) for key, count in drops.items()],
        recording=found.get("recording") is True, replaced=found.get("replaced") is True,
    )  # fmt: skip
    return process, origin(found, process.start_unix_ns)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _numbers(value: object) -> list[int]:
    numbers = _list(value)
    return numbers if all(_is_count(number) for number in numbers) else []


def _index(value: Any, rows: Sequence[object]) -> int | None:
    return value if _is_count(value) and value < len(rows) else None
