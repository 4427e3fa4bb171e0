"""For speedscope.app and what else reads its files: https://www.speedscope.app/file-format-schema.json"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import chain

from prof.capture import Capture
from prof.events import Track
from prof.modes import Measure
from prof.tools.exporters.export import UNITS, Export, stacks

_NEVER, _BATCH = 1 << 64, 4096
SCHEMA = "https://www.speedscope.app/file-format-schema.json"


def render(capture: Capture, measures: Sequence[Measure]) -> Iterator[bytes]:
    """A profile for each measure: stacks from the outermost function, and what each holds itself. Of captures with
    events also one for each thread: when each span began and ended."""
    frames: list[dict[str, object]] = []
    numbers: dict[int, int] = {}

    def number(index: int) -> int:
        if index not in numbers:
            numbers[index] = len(frames)
            label = capture.label(index)
            frame: dict[str, object] = {"name": label.name}
            if label.file:
                frame |= {"file": label.file, "line": max(1, label.line)}
            frames.append(frame)
        return numbers[index]

    yield f'{{"$schema":"{SCHEMA}","exporter":"prof-instrument","name":{json.dumps(capture.path.name)},'.encode()
    yield b'"profiles":['
    separator = b""
    for of in stacks(capture, measures):
        for at, measure in enumerate(of.measures):
            rows = [(node, amounts[at]) for node, amounts in of.rows() if amounts[at]]
            yield separator + _profile(
                measure, [[number(of.tree.label[each]) for each in of.path(node)] for node, _ in rows], rows
            )
            separator = b","
    events = capture.events()
    if events is not None:
        by_label = [number(label.index) for label in events.labels]
        for track in filter(lambda track: track.spans, events.tracks):
            yield separator
            yield from _evented(track, by_label)
            separator = b","
    yield b'],"shared":{"frames":' + json.dumps(frames).encode() + b"}}\n"


def _profile(measure: Measure, samples: list[list[int]], rows: list[tuple[int, int]]) -> bytes:
    weights = [amount for _, amount in rows]
    profile = {
        "type": "sampled", "name": measure.title or measure.name, "unit": UNITS.get(measure.unit, "none"),
        "startValue": 0, "endValue": sum(weights), "samples": samples, "weights": weights,
    }  # fmt: skip
    return json.dumps(profile, separators=(",", ":")).encode()


def _evented(track: Track, frames: list[int]) -> Iterator[bytes]:
    """The spans of a thread. Each ends before those around it do, and before the next one there begins: who reads this
    refuses anything else, as where the end of a span was lost."""
    name = json.dumps(f"{track.thread}, in the order of time")
    yield f'{{"type":"evented","name":{name},"unit":"nanoseconds","startValue":0,"events":['.encode()
    last, parts, separator = 0, [], ""
    around: list[tuple[int, int, int]] = []  # depth, end, frame
    rows = zip(track.start_ns, track.duration_ns, track.label, track.depth, strict=True)
    for start, took, label, depth in chain(rows, ((_NEVER, 0, 0, 0),)):
        while around and around[-1][0] >= depth:
            _, end, frame = around.pop()
            last = max(last, min(end, start))
            parts.append(f'{separator}{{"type":"C","frame":{frame},"at":{last}}}')
            separator = ","
        if start == _NEVER:
            break
        last = max(last, start)
        parts.append(f'{separator}{{"type":"O","frame":{frames[label]},"at":{last}}}')
        separator = ","
        around.append((depth, start + took, frames[label]))
        if len(parts) > _BATCH:
            yield "".join(parts).encode()
            parts.clear()
    yield f'{"".join(parts)}],"endValue":{last}}}'.encode()


EXPORT = Export("speedscope", ".speedscope.json", "speedscope.app", render)
