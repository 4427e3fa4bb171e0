"""Imports and garbage collections as spans: equal to what the interpreter itself tells of them."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import TypeAlias

import pytest
from recording import Recorded, Recorder

Run: TypeAlias = Callable[..., "CompletedProcess[str]"]
Captures: TypeAlias = Callable[[], list[Recorded]]


def importtime(stderr: str) -> list[tuple[int, str]]:
    """Depth and name of each import that `-X importtime` tells of, in the order in which they ended."""
    found = []
    for line in stderr.splitlines():
        if match := re.fullmatch(r"import time:\s+\d+ \|\s+\d+ \| ( *)(\S+)", line):
            found.append((len(match[1]) // 2, match[2]))
    return found


def spans(recorded: Recorded) -> list[tuple[int, str]]:
    """The same of the import spans, which lie in the tree in the order in which they began: ended by then is a parent
    behind its children."""
    tree = recorded.tree
    children: dict[int, list[int]] = {}
    for node in range(1, tree.count):
        children.setdefault(tree.parent[node], []).append(node)

    def walk(node: int, depth: int) -> list[tuple[int, str]]:
        label = recorded.labels.get(tree.label[node])
        is_import = label is not None and label.kind == "import"
        inside = [each for child in children.get(node, []) for each in walk(child, depth + is_import)]
        return inside + ([(depth, label.name.removeprefix("import "))] if is_import and label else [])

    return walk(0, 0)


def test_our_own_modules_are_no_imports_of_the_program(run_program: Run, captures: Captures, tmp_path: Path) -> None:
    program = tmp_path / "marks.py"
    program.write_text(
        "from functools import cached_property\nfrom prof import profiled\n"
        "@profiled\ndef first(): import csv\nfirst()\n"
        "@profiled\nclass Box:\n    @cached_property\n    def lid(self): return 1\nBox().lid\n"
    )
    done = run_program(program, PROF="time")
    assert done.returncode == 0, done.stderr
    (recorded,) = captures()
    imported = [name for _, name in spans(recorded)]
    assert "csv" in imported and not [name for name in imported if name.startswith("prof")]
    assert recorded.calls("function").keys() == {"marks.first", "marks.Box.lid"}


def test_imports_equal_importtime(run_program: Run, captures: Captures) -> None:
    done = run_program("importing.py", options=("-X", "importtime"), PROF="time,,,,collections=false")
    assert done.returncode == 0, done.stderr
    told = importtime(done.stderr)
    # What was imported since the recording began, up to its end; of those that fail, not every version tells.
    first = next(i for i, (_, name) in enumerate(told) if name == "concurrent")
    told = [(depth, name) for depth, name in told[first:] if "not_there" not in name]
    recorded = spans(captures()[0])
    failed = {name for _, name in recorded if "not_there" in name}
    recorded = [(depth, name) for depth, name in recorded if name not in failed]
    assert failed == {"not_there_at_all", "xml.not_there"}
    # What fails again and again is one span, called as often.
    told = [each for before, each in zip([None, *told], told, strict=False) if each != before]
    # When it has ended, the recording imports its reader.
    told = told[: len(recorded)]
    assert recorded == [(depth - min(depth for depth, _ in told), name) for depth, name in told]
    assert {"csv", "_csv", "xml.dom.minidom", "email", "concurrent.futures"} <= {name for _, name in recorded}


def test_failing_imports_fail_the_same(run_program: Run) -> None:
    plain, probed = run_program("importing.py"), run_program("importing.py", PROF="time")
    assert plain.stdout == probed.stdout
    assert "ModuleNotFoundError" in plain.stdout


def test_imports_off(run_program: Run, captures: Captures) -> None:
    run_program("importing.py", PROF="time,,,,imports=false,collections=false")
    assert spans(captures()[0]) == []
    assert captures()[0].calls("gc") == {}


def test_collections_equal_the_callbacks(record: Recorder) -> None:
    from prof import enable_profiling

    told: dict[int, list[int]] = {}

    def callback(phase: str, info: dict[str, int]) -> None:
        if phase == "stop":
            told.setdefault(info["generation"], []).append(info["collected"])

    space = record.load("""
class Cycle:
    def __init__(self): self.me = self
@profiled
def make(n):
    for _ in range(n): Cycle()
@profiled
def collect(): return gc.collect(1)
""", gc=gc)  # fmt: skip
    with enable_profiling(f"time,{record.folder},imports=false") as enabled:
        gc.callbacks.append(callback)
        try:
            space["make"](5000)
            gc.collect()
            space["collect"]()
            gc.collect(0)
        finally:
            gc.callbacks.remove(callback)
    recorded = Recorded(enabled.files[-1])
    found = {f.label.name: (f.calls, f.items) for f in recorded.functions if f.label.kind == "gc"}
    wanted = {f"gc generation {g}": (len(collected), sum(collected)) for g, collected in told.items()}
    assert found == wanted
    assert sum(items for _, items in found.values()) >= 5000
    assert recorded.stacks()["collect;gc generation 1"] == 1
    assert recorded.drops == {}


def test_finalizers_run_below_the_collection(record: Recorder) -> None:
    from prof import enable_profiling

    space = record.load("""
class Cycle:
    def __init__(self): self.me = self
    @profiled
    def __del__(self): pass
def main():
    gc.disable()
    try:
        for _ in range(10): Cycle()
        gc.collect()
    finally: gc.enable()
""", gc=gc)  # fmt: skip
    with enable_profiling(f"time,{record.folder},imports=false") as enabled:
        space["main"]()
    assert Recorded(enabled.files[-1]).stacks()["gc generation 2;Cycle.__del__"] == 10


def test_collections_of_the_profilers_own_work_are_no_spans(record: Recorder) -> None:
    from prof import enable_profiling
    from prof._core import lib

    gc.disable()
    try:
        with enable_profiling(f"time,{record.folder},imports=false") as enabled:
            gc.collect()
            lib.prof_own_begin()
            gc.collect(0)
            lib.prof_own_end()
    finally:
        gc.enable()
    found = Recorded(enabled.files[-1]).stacks()
    assert found["gc generation 2"] == 1
    assert not [stack for stack in found if "gc generation 0" in stack]


def test_hooks_of_others_stay(record: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody wraps the import function while a recording runs: theirs stays, and works."""
    from importlib import _bootstrap  # type: ignore[attr-defined]

    from prof import enable_profiling

    seen: list[str] = []
    original = _bootstrap._find_and_load
    try:
        with enable_profiling(f"time,{record.folder}"):
            ours = _bootstrap._find_and_load
            assert ours is not original
            _bootstrap._find_and_load = lambda name, loader: (seen.append(name), ours(name, loader))[1]
            theirs = _bootstrap._find_and_load
        assert _bootstrap._find_and_load is theirs
        with pytest.raises(ModuleNotFoundError):
            import not_there_either  # noqa: F401
        assert seen == ["not_there_either"]
    finally:
        _bootstrap._find_and_load = original
