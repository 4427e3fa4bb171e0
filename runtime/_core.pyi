"""Generated from the C headers by csrc/stubs.py: do not edit."""

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

_T = TypeVar("_T")

class Memory:
    """A pointer to bytes or to what only C knows."""

class Numbers(Generic[_T]):
    """An array of numbers, or a pointer to its first."""

    @overload
    def __getitem__(self, index: int) -> _T: ...
    @overload
    def __getitem__(self, index: slice[Any, Any, Any]) -> Self: ...
    def __setitem__(self, index: int, value: _T) -> None: ...
    def __iter__(self) -> Any: ...
    def __add__(self, n: int) -> Self: ...

class Pointers(Generic[_T]):
    """An array of pointers."""

    def __getitem__(self, index: int) -> _T: ...

class Struct:
    """A struct, or a pointer to one or to an array of them."""

    @overload
    def __getitem__(self, index: int) -> Self: ...
    @overload
    def __getitem__(self, index: slice[Any, Any, Any]) -> list[Self]: ...
    def __add__(self, n: int) -> Self: ...

class prof_config(Struct):
    clock: int
    depth: int
    max_nodes: int
    max_bytes: int
    modes: int
    interval_ns: int
    least_ns: int
    max_samples: int
    slowest: int
    file_mode: int
    trace_bytes: int
    trace_last: int
    trace_later: int
    long_ns: int

class prof_export_item(Struct):
    start_ns: int
    duration_ns: int
    busy_ns: int
    index: int
    count: int
    label: int

class prof_export_spans(Struct):
    count: int
    start_ns: Numbers[int]
    duration_ns: Numbers[int]
    label: Numbers[int]
    depth: Numbers[int]

class prof_export_stack(Struct):
    at: int
    clock_ns: int
    open: int
    end_ns: Numbers[int]
    depth: Numbers[int]

class prof_export_texts(Struct):
    count: int
    text: Memory
    begin: Numbers[int]

class prof_foreign_label(Struct):
    kind: int
    line: int
    name: Memory
    module: Memory
    file: Memory

class prof_foreign_node(Struct):
    parent: int
    label: int
    calls: int
    self_ns: int
    alloc_count: int
    alloc_bytes: int
    samples: int
    sampled_ns: int

class prof_merger(Struct): ...

class prof_py_seen(Struct):
    kind: int
    line: int
    thread: int
    ns: int
    holds: int
    cut: int
    name: Memory
    file: Memory

class prof_reader(Struct): ...

class prof_reader_chunk(Struct):
    offset: int
    size: int
    used: int
    records: int
    first: int
    type: int
    record_size: int
    thread: int

class prof_reader_code(Struct):
    name: int
    file: int
    line: int
    label: int
    first: int
    count: int
    first_edge: int
    edge_count: int
    contexts: int
    inexact: int

class prof_reader_durations(Struct):
    count: int
    total_ns: int
    min_ns: int
    max_ns: int
    p50_ns: int
    p90_ns: int
    p99_ns: int

class prof_reader_events(Struct):
    track_count: int
    tracks: prof_reader_track
    end_ns: int

class prof_reader_filter(Struct):
    match: Numbers[int]
    wanted: int
    merge_recursion: int
    instead: Numbers[int]
    small: Numbers[int]

class prof_reader_info(Struct):
    version: int
    state: int
    clock: int
    pid: int
    modes: int
    interval_ns: int
    probe_cost_ps: int
    start_unix_ns: int
    duration_ns: int
    ns_per_tick: float
    calibrated: int
    cut: int
    end: int
    meta: prof_reader_text
    drops: Numbers[int]
    full: int
    flags: int
    node_count: int
    sampled_count: int
    stack_count: int
    chunk_count: int
    label_count: int
    thread_count: int
    type_count: int
    moment_count: int
    chunks: prof_reader_chunk
    labels: prof_reader_label
    threads: prof_reader_thread
    types: prof_reader_type
    process_count: int
    moments: prof_reader_moment
    process: prof_reader_process
    source_count: int
    sources: prof_reader_source
    timed_count: Numbers[int]
    timed: Pointers[prof_reader_timed]
    slow_count: int
    slow: prof_reader_slow
    metric_count: int
    metrics: prof_reader_metric
    event_bytes: int
    traced: int
    reserved: int
    least_ns: int
    memory: prof_reader_memory
    sampler: prof_reader_sampler

class prof_reader_label(Struct):
    kind: int
    line: int
    flags: int
    name: prof_reader_text
    module: prof_reader_text
    file: prof_reader_text
    completed: int
    min_ns: int
    max_ns: int
    p50_ns: int
    p90_ns: int
    p99_ns: int

class prof_reader_memory(Struct):
    recorded: int
    detail: int
    live_bytes: int
    peak_bytes: int
    peak_ns: int
    unknown_frees: int
    arena_bytes: int
    class_count: Numbers[int]
    small_bytes: int

class prof_reader_metric(Struct):
    node: int
    label: int
    real: int
    name: prof_reader_text
    count: int
    high: int
    low: int
    least: int
    most: int
    real_sum: float
    real_least: float
    real_most: float

class prof_reader_missing(Struct):
    start_ns: int
    end_ns: int
    count: int
    overwritten: int
    reserved: int

class prof_reader_moment(Struct):
    ns: int
    rss_bytes: int
    arena_bytes: int
    live_bytes: int

class prof_reader_operands(Struct):
    row: int
    left: int
    right: int
    unused: int
    count: int

class prof_reader_operation(Struct):
    code: int
    lies: int
    line: int
    end_line: int
    column: int
    end_column: int
    name: int
    second: int
    category: Numbers[int]
    access: Numbers[int]
    flow: int
    op: int
    unused: int
    unused_: int
    count: int
    taken: int

class prof_reader_operations(Struct):
    count: int
    code_count: int
    label_count: int
    operand_count: int
    operands: prof_reader_operands
    rows: prof_reader_operation
    codes: prof_reader_code
    edges: Numbers[int]
    by_label: Numbers[int]
    inexact: Numbers[int]

class prof_reader_pairs(Struct):
    count: int
    above: Numbers[int]
    below: Numbers[int]
    group: Numbers[int]

class prof_reader_point(Struct):
    time_ns: int
    label: int
    real: int
    name: prof_reader_text
    value: int
    real_value: float

class prof_reader_process(Struct):
    ns: int
    read_bytes: int
    written_bytes: int
    disk_read_bytes: int
    disk_written_bytes: int
    waits: int
    preemptions: int
    user_ns: int
    system_ns: int

class prof_reader_sampler(Struct):
    recorded: int
    frames: int
    lock: int
    waits: int
    why: prof_reader_text
    interval_ns: int
    ticks: int
    late: int
    samples: int
    idle: int
    unplaced: int
    partial: int
    work_ns: int
    cpu_ns: int
    why_counters: prof_reader_text

class prof_reader_site(Struct):
    code: int
    line: int
    end_line: int
    column: int
    end_column: int
    name: int
    kind: int
    row: int
    rows: int
    index: int
    unused: int
    count: int
    taken: int
    ops: int
    reads: int
    writes: int
    deletes: int

class prof_reader_sites(Struct):
    count: int
    sites: prof_reader_site
    by_category: Numbers[int]

class prof_reader_slow(Struct):
    node: int
    label: int
    thread_index: int
    thread: prof_reader_text
    task: prof_reader_text
    arguments: prof_reader_text
    start_ns: int
    duration_ns: int

class prof_reader_source(Struct):
    file: prof_reader_text
    size: int
    hash: int

class prof_reader_text(Struct):
    text: Memory
    length: int

class prof_reader_thread(Struct):
    native_id: int
    name: prof_reader_text
    start_ns: int
    cpu_ns: int
    alive_ns: int
    running: int

class prof_reader_timed(Struct):
    label: int
    what: int
    task: prof_reader_text
    context: prof_reader_text
    more: int
    data_: Memory

class prof_reader_track(Struct):
    thread: int
    deepest: int
    count: int
    start_ns: Numbers[int]
    duration_ns: Numbers[int]
    label: Numbers[int]
    depth: Numbers[int]
    open_count: int
    open: Numbers[int]
    point_count: int
    points: prof_reader_point
    missing_count: int
    reserved: int
    missing: prof_reader_missing

class prof_reader_tree(Struct):
    count: int
    label_count: int
    deepest: int
    column_count: int
    short_count: int
    unused: int
    profiler_ns: int
    label: Numbers[int]
    parent: Numbers[int]
    end: Numbers[int]
    depth: Numbers[int]
    span: Numbers[int]
    line: Numbers[int]
    own: Pointers[Numbers[int]]
    place: Numbers[int]
    at: Numbers[int]

class prof_reader_type(Struct):
    name: prof_reader_text
    count: int
    bytes: int

class prof_source_digest(Struct):
    size: int
    hash: int

class Lib:
    PROF_ACCESS_DELETE: int
    PROF_ACCESS_NONE: int
    PROF_ACCESS_READ: int
    PROF_ACCESS_WRITE: int
    PROF_ACTIVITY_CONTEXTS: int
    PROF_ACTIVITY_STEPS: int
    PROF_CHUNK_ACTIVITIES: int
    PROF_CHUNK_CODES: int
    PROF_CHUNK_COUNTS: int
    PROF_CHUNK_EVENTS: int
    PROF_CHUNK_LABELS: int
    PROF_CHUNK_LATENCIES: int
    PROF_CHUNK_LIVE: int
    PROF_CHUNK_MEMORY: int
    PROF_CHUNK_META: int
    PROF_CHUNK_METRICS: int
    PROF_CHUNK_MISSING: int
    PROF_CHUNK_NODES: int
    PROF_CHUNK_OPERANDS: int
    PROF_CHUNK_PENDING: int
    PROF_CHUNK_PLACES: int
    PROF_CHUNK_PROCESS: int
    PROF_CHUNK_SAMPLED: int
    PROF_CHUNK_SAMPLER: int
    PROF_CHUNK_SERIES: int
    PROF_CHUNK_SLOWEST: int
    PROF_CHUNK_SOURCES: int
    PROF_CHUNK_SPANS: int
    PROF_CHUNK_STACK: int
    PROF_CHUNK_STACKS: int
    PROF_CHUNK_STRINGS: int
    PROF_CHUNK_THREADS: int
    PROF_CHUNK_TYPES: int
    PROF_CHUNK_USAGE: int
    PROF_CHUNK_WAITS: int
    PROF_CLOCK_CPU: int
    PROF_CLOCK_MANUAL: int
    PROF_CLOCK_MONOTONIC: int
    PROF_CLOCK_TSC: int
    PROF_CLOSED: int
    PROF_CODE_NO_COLUMN: int
    PROF_DROP_ARGUMENTS_FAILED: int
    PROF_DROP_BLOCKS_UNFOLLOWED: int
    PROF_DROP_COUNT: int
    PROF_DROP_EVENTS_TAKEN: int
    PROF_DROP_FOLDED_DEPTH: int
    PROF_DROP_FOLDED_SIZE: int
    PROF_DROP_HEALED: int
    PROF_DROP_LOST_COUNTS: int
    PROF_DROP_LOST_LABELS: int
    PROF_DROP_METRICS_LOST: int
    PROF_DROP_OPEN_AT_END: int
    PROF_DROP_SAMPLES_CUT: int
    PROF_DROP_SAMPLES_ENOUGH: int
    PROF_DROP_SAMPLES_LOST: int
    PROF_DROP_SAMPLES_TORN: int
    PROF_DROP_SECTION_OPEN: int
    PROF_DROP_SECTION_ORDER: int
    PROF_DROP_SECTION_UNOPENED: int
    PROF_DROP_SPANS_OVERWRITTEN: int
    PROF_DROP_SPANS_UNKEPT: int
    PROF_DROP_THREADS_UNMETERED: int
    PROF_DROP_TICKS_MISSED: int
    PROF_DROP_UNMATCHED_LEAVE: int
    PROF_DROP_WAITS_LOST: int
    PROF_EDGE_DONE: int
    PROF_EDGE_ENTRY: int
    PROF_EDGE_EXIT: int
    PROF_EDGE_FALL: int
    PROF_EDGE_JUMP: int
    PROF_EDGE_NEXT: int
    PROF_EDGE_TAKEN: int
    PROF_EDGE_THROWN: int
    PROF_FLAG_DUMP: int
    PROF_FLAG_INTERLEAVED: int
    PROF_FLOW_BRANCH: int
    PROF_FLOW_END_FOR: int
    PROF_FLOW_FOR: int
    PROF_FLOW_JUMP: int
    PROF_FLOW_PLAIN: int
    PROF_FLOW_RAISE: int
    PROF_FLOW_RERAISE: int
    PROF_FLOW_RESUME: int
    PROF_FLOW_RETURN: int
    PROF_FLOW_SEND: int
    PROF_FLOW_YIELD: int
    PROF_FRAME: int
    PROF_FUNCTION: int
    PROF_GC: int
    PROF_IMPORT: int
    PROF_INSERTED: int
    PROF_INSERTED_HEADER: int
    PROF_LABEL_AWAITS: int
    PROF_LABEL_GENERATOR: int
    PROF_LABEL_NO_DETAIL: int
    PROF_LABEL_NO_MEMORY: int
    PROF_LABEL_NO_OPS: int
    PROF_LABEL_NO_TIME: int
    PROF_LINE: int
    PROF_MODE_MEMORY: int
    PROF_MODE_OPS: int
    PROF_MODE_SAMPLES: int
    PROF_MODE_TIME: int
    PROF_NATIVE: int
    PROF_NOT_INSERTED: int
    PROF_PROFILER: int
    PROF_PY_SEEN_FRAME: int
    PROF_PY_SEEN_SPAN: int
    PROF_PY_SEEN_THREAD: int
    PROF_QUIRK_CLOSES_UNENTERED: int
    PROF_QUIRK_CURRENT_STATE_IS_OF_THE_THREAD: int
    PROF_QUIRK_EACH_JUMP_BACK_IS_A_LINE: int
    PROF_QUIRK_END_FOR_UNITS: int
    PROF_QUIRK_JUMP_RAISES_AT_TARGET: int
    PROF_QUIRK_MONITORING: int
    PROF_QUIRK_OFFSET_IS_TAGGED: int
    PROF_QUIRK_PAIR_RAISES_AT_FIRST: int
    PROF_QUIRK_RESUME_PLACE_MASK: int
    PROF_QUIRK_RUNS_WITHOUT_LOCK: int
    PROF_QUIRK_SEND_BEFORE_YIELD: int
    PROF_QUIRK_SEND_HAS_INDEX: int
    PROF_QUIRK_START_IS_TOLD_LATE: int
    PROF_READER_ACTIVITIES: int
    PROF_READER_ALL_THREADS: int
    PROF_READER_BY_BRANCH: int
    PROF_READER_BY_CALL: int
    PROF_READER_BY_CALLEE: int
    PROF_READER_BY_EXPRESSION: int
    PROF_READER_BY_LINE: int
    PROF_READER_BY_NAME: int
    PROF_READER_CATEGORIES: int
    PROF_READER_DROP: int
    PROF_READER_FOCUS: int
    PROF_READER_KEEP: int
    PROF_READER_LATENCIES: int
    PROF_READER_NO_COLUMN: int
    PROF_READER_NO_GROUP: int
    PROF_READER_NO_LABEL: int
    PROF_READER_NO_PLACE: int
    PROF_READER_RECORD_KINDS: int
    PROF_READER_WAITS: int
    PROF_RECORDING: int
    PROF_REPLACED: int
    PROF_SAMPLER_FRAMES: int
    PROF_SAMPLER_GIL: int
    PROF_SAMPLER_WAITS: int
    PROF_SECTION: int
    PROF_SPAN_FROM: int
    PROF_SPAN_LONG: int
    PROF_SPAN_OPEN: int
    PROF_SPAN_POINT: int
    PROF_SPAN_REAL: int
    PROF_THREAD: int
    def prof_clock_set(self, _0: int, /) -> None: ...
    def prof_close(self) -> None: ...
    def prof_drop_text(self, _0: int, _1: int, /) -> Memory: ...
    def prof_export_chrome(self, _0: prof_export_spans, _1: int, _2: int, _3: prof_export_texts, _4: Memory | bytes, _5: int, _6: Memory | bytes, _7: int, _8: Numbers[int], /) -> int: ...
    def prof_export_merge(self, _0: prof_export_spans, _1: int, _2: int, _3: int, _4: Numbers[int], _5: int, _6: int, _7: int, _8: Numbers[int], _9: prof_export_item, /) -> int: ...
    def prof_export_pack(self, _0: prof_export_item, _1: int, _2: Numbers[int], /) -> int: ...
    def prof_export_perfetto(self, _0: prof_export_spans, _1: prof_export_stack, _2: prof_export_texts, _3: Numbers[int], _4: int, _5: int, _6: Numbers[int], _7: int, _8: Numbers[int], /) -> int: ...
    def prof_export_rows(self, _0: prof_export_spans, /) -> int: ...
    def prof_export_stretches(self, _0: prof_export_spans, _1: int, _2: int, _3: int, _4: Numbers[int], _5: Numbers[int], _6: Numbers[int], _7: Numbers[int], _8: Numbers[int], _9: int, _10: Numbers[int], _11: Numbers[int], /) -> None: ...
    def prof_forget(self) -> None: ...
    def prof_full(self) -> int: ...
    def prof_heartbeat(self) -> None: ...
    def prof_line_inserted(self, _0: Memory | bytes, _1: int, /) -> int: ...
    def prof_lines_inserted(self, _0: Memory | bytes, _1: int, _2: Numbers[int], _3: int, /) -> int: ...
    def prof_merger_add(self, _0: prof_merger, _1: prof_reader, _2: int, _3: Numbers[int], _4: Memory | bytes, _5: int, /) -> int: ...
    def prof_merger_add_foreign(self, _0: prof_merger, _1: prof_foreign_label, _2: int, _3: prof_foreign_node, _4: int, _5: int, _6: int, /) -> int: ...
    def prof_merger_finish(self, _0: prof_merger, _1: int, _2: int, _3: int, _4: Memory | bytes, _5: int, _6: Memory | bytes, _7: int, /) -> prof_reader: ...
    def prof_merger_free(self, _0: prof_merger, /) -> None: ...
    def prof_merger_like(self, _0: prof_merger, _1: prof_reader, /) -> int: ...
    def prof_merger_new(self) -> prof_merger: ...
    def prof_name_thread(self, _0: Memory | bytes, /) -> None: ...
    def prof_now_ticks(self) -> int: ...
    def prof_open(self, _0: Memory | bytes, _1: prof_config, _2: Memory | bytes, _3: int, /) -> int: ...
    def prof_own_begin(self) -> None: ...
    def prof_own_end(self) -> None: ...
    def prof_py_ask(self, _0: int, _1: int, _2: Memory | bytes, _3: Memory | bytes, _4: int, /) -> int: ...
    def prof_py_category(self, _0: int, /) -> Memory: ...
    def prof_py_close(self) -> None: ...
    def prof_py_copy(self, _0: Numbers[int], /) -> Numbers[int]: ...
    def prof_py_count_live(self) -> None: ...
    def prof_py_dump(self, _0: Memory | bytes, _1: int, _2: Memory | bytes, _3: int, _4: Memory | bytes, _5: int, /) -> int: ...
    def prof_py_init(self, _0: Memory | bytes, _1: int, /) -> int: ...
    def prof_py_layout_agrees(self) -> int: ...
    def prof_py_look(self, _0: int, _1: int, _2: prof_py_seen, _3: int, _4: Memory | bytes, _5: int, /) -> int: ...
    def prof_py_memory_start(self, _0: int, _1: Memory | bytes, /) -> int: ...
    def prof_py_memory_stop(self) -> None: ...
    def prof_py_memory_type(self, _0: Memory | bytes, _1: int, _2: int, /) -> int: ...
    def prof_py_open(self, _0: Memory | bytes, _1: prof_config, _2: Memory | bytes, _3: int, /) -> int: ...
    def prof_py_samples_name(self, _0: int, _1: Memory | bytes, /) -> None: ...
    def prof_py_samples_start(self, _0: int, _1: Memory | bytes, _2: Memory | bytes, _3: int, /) -> int: ...
    def prof_py_samples_stop(self) -> None: ...
    def prof_py_stand_by(self) -> int: ...
    def prof_py_standby_begun(self, _0: Memory | bytes, _1: int, /) -> int: ...
    def prof_py_standby_cookie(self) -> Numbers[int]: ...
    def prof_py_validated(self) -> int: ...
    def prof_py_withdraw(self, _0: int, _1: int, /) -> None: ...
    def prof_reader_add_library(self, _0: prof_reader, _1: Memory | bytes, _2: Memory | bytes, /) -> int: ...
    def prof_reader_close(self, _0: prof_reader, /) -> None: ...
    def prof_reader_column(self, _0: Memory | bytes, /) -> int: ...
    def prof_reader_column_name(self, _0: int, /) -> Memory: ...
    def prof_reader_durations_by(self, _0: prof_reader, _1: int, _2: Numbers[int], _3: int, _4: prof_reader_durations, /) -> int: ...
    def prof_reader_escape(self, _0: Memory | bytes, _1: int, _2: Memory | bytes, /) -> int: ...
    def prof_reader_events_free(self, _0: prof_reader_events, /) -> None: ...
    def prof_reader_events_new(self, _0: prof_reader, _1: Memory | bytes, _2: int, /) -> prof_reader_events: ...
    def prof_reader_fold(self, _0: prof_reader, _1: prof_reader_tree, _2: Numbers[int], _3: int, /) -> int: ...
    def prof_reader_get(self, _0: prof_reader, /) -> prof_reader_info: ...
    def prof_reader_glance(self, _0: Memory | bytes, _1: Memory | bytes, _2: int, /) -> prof_reader: ...
    def prof_reader_image(self, _0: prof_reader, _1: Numbers[int], /) -> Numbers[int]: ...
    def prof_reader_in_stacks(self, _0: int, /) -> int: ...
    def prof_reader_inclusive(self, _0: prof_reader_tree, _1: Numbers[int], _2: Numbers[int], /) -> None: ...
    def prof_reader_open(self, _0: Memory | bytes, _1: Memory | bytes, _2: int, /) -> prof_reader: ...
    def prof_reader_open_image(self, _0: Numbers[int], _1: int, _2: Memory | bytes, _3: int, /) -> prof_reader: ...
    def prof_reader_operations_free(self, _0: prof_reader_operations, /) -> None: ...
    def prof_reader_operations_new(self, _0: prof_reader, _1: prof_reader_tree, _2: int, _3: Numbers[int], _4: Memory | bytes, _5: int, /) -> prof_reader_operations: ...
    def prof_reader_order(self, _0: Numbers[int], _1: int, _2: Numbers[int], /) -> int: ...
    def prof_reader_pairs_free(self, _0: prof_reader_pairs, /) -> None: ...
    def prof_reader_pairs_new(self, _0: prof_reader_tree, _1: int, /) -> prof_reader_pairs: ...
    def prof_reader_pairs_of(self, _0: prof_reader_tree, _1: Numbers[int], _2: Numbers[int], /) -> prof_reader_pairs: ...
    def prof_reader_recorded(self, _0: prof_reader, _1: int, /) -> int: ...
    def prof_reader_select(self, _0: prof_reader_tree, _1: Numbers[int], _2: int, _3: int, _4: int, _5: Numbers[int], /) -> int: ...
    def prof_reader_sites_free(self, _0: prof_reader_sites, /) -> None: ...
    def prof_reader_sites_new(self, _0: prof_reader_operations, _1: int, _2: int, /) -> prof_reader_sites: ...
    def prof_reader_stacks_new(self, _0: prof_reader, _1: prof_reader_tree, _2: int, _3: Memory | bytes, _4: int, /) -> prof_reader_tree: ...
    def prof_reader_string(self, _0: prof_reader, _1: int, /) -> prof_reader_text: ...
    def prof_reader_sum_groups(self, _0: prof_reader_tree, _1: Numbers[int], _2: int, _3: Numbers[int], _4: Numbers[int], _5: Numbers[int], /) -> int: ...
    def prof_reader_track_move(self, _0: prof_reader_track, _1: int, _2: Numbers[int], /) -> None: ...
    def prof_reader_tree_filter(self, _0: prof_reader, _1: prof_reader_tree, _2: prof_reader_filter, _3: prof_reader_tree, _4: Memory | bytes, _5: int, /) -> prof_reader_tree: ...
    def prof_reader_tree_free(self, _0: prof_reader_tree, /) -> None: ...
    def prof_reader_tree_new(self, _0: prof_reader, _1: int, _2: Memory | bytes, _3: int, /) -> prof_reader_tree: ...
    def prof_reader_tree_threads(self, _0: prof_reader, _1: Numbers[int], _2: Memory | bytes, _3: int, /) -> prof_reader_tree: ...
    def prof_reader_tree_within(self, _0: prof_reader, _1: int, _2: Memory | bytes, _3: int, /) -> prof_reader_tree: ...
    def prof_recording(self) -> int: ...
    def prof_replaced(self, _0: int, /) -> None: ...
    def prof_set_meta(self, _0: Memory | bytes, _1: int, /) -> int: ...
    def prof_set_probe_cost(self, _0: int, /) -> None: ...
    def prof_source_digest_of(self, _0: Memory | bytes, _1: int, /) -> prof_source_digest: ...
    def prof_stack_depth(self) -> int: ...
    def prof_stack_name(self, _0: int, /) -> Memory: ...
    def prof_trace_begin(self) -> None: ...

class Type:
    cname: str
    kind: str
    item: Type
    length: int
    fields: list[tuple[str, Field]]
    elements: dict[int, str]
    args: tuple[Type, ...]
    result: Type

class Field:
    type: Type
    offset: int

class FFI:
    NULL: Any
    def new(self, declaration: str, initial: Any = None) -> Any: ...
    def cast(self, declaration: str, value: Any) -> Any: ...
    def string(self, text: Any, most: int = -1) -> bytes: ...
    def unpack(self, array: Any, length: int) -> Any: ...
    def buffer(self, array: Any, size: int = -1) -> Any: ...
    def from_buffer(self, declaration: str, buffer: Any, require_writable: bool = False) -> Any: ...
    def gc(self, owned: _T, destructor: Callable[[_T], object] | None, size: int = 0) -> _T: ...
    def release(self, owned: Any) -> None: ...
    def sizeof(self, what: Any) -> int: ...
    def typeof(self, what: Any) -> Type: ...
    def addressof(self, what: Any, *fields: str | int) -> Any: ...

ffi: FFI
lib: Lib
