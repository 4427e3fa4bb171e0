"""Operations of calls that run when a recording begins, is looked at, forks or ends; of recordings after each other."""

from __future__ import annotations

import copy
import gc
import json
import os
import shutil
import subprocess
import sys
import threading
import types
from array import array
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from executing import Executed, compiler
from executing import module as executing
from operating import Operated, operate
from recording import Recorded

pytestmark = pytest.mark.skipif(compiler() is None, reason="no C compiler for the oracle")


def exact(path: Path, oracle: Executed, *left_out: str, older: tuple[str, ...] = ()) -> Operated:
    """`older`: functions of which code without counters ran, too."""
    operated = Operated(path, oracle, left_out)
    assert operated.comparison.differences == [f"{name}: executed, and not there" for name in older]
    assert [name for name in operated.inexact if not name.startswith(tuple(f"program.{n}" for n in left_out))] == []
    assert operated.comparison.dynamic > 0
    return operated


class Sessions:
    """Recordings of the same program in this process, one after the other."""

    def __init__(self, folder: Path, source: str, **names: Any) -> None:
        import prof

        self.folder = folder
        self.space: dict[str, Any] = {"__name__": "program", **{n: getattr(prof, n) for n in prof.__all__}, **names}
        self.source = source
        self.file = str(folder / "program.py")

    def define(self) -> dict[str, Any]:
        exec(compile(self.source, self.file, "exec", dont_inherit=True), self.space)
        return self.space

    def record(self, mode: str, run: Callable[[], Any]) -> tuple[Path, Executed]:
        from prof import session

        oracle = Executed()
        session.start(f"{mode},{self.folder},none,,imports=false,collections=false")
        try:
            oracle.start()
            try:
                run()
            finally:
                oracle.stop()
        finally:
            files = session.stop()
        (path,) = (file for file in files if file.suffix == ".capture")
        return path, oracle


RUNNING = """
@profiled
def outer(n):
    for k in range(n):
        try:
            if k % 3:
                continue
            [inner(j) for j in range(k) if j % 2]
            with profile("s"):
                total = sum(x for x in steps(k))
                (lambda: k == 3 and look())()
        finally:
            n -= 0
    return total
@profiled
def inner(n):
    while n > 2:
        n -= 1
        if n == 4:
            look()
    return n
@profiled
def steps(n):
    for k in range(n):
        try:
            yield k
        finally:
            k == 5 and look()
def main():
    outer(10)
"""


def test_snapshots(tmp_path: Path) -> None:
    """Each is what was executed until then, calls that run counted as they stand: read in a copy, for they go on."""
    from prof import session

    seen: list[tuple[Path, Executed]] = []
    oracle = Executed()
    counted: list[Any] = []

    def look() -> None:
        nonlocal oracle
        oracle.stop()
        path = session.snapshot()
        assert path is not None
        copied = tmp_path / f"copy-{len(seen)}"
        shutil.copy(path, copied)
        counted.extend(oracle.codes)
        until_now = Executed()
        until_now._codes = list(counted)
        seen.append((copied, until_now))
        oracle = Executed()
        oracle.start()

    def main() -> None:
        nonlocal oracle
        oracle.start()
        space["main"]()
        oracle.stop()

    sessions = Sessions(tmp_path, RUNNING, look=look)
    session.start(f"ops,{tmp_path},none,,imports=false,collections=false")
    space = sessions.define()
    main()
    files = session.stop()
    assert len(seen) > 4
    for copied, until_now in seen:
        exact(copied, until_now)
    (path,) = (file for file in files if file.suffix == ".capture")
    oracle._codes = counted + oracle.codes
    exact(path, oracle)


def test_a_recording_that_begins_while_functions_run(tmp_path: Path) -> None:
    """The calls that run are not in it, but for code without a span, from there on."""
    from prof import session

    oracle = Executed()

    def look() -> None:
        if not started:
            started.append(session.start(f"ops,{tmp_path}/two,none,,imports=false,collections=false"))
            oracle.start()

    started: list[Any] = []
    sessions = Sessions(tmp_path, RUNNING, look=look)
    session.start(f"ops,{tmp_path}/one,none")
    space = sessions.define()
    session.stop()
    space["main"]()
    oracle.stop()
    (path,) = (file for file in session.stop() if file.suffix == ".capture")
    operated = exact(path, oracle, "outer", "inner")
    assert operated.calls("steps") > 0


def test_recordings_that_end_in_the_middle(tmp_path: Path) -> None:
    """By the program itself, in a call of a lambda in a section in a loop."""
    from prof import session

    oracle = Executed()
    files: list[Path] = []

    def look() -> None:
        if not files:
            oracle.stop()
            files.extend(session.stop())

    sessions = Sessions(tmp_path, RUNNING, look=look)
    session.start(f"ops,{tmp_path},none,,imports=false,collections=false")
    space = sessions.define()
    oracle.start()
    space["main"]()
    (path,) = (file for file in files if file.suffix == ".capture")
    exact(path, oracle)


THREADS = """
@profiled
def waits(n, ready, leave):
    for k in range(n):
        if k == 5:
            with profile("s"):
                ready.release()
                [leave.wait() for _ in range(2)]
        step(k)
@profiled
def step(n):
    return [k for k in range(n)]
"""


@pytest.mark.parametrize("mode", ["ops", "time+ops"])
def test_threads_in_the_middle_of_calls(mode: str, tmp_path: Path) -> None:
    ready, leave = threading.Semaphore(0), threading.Event()
    sessions = Sessions(tmp_path, THREADS)
    threads: list[threading.Thread] = []

    def run() -> None:
        space = sessions.define()
        for n in (7, 9):
            threads.append(threading.Thread(target=space["waits"], args=(n, ready, leave)))
            threads[-1].start()
        for _ in threads:
            ready.acquire()
        while sum(f.f_code.co_name == "wait" for f in sys._current_frames().values()) < len(threads):
            pass

    path, oracle = sessions.record(mode, run)
    oracle.codes  # noqa: B018 - before they go on
    leave.set()
    for thread in threads:
        thread.join()
    operated = exact(path, oracle)
    assert operated.calls("step") == 10


def test_sessions_after_each_other(tmp_path: Path) -> None:
    """Functions get their counters when operations are first recorded, and those do nothing while they are not."""
    source = """
@profiled
def f(n):
    def g(k): return [k for k in range(k) if k]
    return [g(k) for k in range(n)] and h(n)
@profiled
def h(n):
    try:
        return sum(made(n)) + 1 // (n % 2)
    except ZeroDivisionError:
        return 3
@profiled
def made(n):
    for k in range(n):
        yield k
def main():
    f(5), f(4)
"""
    sessions = Sessions(tmp_path, source)
    older: list[Any] = []

    def first() -> None:
        space = sessions.define()
        space["main"]()
        older.extend(space["made"](3) for _ in range(2))

    def again() -> None:
        next(older[0])
        sessions.space["main"]()
        list(older[0]), list(older[1])

    def main() -> None:
        sessions.space["main"]()

    assert Recorded(sessions.record("time", first)[0]).calls()["h"] == 2
    one = exact(*sessions.record("ops", again), older=("made",)).by_line()
    assert Recorded(sessions.record("time", main)[0]).calls()["h"] == 2
    other = exact(*sessions.record("all", main)).by_line()
    assert one == other


def test_what_markers_leave_out(tmp_path: Path) -> None:
    """A function without operations is on the stack, and has none; one with nothing else has them."""
    source = """
@profiled("ops")
def counted(n):
    return [timed(k) for k in range(n)]
@profiled("time")
def timed(n):
    return (lambda: n + 1)() and inner(n)
@profiled
def inner(n):
    return n
def main():
    counted(4)
"""
    oracle = Executed()
    operated = operate(source, tmp_path, mode="time+ops", oracle=oracle, left_out=("timed",))
    assert [d for d in operated.comparison.differences if not d.startswith("timed")] == []
    assert not any(path.endswith("timed") for path in operated.stacks)
    assert operated.calls("counted") == 1 and operated.calls("inner") == 4
    assert operated.stacks["counted;timed;inner"] > 0


def test_copies_share_their_counters(tmp_path: Path) -> None:
    source = """
@profiled
def f(n):
    return [k for k in range(n) if k % 2]
def main():
    copy.copy(f)(3), copy.deepcopy(f)(4)
    types.FunctionType(f.__code__.replace(co_name="renamed"), globals())(5)
    types.FunctionType(f.__code__, globals())(6)
"""
    operated = operate(source, tmp_path, oracle=Executed(), copy=copy, types=types)
    assert operated.comparison.differences == []
    assert operated.calls("f") == 4


FORKS = """
@profiled
def outer(n):
    for k in range(n):
        with profile("s"):
            if k == 2:
                (lambda: [k, split(), k])()
            inner(k)
    return n
@profiled
def inner(n):
    return [k for k in range(n)]
def main():
    outer(5)
"""


def test_forks(tmp_path: Path) -> None:
    """In the middle of a call: both go on, and each has what it executed itself."""
    from prof import session

    before: list[Any] = []
    children: list[int] = []

    def split() -> None:
        before.extend(executing().take())
        child = os.fork()
        children.append(child)

    def outcome(files: list[Path], oracle: Executed) -> list[str]:
        (path,) = (file for file in files if file.suffix == ".capture")
        operated = Operated(path, oracle)
        return operated.comparison.differences + operated.inexact + ["nothing"] * (not operated.comparison.dynamic)

    sessions = Sessions(tmp_path, FORKS, split=split)
    session.start(f"ops,{tmp_path},none,,imports=false,collections=false")
    space = sessions.define()
    oracle = Executed()
    oracle.start()
    try:
        space["main"]()
    finally:
        oracle.stop()
        files = session.stop()
        if children == [0]:
            (tmp_path / "child").write_text(json.dumps(outcome(files, oracle)))
            os._exit(0)
    os.waitpid(children[0], 0)
    assert json.loads((tmp_path / "child").read_text()) == []
    both = Executed()
    both._codes = [*oracle.codes, *((code, array("Q", counts)) for code, counts in before)]
    assert outcome(files, both) == []


Run = Callable[..., "CompletedProcess[str]"]


def test_sys_exit_in_a_call(run_program: Run, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("""
import sys
from prof import profiled
@profiled
def f(n):
    for k in range(n):
        if k == 3:
            (lambda: sys.exit(k))()
f(9)
""")
    done = run_program(program, PROF="ops,,,,imports=false,collections=false")
    assert done.returncode == 3, done.stderr
    (path,) = tmp_path.glob("*.capture")
    operated = Operated(path)
    assert not operated.inexact and not operated.recording
    assert operated.by_line()["program.f", 7] == 4 * 4  # k, 3, ==, and the branch


@pytest.mark.parametrize("how", ["_exit", "SIGKILL"])
def test_killed(run_program: Run, tmp_path: Path, how: str) -> None:
    """What had ended is exact; of the calls that ran nobody knows how far they had come."""
    run_program("ends.py", how, PROF="ops,,,,imports=false,collections=false")
    (path,) = tmp_path.glob("*.capture")
    operated = Operated(path)
    assert operated.recording == (how != "_exit")  # which ends the capture in order
    done = [
        sum(row.count for row in operated.rows[c.index] if row.categories)
        for c in operated.codes
        if c.name == "ends.done"
    ]
    assert done == [11 * 2]


def test_a_full_disk(run_program: Run, tmp_path: Path) -> None:
    """What was lost is counted, and the program goes on."""
    done = run_program("full.py", "2", PROF="ops,,,,imports=false,collections=false")
    assert "calls 6000" in done.stdout, done.stderr
    (path,) = tmp_path.glob("*.capture")
    operated = Operated(path)
    assert operated.drops["lost_labels"] + operated.drops.get("lost_counts", 0) > 0
    assert operated.inexact == []


def test_full_of_contexts(run_program: Run, tmp_path: Path) -> None:
    done = run_program("full.py", "contexts", PROF="ops,,,,imports=false,collections=false")
    assert done.stdout == "contexts\n", done.stderr
    (path,) = tmp_path.glob("*.capture")
    operated = Operated(path)
    assert operated.drops["lost_counts"] > 0


def test_nothing_is_kept_alive(tmp_path: Path) -> None:
    """Functions that are made for ever are let go of, with their counters."""
    source = """
def main():
    for n in range(200):
        space = {"profiled": profiled, "__name__": "made"}
        exec(f"@profiled\\ndef f(): return [k for k in range({n}) if k]", space)
        space["f"]()
"""
    operate(source, tmp_path)
    gc.collect()
    before = sum(type(o).__name__ == "Counter" and type(o).__module__ == "prof" for o in gc.get_objects())
    assert before == 0


# ---- what was put into the source -----------------------------------------------------------------------------------

MARKED = """\
def work(n):
    t = 0
    # profile! loop
    for i in range(n):
        t += i
    # end! loop
    return t
work(5)
"""


def test_lines_that_instrumenting_wrote_are_not_the_programs(tmp_path: Path) -> None:
    """The decorator and the sections stand in the source, and what they take to run is in no count."""
    from prof.capture import open_capture
    from prof.instrument.cli import instrument_main

    program = tmp_path / "marked.py"
    program.write_text(MARKED)
    assert instrument_main([str(program)]) == 0
    assert 'profile("loop")' in program.read_text()
    environment = {**os.environ, "PROF": f"ops,{tmp_path}"}
    subprocess.run([sys.executable, str(program)], env=environment, check=True, capture_output=True)
    with open_capture(next(tmp_path.glob("*.capture"))) as capture:
        solved = capture.tree().operations
        assert solved is not None
        rows = [row for code in solved.codes() for row in solved.of_code(code)]
    names = {row.name for row in rows if row.count}
    assert {"t", "i", "n", "range"} <= names
    assert not {"profile", "end"} & names
    assert {row.line for row in rows if row.categories} == {2, 4, 5, 7}, "of the source as it was"
