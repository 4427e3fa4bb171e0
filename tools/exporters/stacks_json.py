"""Stack JSON: stacks with samples, instructions and bytes, the innermost frame first: `tools/stacks_schema.json`.

`prof analyze` and `prof interactive` read it, and captures as it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from prof.capture import NO_LABEL, ROOT, Capture
from prof.errors import UsageError
from prof.modes import Measure
from prof.tools.exporters.export import Export

VERSION = 1


def render(capture: Capture, measures: Sequence[Measure]) -> Iterator[bytes]:
    """All three figures of each stack, whatever the measures. Raises UsageError without samples."""
    found = document(capture)
    stacks = found.pop("stacks")
    yield json.dumps(found)[:-1].encode() + b', "stacks": [\n'
    for number, stack in enumerate(stacks):
        yield (b"" if number == 0 else b",\n") + json.dumps(stack).encode()
    yield b"\n]}\n"


def document(capture: Capture) -> dict[str, Any]:
    """The same as an object. Raises UsageError without samples."""
    if not capture.recorded("samples"):
        raise UsageError(f"{capture.path} has no samples, which stack JSON is of: record it with --modes samples")
    return {
        "version": VERSION,
        "elapsed_seconds": capture.duration_ns / 1e9,
        "total_samples": capture.tree().inclusive("samples")[ROOT],
        "stacks": list(_stacks(capture)),
    }


def _stacks(capture: Capture) -> Iterator[dict[str, Any]]:
    """Contexts that have anything of their own. What was outside of every function is a stack without frames."""
    tree = capture.tree()
    samples, instructions = tree.column("samples"), tree.column("instructions")
    allocated, freed = tree.column("alloc_bytes"), tree.column("free_bytes")
    for node in range(tree.count):
        figures = {
            "count": samples[node],
            "instructions": instructions[node],
            "memory_delta": allocated[node] - freed[node],
        }
        if any(figures.values()):
            frames = []
            while node != ROOT:
                if tree.label[node] != NO_LABEL:
                    label = capture.label(tree.label[node])
                    frames.append({"addr": f"{label.index:#018x}", "symbol": label.name})
                node = tree.parent[node]
            yield {**figures, "frames": frames}


EXPORT = Export("stacks-json", ".stacks.json", "`prof analyze`, `prof interactive`, scripts: stacks of samples", render)
