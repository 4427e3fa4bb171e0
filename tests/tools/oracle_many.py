"""What several captures say together, computed from the descriptions they were written from: each by itself, by the
oracle of one, and then added up by what labels mean."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import oracle_tree as oracle
from capture_files import File, Label

Meaning = tuple[int, str, str, str, int, int]
Path = tuple[Meaning, ...]
DETAIL = ("free_count", "free_bytes", "live_bytes", "peak_bytes")


def meaning(label: Label) -> Meaning:
    return (label.kind, label.name, label.module, label.file, label.line, label.flags)


def in_detail(files: Sequence[File]) -> bool:
    """Whether all that recorded memory did so in detail."""
    memories = [file.memory for file in files if file.memory is not None]
    return bool(memories) and all(memory.detail for memory in memories)


def highest(files: Sequence[File]) -> int | None:
    """Which file all peaks are of: the first of those with the highest."""
    peaks = [file.memory.peak if file.memory and file.memory.detail else -1 for file in files]
    return peaks.index(max(peaks)) if max(peaks) >= 0 else None


def paths(files: Sequence[File], only: int | None = None) -> dict[Path, dict[str, int]]:
    """Every context's own columns, keyed by what its labels mean; of one file, its thread `only` if one is given."""
    found: dict[Path, dict[str, int]] = defaultdict(lambda: dict.fromkeys(oracle.COLUMNS, 0))
    detail, peaks_of = in_detail(files), highest(files)
    for number, file in enumerate(files):
        for key, row in oracle.paths(file, only).items():
            sums = found[tuple(meaning(file.labels[label]) for label in key)]
            for column in oracle.SPAN_COLUMNS:
                sums[column] += row.get(column, 0)
            if file.memory is None:
                continue
            for column in ("alloc_count", "alloc_bytes"):
                sums[column] += row.get(column, 0)
            if not detail:
                continue
            for column in ("free_count", "live_bytes"):
                sums[column] += row.get(column, 0)
            # A process that is being recorded may show a free before its allocation: what is live is never negative.
            sums["free_bytes"] += row.get("alloc_bytes", 0) - row.get("live_bytes", 0)
            if number == peaks_of:
                sums["peak_bytes"] += row.get("peak_bytes", 0)
    return dict(found)
