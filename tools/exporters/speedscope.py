"""For speedscope.app and what else reads its files: https://www.speedscope.app/file-format-schema.json"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from prof.capture import Capture
from prof.modes import Measure
from prof.tools.exporters.export import UNITS, Export, Stacks, stacks

SCHEMA = "https://www.speedscope.app/file-format-schema.json"


def render(capture: Capture, measures: Sequence[Measure]) -> Iterator[bytes]:
    """A profile for each measure: stacks from the outermost function, and what each holds itself."""
    frames: list[dict[str, object]] = []
    numbers: dict[int, int] = {}

    def number(of: Stacks, node: int) -> int:
        index = of.tree.label[node]
        if index not in numbers:
            numbers[index] = len(frames)
            label = of.label(node)
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
                measure, [[number(of, each) for each in of.path(node)] for node, _ in rows], rows
            )
            separator = b","
    yield b'],"shared":{"frames":' + json.dumps(frames).encode() + b"}}\n"


def _profile(measure: Measure, samples: list[list[int]], rows: list[tuple[int, int]]) -> bytes:
    weights = [amount for _, amount in rows]
    profile = {
        "type": "sampled", "name": measure.title or measure.name, "unit": UNITS.get(measure.unit, "none"),
        "startValue": 0, "endValue": sum(weights), "samples": samples, "weights": weights,
    }  # fmt: skip
    return json.dumps(profile, separators=(",", ":")).encode()


EXPORT = Export("speedscope", ".speedscope.json", "speedscope.app", render)
