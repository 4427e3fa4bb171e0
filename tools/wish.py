"""How the reader of a report wants it: by which number, how many rows, how deep."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen
from prof.tools.units import count, volume

# What lines and functions hold, and its title in tables.
MEMORY_COLUMNS = {"peak_bytes": "peak", "live_bytes": "held", "alloc_bytes": "alloc", "alloc_count": "allocs"}


def amounts(column: str) -> Callable[[int | None], str]:
    """How figures of a column of memory read."""
    return volume if column.endswith("_bytes") else lambda number: count(number or 0)


# What the call tree can be by, beside time.
TREE_COLUMNS = (*MEMORY_COLUMNS, "ops", "samples")


@frozen
class Sort:
    """An order of the tables: by a field of `Function`, where the capture has that column. `words` are for headings."""

    field: str
    column: str
    words: str


# The call tree is by the column, too, if that is an amount: by time, bytes, allocations or operations.
SORTS: dict[str, Sort] = {
    "self": Sort("self_ns", "self_ns", "self time"),
    "total": Sort("total_ns", "self_ns", "total time"),
    "calls": Sort("calls", "calls", "calls"),
    "suspended": Sort("suspended_ns", "suspended_ns", "suspended time"),
    "p50": Sort("p50_ns", "self_ns", "p50"),
    "p90": Sort("p90_ns", "self_ns", "p90"),
    "p99": Sort("p99_ns", "self_ns", "p99"),
    "max": Sort("max_ns", "self_ns", "max"),
    "alloc": Sort("alloc_bytes", "alloc_bytes", "bytes allocated"),
    "peak": Sort("peak_bytes", "peak_bytes", "bytes held at the peak"),
    "live": Sort("live_bytes", "live_bytes", "bytes held at the end"),
    "count": Sort("alloc_count", "alloc_count", "allocations"),
    "ops": Sort("ops", "ops", "operations"),
    "total-ops": Sort("total_ops", "ops", "operations with those of what it called"),
    "samples": Sort("samples_self", "samples", "samples"),
}


@frozen
class Wish:
    """How the reader wants it. `limit` rows a table (0: all), `few` of the lesser tables, `depth` levels and
    `min_percent` of the call tree, and whether `lines` are in that."""

    sort: str = "self"
    limit: int = 20
    few: int = 10
    depth: int = 12
    min_percent: float = 1.0
    width: int = 100
    lines: bool = False

    @property
    def tree_column(self) -> str | None:
        """What the call tree is by, if that is not time."""
        column = SORTS[self.sort].column
        return column if column in TREE_COLUMNS else None

    @property
    def memory_column(self) -> str | None:
        """What it is sorted by, if that is memory."""
        column = SORTS[self.sort].column
        return column if column in MEMORY_COLUMNS else None

    @property
    def by_ops(self) -> bool:
        """Whether it is sorted by operations."""
        return SORTS[self.sort].column == "ops"
