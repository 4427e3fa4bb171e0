"""The mark: how much one test may do, and what the fixture reads of it."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

import pytest
from attrs import field, frozen
from prof.capture import Capture, open_capture
from prof.session import snapshot
from prof.tools.integrations.pytest.counts import Counts, add_lines, tests
from prof.tools.integrations.pytest.recording import Recording
from prof.tools.screen.units import size

KEYS = ("max_ops", "max_calls", "max_alloc_bytes", "max_peak", "max_live_growth")
DETAILED = ("max_peak", "max_live_growth")
_LINES = 3


@frozen
class Limits:
    """What the marks of a test say; of several, the nearest one counts."""

    values: dict[str, int] = field(factory=dict)
    calls: dict[str, int] = field(factory=dict)

    @property
    def any(self) -> bool:
        return bool(self.values or self.calls)

    @property
    def detailed(self) -> bool:
        """Whether it has to be known what was freed."""
        return any(key in DETAILED for key in self.values)


def limits_of(item: pytest.Item) -> Limits:
    """Raises pytest.UsageError for a mark that says what there is not."""
    found = Limits()
    for mark in reversed(list(item.iter_markers("prof"))):
        if mark.args:
            raise _wrong(item, f"takes names only, such as max_ops=1000; it has {mark.args[0]!r}")
        for key, value in mark.kwargs.items():
            if key not in KEYS:
                raise _wrong(item, f"has no {key!r}; known: {', '.join(KEYS)}")
            if key == "max_calls" and isinstance(value, Mapping):
                found.calls.update({str(name): _number(item, key, each) for name, each in value.items()})
            elif key == "max_calls":
                found.calls["*"] = _number(item, key, value)
            else:
                found.values[key] = _number(item, key, value)
    return found


def _number(item: pytest.Item, key: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _wrong(item, f"{key}={value!r} is not a number from 0 on")
    return value


def _wrong(item: pytest.Item, what: str) -> pytest.UsageError:
    return pytest.UsageError(f"prof: {item.nodeid}: @pytest.mark.prof {what}")


class Record:
    """What the running test has done so far, of functions that have probes; `peak` is of all that it allocated."""

    def __init__(self) -> None:
        self._recording: Recording | None = None
        self._phase = self._name = ""

    def begin(self, recording: Recording, phase: str, name: str) -> None:
        """The call of a test begins."""
        self._recording, self._phase, self._name = recording, phase, name

    def end(self) -> None:
        """It has ended."""
        self._recording = None

    def _read(self) -> tuple[Capture, Counts]:
        gc.collect()
        path = snapshot() if self._recording is not None else None
        if path is None:
            raise RuntimeError("prof_record: nothing is recorded outside of the test's own call")
        capture = open_capture(path)
        return capture, tests(capture).get((self._phase, self._name), Counts())

    def _total(self, key: str) -> int:
        capture, counts = self._read()
        with capture:
            return counts.total(key)

    @property
    def ops(self) -> int:
        """Operations."""
        return self._total("ops")

    @property
    def alloc_bytes(self) -> int:
        """Bytes that were allocated."""
        return self._total("alloc_bytes")

    @property
    def alloc_count(self) -> int:
        """Allocations."""
        return self._total("alloc_count")

    @property
    def peak(self) -> int:
        """The most bytes that were allocated at one time since the test's call began."""
        capture, _ = self._read()
        with capture:
            return _peak(capture)

    @property
    def live_growth(self) -> int:
        """Bytes that functions allocated and that are still there."""
        capture, _ = self._read()
        with capture:
            return _live(capture)

    def calls(self, pattern: str = "*") -> int:
        """Calls of the functions whose names match: `app.db.query`, `app.db.*`."""
        capture, counts = self._read()
        with capture:
            return _calls(counts, pattern)

    def broken(self, limits: Limits) -> str:
        """What the test did beyond its limits; empty where it did not."""
        capture, counts = self._read()
        with capture:
            found = list(_broken(capture, counts, limits))
            if not found:
                return ""
            add_lines(capture, self._phase, self._name, counts)
        return "\n".join(["more than @pytest.mark.prof allows:", *found, *_most(counts)])


def _peak(capture: Capture) -> int:
    memory = capture.memory(capture.tree())
    return (memory.peak_bytes or 0) if memory is not None else 0


def _live(capture: Capture) -> int:
    functions = capture.functions(capture.tree())
    return sum(each.live_bytes or 0 for each in functions if each.label.kind == "function")


def _calls(counts: Counts, pattern: str) -> int:
    rows = counts.functions.items()
    return sum(row.counts.get("calls", 0) for name, row in rows if fnmatchcase(name, pattern))


def _broken(capture: Capture, counts: Counts, limits: Limits) -> Iterator[str]:
    measured: dict[str, Any] = {
        "max_ops": lambda: counts.total("ops"),
        "max_alloc_bytes": lambda: counts.total("alloc_bytes"),
        "max_peak": lambda: _peak(capture),
        "max_live_growth": lambda: _live(capture),
    }
    for key, limit in limits.values.items():
        found = measured[key]()
        if found > limit:
            shown = f"{found:,}" if key == "max_ops" else f"{found:,} bytes ({size(found)})"
            yield f"  {key}={limit:,}: it was {shown}"
    for pattern, limit in limits.calls.items():
        found = _calls(counts, pattern)
        if found > limit:
            yield f"  max_calls of {pattern} is {limit:,}: it was {found:,}"
            for name, row in sorted(counts.functions.items(), key=lambda each: -each[1].counts.get("calls", 0)):
                if fnmatchcase(name, pattern) and row.counts.get("calls"):
                    yield f"    {name}  {row.file}:{row.line}: {row.counts['calls']:,}"


def _most(counts: Counts) -> Iterator[str]:
    """The functions and lines that did most."""
    rows = sorted(counts.functions.items(), key=lambda each: -_weight(each[1].counts))
    for name, row in rows[:_LINES]:
        yield f"  {name}  {row.file}:{row.line}  {shown(row.counts)}"
        lines = sorted(row.lines.items(), key=lambda each: -_weight(each[1]))
        for offset, line in lines[:_LINES]:
            yield f"    line {row.line + offset}  {shown(line)}"


def _weight(counts: dict[str, int]) -> int:
    return counts.get("ops", 0) or counts.get("alloc_bytes", 0)


def shown(counts: dict[str, int]) -> str:
    """Counts for people."""
    return ", ".join(f"{number:,} {key}" for key, number in counts.items() if number)
