"""Records programs in this process, and reads what was recorded, in the words of the tests."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from counting import HookCounter
from prof._core import lib
from prof.capture import open_capture

MANUAL = lib.PROF_CLOCK_MANUAL


class Recorded:
    """A capture, opened, and closed again when it has been read."""

    def __init__(self, path: Path, result: Any = None, hooks: dict[str, tuple[int, int]] | None = None) -> None:
        self.path = path
        self.result = result
        self.hooks = hooks or {}
        self.state = int.from_bytes(path.read_bytes()[20:24], sys.byteorder)  # header.state of csrc/format.h
        with open_capture(path) as capture:
            self.meta = capture.meta
            self.interleaved = capture.interleaved
            self.pid = capture.pid
            self.recording = capture.recording
            self.drops = {drop.key: drop.count for drop in capture.drops}
            self.threads = capture.threads
            self.tree = capture.tree()
            self.functions = capture.functions(self.tree)
            self.edges = capture.edges(self.tree)
            self.labels = {f.label.index: f.label for f in self.functions}
            self.thread_trees = [capture.tree(index) for index in range(len(self.threads))]

    def of_kind(self, kind: str) -> dict[str, list[Any]]:
        """The functions of that kind by name, without `program.` or `profile!`."""
        found: dict[str, list[Any]] = {}
        for f in self.functions:
            if f.label.kind == kind:
                found.setdefault(f.label.name.removeprefix("program.").removeprefix("profile!"), []).append(f)
        return found

    def counts(self, kind: str = "function") -> dict[str, tuple[int, int]]:
        """Calls and resumes by name."""
        return {n: (sum(f.calls for f in fs), sum(f.resumes for f in fs)) for n, fs in self.of_kind(kind).items()}

    def calls(self, kind: str = "function") -> dict[str, int]:
        return {name: calls for name, (calls, _) in self.counts(kind).items()}

    def times(self, kind: str = "function") -> dict[str, tuple[int, int, int]]:
        """Total, self and suspended nanoseconds by name; the names must be of one place each."""
        found = {}
        for name, functions in self.of_kind(kind).items():
            (f,) = functions
            found[name] = (f.total_ns, f.self_ns, f.suspended_ns)
        return found

    def stacks(self, column: str = "calls") -> dict[str, int]:
        """A column by `outer;inner` path of short names, without zeros."""
        tree, found = self.tree, {}
        for node in range(1, tree.count):
            names, at = [], node
            while at:
                name = self.labels[tree.label[at]].name
                names.append(name.removeprefix("program.").removeprefix("profile!"))
                at = tree.parent[at]
            if value := getattr(tree, column)[node]:
                found[";".join(reversed(names))] = value
        return found


class Recorder:
    """Runs a program's `main()` under `enable_profiling`, in this process."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.monkeypatch = monkeypatch
        self.file = str(folder / "program.py")
        self.runs = 0

    def load(self, source: str, **names: Any) -> dict[str, Any]:
        """The namespace of the program, with its module's name `program`."""
        import prof

        if not Path(self.file).exists() or Path(self.file).read_text() != source:
            Path(self.file).write_text(source)  # and else leave it: debuggers warn of files that have changed
        space: dict[str, Any] = {"__name__": "program", **{name: getattr(prof, name) for name in prof.__all__}, **names}
        exec(compile(source, self.file, "exec", dont_inherit=True), space)
        return space

    def __call__(
        self,
        source: str,
        *,
        engine: str = "auto",
        keys: str = "",
        manual: bool = False,
        hooks: bool = False,
        **names: Any,
    ) -> Recorded:
        """Records `main()`. `manual`: time passes by `tick(ns)` only. `hooks`: count with `sys.setprofile` as well."""
        return self.call(self.load(source, **names), engine=engine, keys=keys, manual=manual, hooks=hooks)

    def call(
        self, space: dict[str, Any], *, engine: str = "auto", keys: str = "", manual: bool = False, hooks: bool = False
    ) -> Recorded:
        """The same for a program that is loaded."""
        from prof import enable_profiling, session

        if manual:
            self.monkeypatch.setitem(session._CLOCKS, "wall", MANUAL)
            space["tick"] = manual_clock()
        self.runs += 1
        gc.collect()  # generators that an earlier program left suspended would be closed, and counted, in this one
        settings = f"time,{self.folder / str(self.runs)},engine={engine},imports=false,collections=false{keys}"
        counter = HookCounter()
        with enable_profiling(settings) as enabled:
            if hooks:
                counter.start()
            try:
                result = space["main"]()
            finally:
                if hooks:
                    counter.stop()
        found = counter.entries().of_file(self.file) if hooks else {}
        # `main` is never marked, lambdas and comprehensions cannot be.
        counts = {name: both for name, both in found.items() if name != "main" and not name.endswith(">") and any(both)}
        (path,) = (file for file in enabled.files if file.suffix == ".capture")
        return Recorded(path, result, counts)


def manual_clock() -> Callable[[int], None]:
    """`tick(ns)` for the clock that stands still otherwise; at 0 now."""
    from prof._core import lib

    now = 0
    lib.prof_clock_set(0)

    def tick(ns: int) -> None:
        nonlocal now
        now += ns
        lib.prof_clock_set(now)

    return tick
