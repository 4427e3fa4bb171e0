"""For profiler.firefox.com: its processed format, of the version that it brings up to date by itself.

https://github.com/firefox-devtools/profiler/blob/main/docs-developer/processed-profile-format.md
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from prof.capture import NO_LABEL, ROOT, Capture
from prof.modes import Measure
from prof.tools.exporters.export import Export, Stacks, stacks

_VERSION = 48  # of the processed format
_GECKO = 27  # of the format that browsers write
_WEIGHTS = {"ns": "tracing-ms", "B": "bytes"}
# What frames are coloured by; the colours are names of the viewer's.
_CATEGORIES = (
    ("Function", "blue"),
    ("Section", "purple"),
    ("Import", "orange"),
    ("Collection", "grey"),
    ("Line", "green"),
)
_CATEGORY = {"section": 1, "import": 2, "gc": 3, "line": 4}


def render(capture: Capture, measures: Sequence[Measure]) -> Iterator[bytes]:
    """A thread for each measure, whose samples are the stacks with what each holds."""
    threads = [_thread(capture, of, at) for of in stacks(capture, measures) for at in range(len(of.measures))]
    meta = {
        "interval": max(capture.interval_ns, 1) / 1e6,
        "startTime": capture.start_unix_ns / 1e6,
        "processType": 0,
        "product": str(capture.meta.get("name") or capture.path.name),
        "importedFrom": "prof-instrument",
        "stackwalk": 1,
        "version": _GECKO,
        "preprocessedProfileVersion": _VERSION,
        "symbolicated": True,
        "categories": [{"name": name, "color": colour, "subcategories": ["Other"]} for name, colour in _CATEGORIES],
        "markerSchema": [],
    }
    yield json.dumps({"meta": meta, "libs": [], "pages": [], "threads": threads}, separators=(",", ":")).encode()


def _thread(capture: Capture, of: Stacks, at: int) -> dict[str, Any]:
    measure, tree = of.measures[at], of.tree
    strings: dict[str, int] = {}
    functions: dict[int, int] = {}
    names: list[tuple[int, int, int, int]] = []  # name, file, line, category

    def string(words: str) -> int:
        return strings.setdefault(words, len(strings))

    for node in range(1, tree.count):
        index = tree.label[node]
        if index != NO_LABEL and index not in functions:
            label = capture.label(index)
            functions[index] = len(names)
            names.append((string(label.name), string(label.file), label.line, _CATEGORY.get(label.kind, 0)))
    nodes = range(1, tree.count)
    frame = [functions[tree.label[node]] for node in nodes]
    own = tree.column(measure.column)
    held = [node for node in nodes if own[node]]
    weights = [own[node] / 1e6 if measure.unit == "ns" else own[node] for node in held]
    category = [names[number][3] for number in frame]
    none, count = [None] * len(names), len(names)
    return {
        "name": measure.title or measure.name, "processType": "default", "processName": "", "isMainThread": at == 0,
        "pid": str(capture.pid), "tid": at, "processStartupTime": 0, "processShutdownTime": None, "registerTime": 0,
        "unregisterTime": None, "pausedRanges": [],
        "samples": {
            "stack": [node - 1 for node in held], "time": _times(weights, measure.unit == "ns"), "weight": weights,
            "weightType": _WEIGHTS.get(measure.unit, "samples"), "length": len(held),
        },
        "stackTable": {
            "frame": frame, "prefix": [None if tree.parent[n] == ROOT else tree.parent[n] - 1 for n in nodes],
            "category": category, "subcategory": [0] * len(frame), "length": len(frame),
        },
        "frameTable": {
            "func": list(range(count)), "address": [-1] * count, "inlineDepth": [0] * count,
            "category": [row[3] for row in names], "subcategory": [0] * count, "nativeSymbol": none,
            "innerWindowID": none, "implementation": none, "line": [row[2] or None for row in names], "column": none,
            "length": count,
        },
        "funcTable": {
            "name": [row[0] for row in names], "isJS": [False] * count, "relevantForJS": [False] * count,
            "resource": [-1] * count, "fileName": [row[1] for row in names],
            "lineNumber": [row[2] or None for row in names], "columnNumber": none, "length": count,
        },
        "markers": {"data": [], "name": [], "startTime": [], "endTime": [], "phase": [], "category": [], "length": 0},
        "resourceTable": {"lib": [], "name": [], "host": [], "type": [], "length": 0},
        "nativeSymbols": {"libIndex": [], "address": [], "name": [], "functionSize": [], "length": 0},
        "stringArray": list(strings),
    }  # fmt: skip


def _times(weights: list[float], of_time: bool) -> list[float]:
    """When each sample stands: one behind the other, as sums have no order of their own."""
    found, now = [], 0.0
    for weight in weights:
        found.append(now)
        now += weight if of_time else 1
    return found


EXPORT = Export("gecko", ".gecko.json", "profiler.firefox.com", render)
