"""Beside other tools, and where the interpreter interrupts: tracing, coverage, debuggers, deep recursion, signals."""

from __future__ import annotations

import ctypes
import gc
import io
import pdb
import random
import resource
import signal
import sys
import threading
import types
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from recording import Recorder

HERE = Path(__file__).parent
EXACT = HERE / "programs" / "exact"
SHAPES = HERE / "programs" / "shapes.py"


def unmarked(target: Any) -> Any:
    return target


def trace_events(code: types.CodeType, file: str, **names: Any) -> list[tuple[str, str, int]]:
    """Every event that a trace function gets from the program, its module's body and its main()."""
    events: list[tuple[str, str, int]] = []

    def trace(frame: types.FrameType, event: str, arg: object) -> Any:
        if frame.f_code.co_filename != file:
            return None
        events.append((frame.f_code.co_qualname, event, frame.f_lineno))
        return trace

    space: dict[str, Any] = {"__name__": "program", **names}
    gc.collect()
    gc.disable()
    try:
        exec(code, space)
        sys.settrace(trace)
        try:
            space["main"]()
        finally:
            sys.settrace(None)
    finally:
        gc.enable()
    return events


@pytest.mark.parametrize("program", ["calls", "generators", "coroutines"])
def test_settrace_sees_the_same(record: Recorder, program: str) -> None:
    from prof import enable_profiling, profiled

    file = str(EXACT / f"{program}.py")
    text = Path(file).read_text().replace("from prof import profiled", "")
    codes = [compile(text, file, "exec", dont_inherit=True) for _ in range(2)]
    plain = trace_events(codes[0], file, profiled=unmarked)
    with enable_profiling(f"time,{record.folder}"):
        probed = trace_events(codes[1], file, profiled=profiled)
    # The asyncio program sleeps by the clock, and how often its loop turns is not ours to say.
    assert plain == probed
    assert len(plain) > 500


def test_coverage_is_the_same(run_program: Callable[..., CompletedProcess[str]], tmp_path: Path) -> None:
    coverage = pytest.importorskip("coverage")
    found = []
    for number, variables in enumerate(({}, {"PROF": "time"})):
        data = str(tmp_path / f"coverage-{number}")
        done = run_program(
            EXACT / "generators.py", options=("-m", "coverage", "run", "--branch", f"--data-file={data}"),
            **variables,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        measured = coverage.CoverageData(data)
        measured.read()
        found.append({file: sorted(measured.arcs(file)) for file in measured.measured_files() if "exact" in file})
    assert found[0] == found[1]
    assert len(next(iter(found[0].values()))) > 50


def debug(function: Callable[[], Any], commands: str) -> tuple[Any, str]:
    out = io.StringIO()
    debugger = pdb.Pdb(stdin=io.StringIO(commands), stdout=out, nosigint=True, readrc=False)
    debugger.use_rawinput = False
    try:
        return debugger.runcall(function), out.getvalue()
    finally:
        sys.settrace(None)


JUMPING = """
@profiled
def f():
    x = 1
    x += 10
    x += 100
    return x
@profiled
def g():
    y = f()
    return y
def main():
    return debug(g, COMMANDS)
"""


def test_pdb_steps_and_jumps(record: Recorder) -> None:
    """Jumping over lines, and back, leaves the stack as it should be."""
    results = []
    for marked in (False, True):
        names = {} if marked else {"profiled": unmarked}
        recorded = record(JUMPING, debug=debug, COMMANDS="s\ns\ns\njump 6\nn\nw\nr\nc\n", **names)
        results.append(recorded.result)
        assert recorded.drops == {}
        if marked:
            assert recorded.calls() == {"f": 1, "g": 1}
    assert results[0] == results[1]
    assert results[0][0] == 101


def test_deep_recursion(record: Recorder, engine: str) -> None:
    depth = 50_000
    recorded = record(
        f"""
import subprocess
import sys
@profiled
def f(n): return n and 1 + f(n - 1)
def main():
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit({depth} + 1000)
    try: return f({depth})
    finally: sys.setrecursionlimit(limit)
""",
        engine=engine,
    )
    assert recorded.result == depth
    assert recorded.calls() == {"f": depth + 1}
    assert recorded.drops == {"folded_depth": depth + 1 - 1000}


def test_recursion_error_at_the_same_depth(record: Recorder, engine: str) -> None:
    source = """
@MARK
def f():
    depth[0] += 1
    f()
def main():
    global depth
    depth = [0]
    try: f()
    except RecursionError as error: return depth[0], str(error)
"""
    plain = record(source.replace("@MARK", ""), engine=engine)
    probed = record(source.replace("@MARK", "@profiled"), engine=engine)
    assert plain.result == probed.result
    assert probed.calls() == {"f": plain.result[0]}
    assert set(probed.drops) <= {"folded_depth"}


class Alarm(Exception):
    pass


STORM = """
@profiled
def leaf(i): return i
@profiled
def work(n):
    total = 0
    for i in range(n):
        try: total += leaf(i)
        finally: total -= 1
    return total
@profiled
def steps():
    i = 0
    while True:
        try:
            i += 1
            yield i
        finally: i += 0
@profiled
def spin():
    for x in steps():
        with profile("part"):
            leaf(x)
"""


def test_exceptions_by_signals_leave_the_stack_balanced(record: Recorder, engine: str) -> None:
    """A timer raises at any instruction, some hundreds of times."""
    from prof._core import lib

    def ring(*_: object) -> None:
        raise Alarm

    def storm() -> int:
        chance, rung = random.Random(1), 0
        for turn in range(300):
            try:
                signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-5, 1e-3))
                space["work"](10**6) if turn % 2 else space["spin"]()
            except Alarm:
                rung += 1
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            depths.append(lib.prof_stack_depth())
        return rung

    depths: list[int] = []
    space = record.load(STORM, main=storm)
    before = signal.signal(signal.SIGALRM, ring)
    try:
        recorded = record.call(space, engine=engine)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert recorded.result > 250
    assert set(depths) <= {0}
    # From 3.13 on one that lands on a resumption comes before the event that tells of it: a leave without an enter.
    told_late = engine == "monitoring" and lib.PROF_QUIRK_START_IS_TOLD_LATE
    assert set(recorded.drops) <= {"section_open"} | ({"unmatched_leave"} if told_late else set())
    calls = recorded.calls()
    assert calls["work"] + calls["spin"] <= 300
    assert all(f.completed == f.calls for f in recorded.of_kind("function")["work"])


def test_exceptions_sent_to_threads(record: Recorder, engine: str) -> None:
    begun = threading.Semaphore(0)

    def until_stopped() -> None:
        begun.release()
        try:
            while True:
                space["work"](50)
        except Alarm:
            pass

    def main() -> None:
        for _ in range(20):
            thread = threading.Thread(target=until_stopped)
            thread.start()
            begun.acquire()
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(Alarm))
            thread.join()

    space = record.load(STORM, main=main)
    recorded = record.call(space, engine=engine)
    assert recorded.drops == {}
    for each in recorded.of_kind("function").values():
        assert all(f.completed == f.calls for f in each)


def test_functions_made_in_a_loop_are_let_go(record: Recorder, engine: str) -> None:
    """30,000 code objects: neither the process nor the capture grows with them."""
    recorded = record(
        """
code = "@profiled\\ndef f():\\n    with profile('part'): return n\\nresult = f()"
def one(n):
    space = {"profiled": profiled, "profile": profile, "n": n}
    exec(compile(code, "made.py", "exec"), space)
    return space["result"]
def main():
    sizes = []
    for n in range(30_000):
        assert one(n) == n
        if n % 10_000 == 9_999:
            sizes.append(resident())
    return sizes
""",
        engine=engine,
        resident=lambda: int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize(),
    )
    _, second, third = recorded.result
    assert sum(recorded.calls("function").values()) == 30_000
    assert len(recorded.labels) < 10
    # 2,000 bytes and more is what a code object takes with its function's name and constants.
    assert third - second < 10_000 * 1_000
