"""Runs one test module of the standard library and writes what came of it: `one.py MODULE MODE OUT`.

`plain`: as it is. `probed`: every Python function has probes and a recording runs. `counted`: the interpreter's own
hooks count as well. `ops`: every `def` has probes and counters, as `@profiled` gives them, and operations are recorded.
`executed`: each instruction is counted by the interpreter's own hooks as well.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import time
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "oracles"))


class Recording:
    """A recording of everything, opened at the core itself: the session's own start would be in the counts."""

    def __init__(self, path: Path, mode: str) -> None:
        from counting import fastest_counter
        from everything import probe_everything
        from executing import Executed
        from executing import module as executing_module
        from prof import engine, operations
        from prof._core import ffi, lib
        from quirks import THREADS_ARE_HOOKED_LATE

        self.path = path
        self.lib = lib
        self.threads_are_hooked_late = THREADS_ARE_HOOKED_LATE
        self.string = ffi.string
        self.probes = engine.load("one")
        self.ops = mode in ("ops", "executed")
        self.config = ffi.new("prof_config *", {"modes": 4 if self.ops else 1})
        self.why = ffi.new("char[256]")
        self.counter = fastest_counter() if mode == "counted" else None
        self.executed = Executed() if mode == "executed" else None
        if self.executed is not None:
            executing_module()
        if self.ops:
            self.probes.describe(operations.tables(), operations.mask(()))
            self.probes.record(False, True, 20)
        self.meta = json.dumps({"categories": operations.CATEGORIES}).encode()
        self.functions = probe_everything(self.probes.probe_code, all=not self.ops)

    def start(self) -> None:
        if self.lib.prof_py_open(os.fsencode(self.path), self.config, self.why, len(self.why)):
            raise OSError(self.string(self.why).decode())
        if self.ops:
            self.lib.prof_set_meta(self.meta, len(self.meta))
        if self.counter is not None:
            self.counter.start()
        if self.executed is not None:
            self.executed.start()

    def stop(self) -> dict[str, Any]:
        gc.collect()
        gc.disable()  # what a collection ends between one stop and the next, only one of the two would have seen
        if self.executed is not None:
            self.executed.stop()
        if self.counter is not None:
            self.counter.stop()
        self.lib.prof_py_close()
        if self.ops:
            return self.operations()
        entries = self.counter.entries() if self.counter is not None else None
        from prof.capture import open_capture

        with open_capture(self.path) as capture:
            found: dict[str, Any] = {"drops": {drop.key: drop.count for drop in capture.drops}}
            recorded: dict[tuple[str, int, str], list[int]] = {}
            for f in capture.functions(capture.tree()):
                if f.label.kind != "function":
                    continue
                key = (f.label.file, f.label.line, f.label.name.removeprefix(f.label.module + "."))
                sums = recorded.setdefault(key, [0, 0])
                sums[0] += f.calls
                sums[1] += f.resumes
        found["functions"] = len(recorded)
        found["calls"] = sum(calls for calls, _ in recorded.values())
        found["resumes"] = sum(resumes for _, resumes in recorded.values())
        if self.counter is not None and self.counter.lost:
            found |= {"compared": 0, "differences": []}
        elif entries is not None:
            found.update(self.compare(recorded, entries))
        return found

    def operations(self) -> dict[str, Any]:
        """What was recorded, against what was executed."""
        from dataclasses import asdict

        from executing import compare
        from prof.capture import open_capture

        with open_capture(self.path) as capture:
            found: dict[str, Any] = {"drops": {drop.key: drop.count for drop in capture.drops}}
            operations = capture.tree().operations
            found["inexact"] = [code.name for code in operations.codes() if code.inexact]
            if self.executed is not None:
                found = asdict(compare(operations, self.executed)) | found
        return found

    def compare(self, recorded: dict[tuple[str, int, str], list[int]], entries: Any) -> dict[str, Any]:
        counted: dict[tuple[str, int, str], list[int]] = {}
        for key, code in entries.codes.items():
            if self.probes.is_probed(code):
                name = code.co_qualname.replace("<locals>.", "")
                sums = counted.setdefault((code.co_filename, code.co_firstlineno, name), [0, 0, 0, 0])
                sums[0] += entries.calls[key]
                sums[1] += entries.resumes[key]
                sums[2] += entries.throws[key]
                sums[3] += entries.exits[key]
        differences = []
        for name in sorted(recorded.keys() | counted.keys()):
            calls, resumes = recorded.get(name, [0, 0])
            want, again, thrown, exits = counted.get(name, [0, 0, 0, 0])
            if self.threads_are_hooked_late and name[0].endswith("/threading.py"):
                continue  # a new thread has its hook only after some functions of this module have run on it
            # A throw re-enters a generator that is suspended, and does nothing to one that never started.
            if calls != want or not again <= resumes <= max(again + thrown, exits - want):
                differences.append([*name, calls, want, resumes, again, thrown, exits])
        return {"compared": len(counted), "differences": differences}


def run(module: str) -> dict[str, Any]:
    """The module's tests, by what came of them."""
    suite = unittest.defaultTestLoader.loadTestsFromName(f"test.{module}")
    with open("log.txt", "w", encoding="utf-8") as log:
        result = unittest.TextTestRunner(stream=log, verbosity=2).run(suite)
    return {
        "ran": result.testsRun,
        "failures": sorted({str(test) for test, _ in result.failures}),
        "errors": sorted({str(test) for test, _ in result.errors}),
        "skipped": sorted({str(test) for test, _ in result.skipped}),
        "unexpected": sorted({str(test) for test in result.unexpectedSuccesses}),
    }


def main() -> None:
    module, mode, out = sys.argv[1:4]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # started in the background, a process ignores it
    sys.argv[1:] = []
    recording = None if mode == "plain" else Recording(Path(out).with_suffix(".capture"), mode)
    if recording is not None:
        recording.start()
    began = time.perf_counter()
    try:
        found = run(module)
    finally:
        more = recording.stop() if recording is not None else {}
    found |= more | {"seconds": round(time.perf_counter() - began, 2)}
    Path(out).write_text(json.dumps(found))
    sys.stdout.flush()
    os._exit(0)  # some modules leave threads behind


if __name__ == "__main__":
    main()
