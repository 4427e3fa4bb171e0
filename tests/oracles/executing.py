"""Counts executed instructions with the interpreter's own hooks: what the operations are compared with.

`sys.monitoring`'s INSTRUCTION events on 3.12 and later, a trace function with opcode events on 3.11; both with a
callback in C (`executing.c`, built here at first use), which runs no Python code of ours.
"""

from __future__ import annotations

import dis
import importlib.util
import opcode
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import Any

import quirks

SOURCE = Path(__file__).with_suffix(".c")
TOOL = 2
COLUMNS = 4  # executions; branches by how many units further they led: 1, 2, any other

Unit = int
Structure = tuple[tuple[Unit, str], ...]
"""Of a code object's original instructions: where they lie, and what they are."""


def show_probes() -> None:
    """From here on code objects, frames and events tell of the probes: the oracles look at what really runs."""
    sys.modules["prof._probes"].show_probes(True)  # an import would run code that is recorded and not seen here


def compiler() -> str | None:
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


def _built() -> Any:
    """The module made of executing.c, kept for this interpreter and this source."""
    tag = f"{sys.implementation.cache_tag}-{os.getuid()}-{SOURCE.stat().st_mtime_ns}"
    path = Path(tempfile.gettempdir()) / f"_executing-{tag}.so"
    if not path.exists():
        command = [str(compiler()), "-shared", "-fPIC", "-O2", f"-I{sysconfig.get_path('include')}", str(SOURCE)]
        part = path.with_suffix(f".{os.getpid()}")
        subprocess.run([*command, "-o", str(part)], check=True)
        part.replace(path)
    spec = importlib.util.spec_from_file_location("_executing", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_module: Any = None


def module() -> Any:
    global _module
    if _module is None:
        _module = _built()
    return _module


def _word(op: int) -> str:
    """The instruction's name; a jump that the rewriter has turned around has the name it had."""
    return dis.opname[op].replace("BACKWARD_IF", "IF").replace("FORWARD_IF", "IF")


class Executed:
    """What ran between `start` and `stop`: all code, on all threads (3.11: this one and those that begin)."""

    _codes: list[tuple[CodeType, array[int]]] | None = None
    _settrace: Any = None

    def start(self) -> None:
        show_probes()
        counter = module()
        counter.take()
        if quirks.HAS_MONITORING:
            events = sys.monitoring.events
            sys.monitoring.use_tool_id(TOOL, "executing")
            sys.monitoring.register_callback(TOOL, events.INSTRUCTION, counter.instruction)
            sys.monitoring.register_callback(TOOL, events.BRANCH, counter.branch)
            sys.monitoring.set_events(TOOL, events.INSTRUCTION | events.BRANCH)
        else:
            threading._trace_hook = counter.begin  # type: ignore[attr-defined]  # settrace() would be a call
            counter.settrace((sys.settrace,))
            self._settrace, sys.settrace = sys.settrace, counter.settrace
            counter.begin()

    def stop(self) -> None:
        if quirks.HAS_MONITORING:
            sys.monitoring.set_events(TOOL, 0)
            for event in (sys.monitoring.events.INSTRUCTION, sys.monitoring.events.BRANCH):
                sys.monitoring.register_callback(TOOL, event, None)
            sys.monitoring.free_tool_id(TOOL)
        else:
            sys.settrace = self._settrace
            module().end()
            threading._trace_hook = None  # type: ignore[attr-defined]

    @property
    def codes(self) -> list[tuple[CodeType, array[int]]]:
        """Each code object that ran, with its columns. For when nothing records: what lets go of code may run code."""
        if self._codes is None:
            self._codes = [(code, array("Q", counts)) for code, counts in module().take()]
        return self._codes

    def __enter__(self) -> Executed:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()


def is_probed(code: CodeType) -> bool:
    """Whether the code was given a span, or counters."""
    last = type(code.co_consts[-1]) if code.co_consts else None
    return last is not None and last.__module__ == "prof" and last.__name__ in ("RaiseProbe", "Recorder")


def _executions(code: CodeType, counts: array[int]) -> list[int]:
    """By unit. On 3.11 an event comes for an EXTENDED_ARG, and none for the instruction that it belongs to."""
    found = list(counts[: len(counts) // COLUMNS])
    if quirks.TRACES_EXTENDED_ARG:
        carried = 0
        for i in dis.get_instructions(code):
            found[i.offset // 2] += carried
            carried = found[i.offset // 2] if i.opname == "EXTENDED_ARG" else 0
    return found


def _behind_loop(code: CodeType, unit: int) -> int:
    """Where the POP_ITER of the loop stands whose FOR_ITER is there."""
    loop = next(i for i in dis.get_instructions(code) if i.offset == 2 * unit)
    end = next(i for i in dis.get_instructions(code) if i.offset == loop.argval)
    assert end.opname == "END_FOR", (code, loop)
    return int(loop.argval) // 2 + 1


def _jumps(code: CodeType, counts: array[int], row: Any) -> int:
    """How often a branch did not go on with what stands behind it and its caches."""
    if quirks.POP_ITER_TELLS and dis.opname[row.opcode] == "FOR_ITER":
        at = _behind_loop(code, row.unit)
        return sum(counts[at + column * (len(counts) // COLUMNS)] for column in (1, 2, 3))
    caches = opcode._inline_cache_entries  # type: ignore[attr-defined]
    found = caches.get(dis.opname[row.opcode], 0) if hasattr(caches, "items") else caches[row.opcode]
    return sum(counts[row.unit + column * (len(counts) // COLUMNS)] for column in (1, 2, 3) if column != 1 + found)


@dataclass
class Comparison:
    """Numbers of a comparison, and what differs: one line each."""

    codes: int = 0
    static: int = 0
    dynamic: int = 0
    inexact: int = 0
    differences: list[str] = field(default_factory=list)


@dataclass
class _Group:
    """Code that cannot be told apart: one line's lambdas of the same structure."""

    name: str
    rows: list[Any]
    counted: Counter[Unit] = field(default_factory=Counter)
    taken: Counter[Unit] = field(default_factory=Counter)
    executed: Counter[Unit] = field(default_factory=Counter)
    jumped: Counter[Unit] = field(default_factory=Counter)


def _groups(operations: Any) -> dict[tuple[str, int], list[_Group]]:
    groups: dict[tuple[str, int], dict[Structure, _Group]] = {}
    for code in operations.codes():
        rows = list(operations.of_code(code))
        structure = tuple((row.unit, _word(row.opcode)) for row in rows)
        group = groups.setdefault((code.file, code.line), {}).setdefault(structure, _Group(code.name, rows))
        for row in rows:
            group.counted[row.unit] += row.count
            group.taken[row.unit] += row.taken or 0
    return {place: list(found.values()) for place, found in groups.items()}


def _fits(group: _Group, code: CodeType) -> bool:
    raw = code.co_code
    return all(2 * row.unit < len(raw) and _word(raw[2 * row.unit]) == _word(row.opcode) for row in group.rows)


def _group_of(groups: Iterable[_Group], code: CodeType) -> _Group | None:
    fitting = [group for group in groups if _fits(group, code)]
    return max(fitting, key=lambda group: len(group.rows), default=None)


def compare(operations: Any, executed: Executed, left_out: Iterable[str] = (), by_events: bool = False) -> Comparison:
    """The operations against what was executed, instruction by instruction, for those that have a category.

    `left_out`: functions whose differences are declared, by how their names (without the module) begin. `by_events`:
    they were counted without probes, by which one would know the code that is to be there.
    """
    groups = _groups(operations)
    result = Comparison(inexact=sum(code.inexact for code in operations.codes()))
    for code, counts in executed.codes:
        if not by_events and not is_probed(code):
            continue
        group = _group_of(groups.get((code.co_filename, code.co_firstlineno), ()), code)
        found = _executions(code, counts)
        if group is None:
            result.differences += [f"{code.co_qualname}: executed, and not there"] * (any(found) and not by_events)
            continue
        for row in group.rows:
            group.executed[row.unit] += found[row.unit]
            group.jumped[row.unit] += _jumps(code, counts, row)
    for each in (group for found in groups.values() for group in found):
        result.codes += 1
        differences = list(_differences(each, result))
        if not each.name.partition(".")[2].startswith(tuple(left_out) or "\0"):
            result.differences += differences
    return result


def _differences(group: _Group, result: Comparison) -> Iterator[str]:
    for row in group.rows:
        if not row.categories:
            continue
        result.static += 1
        result.dynamic += group.executed[row.unit]
        where = f"{group.name}:{row.line} {dis.opname[row.opcode]} at {row.unit}"
        if group.counted[row.unit] != group.executed[row.unit]:
            yield f"{where}: counted {group.counted[row.unit]}, executed {group.executed[row.unit]}"
        elif quirks.HAS_MONITORING and row.taken is not None and group.taken[row.unit] != group.jumped[row.unit]:
            yield f"{where}: counted {group.taken[row.unit]} jumps, executed {group.jumped[row.unit]}"
