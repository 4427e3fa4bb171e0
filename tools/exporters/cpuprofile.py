"""V8's profiles, for VS Code and Chrome: https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile

The format has room for one measure of time. A sample lasts until the next one: there is one for each stack, which lasts
as long as the stack took itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from prof.capture import NO_LABEL, ROOT, Capture
from prof.modes import Measure
from prof.tools.exporters.export import Export, stacks, timed


def render(capture: Capture, measures: Sequence[Measure]) -> Iterator[bytes]:
    """A tree of calls, and samples in microseconds with three places. Raises UsageError without a measure of time."""
    measure, column = timed(measures, ".cpuprofile")
    of = stacks(capture, [measure])[0]
    own = of.tree.column(column)
    nodes: list[dict[str, Any]] = []
    samples, deltas = [], [0.0]
    for node in range(of.tree.count):
        label = of.label(node) if node != ROOT and of.tree.label[node] != NO_LABEL else None
        frame = {
            "functionName": "(root)" if label is None else label.name,
            "scriptId": "0" if label is None else str(label.index),
            "url": "" if label is None else label.file,
            "lineNumber": -1 if label is None else label.line - 1,  # from 0; -1 unknown
            "columnNumber": -1,
        }
        held = label is not None and own[node] > 0
        children = [child + 1 for child in of.tree.children(node)]
        nodes.append({"id": node + 1, "callFrame": frame, "hitCount": int(held), "children": children})
        if held:
            samples.append(node + 1)
            deltas.append(own[node] / 1000)
    begin = capture.start_unix_ns // 1000
    profile = {
        "nodes": nodes, "startTime": begin, "endTime": begin + sum(deltas),
        "samples": [*samples, 1], "timeDeltas": deltas,
    }  # fmt: skip
    yield json.dumps(profile, separators=(",", ":")).encode()


EXPORT = Export("cpuprofile", ".cpuprofile", "VS Code and Chrome's developer tools", render)
