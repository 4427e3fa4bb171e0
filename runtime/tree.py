"""The calling-context tree of a capture, as columns over the C arrays."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any, Literal

from prof._core import ffi, lib
from prof.counted import Operations
from prof.made import made

ROOT = 0
NO_LABEL: int = lib.PROF_READER_NO_LABEL
_WIDTH = {"B": 1, "I": 4, "Q": 8}
Code = Literal["B", "I", "Q"]


def column_index(name: str) -> int:
    """The number of a column (`PROF_READER_COLUMNS` in csrc/read/private.h). Raises KeyError."""
    index: int = lib.prof_reader_column(name.encode())
    if index == NO_LABEL:
        raise KeyError(name)
    return index


class Tree:
    """The calling-context tree in depth-first order: the subtree of node i is the range i to end[i].

    Columns are read-only memory views, one entry a node; node 0 is the root. `label` holds indexes for `Capture.label`,
    `NO_LABEL` at the root; `line` is 1 for the lines, which are leaves that hold what was allocated or sampled there,
    and 2 for the frames of functions that are no spans; `span` is the span that a line or frame belongs to.
    """

    def __init__(self, pointer: Any, reader: Any, unfiltered: Tree | None = None) -> None:
        self._pointer = pointer
        self._reader = reader  # that it is of
        self.unfiltered: Tree = unfiltered or self
        """What filters made it of."""
        self._inclusive: dict[str, Any] = {}
        self.count: int = pointer.count
        self.deepest: int = pointer.deepest
        self.operations: Operations | None = None
        self.profiler_ns: int = pointer.profiler_ns
        self.short_count: int = pointer.short_count
        """How many functions and sections are charged to their callers: see `Capture.least_ns`."""
        self.label = self._view(pointer.label, "I")
        self.parent = self._view(pointer.parent, "I")
        self.end = self._view(pointer.end, "I")
        self.depth = self._view(pointer.depth, "I")
        self.span = self._view(pointer.span, "I")
        self.line = self._view(pointer.line, "B")
        self.at = self._view(pointer.at, "I") if pointer.at else None
        """Of whole stacks by line, the line that ran in the node or called; 0 is unknown. None of other trees."""
        self.calls = self.column("calls")
        self.resumes = self.column("resumes")
        self.items = self.column("items")
        self.self_ns = self.column("self_ns")
        self.suspended_ns = self.column("suspended_ns")

    def _view(self, array: Any, code: Code) -> memoryview:
        owner = self._pointer
        # The view keeps this pointer alive, its destructor the tree: a column may outlive the object it came from.
        held = ffi.gc(array, lambda _: owner and None)
        return memoryview(ffi.buffer(held, self.count * _WIDTH[code])).cast(code).toreadonly()

    @property
    def total_ns(self) -> memoryview:
        """Inclusive time."""
        return self.inclusive("self_ns")

    def column(self, name: str) -> memoryview:
        """What the nodes hold of their own, by the column's name."""
        return self._view(self._pointer.own[column_index(name)], "Q")

    def clear(self, name: str) -> None:
        """Makes a column zeros."""
        array = self._pointer.own[column_index(name)]
        ffi.buffer(array, 8 * self.count)[:] = bytes(8 * self.count)
        self._inclusive.pop(name, None)

    def inclusive(self, name: str) -> memoryview:
        """The sums of a column over each node's subtree."""
        return memoryview(ffi.buffer(self._inclusive_array(name))).cast("Q").toreadonly()

    def _inclusive_array(self, name: str) -> Any:
        if name not in self._inclusive:
            total = ffi.new("uint64_t[]", self.count)
            lib.prof_reader_inclusive(self._pointer, self._pointer.own[column_index(name)], total)
            self._inclusive[name] = total
        return self._inclusive[name]

    def children(self, node: int) -> Iterator[int]:
        """The node's children, in the order they were first met."""
        child, stop = node + 1, self.end[node]
        while child < stop:
            yield child
            child = self.end[child]

    def select(self, name: str, minimum: int, deepest: int = NO_LABEL, lines: bool = True) -> memoryview:
        """The nodes with inclusive values of at least `minimum` and depth at most `deepest`, whose parents are in too.

        The root always is; lines only if `lines`.
        """
        shown = ffi.new("uint32_t[]", self.count)
        minimum = max(0, min(minimum, 2**64 - 1))
        values = self._inclusive_array(name)
        count = lib.prof_reader_select(self._pointer, values, minimum, deepest, lines, shown)
        return memoryview(ffi.buffer(shown, count * 4)).cast("I").toreadonly()

    def sums(self, name: str | None, group: Any, groups: int, inclusive: bool = False) -> tuple[memoryview, memoryview]:
        """A column's own and inclusive sums by group of nodes (a C array); `name` None counts the nodes."""
        own = ffi.new("uint64_t[]", max(1, groups))
        total = ffi.new("uint64_t[]", max(1, groups)) if inclusive else ffi.NULL
        column = ffi.NULL if name is None else self._pointer.own[column_index(name)]
        if lib.prof_reader_sum_groups(self._pointer, group, groups, column, own, total) != 0:
            raise MemoryError
        views = [memoryview(ffi.buffer(array)).cast("Q") for array in (own, total if inclusive else own)]
        return views[0], views[1]

    def stacks(self, path: Any, lines: bool) -> Tree:
        """Its samples by whole stacks: see `Capture.stacks`."""
        rest = self._reader, self._pointer, lines
        return Tree(made(path, lib.prof_reader_tree_free, lib.prof_reader_stacks_new, *rest), self._reader)

    def label_sums(self, name: str | None, labels: int, inclusive: bool = False) -> tuple[memoryview, memoryview]:
        """`sums` by label."""
        return self.sums(name, self._pointer.label, labels, inclusive)


class _Grouped:
    """The nodes of a tree by pairs of numbers."""

    def __init__(self, tree: Tree, pairs: Any) -> None:
        if pairs == ffi.NULL:
            raise MemoryError
        self._tree = tree
        self._pointer = ffi.gc(pairs, lib.prof_reader_pairs_free)
        self.count: int = pairs.count

    @property
    def group(self) -> memoryview:
        """By node, its pair; `NO_LABEL` for none."""
        return memoryview(ffi.buffer(self._pointer.group, self._tree.count * _WIDTH["I"])).cast("I")

    def labels(self, pair: int) -> tuple[int, int]:
        """The numbers of a pair; of labels, `NO_LABEL` above is outside every span."""
        return self._pointer.above[pair], self._pointer.below[pair]

    def sums(self, name: str, inclusive: bool = False) -> tuple[memoryview, memoryview]:
        """A column's own and inclusive sums by pair."""
        return self._tree.sums(name, self._pointer.group, self.count, inclusive)


class Pairs(_Grouped):
    """Labels that stand directly above each other in a tree: callers and callees, or spans and their lines."""

    def __init__(self, tree: Tree, lines: bool) -> None:
        super().__init__(tree, lib.prof_reader_pairs_new(tree._pointer, lines))


class Groups(_Grouped):
    """The nodes by any two numbers of each; with `NO_LABEL` below they are in no group."""

    def __init__(self, tree: Tree, above: array[int], below: array[int]) -> None:
        pointers = (ffi.from_buffer("uint32_t[]", column) for column in (above, below))
        super().__init__(tree, lib.prof_reader_pairs_of(tree._pointer, *pointers))


def largest_first(values: memoryview, count: int) -> memoryview:
    """The indexes of the first `count` values, the largest value first."""
    order = ffi.new("uint32_t[]", max(1, count))
    if lib.prof_reader_order(ffi.from_buffer("uint64_t[]", values), count, order) != 0:
        raise MemoryError
    return memoryview(ffi.buffer(order)).cast("I")[:count]
