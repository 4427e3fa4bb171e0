"""`prof attach`, `detach`, `snapshot`, `dump`: a process that runs already, and goes on as before."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prof.capture import open_capture
from running import PROF, environment

REMOTE = hasattr(sys, "remote_exec")
only_remote = pytest.mark.skipif(not REMOTE, reason="Python 3.14 came with sys.remote_exec")

# Does a turn for each line that it reads, and says how many functions have probes then.
PROGRAM = """
import sys, threading
import lib

class Turn:
    def __init__(self, n):
        self.n = n
    def take(self):
        return lib.work(self.n)

def turns():
    for line in sys.stdin:
        n = int(line)
        total = sum(Turn(n).take() for _ in range(n))
        codes = [turns.__code__, Turn.take.__code__, lib.work.__code__]
        print(total, hash(tuple(codes)) == BEFORE, flush=True)

BEFORE = hash((turns.__code__, Turn.take.__code__, lib.work.__code__))
print("ready", flush=True)
turns()
"""
LIB = """
def work(n):
    def inner(k):
        return k + 1
    return inner(n)
"""


class Program:
    def __init__(self, folder: Path, *words: str, **more: str) -> None:
        (folder / "app.py").write_text(PROGRAM)
        (folder / "lib.py").write_text(LIB)
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, *words, "app.py"], cwd=folder, env=environment(**more), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert self.read() == "ready"

    def read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def turn(self, n: int) -> str:
        """`n` calls of take and work."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{n}\n")
        self.process.stdin.flush()
        return self.read()

    def prof(self, command: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Asks while the program takes turns: one that waits for a line does not answer."""
        asking = subprocess.Popen(
            [*PROF, command, str(self.process.pid), *words], cwd=self.folder, env=environment(), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        while asking.poll() is None:
            self.turn(0)
            time.sleep(0.01)
        out, err = asking.communicate()
        return subprocess.CompletedProcess([], asking.returncode, out, err)

    def end(self) -> str:
        out, err = self.process.communicate(timeout=30)
        assert (self.process.returncode, out) == (0, "")
        return err


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    begun: list[Program] = []

    def begin(*words: str, **more: str) -> Program:
        begun.append(Program(tmp_path, *words, **more))
        return begun[-1]

    yield begin
    for each in begun:
        if each.process.poll() is None:
            each.process.kill()
        each.process.communicate()


def counts(path: str | Path) -> dict[str, int]:
    with open_capture(path) as capture:
        functions = capture.functions(capture.tree())
        return {f.label.name: f.calls for f in functions if f.label.kind == "function" and f.calls}


def meta(path: str | Path) -> dict[str, Any]:
    with open_capture(path) as capture:
        return capture.meta


@only_remote
def test_what_runs_is_recorded_from_the_next_call_on(program: Callable[..., Program]) -> None:
    app = program()
    assert app.turn(3) == "12 True"
    begun = app.prof("attach", "--modes", "time", "--imports", "false", "--collections", "false")
    assert begun.returncode == 0, begun.stderr
    path = begun.stdout.strip()
    assert "records 4 functions" in begun.stderr
    app.turn(4)
    snapshot = app.prof("snapshot")
    assert snapshot.stdout.strip() == path
    expected = {"app.Turn.__init__": 4, "app.Turn.take": 4, "lib.work": 4, "lib.work.inner": 4}
    assert counts(path) == expected
    ended = app.prof("detach")
    assert ended.returncode == 0, ended.stderr
    assert path in ended.stdout.splitlines()
    # The functions have the code that they had, and nothing is recorded any more.
    assert app.turn(5) == "30 True"
    assert counts(path) == expected
    assert meta(path)["attached"] is True
    report = subprocess.run([*PROF, "report", path], capture_output=True, text=True, env=environment(), check=True)
    assert "calls that ran then are counted from their next entry" in report.stdout
    # Again, in other words, and what is begun ends with the program.
    again = app.prof("attach", "--modes", "time", "-t", "lib:work")
    assert again.returncode == 0, again.stderr
    app.turn(2)
    assert app.end() == ""
    assert counts(again.stdout.strip()) == {"lib.work": 2, "lib.work.inner": 2}


@only_remote
def test_for_a_time(program: Callable[..., Program]) -> None:
    app = program()
    done = app.prof("attach", "--for", "200ms", "--modes", "time")
    assert done.returncode == 0, done.stderr
    with open_capture(done.stdout.strip()) as capture:
        assert not capture.recording
        assert capture.duration_ns >= 200_000_000
    assert app.turn(1) == "2 True"


@only_remote
def test_a_second_one_and_one_that_is_not_there_are_refused(program: Callable[..., Program]) -> None:
    app = program()
    for command in ("detach", "snapshot"):
        refused = app.prof(command)
        assert (refused.returncode, refused.stdout) == (3, "")
        assert refused.stderr == f"prof: process {app.process.pid}: it does not record\n"
    first = app.prof("attach", "--modes", "time")
    second = app.prof("attach", "--modes", "time")
    assert second.returncode == 3
    assert second.stderr == f"prof: process {app.process.pid}: it records already, into {first.stdout.strip()}\n"


@only_remote
def test_where_remote_debugging_is_off_that_is_told(program: Callable[..., Program]) -> None:
    app = program(PYTHON_DISABLE_REMOTE_DEBUG="1")
    refused = app.prof("attach")
    assert refused.returncode == 3
    assert "remote debugging is switched off in it" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


@only_remote
def test_the_stacks_of_a_process_that_hangs_are_shown(tmp_path: Path) -> None:
    source = """
import asyncio, threading
lock = threading.Lock()
def stuck():
    with lock, lock:
        pass
async def inner():
    await asyncio.sleep(60)
async def outer():
    async with asyncio.TaskGroup() as group:
        group.create_task(inner(), name="first")
        print("ready", flush=True)
threading.Thread(target=stuck, daemon=True).start()
asyncio.run(outer())
"""
    process = subprocess.Popen(
        [sys.executable, "-c", source], stdout=subprocess.PIPE, text=True, env=environment(), cwd=tmp_path
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for _ in range(50):  # until it waits
            done = subprocess.run(
                [*PROF, "dump", str(process.pid)], capture_output=True, text=True, env=environment(), timeout=60
            )
            if done.returncode == 0 and "inner" in done.stdout and "stuck" in done.stdout:
                break
        assert done.returncode == 0, done.stderr
        assert f"thread {process.pid} " in done.stdout
        assert ": waiting" in done.stdout
        assert "  stuck  <string>:5" in done.stdout
        assert "first" in done.stdout
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(REMOTE, reason="it is about being without sys.remote_exec, as before 3.14")
@pytest.mark.parametrize("command", ["attach", "detach", "snapshot", "dump"])
def test_before_3_14_it_is_refused_in_one_line(command: str) -> None:
    done = subprocess.run([*PROF, command, "1"], capture_output=True, text=True, env=environment())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("prof: attaching needs CPython 3.14 or later")
    assert len(done.stderr.splitlines()) == 1


@only_remote
@pytest.mark.parametrize(
    ("pid", "status", "told"), [("999999999", 3, "there is no such process"), ("x", 2, "not a process id")]
)
def test_a_wrong_process_is_one_error(pid: str, status: int, told: str) -> None:
    for command in ("attach", "dump"):
        done = subprocess.run([*PROF, command, pid], capture_output=True, text=True, env=environment())
        assert done.returncode == status
        assert told in done.stderr.splitlines()[-1]


@only_remote
def test_what_is_no_python_is_told(tmp_path: Path) -> None:
    process = subprocess.Popen(["sleep", "60"])
    try:
        for command in ("attach", "dump"):
            done = subprocess.run([*PROF, command, str(process.pid)], capture_output=True, text=True, env=environment())
            assert done.returncode == 3
            assert len(done.stderr.splitlines()) == 1
    finally:
        process.kill()
        process.wait()
