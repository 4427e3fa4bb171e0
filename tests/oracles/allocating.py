"""What a capture says of memory, in sums that a few obvious lines make over its nodes."""

from __future__ import annotations

import gc
from collections import defaultdict
from pathlib import Path
from typing import Any

from prof.capture import MemoryTotals, Moment, Tree, TypeCount, open_capture

COLUMNS = ("alloc_count", "alloc_bytes", "free_count", "free_bytes", "live_bytes", "peak_bytes")
# Not inlined anywhere: the label of the root of a thread.
ROOT = "<root>"


class Allocations:
    """A capture's lines by the span around them, as the nodes have them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with open_capture(path) as capture:
            self.tree: Tree = capture.tree()
            totals = capture.memory(self.tree)
            assert totals is not None
            self.totals: MemoryTotals = totals
            self.types: list[TypeCount] = capture.types
            self.series: list[Moment] = capture.series
            self.functions = capture.functions(self.tree)
            self.lines = capture.lines(self.tree)
            self.labels = {index: capture.label(index) for index in range(capture.label_count)}
            self.drops = {drop.key: drop.count for drop in capture.drops}
        self.columns = {name: self.tree.column(name) for name in COLUMNS if totals.detail or name.startswith("alloc")}

    def leaves(self) -> list[int]:
        return [node for node in range(self.tree.count) if self.tree.line[node]]

    def path_of(self, node: int) -> tuple[str, ...]:
        """The names of the spans around a node, outermost first, without `program.`."""
        found = []
        while node:
            node = self.tree.parent[node]
            if node and self.labels[self.tree.label[node]].kind != "thread":
                name = self.labels[self.tree.label[node]].name
                found.append(name.removeprefix("program.").removeprefix("profile!"))
        return tuple(reversed(found))

    def sums(self, column: str = "alloc_count", file: str | None = None) -> dict[tuple[tuple[str, ...], int], int]:
        """A column by (spans around, line), of one file if that is given."""
        found: dict[tuple[tuple[str, ...], int], int] = defaultdict(int)
        for node in self.leaves():
            label = self.labels[self.tree.label[node]]
            if file is None or label.file == file:
                found[self.path_of(node), label.line] += self.columns[column][node]
        return dict(found)

    def of_line(self, file: str, line: int, column: str = "alloc_count") -> int:
        return sum(count for (_, at), count in self.sums(column, file).items() if at == line)


def record(folder: Path, program: Any, detail: bool = True, mode: str = "both", keys: str = "") -> Allocations:
    """Records a call of `program`, with the collector off."""
    from prof import enable_profiling

    gc.collect()
    gc.disable()
    try:
        text = f"{mode},{folder},,{str(detail).lower()},imports=false,collections=false{keys}"
        with enable_profiling(text) as enabled:
            program()
    finally:
        gc.enable()
    (path,) = (file for file in enabled.files if file.suffix == ".capture")
    return Allocations(path)
