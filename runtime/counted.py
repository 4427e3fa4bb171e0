"""The operations of a capture, solved: how often each instruction ran, and sums of that. A thin face over
`csrc/read/counts.c` and `csrc/read/sites.c`."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from attrs import evolve, frozen
from prof._core import ffi, lib
from prof.format import ACCESSES, names, row_of
from prof.made import made
from prof.text import decoded

_ROW = row_of("prof_reader_operation")
_OPERANDS = row_of("prof_reader_operands")
_SITE = row_of("prof_reader_site")
_BY = names("prof_reader_by", "PROF_READER_BY_")
_JUMPS = (lib.PROF_FLOW_BRANCH, lib.PROF_FLOW_FOR)


@frozen
class Code:
    """A code object that ran. `label` is the index of its span's label; None where it ran in the span of its caller."""

    index: int
    name: str
    file: str
    line: int
    label: int | None
    contexts: int
    inexact: int
    """Contexts in which a count came out negative: their numbers are not to be trusted."""


@frozen
class Operation:
    """One instruction: what it is, where it stands in the source, and how often it ran.

    `columns` are bytes of UTF-8 from 0, in `line` and `end_line`; None where they are not known. `name` is the
    variable, the attribute or the operator, `access` one of `ACCESSES`. An instruction for two variables has `second`
    too. Of a branch or a for loop, `taken` is how often it jumped: away from what follows it in the source, or behind
    the loop.
    """

    code: int
    unit: int
    opcode: int
    line: int
    end_line: int
    columns: tuple[int, int] | None
    categories: tuple[str, ...]
    name: str
    second: str
    access: str
    second_access: str
    count: int
    taken: int | None


@frozen
class Operands:
    """Types of operands that an instruction met in its first executions, `seen` times of the `count` it ran.

    `types` are one or two names, none for all further combinations. `columns` are bytes of UTF-8 from 0.
    """

    code: Code
    line: int
    end_line: int
    columns: tuple[int, int]
    category: str
    name: str
    types: tuple[str, ...]
    seen: int
    count: int


@frozen
class Site:
    """Operations of one code object, summed: of a line, an expression, a branch, or those on a name.

    Which fields say something depends on what it is: `columns` (bytes of UTF-8 from 0) of expressions and branches;
    `name`, of a callee as the call site has it, "" where that has none; `category` of the name's accesses, of a loop
    "iteration". `count` is how often it ran: of lines and expressions, the instruction of it that ran most. A branch
    was `taken` when it jumped, away from what follows it in the source; a loop when it was exhausted. `ops` are the
    operations of lines and expressions, by category in `operations`.
    """

    code: Code
    line: int
    end_line: int
    columns: tuple[int, int]
    name: str
    category: str
    instructions: int
    count: int
    taken: int
    ops: int
    reads: int
    writes: int
    deletes: int
    operations: dict[str, int]

    def plus(self, other: Site) -> Site:
        """This and what another code object did in the same place."""
        sums = ("instructions", "count", "taken", "ops", "reads", "writes", "deletes")
        operations = dict(self.operations)
        for name, count in other.operations.items():
            operations[name] = operations.get(name, 0) + count
        return evolve(self, operations=operations, **{k: getattr(self, k) + getattr(other, k) for k in sums})


class Operations:
    """What the code objects of one tree executed. Belongs to the capture that made it, which must be open."""

    def __init__(
        self,
        path: Path,
        reader: Any,
        tree: Any,
        column: Any,
        categories: tuple[str, ...],
        category: int = 0,
        file_names: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        free, new = lib.prof_reader_operations_free, lib.prof_reader_operations_new
        self._pointer = made(path, free, new, reader, tree, category, column)
        self._reader = reader
        self._texts: dict[int, str] = {0: ""}
        self._codes: dict[int, Code] = {}
        self.categories = categories
        self._file_names = file_names

    def _text(self, ref: int) -> str:
        found = self._texts.get(ref)
        if found is None:
            text = lib.prof_reader_string(self._reader, ref)
            found = self._texts[ref] = decoded(text)
        return found

    def of_label(self, label: int) -> dict[str, int]:
        """Operations by category of a label's spans, their own; those that did not occur are left out."""
        return self._by_category(self._pointer.by_label, label)

    def _by_category(self, table: Any, row: int) -> dict[str, int]:
        first = row * lib.PROF_READER_CATEGORIES
        counts = table[first : first + len(self.categories)]
        return {name: count for name, count in zip(self.categories, counts, strict=True) if count}

    def exact(self, label: int) -> bool:
        """Whether all counts of the label came out as counts can."""
        return not self._pointer.inexact[label]

    def codes(self) -> list[Code]:
        """The code objects that ran."""
        return [self._code(i) for i in range(self._pointer.code_count) if self._pointer.codes[i].contexts]

    def _code(self, index: int) -> Code:
        found = self._codes.get(index)
        if found is None:
            c = self._pointer.codes[index]
            label = None if c.label == lib.PROF_READER_NO_LABEL else c.label
            file = self._text(c.file)
            file = self._file_names.get(file, file)
            found = Code(index, self._text(c.name), file, c.line, label, c.contexts, c.inexact)
            self._codes[index] = found
        return found

    def operands(self) -> list[Operands]:
        """Types of operands in the first executions of instructions; those that ran most first.

        Sampled, not counted: the recording's `types` says how many executions were looked at.
        """
        number = self._pointer.operand_count
        found = []
        operands = ffi.buffer(self._pointer.operands, number * _OPERANDS.size) if number else b""
        rows = ffi.buffer(self._pointer.rows, self._pointer.count * _ROW.size)
        for row, left, right, _, seen in _OPERANDS.iter_unpack(operands):
            (code, _, line, end_line, column, end_column, name, _, category, _, _, _, _, _, _, _, count,
             _) = _ROW.unpack_from(rows, row * _ROW.size)  # fmt: skip
            types = tuple(self._text(ref) for ref in (left, right) if ref)
            kind = self.categories[category - 1] if 0 < category <= len(self.categories) else ""
            found.append(Operands(self._code(code), line, end_line, (column, end_column), kind, self._text(name), types,
                                  seen, count))  # fmt: skip
        found.sort(key=lambda o: -o.count)
        return found

    def edge_weights(self) -> dict[tuple[str, int], bytes]:
        """How often each edge of the control flow ran, by the code's name and first line, as doubles: `profile=`."""
        found = {}
        for code in self.codes():
            c = self._pointer.codes[code.index]
            counts = ffi.unpack(self._pointer.edges + c.first_edge, c.edge_count)
            found[code.name, code.line] = struct.pack(f"={c.edge_count}d", *counts)
        return found

    def of_code(self, code: Code) -> Iterator[Operation]:
        """The instructions of a code object in their order, those that never ran too."""
        c = self._pointer.codes[code.index]
        rows = ffi.buffer(self._pointer.rows + c.first, c.count * _ROW.size)
        for row in _ROW.iter_unpack(rows):
            (index, unit, line, end_line, column, end_column, name, second, category, other, access, other_access,
             flow, op, _, _, count, taken) = row  # fmt: skip
            known = column != lib.PROF_CODE_NO_COLUMN and end_column != lib.PROF_CODE_NO_COLUMN
            yield Operation(
                index, unit, op, line, end_line, (column, end_column) if known else None,
                tuple(self.categories[k - 1] for k in (category, other) if 0 < k <= len(self.categories)),
                self._text(name), self._text(second), ACCESSES[access], ACCESSES[other_access], count,
                taken if flow in _JUMPS else None,
            )  # fmt: skip

    def _sites(self, by: str, categories: Iterable[str]) -> Any:
        bits = sum(1 << k for k, name in enumerate(self.categories) if name in frozenset(categories))
        sites = lib.prof_reader_sites_new(self._pointer, _BY.index(by), bits)
        if sites == ffi.NULL:
            raise MemoryError
        return ffi.gc(sites, lib.prof_reader_sites_free)

    def sites(
        self, by: str, categories: Iterable[str] | None = None, limit: int = 0, apart: bool = False
    ) -> tuple[list[Site], int]:
        """Sums by `line`, `expression`, `branch`, `name` or `callee`, `limit` at most (0: all), and how many there are.

        Most operations first, then most executions. Only operations of `categories` count (None: all of them); `apart`
        fills `Site.operations`, of lines and expressions.
        """
        found = self._sites(by, self.categories if categories is None else categories)
        number = min(found.count, limit or found.count)
        rows = _SITE.iter_unpack(ffi.buffer(found.sites, number * _SITE.size)) if number else ()
        loop = ("", "iteration")
        sites = []
        for row in rows:
            (code, line, end_line, column, end_column, name, kind, _, instructions, index, _, count, taken, ops, reads,
             writes, deletes) = row  # fmt: skip
            category = loop[kind] if by == "branch" else self.categories[kind - 1] if kind else ""
            operations = self._by_category(found.by_category, index) if apart and found.by_category else {}
            sites.append(Site(self._code(code), line, end_line, (column, end_column), self._text(name), category,
                              instructions, count, taken, ops, reads, writes, deletes, operations))  # fmt: skip
        return sites, found.count
