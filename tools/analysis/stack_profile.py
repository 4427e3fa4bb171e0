"""Stack JSON, read: stacks of samples with instructions and bytes, and sums over them by function and caller."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from attrs import Factory, define, frozen
from prof.errors import InputError
from prof.text import printable


@frozen
class Stack:
    """`frames` are names, the innermost first; `memory` is bytes, which may be less than nothing."""

    frames: tuple[str, ...]
    samples: int
    instructions: int
    memory: int

    @property
    def name(self) -> str:
        """The innermost frame's."""
        return self.frames[0] if self.frames else "(outside of every function)"


@define
class Sums:
    """What one function has itself, and with what it called; a function that calls itself is counted once."""

    name: str
    own: int = 0
    samples: int = 0
    instructions: int = 0
    memory: int = 0
    callers: Counter[str] = Factory(Counter)
    """Samples that it was met in below each."""
    callees: Counter[str] = Factory(Counter)


@frozen
class StackProfile:
    """A profile as stack JSON has it."""

    stacks: list[Stack]
    elapsed: float
    """Seconds."""

    @property
    def samples(self) -> int:
        """How many there are."""
        return sum(stack.samples for stack in self.stacks)

    @property
    def instructions(self) -> int:
        """All of them; 0 where they could not be counted."""
        return sum(stack.instructions for stack in self.stacks)

    def hottest(self, key: Callable[[Stack], int]) -> list[Stack]:
        """Stacks by a figure, the largest first, without those that have none of it."""
        return sorted((stack for stack in self.stacks if key(stack)), key=lambda s: (-abs(key(s)), s.frames))

    def functions(self) -> dict[str, Sums]:
        """By name, in the order of what they have with what they called."""
        found: dict[str, Sums] = {}
        for stack in self.stacks:
            if stack.frames:
                found.setdefault(stack.name, Sums(stack.name)).own += stack.samples
            for name in dict.fromkeys(stack.frames):
                sums = found.setdefault(name, Sums(name))
                sums.samples += stack.samples
                sums.instructions += stack.instructions
                sums.memory += stack.memory
            for callee, caller in dict.fromkeys(zip(stack.frames, stack.frames[1:], strict=False)):
                found[callee].callers[caller] += stack.samples
                found[caller].callees[callee] += stack.samples
        return dict(sorted(found.items(), key=lambda item: (-item[1].samples, item[0])))

    def folded(self) -> Iterator[str]:
        """A line for each stack that has samples, the outermost frame first."""
        for stack in self.stacks:
            if stack.samples and stack.frames:
                frames = ";".join(frame.replace(";", ":") for frame in reversed(stack.frames))
                yield f"{frames} {stack.samples}\n"


def is_like(document: Any) -> bool:
    """Whether a JSON document is stack JSON."""
    return isinstance(document, dict) and {"total_samples", "stacks"} <= document.keys()


def parsed(path: Path, document: Any) -> StackProfile:
    """Of a JSON document. Raises InputError where it is not as `tools/stacks_schema.json` says."""
    try:
        stacks = [_stack(each) for each in document["stacks"]]
        found = StackProfile(stacks, float(document["elapsed_seconds"]))
        if found.samples != document["total_samples"]:
            raise ValueError(f"its stacks have {found.samples} samples, and it says {document['total_samples']}")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        why = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(f"{path} is damaged: it is not as stack JSON is ({why})") from None
    return found


def _stack(each: dict[str, Any]) -> Stack:
    frames = tuple(printable(str(frame["symbol"])) for frame in each["frames"])
    count = int(each["count"])
    if count < 0:
        raise ValueError(f"a stack with {count} samples")
    return Stack(frames, count, int(each.get("instructions", 0)), int(each.get("memory_delta", 0)))


def load(path: Path, data: bytes) -> StackProfile:
    """Of a file. Raises InputError."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged: it begins as JSON, and is none ({error})") from None
    if not is_like(document):
        raise InputError(f"{path} is no stack JSON: `prof export --format stacks-json` writes it")
    return parsed(path, document)
