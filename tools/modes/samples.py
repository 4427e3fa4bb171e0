"""Samples in the reports: of functions and lines, beside exact times, of functions without spans, and what was used."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import asdict
from prof import capture as captures
from prof.capture import USAGE_COLUMNS, Capture, Function, Label, Sampler, Tree
from prof.tools.analysis.agreement import Comparison, compare, half_width
from prof.tools.analysis.call_chains import CallSites, Chain, SampledCall
from prof.tools.analysis.call_tree import own_amounts
from prof.tools.analysis.calling_lines import SAMPLED, In, Sampled, Totals, sampled
from prof.tools.analysis.compared import SPANS, Counted
from prof.tools.analysis.findings import hot
from prof.tools.analysis.findings.evidence import MANY, Evidence
from prof.tools.analysis.options import Options, Sort
from prof.tools.analysis.owners import Charges, Owner
from prof.tools.analysis.sections import Fact, Section, Verdict
from prof.tools.analysis.source_lines import SourceLine, place
from prof.tools.analysis.spent import Spent, spent
from prof.tools.analysis.view import Around, Charge, Margin, TreeColumn, View
from prof.tools.analysis.whose import Whose
from prof.tools.screen.colours import Families
from prof.tools.screen.json_text import Rows, known
from prof.tools.screen.tables import Column, shown_of
from prof.tools.screen.units import count, duration, many, percent, size, volume

if TYPE_CHECKING:
    from prof.tools.analysis.summary import Summary

_OF_FUNCTIONS = (
    "samples", "samples_self", "samples_cpu", "samples_cpu_self", "samples_gil_held_self", "samples_gil_wait_self",
    "sampled_ns", "sampled_self_ns", "sampled_cpu_self_ns", *USAGE_COLUMNS.values(),
)  # fmt: skip


# What samples say of a line and all that it called: columns, and keys of JSON.
_TOTALS = {"samples": "total_samples", "sampled_ns": "total_sampled_ns", "sampled_cpu_ns": "total_sampled_cpu_ns"}
# Samples that a verdict needs, and its lines.
_ENOUGH, _LINES = 100, 3
# Samples that findings need, which say how far they may be off.
_SOME = 25


def totals(sampler: Sampler) -> Iterator[str]:
    """The samples' totals, in a line or two."""
    taken = count(sampler.samples) if sampler.samples else "none"
    on_cpu = percent(sampler.cpu_samples, sampler.samples).replace("-", "none")
    on_cpu = f"; {on_cpu} on a CPU" if sampler.samples else ""
    yield f"{taken}, one of each thread every {duration(sampler.interval_ns)}{on_cpu}"
    if sampler.ticks:
        late = f"; {count(sampler.late)} of {many(sampler.ticks, 'look')} came late" if sampler.late else ""
        yield f"a look at all threads took {duration(sampler.cpu_ns // sampler.ticks)} of a CPU{late}"


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


def samples_sections(
    summary: Summary,
    sampler: Sampler,
    tree: Tree,
    functions: Sequence[Function],
    frames: Sequence[Function],
    options: Options,
    whose: Whose,
) -> Iterator[Section]:
    """Samples, all of it; `options.limit` rows a table."""
    if not sampler.samples:
        yield Section("Samples", remarks=["none"], key="process")
        return
    facts = (*_facts(sampler), *_process_facts(summary))
    yield Section("Samples", facts=[(title, text) for title, text in facts if text], key="process")
    comparisons = compare(summary, tree, functions)
    if comparisons:
        yield comparison_section(comparisons, options)
    yield usage_section(functions, sampler, options)
    if frames:
        yield frames_section(frames, sampler, options)
    lines = summary.capture.lines(tree, "samples")
    if lines:
        yield lines_section(lines, sampler, options)
    if summary.capture.whole_stacks:
        yield calling_section(lines, sampled(summary.capture, tree), sampler, options, whose)


def _facts(sampler: Sampler) -> Iterator[Fact]:
    yield (
        "Time",
        f"{duration(sampler.sampled_ns)} of all threads together, {duration(sampler.sampled_cpu_ns)} on a CPU",
    )
    yield "GIL", gil(sampler)
    if sampler.outside:
        share = percent(sampler.outside, sampler.samples)
        yield "Outside", f"{count(sampler.outside)} samples ({share}) outside functions with probes"
    if sampler.unplaced:
        note = "of functions that had returned before their line was read"
        yield "No line", f"{count(sampler.unplaced)} samples ({percent(sampler.unplaced, sampler.samples)}) {note}"
    if sampler.partial:
        note = "could only be placed at their caller, or without some callers: those had ended before they were read"
        yield "Unsure", f"{count(sampler.partial)} samples ({percent(sampler.partial, sampler.samples)}) {note}"


def _process_facts(summary: Summary) -> Iterator[Fact]:
    """What the whole process took, from its first to its last moment in the recording."""
    series = summary.capture.process
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
    yield "CPU", f"{duration(last.user_ns - first.user_ns)} in the program, {duration(system)} in the kernel"


def _per_cycle(function: Function) -> str:
    return f"{(function.instructions_self or 0) / function.cycles_self:.2f}" if function.cycles_self else "-"


def usage_section(functions: Sequence[Function], sampler: Sampler, options: Options) -> Section:
    """What threads took beside time, as far as the system tells, while samples found them in a function itself."""
    rows = [f for f in functions if f.label.kind not in ("thread", "profiler")]
    rows = [f for f in rows if f.instructions_self or f.read_bytes_self or f.written_bytes_self or f.ready_self_ns]
    rows.sort(key=lambda f: (-(f.instructions_self or 0), -(f.sampled_self_ns or 0), f.label.name, f.label.index))
    shown = rows[: options.limit or None]
    by = "instructions" if any(f.instructions_self for f in rows) else "sampled time"
    why = sampler.why_counters
    columns = [
        Column("instructions", [count(f.instructions_self or 0) for f in shown], Samples.name),
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
    ]
    return Section(
        f"Input, output and switches by {by}",
        shown_of(len(shown), len(rows)),
        remarks=[f"instructions, cycles, cache misses: not available ({why})"] if why else [],
        columns=columns if rows else [],
        key="usage",
    )


def _share(part: float) -> str:
    return percent(part, 1)


def comparison_section(rows: Sequence[Comparison], options: Options) -> Section:
    """Exact self time beside sampled self time, with a mark where they disagree."""
    shown = rows[: options.limit or None]
    beyond = sum(not row.agrees for row in rows)
    every = f"all {len(rows)} spans agree" if len(rows) > 1 else "they agree"
    words = f"{beyond} of {many(len(rows), 'span')} disagree" if beyond else every
    columns = [
        Column("", ["" if row.agrees else "≠" for row in shown], "warning"),
        Column("self", [duration(row.function.self_ns) for row in shown], "time"),
        Column("exact", [_share(row.exact) for row in shown], "time"),
        Column("sampled", [_share(row.sampled) for row in shown], Samples.name),
        Column("±", [_share(row.error) for row in shown]),
        Column("samples", [count(row.samples) for row in shown], Samples.name),
        Column("on cpu", [_on_cpu(row.function) for row in shown]),
        Column("waits for GIL", [_waits(row.function) for row in shown], rank=1),
        Column("name", [row.function.label.name for row in shown], "name", left=True, stretch=True),
    ]
    return Section("Exact and sampled self time", f"{words}, at 99%", columns=columns, key="exact")


def _on_cpu(function: Function) -> str:
    return percent(function.samples_cpu_self or 0, function.samples_self or 0)


def _waits(function: Function) -> str:
    return percent(function.samples_gil_wait_self or 0, function.samples_self or 0)


def frames_section(frames: Sequence[Function], sampler: Sampler, options: Options) -> Section:
    """Functions that samples met and that have no span."""
    rows = sorted(frames, key=lambda f: (-(f.samples_self or 0), f.label.name, f.label.index))
    shown = rows[: options.limit or None]
    columns = [
        Column("self", [count(f.samples_self or 0) for f in shown], Samples.name),
        Column("%", [percent(f.samples_self or 0, sampler.samples) for f in shown]),
        Column("total", [count(f.samples or 0) for f in shown]),
        Column("on cpu", [_on_cpu(f) for f in shown]),
        Column("waits for GIL", [_waits(f) for f in shown], rank=1),
        Column("time", [duration(f.sampled_self_ns or 0) for f in shown], rank=2),
        Column("name", [f.label.name for f in shown], "name", left=True, stretch=True),
    ]
    return Section(
        "Functions without probes by samples", shown_of(len(shown), len(rows)), columns=columns, key="frames"
    )


def lines_section(lines: Sequence[captures.Line], sampler: Sampler, options: Options) -> Section:
    """The lines that ran, over all their contexts."""
    shown = lines[: options.limit or None]
    columns = [
        Column("samples", [count(line.samples or 0) for line in shown], Samples.name),
        Column("%", [percent(line.samples or 0, sampler.samples) for line in shown]),
        Column("line", [place(line.label) for line in shown], "name", left=True),
        Column("function", [line.label.module for line in shown], left=True, stretch=True),
    ]
    return Section("Lines by samples", shown_of(len(shown), len(lines)), columns=columns, least=16, key="lines")


def calling_section(
    lines: Sequence[captures.Line], totals: Sampled, sampler: Sampler, options: Options, whose: Whose
) -> Section:
    """The user's own lines, with all that they called."""
    own = {(line.label.file, line.label.line): line.samples or 0 for line in lines}
    rows = [
        (*key, total)
        for key, total in totals.by_function.items()
        if key[0] and key[1] and not whose.library(totals.labels[key])
    ]
    shown = rows[: options.limit or None]
    columns = [
        Column("total", [count(total["samples"]) for *_, total in shown], Samples.name),
        Column("%", [percent(total["samples"], sampler.samples) for *_, total in shown]),
        Column("self", [count(own.get((file, line), 0)) for file, line, *_ in shown]),
        Column("time", [duration(total["sampled_ns"]) for *_, total in shown], rank=1),
        Column("line", [f"{PurePath(file).name}:{line}" for file, line, *_ in shown], "name", left=True),
        Column("function", [function for *_, function, _ in shown], left=True, stretch=True),
    ]
    title = "Your lines by samples, with what they called"
    return Section(title, shown_of(len(shown), len(rows)), columns=columns, least=16)


def _place(chain: Chain) -> str:
    """`app.work (app.py:42)`."""
    file = PurePath(chain.label.file).name
    return f"{chain.label.name} ({file}:{chain.line})" if chain.line and file else chain.label.name


def calls_section(function: Function, calls: Sequence[SampledCall], callers: bool, options: Options) -> Section:
    """Who called a function from which lines, or what it called from which of its lines."""
    index = function.label.index
    rows = [c for c in calls if (c.callee.index if callers else c.caller and c.caller.index) == index]
    shown = rows[: options.limit or None]
    lines = [f"{PurePath(c.caller.file).name}:{c.line}" if c.caller and c.line else "" for c in shown]
    ends = [(c.caller if callers else c.callee) for c in shown]
    columns = [
        Column("samples", [count(c.samples) for c in shown], Samples.name),
        Column("%", [percent(c.samples, function.samples or 0) for c in shown]),
        Column("time", [duration(c.sampled_ns) for c in shown], rank=1),
        Column("from line", lines, "name", left=True),
        Column("caller" if callers else "callee", [end.name if end else "(a thread's first function)" for end in ends],
               "name", left=True, stretch=True),
    ]  # fmt: skip
    title = f"{'Callers of' if callers else 'Called by'} {function.label.name} by samples"
    return Section(title, f"{count(function.samples or 0)} samples", columns=columns)


def chains_section(chain: Chain, options: Options) -> Section:
    """The callers of a function, theirs, and so on: an inverted tree."""
    least = max(1, int(chain.samples * options.min_percent / 100))
    rows = list(chain.rows(least, options.depth))
    shown = rows[: options.limit or None]
    columns = [
        Column("samples", [count(each.samples) for _, each in shown], Samples.name),
        Column("%", [percent(each.samples, chain.samples) for _, each in shown]),
        Column("called from", [_place(each) for _, each in shown], "name", left=True, stretch=True,
               depths=array("I", (depth for depth, _ in shown))),
    ]  # fmt: skip
    mostly = " > ".join(map(_place, chain.commonest()))
    title = f"Callers of {chain.label.name}, and theirs, by samples"
    return Section(title, shown_of(len(shown), len(rows)), facts=[("Mostly", mostly)], columns=columns)


def call_objects(calls: Sequence[SampledCall], limit: int) -> Iterator[dict[str, Any]]:
    """The key "sampled_calls"."""
    for call in calls[: limit or None]:
        yield {
            "caller": call.caller.name if call.caller else None,
            "file": call.caller.file if call.caller else "",
            "line": call.line,
            "callee": call.callee.name,
            "samples": call.samples,
            "sampled_ns": call.sampled_ns,
        }


def sampler_object(sampler: Sampler, compared: Sequence[Comparison], limit: int) -> dict[str, Any]:
    """The key "samples"; shares are from 0 to 1."""
    found = asdict(sampler) | {"gil_known": sampler.lock, "gil_waits_known": sampler.waits, "inside": sampler.inside}
    del found["lock"], found["waits"]
    if compared:
        found["comparison"] = [
            {
                "name": row.function.label.name,
                "file": row.function.label.file,
                "line": row.function.label.line,
                "self_ns": row.function.self_ns,
                "samples": row.samples,
                "exact_share": row.exact,
                "sampled_share": row.sampled,
                "error": row.error,
                "agrees": row.agrees,
            }
            for row in compared[: limit or None]
        ]
        found["comparison_omitted"] = len(compared) - len(found["comparison"])
    return found


# Pink.
FAMILIES: Families = {
    "function": (312, 40, 54),
    "frame": (252, 36, 40),
    "line": (228, 18, 46),
    "section": (190, 24, 52),
    "import": (100, 50, 38),
    "gc": (24, 26, 52),
    "native": (168, 16, 44),
}


class Samples(View):
    name = "samples"
    terminal = "bold red"
    facts_order = 30
    beside_order = 40
    sorts: ClassVar = {"samples": Sort("samples_self", "samples", "samples")}
    tree_columns: ClassVar = {"samples": TreeColumn("samples", "samples", count, lines=True)}
    margins: ClassVar = {
        "samples": Margin("samples", "samples", "", count, "samples that met a thread there"),
        "total_samples": Margin("total", "samples", name, count, "samples that met it there, or in what it called"),
    }
    themes: ClassVar = {
        measure: FAMILIES
        for measure in ("samples", "samples-cpu", "samples-wall", "samples-cpu-time", "samples-gil-wait")
    }
    by_interval = (Counted("samples", "sampled", "ns", "sampled self time", ("interval_ns",)),)
    line_column = "samples"
    answers = "time"
    running: ClassVar = {"samples": "cpu_samples", "sampled_ns": "sampled_cpu_ns"}
    verdict_order = 10
    estimates = True
    moved_by_jit = "samples"
    import_sort = ("samples", "samples")
    json_sort = "samples_self"

    @cached_property
    def totals(self) -> Sampler:
        """Over the whole recording."""
        found = self.capture.sampler(self.tree)
        assert found is not None
        return found

    @cached_property
    def _own(self) -> Callable[[int], int]:
        return own_amounts(self.tree, "samples")

    @cached_property
    def _spent(self) -> Spent:
        """By own function, without what threads waited for work."""
        return spent(self.capture, self.tree, self.whose)

    @cached_property
    def _lines(self) -> Sampled:
        return sampled(self.capture, self.tree)

    @cached_property
    def _sites(self) -> CallSites:
        return CallSites(self._lines)

    @cached_property
    def _whole(self) -> dict[int, Function]:
        """The functions of whole stacks, by label."""
        found = self.capture.functions(self.capture.stacks(self.tree)) if self.capture.whole_stacks else ()
        return {function.label.index: function for function in found}

    def _met(self, function: Function) -> Function:
        """A function without a span, as whole stacks have it; any other as it is."""
        return self._whole.get(function.label.index, function) if function.label.kind == "frame" else function

    def functions_beyond(self) -> Iterable[Function]:
        return self._whole.values()

    def lines_inclusive(self) -> Mapping[tuple[str, int], Totals]:
        return {place: Totals(SAMPLED, amounts) for place, amounts in self._lines.by_line.items()}

    # ---- text ----

    def facts(self, summary: Summary) -> Iterator[Fact]:
        for number, text in enumerate(totals(self.totals)):
            yield "" if number else "Samples", text

    def verdict(self, most: int = 0) -> Iterator[Verdict]:
        """Time of all threads, without those that wait outside of the user's functions."""
        if self.totals.samples < (_SOME if most else _ENOUGH) or not self.totals.frames:
            return
        found, most = self._spent, most or _LINES
        running, waiting = found.running.largest(most - 1), found.waiting.largest(most - 1)
        rows = [("time", each) for each in running] + [("waiting", each) for each in waiting[: most - len(running)]]
        rows.sort(key=lambda row: -row[1].amount)
        for about in dict(rows):  # what has most comes first
            yield from (self._verdict(about, each, found.running.whole) for of, each in rows if of == about)

    def _verdict(self, about: str, owner: Owner, whole: int) -> Verdict:
        samples = self.totals.samples / max(1, self.totals.sampled_ns)
        return owner.verdict(about, whole, half_width(round(samples * owner.amount), max(1, round(samples * whole))))

    def findings(self, summary: Summary) -> Iterator[Evidence]:
        found = list(self.verdict(MANY))
        yield from hot.evidence((v for v in found if v.about == "time"), "hot line", self.answers, "sampled")
        waits = [v for v in found if v.about != "time"]
        yield from hot.evidence(waits, "waiting", f"{self.answers} of all threads", "sampled", "--show waiting")

    @property
    def charge(self) -> Charge:
        return Charge("sampled_ns", "time", "time", "sampled_ns", duration)

    def _charged(self, column: str, idle: bool) -> Charges:
        """Without the time of threads that waited for work, unless `idle`."""
        if column != "sampled_ns":
            return super()._charged(column, idle)
        found = spent(self.capture, self.tree, self.whose, idle=True) if idle else self._spent
        return found.running.plus(found.waiting)

    def in_short(self, summary: Summary) -> Iterator[str]:
        yield many(self.totals.samples, "sample")

    def warnings(self) -> Iterator[str]:
        yield from warnings(self.totals)

    def columns(self, shown: Sequence[Function], options: Options, summary: Summary) -> Around:
        """Samples of the functions and of what they called; and their calls if there is room."""
        return [
            Column("self", [count(f.samples_self or 0) for f in shown], self.name),
            Column("%", [percent(f.samples_self or 0, self.totals.samples) for f in shown]),
            Column("total", [count(f.samples or 0) for f in shown]),
            Column("on cpu", [_on_cpu(f) for f in shown]),
            Column("waits for GIL", [_waits(f) for f in shown], rank=2),
            Column("calls", [count(f.calls) for f in shown], rank=1),
        ], []

    def columns_beside(self, shown: Sequence[Function], lead: View, placed: Sequence[Column]) -> list[Column]:
        if lead.beside_rank:
            return []  # no room
        return [Column("samples", [count(f.samples_self or 0) for f in shown], self.name, rank=2)]

    def sections(self, summary: Summary, options: Options) -> Iterator[Section]:
        known = [*map(self._met, self.functions), *self._whole.values()]
        frames = {f.label.index: f for f in known if f.label.kind == "frame" and f.samples_self}
        functions = self.functions
        yield from samples_sections(
            summary, self.totals, self.tree, functions, list(frames.values()), options, self.whose
        )

    def edge_sections(self, function: Function, callers: bool, options: Options) -> Iterator[Section]:
        met = self._whole.get(function.label.index)
        if met is not None and met.samples:
            yield calls_section(met, self._sites.calls, callers, options)
            if callers:
                yield chains_section(self._sites.callers(met.label), options)

    def import_columns(self, shown: Sequence[Function]) -> list[Column]:
        return [Column("samples", [count(f.samples or 0) for f in shown], self.name)]

    def tree_columns_beside(self, column: str) -> list[tuple[str, int]]:
        return [("samples", 1)]

    # ---- JSON ----

    def function_values(self, function: Function) -> dict[str, Any]:
        met = self._met(function)
        return known({key: getattr(met, key) for key in _OF_FUNCTIONS})

    def line_values(self, line: SourceLine) -> dict[str, Any]:
        found = {} if line.record is None else known({"samples": line.record.samples})
        return found | {_TOTALS[column]: amount for column, amount in line.total.items()}

    def node_values(self, label: Label | None, node: int) -> dict[str, Any]:
        return {
            "samples": self.tree.inclusive("samples")[node],
            "samples_self": self._own(node),
        }

    def documents(self, summary: Summary, limit: int) -> Iterator[tuple[int, str, Any]]:
        if self.capture.whole_stacks:
            calls = self._sites.calls
            yield 11, "sampled_calls", Rows(call_objects(calls, limit))
            yield 11, "sampled_calls_omitted", len(calls) - len(calls[: limit or None])
        yield 10, "samples", sampler_object(self.totals, compare(summary, self.tree, self.functions), limit)

    # ---- lines ----

    @classmethod
    def line_records(cls, capture: Capture, tree: Tree) -> Iterable[captures.Line]:
        return capture.lines(tree, "samples")

    @classmethod
    def line_totals(cls, capture: Capture, tree: Tree) -> Mapping[In, Mapping[str, int]]:
        return sampled(capture, tree).by_function if capture.whole_stacks else {}

    @classmethod
    def line_margins(cls, capture: Capture, tree: Tree, file: str) -> Iterator[tuple[str, int, int]]:
        totals = sampled(capture, tree).by_line if capture.whole_stacks else {}
        yield from (("total_samples", line, sums["samples"]) for (of, line), sums in totals.items() if of == file)

    @classmethod
    def margin_figures(cls, line: SourceLine) -> Iterator[tuple[str, int | None]]:
        if line.record is not None:
            yield "samples", line.record.samples

    # ---- captures beside each other ----

    @classmethod
    def timings(cls, capture: Capture, tree: Tree, functions: Sequence[Function]) -> Iterable[tuple[Function, int]]:
        """Time by samples, of functions with a probe and without."""
        met = capture.functions(capture.stacks(tree)) if capture.whole_stacks else functions
        return ((f, f.sampled_self_ns or 0) for f in met if f.label.kind in (*SPANS, "frame"))


VIEW = Samples
