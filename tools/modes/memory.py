"""Memory in the reports: what functions and lines allocate, what is held, sizes, types."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import asdict
from prof import capture as captures
from prof.capture import LINE_COLUMNS, Capture, Function, Label, MemoryTotals, Tree
from prof.tools.analysis.call_tree import own_amounts
from prof.tools.analysis.compared import SPANS, Counted, Place, Side, entry, line_key, same_interpreter
from prof.tools.analysis.findings import churn, growth
from prof.tools.analysis.findings.evidence import MANY, Evidence
from prof.tools.analysis.options import Options, Sort
from prof.tools.analysis.sections import Fact, Section, Verdict
from prof.tools.analysis.source_lines import Names, SourceLine, place
from prof.tools.analysis.view import Around, Charge, Margin, TreeColumn, View
from prof.tools.screen.colours import Families, turned
from prof.tools.screen.json_text import known
from prof.tools.screen.tables import Column, shown_of
from prof.tools.screen.units import count, duration, many, percent, size, volume

if TYPE_CHECKING:
    from prof.tools.analysis.summary import Summary

# What lines and functions hold, and its title in tables.
COLUMNS = {"peak_bytes": "peak", "live_bytes": "held", "alloc_bytes": "alloc", "alloc_count": "allocs"}
_WORDS = {
    "alloc_bytes": "bytes allocated",
    "peak_bytes": "bytes held at the peak",
    "live_bytes": "bytes held at the end",
    "alloc_count": "allocations",
}
_OF_FUNCTIONS = (*LINE_COLUMNS, "total_alloc_count", "total_alloc_bytes", "total_live_bytes", "total_peak_bytes")

CAVEAT = (
    "Allocator calls, not objects: what CPython serves from its free lists, interpreter frames,",
    "and what libraries take for themselves without telling tracemalloc, are not seen.",
)
INDENT = 12  # of facts
# Bytes that are worth a word when they are held at the end.
_MUCH = 1 << 20


def amounts(column: str) -> Callable[[int | None], str]:
    """How figures of a column of memory read."""
    return volume if column.endswith("_bytes") else lambda number: count(number or 0)


def totals(memory: MemoryTotals, recording: bool) -> Iterator[str]:
    """Memory's totals, in a line or two."""
    allocated = f"{count(memory.alloc_count) if memory.alloc_count else 'no'} allocations, {size(memory.alloc_bytes)}"
    if not memory.detail:
        yield f"{allocated} (frees are followed in detail only)"
        return
    when = f" after {duration(memory.peak_ns)}" if memory.peak_ns else ""
    end = "held when last seen" if recording else "held at the end"
    yield f"{allocated}; {size(memory.free_bytes or 0)} of it freed"
    yield f"peak {size(memory.peak_bytes or 0)}{when}; {size(memory.live_bytes or 0)} {end}"


def memory_sections(
    summary: Summary, memory: MemoryTotals, tree: Tree, column: str | None, limit: int, width: int
) -> Iterator[Section]:
    """Memory, all of it; the lines by `column`, or what fits the recording best. `limit` rows a table, 0: all."""
    yield Section("Memory", facts=list(_facts(summary, memory, width - INDENT)), remarks=CAVEAT, key="process")
    lead = column or ("peak_bytes" if memory.detail else "alloc_bytes")
    yield lines_section(summary.capture.lines(tree), memory, lead, limit)
    if memory.detail:
        yield held_section(summary, memory, tree, limit)
    types = sorted(summary.capture.types, key=lambda t: (-t.bytes, t.name))
    if types:
        yield types_section(types, limit)


def _facts(summary: Summary, memory: MemoryTotals, room: int) -> Iterator[Fact]:
    if memory.alloc_count:
        yield "Blocks", f"{size(memory.alloc_bytes // memory.alloc_count)} each on average"
    if memory.size_classes:
        yield "Sizes", sizes(memory.size_classes, room)
    if memory.unknown_frees:
        yield "Unknown", f"{count(memory.unknown_frees)} blocks freed that were there before the recording"
    series = summary.capture.series
    if series:
        last, most = series[-1], max(moment.rss_bytes for moment in series)
        yield "Process", f"{size(last.rss_bytes)} resident at the end, {size(most)} at most"
        if memory.detail and last.rss_bytes > last.live_bytes:
            gap = size(last.rss_bytes - last.live_bytes)
            yield "", f"{gap} of it not in recorded blocks: the interpreter, libraries, fragments"
    if memory.arena_bytes:
        yield "Arenas", f"{size(memory.arena_bytes)} taken since the start by pymalloc, for blocks up to 512 B"
        if memory.small_bytes:
            empty = max(0, memory.arena_bytes - memory.small_bytes)
            yield "", f"{size(memory.small_bytes)} in such blocks still held, {size(empty)} more than that in arenas"


def sizes(classes: Sequence[tuple[int, int]], room: int) -> str:
    """The commonest size classes that fit, in the order of size: `16-31 B 41%, 32-63 B 8.0%, others 2.0%`."""
    whole = sum(number for _, number in classes)
    commonest = sorted(classes, key=lambda c: (-c[1], c[0]))
    text = ""
    for most in range(1, len(commonest) + 1):
        kept = sorted(commonest[:most])
        parts = [f"{_class_words(least)} {percent(number, whole)}" for least, number in kept]
        others = whole - sum(number for _, number in kept)
        longer = ", ".join(parts + [f"others {percent(others, whole)}"] * (others > 0))
        if len(longer) > room:
            break
        text = longer
    return text


def _class_words(least: int) -> str:
    if least < 1024:
        return f"{least}-{max(1, least * 2 - 1)} B"
    unit, words = next((u, w) for u, w in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")) if least >= u)
    return f"{least // unit}-{least * 2 // unit} {words}"


def lines_section(lines: Sequence[captures.Line], memory: MemoryTotals, lead: str, limit: int) -> Section:
    """The lines by a column, over all their contexts."""
    rows = [line for line in lines if getattr(line, lead)]
    rows.sort(key=lambda line: (-getattr(line, lead), line.label.name, line.label.index))
    shown = rows[: limit or None]
    whole = getattr(memory, lead) or 0
    columns = [
        Column(COLUMNS[lead], [amounts(lead)(getattr(line, lead)) for line in shown], Memory.name),
        Column("%", [percent(getattr(line, lead), whole) for line in shown]),
        *(
            Column(title, [amounts(column)(getattr(line, column)) for line in shown])
            for column, title in COLUMNS.items()
            if column != lead
        ),
        Column("each", [size(line.alloc_bytes // max(1, line.alloc_count)) for line in shown], rank=1),
        Column("line", [place(line.label) for line in shown], "name", left=True),
        Column("function", [line.label.module for line in shown], left=True, stretch=True),
    ]
    title, note = f"Lines by {_WORDS[lead]}", shown_of(len(shown), len(rows))
    if not rows:
        return Section(title, note, remarks=["none"], key="lines")
    return Section(title, note, columns=columns, least=16, key="lines")


def held_section(summary: Summary, memory: MemoryTotals, tree: Tree, limit: int) -> Section:
    """The leak list: what was not freed, by line and the innermost span around it."""
    lines, every = summary.capture.lines_in_spans(tree, "live_bytes", limit or tree.count)
    title = f"Still held {'when last seen' if summary.capture.recording else 'at the end'}"
    note = f"{volume(memory.live_bytes)}, {shown_of(len(lines), every)}"
    if not lines:
        return Section(title, note, remarks=["nothing"], key="held")
    columns = [
        Column("held", [volume(line.live_bytes) for line in lines], Memory.name),
        Column("%", [percent(line.live_bytes or 0, memory.live_bytes or 0) for line in lines]),
        Column("blocks", [count(line.live_count or 0) for line in lines]),
        Column("of", [count(line.alloc_count) for line in lines]),
        Column("line", [place(line.label) for line in lines], "name", left=True),
        Column("function", [line.label.module for line in lines], left=True, rank=1),
        Column("innermost span", [line.span.name if line.span else "(outside)" for line in lines],
               left=True, stretch=True),
    ]  # fmt: skip
    return Section(title, note, columns=columns, least=20, key="held")


def types_section(types: Sequence[captures.TypeCount], limit: int) -> Section:
    """The live blocks by the type of the object in them."""
    shown = types[: limit or None]
    columns = [
        Column("held", [volume(t.bytes) for t in shown], Memory.name),
        Column("%", [percent(t.bytes, sum(t.bytes for t in types)) for t in shown]),
        Column("blocks", [count(t.count) for t in shown]),
        Column("type", [t.name for t in shown], "name", left=True, stretch=True),
    ]
    return Section("Types of the blocks still held", shown_of(len(shown), len(types)), columns=columns, key="types")


def _lead(options: Options) -> str | None:
    """The column of memory that is wished for."""
    return options.sort.column if options.sort.column in COLUMNS else None


def _sorts() -> Iterator[tuple[str, Sort]]:
    for name, column in (
        ("alloc", "alloc_bytes"),
        ("peak", "peak_bytes"),
        ("live", "live_bytes"),
        ("count", "alloc_count"),
    ):
        yield name, Sort(column, column, _WORDS[column])


# From green to violet.
FAMILIES: Families = {
    "function": (88, 42, 44),
    "line": (142, 28, 42),
    "section": (206, 24, 46),
    "import": (54, 22, 50),
    "gc": (290, 24, 42),
    "native": (176, 14, 34),
}


class Memory(View):
    name = "memory"
    terminal = "bold blue"
    moved_by_jit = "allocations"
    answers = "memory"
    verdict_order = 30
    facts_order = 10
    beside_order = 30
    sorts: ClassVar = dict(_sorts())
    # By bytes allocated unless something is asked for.
    tree_columns: ClassVar = {
        column: TreeColumn(COLUMNS[column], words, amounts(column), lines=True)
        for column, words in (
            ("alloc_bytes", "allocated"),
            ("peak_bytes", "held at the peak"),
            ("live_bytes", "held at the end"),
            ("alloc_count", "allocations"),
        )
    }
    counted = (
        Counted("alloc_bytes", "alloc", "B", _WORDS["alloc_bytes"]),
        Counted("alloc_count", "allocs", "", _WORDS["alloc_count"]),
    )
    margins: ClassVar = {
        "alloc_bytes": Margin("alloc", "alloc_bytes", name, volume, _WORDS["alloc_bytes"]),
        "peak_bytes": Margin("peak", "peak_bytes", "", volume, _WORDS["peak_bytes"]),
        "live_bytes": Margin("held", "live_bytes", "", volume, _WORDS["live_bytes"]),
    }
    themes: ClassVar = {
        "memory-summary": FAMILIES,
        "memory-detail": turned(FAMILIES, 106),  # blue
        "memory-live": turned(FAMILIES, 176),  # violet
        "memory-count": turned(FAMILIES, 318),  # yellow
    }
    wide = True
    counting = "allocations"
    line_column = "alloc_bytes"
    beside_rank = 2
    import_sort = ("total_alloc_bytes", _WORDS["alloc_bytes"])

    @cached_property
    def totals(self) -> MemoryTotals:
        """Over the whole recording."""
        found = self.capture.memory(self.tree)
        assert found is not None
        return found

    @cached_property
    def _own(self) -> Callable[[int], int]:
        return own_amounts(self.tree, "alloc_bytes")

    # ---- text ----

    def facts(self, summary: Summary) -> Iterator[Fact]:
        for number, text in enumerate(totals(self.totals, self.capture.recording)):
            yield "" if number else "Memory", text

    def verdict(self, most: int = 0) -> Iterator[Verdict]:
        for column in dict.fromkeys((self.charge.column, "alloc_bytes")):
            yield from self._verdict(column, most or 1)

    def _verdict(self, column: str, most: int) -> Iterator[Verdict]:
        found, words = self.charged(column), self.tree_columns[column].words
        for each in found.largest(most):
            yield each.verdict(self.answers, found.whole, more=f"{volume(each.amount)} {words}")

    def findings(self, summary: Summary) -> Iterator[Evidence]:
        if self.totals.alloc_bytes >= _MUCH:
            yield from churn.evidence(self._verdict("alloc_bytes", MANY), self.capture.lines(self.tree))
        if self.totals.detail and (self.totals.live_bytes or 0) >= _MUCH:
            calls = {function.label.index: function.calls for function in self.functions}
            yield from growth.evidence(self.capture, self.tree, self.whose, self.totals, calls)

    @property
    def charge(self) -> Charge:
        """What is held at the end, where that is known and much; else what was allocated."""
        held = self.totals.live_bytes or 0
        column = "live_bytes" if 3 * held > (self.totals.peak_bytes or 0) and held > _MUCH else "alloc_bytes"
        return Charge(column, COLUMNS[column], _WORDS[column], f"total_{column}", volume)

    def in_short(self, summary: Summary) -> Iterator[str]:
        yield f"{size(self.totals.alloc_bytes)} in {many(self.totals.alloc_count, 'allocation')}"

    def columns(self, shown: Sequence[Function], options: Options, summary: Summary) -> Around:
        """What the functions allocated, led by what the table is sorted by; and their calls if there is room."""
        lead = _lead(options) or "alloc_bytes"
        words = amounts(lead)
        whole = getattr(self.totals, lead)
        columns = [
            Column(COLUMNS[lead], [words(getattr(f, lead)) for f in shown], self.name),
            Column("%", [percent(getattr(f, lead) or 0, whole or 0) for f in shown]),
            Column("total", [words(getattr(f, f"total_{lead}")) for f in shown]),
        ]
        columns += [
            Column(title, [amounts(column)(getattr(f, column)) for f in shown])
            for column, title in COLUMNS.items()
            if column != lead
        ]
        return [*columns, Column("calls", [count(f.calls) for f in shown], rank=1)], []

    def columns_beside(self, shown: Sequence[Function], lead: View, placed: Sequence[Column]) -> list[Column]:
        """What the functions allocated themselves; how often, where there is room."""
        if lead.estimates:
            return []
        columns = [Column("alloc", [volume(f.alloc_bytes) for f in shown], self.name, rank=lead.beside_rank)]
        if not lead.beside_rank:
            columns.append(Column("allocs", [count(f.alloc_count or 0) for f in shown], rank=6 if placed else 0))
        return columns

    def sections(self, summary: Summary, options: Options) -> Iterator[Section]:
        yield from memory_sections(summary, self.totals, self.tree, _lead(options), options.limit, options.width)

    def import_columns(self, shown: Sequence[Function]) -> list[Column]:
        return [
            Column("alloc", [volume(f.total_alloc_bytes) for f in shown], self.name),
            Column("held", [volume(f.total_live_bytes) for f in shown]),
        ]

    def tree_columns_beside(self, column: str) -> list[tuple[str, int]]:
        beside = ("alloc_bytes", "alloc_count") if column in COLUMNS else ("alloc_bytes",)
        return [(other, 0) for other in beside if other != column]

    # ---- JSON ----

    def function_values(self, function: Function) -> dict[str, Any]:
        return known({key: getattr(function, key) for key in _OF_FUNCTIONS})

    def line_values(self, line: SourceLine) -> dict[str, Any]:
        if line.record is None or not line.record.alloc_count:
            return {}
        return known({key: getattr(line.record, key) for key in LINE_COLUMNS})

    def node_values(self, label: Label | None, node: int) -> dict[str, Any]:
        if label and not label.has("alloc_bytes"):
            return {}
        return {
            "total_alloc_bytes": self.tree.inclusive("alloc_bytes")[node],
            "alloc_bytes": self._own(node),
        }

    def documents(self, summary: Summary, limit: int) -> Iterator[tuple[int, str, Any]]:
        yield 20, "memory", self._object(limit)

    def _object(self, limit: int) -> dict[str, Any]:
        found = known(asdict(self.totals))
        if self.totals.size_classes is not None:
            found["size_classes"] = [{"least": least, "count": number} for least, number in self.totals.size_classes]
        if types := sorted(self.capture.types, key=lambda t: (-t.bytes, t.name)):
            found["types"] = [asdict(row) for row in types[: limit or None]]
            found["types_omitted"] = len(types) - len(found["types"])
        return found

    # ---- lines ----

    @classmethod
    def line_records(cls, capture: Capture, tree: Tree) -> Iterable[captures.Line]:
        return capture.lines(tree)

    @classmethod
    def margin_figures(cls, line: SourceLine) -> Iterator[tuple[str, int | None]]:
        for key in cls.margins if line.record is not None else ():
            yield key, getattr(line.record, key)

    # ---- two captures ----

    @classmethod
    def check(cls, before: Capture, after: Capture) -> None:
        same_interpreter(before, after, "what they serve from free lists, and so do not allocate, differs")

    @classmethod
    def add_lines(cls, side: Side, tree: Tree, names: Names) -> None:
        every = side.capture.lines_in_spans(tree, "alloc_count", tree.count)[0]
        lines = [line for line in every if line.span is not None and line.span.kind in SPANS]
        first: dict[tuple[str, str], int] = {}
        for line in lines:
            key = (line.label.file, line.label.module)
            first[key] = min(first.get(key, line.label.line), line.label.line)
        for line in lines:
            label = line.label
            function, begins = names.begins(label.module, label.file)
            of = Place("", "line", function, label.file, label.line)
            begins = begins or first[label.file, label.module]
            row = entry(side.lines, line_key(function, label.file, label.line, begins), of)
            row.add("alloc_count", line.alloc_count)
            row.add("alloc_bytes", line.alloc_bytes)


VIEW = Memory
