"""The memory part of the text report: totals, lines that allocate, what is held, sizes, types."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePath

from prof import capture as captures
from prof.capture import Label, MemoryTotals, Tree
from prof.tools.session import Session
from prof.tools.table import Column, Line, plain, shown_of, table
from prof.tools.units import count, duration, percent, size, volume
from prof.tools.wish import MEMORY_COLUMNS, SORTS, amounts

CAVEAT = (
    "Allocator calls, not objects: what CPython serves from its free lists, interpreter frames,",
    "and what libraries take for themselves without telling tracemalloc, are not seen.",
)
INDENT = 12  # of facts


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


def memory_section(
    session: Session, memory: MemoryTotals, tree: Tree, column: str | None, limit: int, width: int
) -> Iterator[Line]:
    """Memory, all of it; the lines by `column`, or what fits the recording best. `limit` rows a table, 0: all."""
    yield plain()
    yield plain("Memory", "heading")
    yield plain()
    for title, text in _facts(session, memory, width - INDENT):
        yield [(f"  {title:<10}", "title"), (text, "")]
    for text in CAVEAT:
        yield plain(f"  {text}", "dim")
    lead = column or ("peak_bytes" if memory.detail else "alloc_bytes")
    yield from lines_table(session.capture.lines(tree), memory, lead, limit, width)
    yield from held_table(session, memory, tree, limit, width)
    types = sorted(session.capture.types, key=lambda t: (-t.bytes, t.name))
    if types:
        yield from types_table(types, limit, width)


def _facts(session: Session, memory: MemoryTotals, room: int) -> Iterator[tuple[str, str]]:
    if memory.alloc_count:
        yield "Blocks", f"{size(memory.alloc_bytes // memory.alloc_count)} each on average"
    if memory.size_classes:
        yield "Sizes", sizes(memory.size_classes, room)
    if memory.unknown_frees:
        yield "Unknown", f"{count(memory.unknown_frees)} blocks freed that were there before the recording"
    series = session.capture.series
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


def place(label: Label) -> str:
    """`file.py:42`, with the folder where the file's name says nothing."""
    path = PurePath(label.file)
    alone = path.stem.startswith("__") and path.parent.name and "/" not in label.name
    return f"{path.parent.name}/{label.name}" if alone else label.name


def lines_table(
    lines: Sequence[captures.Line], memory: MemoryTotals, lead: str, limit: int, width: int
) -> Iterator[Line]:
    """The lines by a column, over all their contexts."""
    rows = [line for line in lines if getattr(line, lead)]
    rows.sort(key=lambda line: (-getattr(line, lead), line.label.name, line.label.index))
    shown = rows[: limit or None]
    words = next(sort.words for sort in SORTS.values() if sort.column == lead)
    yield plain()
    of = shown_of(len(shown), len(rows))
    yield [(f"Lines by {words}", "heading"), (f"  {of}", "dim")]
    yield plain()
    if not rows:
        yield plain("  none", "dim")
        return
    whole = getattr(memory, lead) or 0
    yield from table(
        [
            Column(MEMORY_COLUMNS[lead], [amounts(lead)(getattr(line, lead)) for line in shown], "memory"),
            Column("%", [percent(getattr(line, lead), whole) for line in shown]),
            *(
                Column(title, [amounts(column)(getattr(line, column)) for line in shown])
                for column, title in MEMORY_COLUMNS.items()
                if column != lead
            ),
            Column("each", [size(line.alloc_bytes // max(1, line.alloc_count)) for line in shown], rank=1),
            Column("line", [place(line.label) for line in shown], "name", left=True),
            Column("function", [line.label.module for line in shown], left=True, stretch=True),
        ],
        width,
        least=16,
    )


def held_table(session: Session, memory: MemoryTotals, tree: Tree, limit: int, width: int) -> Iterator[Line]:
    """The leak list: what was not freed, by line and the innermost span around it."""
    if not memory.detail:
        return
    lines, every = session.capture.lines_in_spans(tree, "live_bytes", limit or tree.count)
    end = "when last seen" if session.capture.recording else "at the end"
    yield plain()
    of = shown_of(len(lines), every)
    yield [(f"Still held {end}", "heading"), (f"  {volume(memory.live_bytes)}, {of}", "dim")]
    yield plain()
    if not lines:
        yield plain("  nothing", "dim")
        return
    yield from table(
        [
            Column("held", [volume(line.live_bytes) for line in lines], "memory"),
            Column("%", [percent(line.live_bytes or 0, memory.live_bytes or 0) for line in lines]),
            Column("blocks", [count(line.live_count or 0) for line in lines]),
            Column("of", [count(line.alloc_count) for line in lines]),
            Column("line", [place(line.label) for line in lines], "name", left=True),
            Column("function", [line.label.module for line in lines], left=True, rank=1),
            Column("innermost span", [line.span.name if line.span else "(outside)" for line in lines],
                   left=True, stretch=True),
        ],
        width,
        least=20,
    )  # fmt: skip


def types_table(types: Sequence[captures.TypeCount], limit: int, width: int) -> Iterator[Line]:
    """The live blocks by the type of the object in them."""
    shown = types[: limit or None]
    of = shown_of(len(shown), len(types))
    yield plain()
    yield [("Types of the blocks still held", "heading"), (f"  {of}", "dim")]
    yield plain()
    yield from table(
        [
            Column("held", [volume(t.bytes) for t in shown], "memory"),
            Column("%", [percent(t.bytes, sum(t.bytes for t in types)) for t in shown]),
            Column("blocks", [count(t.count) for t in shown]),
            Column("type", [t.name for t in shown], "name", left=True, stretch=True),
        ],
        width,
    )
