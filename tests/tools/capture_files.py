"""Writes captures from scratch, by csrc/format.h: what the reader is tested against. Slow and obvious."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from typing import Any

HEADER_SIZE = 4096
BINS = 192
STRINGS, LABELS, THREADS, NODES, META, PENDING, MEMORY, TYPES, SERIES = 1, 2, 3, 4, 5, 6, 7, 8, 9
CODES, COUNTS, EVENTS, LIVE = 10, 11, 12, 13
FUNCTION, SECTION, IMPORT, GC, NATIVE, THREAD, PROFILER, LINE = 1, 2, 3, 4, 5, 6, 7, 8
TIME_MODE, MEMORY_MODE, OPS_MODE = 1, 2, 4
CATEGORIES = (
    "arithmetic",
    "comparison",
    "branch",
    "attribute",
    "call",
    "local",
    "global",
    "iteration",
    "const",
    "return",
)
TSC, MONOTONIC, CPU, MANUAL = 1, 2, 3, 4
RECORDING, CLOSED = 1, 2
NO_MIN = 2**64 - 1

HEADER = struct.Struct("=8s6I4Q3Q3Q3Q32Q")
CHUNK = struct.Struct("=IIQQI36x")
LABEL = struct.Struct("=6I5Q192Q")
THREAD_RECORD = struct.Struct("=QIIQQ32x")
PENDING_CALL = struct.Struct("=IIQ")
NODE = struct.Struct("=IIQQQIIIIIIQQQ5QII")
MEMORY_RECORD = struct.Struct("=II5Q64QQ")
TYPE = struct.Struct("=IIQQ")
MOMENT = struct.Struct("=4Q")
CODE = struct.Struct("=12I")
INSTRUCTION = struct.Struct("=IIIIHHIIHBBBBBBI")
EDGE = struct.Struct("=IIIIBBH")
COUNTED = struct.Struct("=6IQ")
EVENT = struct.Struct("=4IQ")
LIVE_FRAME = struct.Struct("=3I4x")
NO_COUNTER, CALLS = 2**32 - 1, 2**32 - 2
NO_HANDLER = 0xFFFF
READ, WRITE = 1, 2
BRANCH_FLOW, FOR_FLOW = 2, 3
FALL, TAKEN = 4, 5
PLACES, SAMPLED, SAMPLER, USAGE, PROCESS = 20, 21, 22, 23, 24
FRAME, SAMPLES_MODE = 9, 8
PLACE = struct.Struct("=6I")
SAMPLED_RECORD = struct.Struct("=II7Q")
STACK = struct.Struct("=II")  # behind that, since stacks are whole
STACKS, STACKED_RECORD = 28, struct.Struct("=4I")
SAMPLER_RECORD = struct.Struct("=II8QIIQ")
USAGE_RECORD = struct.Struct("=II9Q")
PROCESS_RECORD = struct.Struct("=9Q")
SPANS, STACK_CHUNK, MISSING, BASE = 34, 35, 36, 0x7F0000000000
METRICS, LEAST_NS = 26, 416  # the last one is an offset in the header
INTEGERS = struct.Struct("=4IQQqqq")
REALS = struct.Struct("=4IQdddd")


def bin_of(ticks: int) -> int:
    """The histogram bin of a latency, as format.h words it."""
    if ticks < 4:
        return ticks
    exponent = ticks.bit_length() - 1
    return min(BINS - 1, 4 * (exponent - 1) + ((ticks >> (exponent - 2)) & 3))


@dataclass
class Label:
    kind: int
    name: str
    module: str = ""
    file: str = ""
    line: int = 0
    flags: int = 0
    latencies: list[int] = field(default_factory=list)
    pending: int = 0  # how many of the latencies, from the end, their process had not counted yet


@dataclass
class Node:
    """`parent` and `label` are indexes; parent -1 is a thread's root."""

    parent: int
    label: int
    calls: int = 0
    self: int = 0
    resumes: int = 0
    suspended: int = 0
    items: int = 0
    depth: int = 0
    alloc: tuple[int, int] = (0, 0)  # count and bytes
    free: tuple[int, int] = (0, 0)
    peak: tuple[int, int] = (0, 0)  # bytes and epoch
    code: int | None = None  # index of the code whose calls these are
    counts: list[Counted] = field(default_factory=list)


@dataclass
class Instruction:
    line: int
    columns: tuple[int, int]
    category: str = ""
    name: str = ""
    access: int = 0
    flow: int = 0
    block: int = 1
    end_line: int = 0  # as line


@dataclass
class Edge:
    """Blocks, the index of the last instruction of `origin`, and its counter."""

    origin: int
    target: int
    instruction: int
    counter: int = NO_COUNTER
    kind: int = 0


@dataclass
class Code:
    """`label` is an index; None for code that runs in the span of its caller."""

    label: int | None
    name: str
    file: str
    line: int
    instructions: list[Instruction]
    edges: list[Edge]


@dataclass
class Counted:
    """What a code object, by index, counted at a node; `entries` where the node's calls are another's.

    `events`: (what, unit, count). `live`: units where calls stood when the recording ended."""

    code: int
    counters: list[int]
    entries: int = 0
    events: list[tuple[int, int, int]] = field(default_factory=list)
    live: list[int] = field(default_factory=list)


@dataclass
class Sample:
    """A record of the first thread's samples; `parent` is an index of its nodes, or -1 - k for the k-th record.

    `place` is one of the file's places, -1 for the parent itself. `counts` are samples, on a processor, holding and
    waiting for the lock, ns, processor ns, µs²; `used` the nine figures of usage. `stack` is the whole stack, outermost
    first: places of functions, each with the line that ran or called.
    """

    parent: int
    place: int
    counts: tuple[int, int, int, int, int, int, int] = (0, 0, 0, 0, 0, 0, 0)
    used: tuple[int, ...] = ()
    stack: tuple[tuple[int, int], ...] = ()


@dataclass
class Memory:
    detail: bool = True
    epoch: int = 1
    live: int = 0
    peak: int = 0
    peak_ticks: int = 0
    unknown_frees: int = 0
    arena: int = 0
    classes: dict[int, int] = field(default_factory=dict)  # by power of two
    small: int = 0


@dataclass
class Thread:
    name: str
    nodes: list[Node]
    native_id: int = 1
    start: int = 0
    end: int = 0


@dataclass
class File:
    """A capture to be. Labels are numbered in order; each thread's nodes[0] is its root."""

    labels: list[Label]
    threads: list[Thread]
    meta: dict[str, Any] | None = None
    clock: int = MANUAL
    state: int = CLOSED
    start: tuple[int, int, int] = (0, 0, 0)
    first: tuple[int, int, int] = (1_000_000, 1_000_000, 1_000_000)
    last: tuple[int, int, int] = (1_000_000_000, 1_000_000_000, 1_000_000_000)
    drops: dict[int, int] = field(default_factory=dict)
    pid: int = 4711
    probe_cost_ps: int = 20_000
    nodes_per_chunk: int = 512
    slack: int = 0  # unused bytes at the end of each chunk
    unknown_chunk: bool = False
    modes: int = TIME_MODE
    memory: Memory | None = None
    types: list[tuple[str, int, int]] = field(default_factory=list)
    series: list[tuple[int, int, int, int]] = field(default_factory=list)
    codes: list[Code] = field(default_factory=list)
    places: list[Label] = field(default_factory=list)  # of samples: frames and lines
    samples: list[Sample] = field(default_factory=list)
    why: str = ""  # there are no frames
    process: list[tuple[int, ...]] = field(default_factory=list)
    metrics: list[tuple[int, str, list[int] | list[float]]] = field(default_factory=list)
    """Of the first thread: an index of its nodes, a name, and the values, all of one kind."""
    least_ns: int = 0
    spans: list[list[tuple[int, int, int]]] = field(default_factory=list)
    """Of the first thread, by chunk: what went on, in records of three words. A node is said by its index, below 0."""
    open: list[tuple[int, int]] = field(default_factory=list)
    """Its stack, from the root on: indexes of nodes, and since when."""
    missing: list[tuple[int, int, int, int]] = field(default_factory=list)
    """Of it: whether they were overwritten, from when, up to when, how many."""
    longer: int = 0  # bytes that a later version added to each record

    def build(self) -> bytes:
        out = bytearray(HEADER_SIZE)
        if self.unknown_chunk:
            self._chunk(out, 99, 12, b"new things.." * 3, 0, pad=True)
        strings = self._strings(out)
        labels = self._labels(out, strings)
        threads = self._threads(out, strings)
        codes = self._codes(out, strings, labels)
        for index, thread in enumerate(self.threads):
            nodes = self._nodes(out, thread, threads[index] // 8, labels, codes)
            struct.pack_into("=I", out, threads[index] + 12, nodes[0] // 8 if nodes else 0)
            if index == 0 and self.metrics:
                self._metrics(out, strings, nodes, threads[0] // 8)
            if index == 0 and self.samples:
                self._samples(out, strings, nodes, threads[0] // 8)
            if index == 0:
                self._spans(out, nodes, threads[0] // 8)
        self._pending(out, labels, threads)
        self._memory(out, strings)
        if self.meta is not None:
            self._chunk(out, META, 1, json.dumps(self.meta).encode(), 0, pad=True)
        drops = [self.drops.get(i, 0) for i in range(32)]
        HEADER.pack_into(
            out, 0, b"PROFCAP\n", 3, 0x01020304, HEADER_SIZE, self.state, self.clock, self.pid, len(out), self.modes,
            1_000_000, self.probe_cost_ps, *self.start, *self.first, *self.last, *drops,
        )  # fmt: skip
        struct.pack_into("=Q", out, LEAST_NS, self.least_ns)
        return bytes(out)

    def _spans(self, out: bytearray, nodes: list[int], thread: int) -> None:
        for order, records in enumerate(self.spans, 1):
            words = [
                nodes[-record[0]] // 8 if n == 0 and record[0] < 0 else w
                for record in records
                for n, w in enumerate(record)
            ]
            data = struct.pack(f"=QQ{len(words)}I", order, 0, *words)
            self._chunk(out, SPANS, 8, data + bytes(-len(data) % 8), thread)
        if self.open:
            data = struct.pack("=Q", BASE)
            for node, start in [*self.open, (0, NO_MIN)]:
                data += struct.pack("=8Q", BASE + nodes[node], 1, start, 2, 3, 4, 5, 6)
            self._chunk(out, STACK_CHUNK, 8, data, thread)
        if self.missing:
            rows = [struct.pack("=IIQQQ", thread, *row) + bytes(self.longer) for row in self.missing]
            self._chunk(out, MISSING, 32 + self.longer, b"".join(rows), 0)

    def _metrics(self, out: bytearray, strings: dict[str, int], nodes: list[int], thread: int) -> None:
        data = b""
        for node, name, values in self.metrics:
            real = int(isinstance(values[0], float))
            total = sum(values) if real else sum(values) % 2**64
            rest = 0.0 if real else sum(values) >> 64
            kind = REALS if real else INTEGERS
            head = (nodes[node] // 8, strings[name], real, 0, len(values))
            data += kind.pack(*head, total, rest, min(values), max(values)) + bytes(self.longer)
        self._chunk(out, METRICS, INTEGERS.size + self.longer, data, thread)

    def _chunk(self, out: bytearray, kind: int, record: int, data: bytes, thread: int, pad: bool = False) -> int:
        """Appends a chunk and returns the offset of its first record."""
        room = (len(data) + 7) // 8 * 8 + self.slack
        out += CHUNK.pack(kind, record, CHUNK.size + room, len(data), thread)
        start = len(out)
        out += data + bytes(room - len(data))
        assert pad or len(data) % 8 == 0
        return start

    def _strings(self, out: bytearray) -> dict[str, int]:
        texts = dict.fromkeys(t for lb in [*self.labels, *self.places] for t in (lb.name, lb.module, lb.file))
        texts.update(dict.fromkeys(t.name for t in self.threads))
        texts.update(dict.fromkeys(name for name, _, _ in self.types))
        for code in self.codes:
            texts.update(dict.fromkeys((code.name, code.file, *(i.name for i in code.instructions))))
        texts.update(dict.fromkeys(name for _, name, _ in self.metrics))
        texts[self.why] = None
        data, offsets = bytearray(), {}
        for text in texts:
            raw = text.encode("utf-8", "surrogateescape")
            offsets[text] = len(data)
            data += struct.pack("=I", len(raw)) + raw + b"\0"
            data += bytes(-len(data) % 8)
        start = self._chunk(out, STRINGS, 1, bytes(data), 0)
        return {text: (start + offset) // 8 if text else 0 for text, offset in offsets.items()}

    def _labels(self, out: bytearray, strings: dict[str, int]) -> list[int]:
        data = bytearray()
        for label in self.labels:
            bins = [0] * BINS
            counted = label.latencies[: len(label.latencies) - label.pending]
            for ticks in counted:
                bins[bin_of(ticks)] += 1
            data += LABEL.pack(
                label.kind, strings[label.name], strings[label.module], strings[label.file], label.line, label.flags,
                len(counted), min(counted, default=NO_MIN), max(counted, default=0),
                7, 0, *bins,
            ) + bytes(self.longer)  # fmt: skip
        start = self._chunk(out, LABELS, LABEL.size + self.longer, bytes(data), 0)
        return [(start + i * (LABEL.size + self.longer)) // 8 for i in range(len(self.labels))]

    def _threads(self, out: bytearray, strings: dict[str, int]) -> list[int]:
        record = THREAD_RECORD.size + self.longer
        data = b"".join(
            THREAD_RECORD.pack(t.native_id, strings[t.name], 0, t.start, t.end) + bytes(self.longer)
            for t in self.threads
        )
        start = self._chunk(out, THREADS, record, data, 0)
        return [start + i * record for i in range(len(self.threads))]

    def _codes(self, out: bytearray, strings: dict[str, int], labels: list[int]) -> list[int]:
        data, offsets = bytearray(), []
        for code in self.codes:
            rows = b"".join(
                INSTRUCTION.pack(
                    lies, i.block, i.line, i.end_line or i.line, *i.columns, strings[i.name], 0, NO_HANDLER, i.flow, 0,
                    CATEGORIES.index(i.category) + 1 if i.category else 0, 0, i.access, 0, 0,
                )
                for lies, i in enumerate(code.instructions)
            )  # fmt: skip
            rows += b"".join(EDGE.pack(e.origin, e.target, e.instruction, e.counter, e.kind, 0, 0) for e in code.edges)
            rows += bytes(-(CODE.size + len(rows)) % 8)
            offsets.append(len(data))
            data += CODE.pack(
                CODE.size + len(rows), 0 if code.label is None else labels[code.label], strings[code.name],
                strings[code.file], code.line, len(code.instructions), len(code.edges),
                max(i.block for i in code.instructions), 0, _counters(code), 0, 0,
            ) + rows  # fmt: skip
        start = self._chunk(out, CODES, 1, bytes(data), 0) if data else 0
        return [(start + offset) // 8 for offset in offsets]

    def _counts(self, out: bytearray, nodes: list[Node], ref: int, codes: list[int]) -> list[int]:
        """Writes what the nodes counted, and returns the ref of each one's first; 0 none."""
        data, offsets = bytearray(), []
        events = iter([self._events(out, c.events, ref) for node in nodes for c in node.counts])
        start = len(out) + CHUNK.size
        live = []
        for node in nodes:
            following = 0
            for c in node.counts:
                here = (start + len(data)) // 8
                live += [LIVE_FRAME.pack(here, unit, 1) for unit in c.live]
                data += COUNTED.pack(codes[c.code], 0, following, next(events), len(c.counters), 0, c.entries)
                data += struct.pack(f"={len(c.counters)}Q", *c.counters)
                following = here
            offsets.append(following)
        if data:
            self._chunk(out, COUNTS, 1, bytes(data), ref)
        if live:
            self._chunk(out, LIVE, LIVE_FRAME.size, b"".join(live), 0)
        return offsets

    def _events(self, out: bytearray, events: list[tuple[int, int, int]], ref: int) -> int:
        """Writes events and returns the ref of the first; 0 none."""
        first = 0
        for what, unit, count in events:
            first = self._chunk(out, EVENTS, EVENT.size, EVENT.pack(first, what, unit, 0, count), ref) // 8
        return first

    def _pending(self, out: bytearray, labels: list[int], threads: list[int]) -> None:
        """Calls that are set down and not counted, and room for more."""
        data = b"".join(
            PENDING_CALL.pack(labels[index], 7, ticks) + PENDING_CALL.pack(0, 0, ticks)
            for index, label in enumerate(self.labels)
            for ticks in label.latencies[len(label.latencies) - label.pending :]
        )
        if data:
            self._chunk(out, PENDING, PENDING_CALL.size, data, threads[0] // 8)

    def _memory(self, out: bytearray, strings: dict[str, int]) -> None:
        tail = bytes(self.longer)
        if self.memory is not None:
            m = self.memory
            classes = [m.classes.get(power, 0) for power in range(64)]
            record = MEMORY_RECORD.pack(
                m.detail, m.epoch, m.live, m.peak, m.peak_ticks, m.unknown_frees, m.arena, *classes, m.small
            )
            self._chunk(out, MEMORY, len(record + tail), record + tail, 0)
        if self.types:
            rows = [TYPE.pack(strings[name], 0, count, size) + tail for name, count, size in self.types]
            self._chunk(out, TYPES, TYPE.size + self.longer, b"".join(rows), 0)
        for moment in self.series:  # a chunk each: readers join them
            self._chunk(out, SERIES, MOMENT.size + self.longer, MOMENT.pack(*moment) + tail, 0)

    def _samples(self, out: bytearray, strings: dict[str, int], nodes: list[int], ref: int) -> None:
        """The places, the records of a thread, what was used, and the totals."""
        tail = bytes(self.longer)
        rows = [
            PLACE.pack(p.kind, strings[p.name], strings[p.module], strings[p.file], p.line, p.flags) + tail
            for p in self.places
        ]
        start = self._chunk(out, PLACES, PLACE.size + self.longer, b"".join(rows), 0)
        places = [(start + i * (PLACE.size + self.longer)) // 8 for i in range(len(rows))]
        stacks = self._stacks(out, places)
        record = SAMPLED_RECORD.size + (STACK.size if stacks else 0) + self.longer
        start = len(out) + CHUNK.size
        records = [start + i * record for i in range(len(self.samples))]
        above = [nodes[each.parent] if each.parent >= 0 else records[-1 - each.parent] for each in self.samples]
        rows = [
            SAMPLED_RECORD.pack(places[each.place] if each.place >= 0 else 0, parent // 8, *each.counts)
            + (STACK.pack(stacks.get(each.stack, 0), 7) if stacks else b"") + tail
            for each, parent in zip(self.samples, above, strict=True)
        ]  # fmt: skip
        self._chunk(out, SAMPLED, record, b"".join(rows), ref)
        for each, offset in zip(self.samples, records, strict=True):
            if each.used:
                row = USAGE_RECORD.pack(offset // 8, 0, *each.used) + tail
                self._chunk(out, USAGE, USAGE_RECORD.size + self.longer, row, ref)
        totals = SAMPLER_RECORD.pack(0 if self.why else 7, strings[self.why], 1_000_000, 9, 1, 7, 2, 1, 50, 60, 0, 0, 3)
        self._chunk(out, SAMPLER, SAMPLER_RECORD.size + self.longer, totals + tail, 0)
        for moment in self.process:
            self._chunk(out, PROCESS, PROCESS_RECORD.size + self.longer, PROCESS_RECORD.pack(*moment) + tail, 0)

    def _stacks(self, out: bytearray, places: list[int]) -> dict[tuple[tuple[int, int], ...], int]:
        """Writes the frames of whole stacks, and returns the ref of each stack's innermost one."""
        parts = dict.fromkeys(s.stack[: n + 1] for s in self.samples for n in range(len(s.stack)))
        record, start = STACKED_RECORD.size + self.longer, len(out) + CHUNK.size
        refs = {part: (start + number * record) // 8 for number, part in enumerate(parts)}
        rows = [
            STACKED_RECORD.pack(places[part[-1][0]], refs.get(part[:-1], 0), part[-1][1], 7) + bytes(self.longer)
            for part in parts
        ]
        if rows:
            self._chunk(out, STACKS, record, b"".join(rows), 0)
        return refs

    def _nodes(self, out: bytearray, thread: Thread, ref: int, labels: list[int], codes: list[int]) -> list[int]:
        """Writes a thread's nodes, in chunks, and returns their offsets."""
        offsets: list[int] = []
        record, pack, tail = NODE.size + self.longer, NODE.pack, bytes(self.longer)
        counts = self._counts(out, thread.nodes, ref, codes)
        for first in range(0, len(thread.nodes), self.nodes_per_chunk):
            part = thread.nodes[first : first + self.nodes_per_chunk]
            start = len(out) + CHUNK.size
            offsets += range(start, start + record * len(part), record)
            rows = [
                pack(
                    labels[n.label], offsets[n.parent] // 8 if n.parent >= 0 else 0, n.calls, n.self, 1, 2, 3,
                    n.depth, 4, 0 if n.code is None else codes[n.code], counts[first + k], n.resumes, n.suspended,
                    n.items, *n.alloc, *n.free, *n.peak, 9,
                ) + tail
                for k, n in enumerate(part)
            ]  # fmt: skip
            self._chunk(out, NODES, record, b"".join(rows), ref)
        return offsets


def _counters(code: Code) -> int:
    return len({e.counter for e in code.edges if e.counter < CALLS})


def function(name: str, line: int = 1, **more: Any) -> Label:
    """A function's label in the way the core names it: module.qualname."""
    module = name.rpartition(".")[0]
    return Label(FUNCTION, name, module, f"/src/{module.replace('.', '/')}.py", line, **more)


def line(file: str, number: int, qualname: str = "work") -> Label:
    """A line's label in the way the core names it: file.py:42, in a function."""
    return Label(LINE, f"{file.rpartition('/')[2]}:{number}", qualname, file, number)
