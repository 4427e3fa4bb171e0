"""What a capture's tables hold, a class for each. Times in ns, sizes in bytes; None is what was not recorded."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve, frozen
from prof._core import lib


@frozen
class Label:
    """What a span is of: a `kind` of `prof.capture.KINDS`; `line` counts from 1, 0 is unknown; `file` may be empty."""

    index: int
    kind: str
    name: str
    module: str
    """Of a line, the qualified name of its function."""
    file: str
    line: int
    generator: bool
    left_out: int = 0
    """What its markers left out, as `lib.PROF_LABEL_NO_…`."""
    awaits: bool = False
    """Of a coroutine or an asynchronous generator, which is a generator, too."""

    def has(self, column: str) -> bool:
        """Whether the column has figures of its own for this label, where it has for others."""
        if column.endswith("_ns") and not column.startswith(("sampled_", "ready_")):
            return not self.left_out & lib.PROF_LABEL_NO_TIME
        held = column.removeprefix("total_")
        if held == "ops":
            return not self.left_out & lib.PROF_LABEL_NO_OPS
        if held.startswith("alloc_"):
            return not self.left_out & lib.PROF_LABEL_NO_MEMORY
        return not (
            held.startswith(("free_", "live_", "peak_"))
            and self.left_out & (lib.PROF_LABEL_NO_MEMORY | lib.PROF_LABEL_NO_DETAIL)
        )


@frozen(kw_only=True)
class Function:
    """A label's sums over a tree; `total_…` are inclusive, and count recursion once.

    The latencies are of the capture's `completed` calls, on all threads; percentiles are interpolated inside the
    bins of a histogram with four bins an octave. They are 0 while no call was completed. Of memory, what is not
    inclusive was allocated while the function was the innermost span. What its markers left out is 0 or None.
    """

    label: Label
    calls: int
    resumes: int
    self_ns: int
    total_ns: int
    suspended_ns: int
    items: int
    contexts: int
    completed: int
    min_ns: int
    max_ns: int
    p50_ns: int
    p90_ns: int
    p99_ns: int
    alloc_count: int | None = None
    alloc_bytes: int | None = None
    free_count: int | None = None
    free_bytes: int | None = None
    live_bytes: int | None = None
    peak_bytes: int | None = None
    total_alloc_count: int | None = None
    total_alloc_bytes: int | None = None
    total_live_bytes: int | None = None
    total_peak_bytes: int | None = None
    ops: int | None = None
    total_ops: int | None = None
    operations: dict[str, int] | None = None
    """Of its own, by category, those that occur."""
    exact: bool = True
    """False where its operations contradict themselves: what is shown of them is a lower bound at best."""
    samples: int | None = None
    """In which it was on the stack; those that end in `_self`, in which no other span was above it."""
    samples_self: int | None = None
    samples_cpu: int | None = None
    """With the thread on a CPU."""
    samples_cpu_self: int | None = None
    samples_gil_held_self: int | None = None
    samples_gil_wait_self: int | None = None
    sampled_ns: int | None = None
    """Time that the samples stand for."""
    sampled_self_ns: int | None = None
    sampled_cpu_self_ns: int | None = None
    instructions_self: int | None = None
    """By the processor's counters, in user mode, where there are any; like all below, what was taken up to a sample."""
    cycles_self: int | None = None
    cache_misses_self: int | None = None
    read_bytes_self: int | None = None
    """By system calls, from and to whatever; of these, disks were asked for `disk_read_bytes_self`."""
    written_bytes_self: int | None = None
    disk_read_bytes_self: int | None = None
    disk_written_bytes_self: int | None = None
    switches_self: int | None = None
    """Times that the threads were given a processor, for which they had waited `ready_self_ns`."""
    ready_self_ns: int | None = None
    sampled_square_self: int | None = None
    """Sum of the squares of the times that the samples stand for, in µs²: even samples say more than uneven ones."""


@frozen
class Edge:
    """Calls from one label to another; `caller` is None for calls from outside every span."""

    caller: Label | None
    callee: Label
    calls: int
    resumes: int
    total_ns: int
    self_ns: int


@frozen(kw_only=True)
class Line:
    """A line's sums: what it allocated, and in detail what was freed of that, wherever it was freed; and its samples.

    Of a table by stacks, `span` is the innermost span around the line, None outside every span; of a table by line it
    is None. `peak_bytes` is what the line held when all lines together held most.
    """

    label: Label
    span: Label | None = None
    alloc_count: int = 0
    alloc_bytes: int = 0
    free_count: int | None = None
    free_bytes: int | None = None
    live_bytes: int | None = None
    peak_bytes: int | None = None
    samples: int | None = None

    @property
    def live_count(self) -> int | None:
        """Blocks that were not freed."""
        return None if self.free_count is None else max(0, self.alloc_count - self.free_count)


@frozen(kw_only=True)
class MemoryTotals:
    """The memory mode's totals. Without `detail`, frees were not matched, and what depends on them is None."""

    detail: bool
    alloc_count: int
    alloc_bytes: int
    arena_bytes: int
    """Address space that pymalloc has taken since recording began."""
    free_count: int | None = None
    free_bytes: int | None = None
    live_bytes: int | None = None
    peak_bytes: int | None = None
    peak_ns: int | None = None
    """When the peak was reached, since the start of recording."""
    unknown_frees: int | None = None
    """Blocks freed that were there before the recording."""
    small_bytes: int | None = None
    """Live when recording ended, in blocks of the sizes that arenas serve; 0 where the process was killed."""
    size_classes: tuple[tuple[int, int], ...] | None = None
    """(least size, allocations from there to twice that), without the empty ones; the least of the first is 0."""


@frozen(kw_only=True)
class Sampler:
    """The samples mode's totals, without what fell into the profiler's own work."""

    interval_ns: int
    frames: bool
    """Whether frames below the spans were read; if not, `why`."""
    why: str
    lock: bool
    """Whether it is known who held the interpreter's lock."""
    waits: bool
    """Whether it is known who waited for it."""
    ticks: int
    late: int
    """Ticks more than half an interval late."""
    idle: int
    """Samples of threads that had not run since their last one."""
    unplaced: int
    """Samples without a line: the function had returned before its frame was read."""
    partial: int
    """Samples at the caller of a function that had ended before it was read, or of a function whose callers had."""
    work_ns: int
    cpu_ns: int
    """Processor time of the sampler's own thread."""
    why_counters: str
    """Why there are no instructions, cycles and cache misses; empty when there are."""
    samples: int
    outside: int
    """Of these, outside all spans."""
    cpu_samples: int
    held_samples: int
    wait_samples: int
    sampled_ns: int
    sampled_cpu_ns: int

    @property
    def inside(self) -> int:
        """Samples in spans."""
        return self.samples - self.outside


@frozen
class SourceFile:
    """A source file as recording met it: `size` and `hash` are those of `prof.lines.digest`."""

    path: str
    """Its name as the file system has it."""
    size: int
    hash: int


@frozen
class TypeCount:
    """Live blocks of one type when recording ended."""

    name: str
    count: int
    bytes: int


@frozen
class Moment:
    """The process at one moment, `ns` after the start of recording."""

    ns: int
    rss_bytes: int
    arena_bytes: int
    live_bytes: int


@frozen
class ProcessMoment:
    """What the process had taken `ns` after the start of recording, since it began, without the sampler."""

    ns: int
    read_bytes: int
    written_bytes: int
    disk_read_bytes: int
    disk_written_bytes: int
    waits: int
    """Voluntary context switches; `preemptions` are involuntary."""
    preemptions: int
    user_ns: int
    system_ns: int


@frozen
class Metric:
    """What the program said of a span by a name of its own, over all contexts and threads. Of integers the sum is
    exact."""

    label: Label | None
    """The span's; None for what was said outside every span."""
    name: str
    count: int
    """Values."""
    sum: int | float
    least: int | float
    most: int | float

    def joined(self, other: Metric) -> Metric:
        """Both together, under this one's label."""
        return evolve(
            self,
            count=self.count + other.count,
            sum=self.sum + other.sum,
            least=min(self.least, other.least),
            most=max(self.most, other.most),
        )


@frozen
class Drop:
    """Something that was not recorded as it happened, and how often."""

    key: str
    count: int
    words: str


@frozen(kw_only=True)
class Process:
    """A process of several captures that are read as one."""

    path: Path
    """Its capture."""
    pid: int
    parent: int
    """The process that began it; 0 where the capture does not say."""
    depth: int
    """How many of its ancestors were recorded."""
    name: str
    command: str
    """Its program and arguments; the name where they were not recorded."""
    python: str
    host: str
    start_unix_ns: int
    duration_ns: int
    threads: int
    recording: bool
    """It still records, was killed, or became another program, which is `replaced`."""
    replaced: bool
    full: str
    drops: list[Drop]
    totals: dict[str, int]
    """Its sums of the columns that it recorded, without what was outside every span."""
    peak_rss_bytes: int | None = None


@frozen
class Thread:
    """A thread of the recorded process. `alive_ns` is 0 when the capture cannot tell."""

    native_id: int
    name: str
    start_ns: int
    alive_ns: int
    running: bool
    cpu_ns: int = 0
    """Its processor time while it was recorded; 0 when the capture cannot tell."""


@frozen
class Chunk:
    """A chunk of the file; sizes in bytes."""

    offset: int
    type: int
    size: int
    used: int
    records: int
    record_size: int
    thread: int
