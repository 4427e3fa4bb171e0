"""What a capture's tree says, computed the slow and obvious way from the description it was written from."""

from __future__ import annotations

from collections import defaultdict

from capture_files import BINS, LINE, PROFILER, TSC, File, Node, bin_of

Path = tuple[int, ...]
SPAN_COLUMNS = ("calls", "resumes", "items", "self_ns", "suspended_ns")
LINE_COLUMNS = ("alloc_count", "alloc_bytes", "free_count", "free_bytes", "live_bytes", "peak_bytes")
COLUMNS = SPAN_COLUMNS + LINE_COLUMNS


def to_ns(ticks: int, ratio: float) -> int:
    return ticks if ratio == 1.0 else int(float(ticks) * ratio + 0.5)


def ratio_of(file: File) -> float:
    if file.clock != TSC:
        return 1.0
    return float(file.last[1] - file.start[1]) / float(file.last[0] - file.start[0])


def memory_of(file: File, node: Node) -> dict[str, int]:
    """What a node of the file says of memory."""
    detail = file.memory is not None and file.memory.detail
    live = max(0, node.alloc[1] - node.free[1]) if detail else 0
    at_peak = node.peak[0] if detail and file.memory and node.peak[1] == file.memory.epoch else live
    return dict(zip(LINE_COLUMNS, (*node.alloc, *node.free, live, at_peak), strict=True))


def paths(file: File, only: int | None = None) -> dict[Path, dict[str, int]]:
    """The columns of every calling context, keyed by its labels from the outermost on; () is the root."""
    ratio = ratio_of(file)
    found: dict[Path, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    found[()]["calls"] += 0
    for index, thread in enumerate(file.threads):
        if only is not None and index != only:
            continue
        keys: list[Path | None] = []
        for node in thread.nodes:
            above = keys[node.parent] if node.parent >= 0 else ()
            profiler = node.parent >= 0 and file.labels[node.label].kind == PROFILER
            key = None if above is None or profiler else above + (node.label,) * (node.parent >= 0)
            keys.append(key)
            if key is None:
                continue
            row = found[key]
            row["calls"] += node.calls
            row["resumes"] += node.resumes
            row["self_ns"] += to_ns(node.self, ratio)
            row["suspended_ns"] += to_ns(node.suspended, ratio)
            row["items"] += node.items
            for column, value in memory_of(file, node).items():
                row[column] += value
    for key in found:
        below = [row for k, row in found.items() if k[: len(key)] == key]
        found[key]["total_ns"] = sum(row["self_ns"] for row in below)
        for column in LINE_COLUMNS:
            found[key][f"total_{column}"] = sum(row[column] for row in below)
    return {key: dict(row) for key, row in found.items()}


def is_line(file: File, key: Path) -> bool:
    return bool(key) and file.labels[key[-1]].kind == LINE


def sums(file: File, contexts: dict[Path, dict[str, int]]) -> dict[int, dict[str, int]]:
    """By label: what it has itself, a span with the lines directly below it; inclusive only where it is outermost."""
    found: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for key, row in contexts.items():
        if key:
            add(found[key[-1]], row, key[-1] not in key[:-1])
        if is_line(file, key) and len(key) > 1:
            for column in COLUMNS:
                found[key[-2]][column] += row[column]
    return found


def edges(
    file: File, contexts: dict[Path, dict[str, int]], lines: bool = False
) -> dict[tuple[int | None, int], dict[str, int]]:
    """By caller and callee, or by span and line; inclusive only of contexts without the same pair further out."""
    found: dict[tuple[int | None, int], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for key, row in contexts.items():
        if key and is_line(file, key) == lines:
            pairs = list(zip((None, *key), key, strict=False))
            add(found[pairs[-1]], row, pairs[-1] not in pairs[:-1])
        elif key and is_line(file, key) and len(key) > 1 and not lines:
            for column in COLUMNS:
                found[(None, *key)[-3], key[-2]][column] += row[column]
    return found


def add(sum_: dict[str, int], row: dict[str, int], outermost: bool) -> None:
    for column in COLUMNS:
        sum_[column] += row[column]
    for column in ("total_ns", *(f"total_{column}" for column in LINE_COLUMNS)):
        sum_[column] += row[column] if outermost else 0


def bin_start(index: int) -> int:
    return index if index < 4 else (4 + index % 4) << (index // 4 - 1)


def percentile(latencies: list[int], share: float, ratio: float) -> int:
    """From the histogram's definition: linear inside the bin where the calls reach the share."""
    low, high = min(latencies), max(latencies)
    rank, before, ticks = share * len(latencies), 0, float(high)
    for index in range(BINS):
        count = sum(bin_of(latency) == index for latency in latencies)
        if count and before + count >= rank:
            stop = bin_start(index + 1) if index + 1 < BINS else high
            ticks = bin_start(index) + (stop - bin_start(index)) * ((rank - before) / count)
            break
        before += count
    return int(min(max(ticks, low), high) * ratio + 0.5)
