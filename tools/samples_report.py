"""The samples part of the text report: totals, the comparison with exact times, functions without spans, lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prof import capture as captures
from prof.capture import Function, Sampler, Tree
from prof.tools.comparison import Comparison, compare
from prof.tools.memory_report import place
from prof.tools.session import Session
from prof.tools.table import Column, Line, plain, shown_of, table
from prof.tools.units import count, duration, percent, size, volume
from prof.tools.wish import Wish


def totals(sampler: Sampler) -> Iterator[str]:
    """The samples' totals, in a line or two."""
    many = count(sampler.samples) if sampler.samples else "none"
    on_cpu = percent(sampler.cpu_samples, sampler.samples).replace("-", "none")
    on_cpu = f"; {on_cpu} on a processor" if sampler.samples else ""
    yield f"{many}, one of each thread every {duration(sampler.interval_ns)}{on_cpu}"
    if sampler.ticks:
        busy = f"{duration(sampler.cpu_ns // sampler.ticks)} of a processor each time"
        late = f", {count(sampler.late)} of {count(sampler.ticks)} times late" if sampler.late else ""
        yield f"taking them took {busy}{late}"


def warnings(sampler: Sampler) -> Iterator[str]:
    """Reasons to doubt."""
    if not sampler.frames:
        yield f"samples are of spans alone, without lines: {sampler.why or 'frames were not read'}"


def gil(sampler: Sampler) -> str:
    """What the threads did about the interpreter's lock, as shares of all samples."""
    if not sampler.lock:
        return ""
    free = max(0, sampler.samples - sampler.held_samples - sampler.wait_samples)
    parts = [f"held {percent(sampler.held_samples, sampler.samples)}"]
    if sampler.waits:
        parts.append(f"waited for {percent(sampler.wait_samples, sampler.samples)}")
        parts.append(f"neither {percent(free, sampler.samples)}")
    else:
        parts.append("who waited for it is not known")
    return ", ".join(parts).replace(" -", " 0%")


def samples_section(
    session: Session, sampler: Sampler, tree: Tree, functions: Sequence[Function], wish: Wish
) -> Iterator[Line]:
    """Samples, all of it; `wish.limit` rows a table."""
    yield plain()
    yield plain("Samples", "heading")
    yield plain()
    if not sampler.samples:
        yield plain("  none", "dim")
        return
    for title, text in (*_facts(sampler), *_process_facts(session)):
        if text:
            yield [(f"  {title:<10}", "title"), (text, "")]
    comparisons = compare(session, tree, functions)
    if comparisons:
        yield from comparison_table(comparisons, wish)
    yield from usage_table(functions, sampler, wish)
    frames = [f for f in functions if f.label.kind == "frame" and f.samples_self]
    if frames:
        yield from frames_table(frames, sampler, wish)
    yield from lines_table(session.capture.lines(tree, "samples"), sampler, wish)


def _facts(sampler: Sampler) -> Iterator[tuple[str, str]]:
    yield (
        "Time",
        f"{duration(sampler.sampled_ns)} of all threads together, {duration(sampler.sampled_cpu_ns)} on a processor",
    )
    yield "GIL", gil(sampler)
    if sampler.outside:
        yield (
            "Outside",
            f"{count(sampler.outside)} samples ({percent(sampler.outside, sampler.samples)}) outside all spans",
        )
    if sampler.unplaced:
        note = "of functions that had returned before their line was read"
        yield "No line", f"{count(sampler.unplaced)} samples ({percent(sampler.unplaced, sampler.samples)}) {note}"
    if sampler.partial:
        note = "could only be placed at their caller, or without some callers: those had ended before they were read"
        yield "Unsure", f"{count(sampler.partial)} samples ({percent(sampler.partial, sampler.samples)}) {note}"


def _process_facts(session: Session) -> Iterator[tuple[str, str]]:
    """What the whole process took, from its first to its last moment in the recording."""
    series = session.capture.process
    if len(series) < 2:
        return
    first, last = series[0], series[-1]
    disks = f"{size(last.disk_read_bytes - first.disk_read_bytes)} and"
    disks += f" {size(last.disk_written_bytes - first.disk_written_bytes)}"
    read, written = last.read_bytes - first.read_bytes, last.written_bytes - first.written_bytes
    yield "I/O", f"{size(read)} read and {size(written)} written by system calls; from and to disks {disks}"
    waits, preemptions = last.waits - first.waits, last.preemptions - first.preemptions
    yield "Switches", f"{count(waits)} waits, {count(preemptions)} preemptions".replace("-", "no")
    system = last.system_ns - first.system_ns
    yield "Processor", f"{duration(last.user_ns - first.user_ns)} in the program, {duration(system)} in the kernel"


def _per_cycle(function: Function) -> str:
    return f"{(function.instructions_self or 0) / function.cycles_self:.2f}" if function.cycles_self else "-"


def usage_table(functions: Sequence[Function], sampler: Sampler, wish: Wish) -> Iterator[Line]:
    """What threads took beside time, as far as the system tells, while samples found them in a function itself."""
    rows = [f for f in functions if f.label.kind not in ("thread", "profiler")]
    rows = [f for f in rows if f.instructions_self or f.read_bytes_self or f.written_bytes_self or f.ready_self_ns]
    rows.sort(key=lambda f: (-(f.instructions_self or 0), -(f.sampled_self_ns or 0), f.label.name, f.label.index))
    shown = rows[: wish.limit or None]
    by = "instructions" if any(f.instructions_self for f in rows) else "time by samples"
    yield plain()
    of = shown_of(len(shown), len(rows))
    yield [(f"What samples found the functions to take, by {by}", "heading"), (f"  {of}", "dim")]
    yield plain()
    if sampler.why_counters:
        yield plain(f"  instructions, cycles, cache misses: not available ({sampler.why_counters})", "dim")
    if not rows:
        return
    yield from table(
        [
            Column("instructions", [count(f.instructions_self or 0) for f in shown], "samples"),
            Column("a cycle", [_per_cycle(f) for f in shown]),
            Column("cache misses", [count(f.cache_misses_self or 0) for f in shown]),
            Column("read", [volume(f.read_bytes_self) for f in shown]),
            Column("written", [volume(f.written_bytes_self) for f in shown]),
            Column("from disk", [volume(f.disk_read_bytes_self) for f in shown], rank=2),
            Column("to disk", [volume(f.disk_written_bytes_self) for f in shown], rank=2),
            Column("cpu", [duration(f.sampled_cpu_self_ns or 0) for f in shown], "time"),
            Column("waits for cpu", [duration(f.ready_self_ns or 0) for f in shown]),
            Column("switches", [count(f.switches_self or 0) for f in shown], rank=1),
            Column("name", [f.label.name for f in shown], "name", left=True, stretch=True),
        ],
        wish.width,
    )


def _share(part: float) -> str:
    return percent(part, 1)


def comparison_table(rows: Sequence[Comparison], wish: Wish) -> Iterator[Line]:
    """Exact self time beside sampled self time, with a mark where they disagree."""
    shown = rows[: wish.limit or None]
    beyond = sum(not row.agrees for row in rows)
    words = f"{beyond} of {len(rows)} spans disagree" if beyond else f"all {len(rows)} spans agree"
    yield plain()
    yield [("Exact and sampled self time", "heading"), (f"  {words}, at 99%", "dim")]
    yield plain()
    yield from table(
        [
            Column("", ["" if row.agrees else "≠" for row in shown], "warning"),
            Column("self", [duration(row.function.self_ns) for row in shown], "time"),
            Column("exact", [_share(row.exact) for row in shown], "time"),
            Column("sampled", [_share(row.sampled) for row in shown], "samples"),
            Column("±", [_share(row.error) for row in shown]),
            Column("samples", [count(row.samples) for row in shown], "samples"),
            Column("on cpu", [_on_cpu(row.function) for row in shown]),
            Column("waits for GIL", [_waits(row.function) for row in shown], rank=1),
            Column("name", [row.function.label.name for row in shown], "name", left=True, stretch=True),
        ],
        wish.width,
    )


def _on_cpu(function: Function) -> str:
    return percent(function.samples_cpu_self or 0, function.samples_self or 0)


def _waits(function: Function) -> str:
    return percent(function.samples_gil_wait_self or 0, function.samples_self or 0)


def frames_table(frames: Sequence[Function], sampler: Sampler, wish: Wish) -> Iterator[Line]:
    """Functions that samples met and that have no span."""
    rows = sorted(frames, key=lambda f: (-(f.samples_self or 0), f.label.name, f.label.index))
    shown = rows[: wish.limit or None]
    of = shown_of(len(shown), len(rows))
    yield plain()
    yield [("Functions without spans by samples", "heading"), (f"  {of}", "dim")]
    yield plain()
    yield from table(
        [
            Column("self", [count(f.samples_self or 0) for f in shown], "samples"),
            Column("%", [percent(f.samples_self or 0, sampler.samples) for f in shown]),
            Column("total", [count(f.samples or 0) for f in shown]),
            Column("on cpu", [_on_cpu(f) for f in shown]),
            Column("waits for GIL", [_waits(f) for f in shown], rank=1),
            Column("time", [duration(f.sampled_self_ns or 0) for f in shown], rank=2),
            Column("name", [f.label.name for f in shown], "name", left=True, stretch=True),
        ],
        wish.width,
    )


def lines_table(lines: Sequence[captures.Line], sampler: Sampler, wish: Wish) -> Iterator[Line]:
    """The lines that ran, over all their contexts."""
    if not lines:
        return
    shown = lines[: wish.limit or None]
    of = shown_of(len(shown), len(lines))
    yield plain()
    yield [("Lines by samples", "heading"), (f"  {of}", "dim")]
    yield plain()
    yield from table(
        [
            Column("samples", [count(line.samples or 0) for line in shown], "samples"),
            Column("%", [percent(line.samples or 0, sampler.samples) for line in shown]),
            Column("line", [place(line.label) for line in shown], "name", left=True),
            Column("function", [line.label.module for line in shown], left=True, stretch=True),
        ],
        wish.width,
        least=16,
    )
