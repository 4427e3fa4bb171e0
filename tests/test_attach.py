"""`prof attach`, `detach`, `snapshot`, `dump`: a process that runs already, and goes on as before."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prof._core import lib
from prof.capture import open_capture
from running import PROF, environment

REMOTE = hasattr(sys, "remote_exec")
only_remote = pytest.mark.skipif(not REMOTE, reason="Python 3.14 came with sys.remote_exec")
OFF = {"PYTHON_DISABLE_REMOTE_DEBUG": "1"}

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
    """`way`: whether it is asked through the interpreter, or through what it has at hand."""

    def __init__(self, folder: Path, way: str, **more: str) -> None:
        (folder / "app.py").write_text(PROGRAM)
        (folder / "lib.py").write_text(LIB)
        self.folder = folder
        begin = [*PROF, "run", "--standby"] if way == "standby" else [sys.executable]
        self.process = subprocess.Popen(
            [*begin, "app.py"], cwd=folder, env=environment(**(OFF if way == "standby" else {}), **more), text=True,
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


@pytest.fixture(params=["standby", *(["interpreter"] if REMOTE else [])])
def program(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Program]]:
    begun: list[Program] = []

    def begin(way: str = "", **more: str) -> Program:
        begun.append(Program(tmp_path, way or request.param, **more))
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


def test_for_a_time(program: Callable[..., Program]) -> None:
    app = program()
    done = app.prof("attach", "--for", "200ms", "--modes", "time")
    assert done.returncode == 0, done.stderr
    with open_capture(done.stdout.strip()) as capture:
        assert not capture.recording
        assert capture.duration_ns >= 200_000_000
    assert app.turn(1) == "2 True"


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
    app = program("interpreter", **OFF)
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
def test_before_3_14_a_program_that_is_not_on_standby_is_refused_in_one_line(
    command: str, program: Callable[..., Program]
) -> None:
    app = program("unprepared")
    done = app.prof(command)
    assert (done.returncode, done.stdout) == (3, "")
    assert "is not on standby" in done.stderr
    assert "PROF=standby" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["attach", "dump"])
def test_a_program_that_has_only_imported_prof_is_told_of_as_one_without_it(command: str) -> None:
    code = "import prof, sys; prof.profiled; print('ready', flush=True); sys.stdin.read()"
    app = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(**OFF)
    )
    try:
        assert app.stdout is not None
        assert app.stdout.readline() == "ready\n"
        done = subprocess.run([*PROF, command, str(app.pid)], capture_output=True, text=True, env=environment())
        assert "Bad address" not in done.stderr
        if command == "attach" or not REMOTE:
            assert done.returncode == 3
            assert len(done.stderr.splitlines()) == 1
        if not REMOTE:
            assert "not on standby" in done.stderr
            assert "begin the program with PROF=standby" in done.stderr
    finally:
        app.communicate()


@pytest.mark.parametrize(
    ("pid", "status", "told"), [("999999999", 3, "there is no such process"), ("x", 2, "not a process id")]
)
def test_a_wrong_process_is_one_error(pid: str, status: int, told: str) -> None:
    for command in ("attach", "dump"):
        done = subprocess.run([*PROF, command, pid], capture_output=True, text=True, env=environment())
        assert done.returncode == status
        assert told in done.stderr.splitlines()[-1]


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


# ---- on standby -----------------------------------------------------------------------------------------------------


def begun(folder: Path, source: str, *words: str, **more: str) -> subprocess.Popen[str]:
    """A program on standby that has said "ready"."""
    (folder / "app.py").write_text(source)
    process = subprocess.Popen(
        [*PROF, "run", *(words or ("--standby",)), "app.py"], cwd=folder, env=environment(**{**OFF, **more}), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n", process.communicate()
    return process


def asked(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROF, *words], cwd=folder, env=environment(TMPDIR=str(folder)), capture_output=True, text=True, timeout=60
    )


def ended(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_marked_functions_of_a_program_with_prof_standby_are_recorded_once_asked(tmp_path: Path) -> None:
    source = """
import sys
from prof import profiled
@profiled
def marked(): return 1
def other(): return marked()
print("ready", flush=True)
while True:
    other()
"""
    (tmp_path / "app.py").write_text(source)
    process = subprocess.Popen(
        [sys.executable, "app.py"], cwd=tmp_path, env=environment(PROF="standby", **OFF), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert [path.name for path in tmp_path.iterdir()] == ["app.py"]  # it leaves nothing, and has begun nothing
        assert len(os.listdir(f"/proc/{process.pid}/task")) == 1
        done = asked(tmp_path, "attach", str(process.pid), "--modes", "time", "--instrument", "!*", "--for", "100ms")
        assert done.returncode == 0, done.stderr
        assert counts(done.stdout.strip())["app.marked"] > 100
    finally:
        ended(process)


def test_the_programs_own_pending_calls_are_all_made_beside_ours(tmp_path: Path) -> None:
    source = """
import ctypes, sys, threading, time
made = 0
@ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
def call(_):
    global made
    made += 1
    return 0
add = ctypes.CDLL(None).Py_AddPendingCall  # without the GIL
def flood():
    while not over:
        if not add(call, None):
            added[0] += 1
added, over = [0], []
thread = threading.Thread(target=flood)
thread.start()
print("ready", flush=True)
def wait():
    line = []
    reader = threading.Thread(target=lambda: line.append(sys.stdin.readline()))
    reader.start()
    while not line:
        time.sleep(0)
wait()
over.append(1)
thread.join()
end = time.monotonic() + 10
while made < added[0] and time.monotonic() < end:
    pass
print(made == added[0] > 100, flush=True)
"""
    process = begun(tmp_path, source)
    try:
        for n in range(10):
            done = asked(tmp_path, "snapshot", str(process.pid))
            assert done.returncode == 3, n
            assert "it does not record" in done.stderr
        out, err = process.communicate("end\n", timeout=30)
        assert (out, err, process.returncode) == ("True\n", "", 0)
    finally:
        ended(process)


@pytest.mark.skipif(not lib.PROF_QUIRK_MONITORING, reason="3.11 has one queue of calls, which its main thread makes")
def test_any_thread_answers_while_the_main_one_waits(tmp_path: Path) -> None:
    source = """
import threading
def work():
    while True: pass
threading.Thread(target=work).start()
print("ready", flush=True)
input()
"""
    process = begun(tmp_path, source)
    try:
        done = asked(tmp_path, "snapshot", str(process.pid))
        assert "it does not record" in done.stderr
    finally:
        ended(process)


@pytest.mark.parametrize("remote", [False, pytest.param(True, marks=only_remote)])
def test_a_program_that_waits_is_told_of_and_ctrl_c_leaves_nothing(tmp_path: Path, remote: bool) -> None:
    source = """
import sys
def turn(): return 1
print("ready", flush=True)
for line in sys.stdin:
    turn()
    print("turned", flush=True)
"""
    process = begun(tmp_path, source, **({"PYTHON_DISABLE_REMOTE_DEBUG": ""} if remote else {}))
    (tmp_path / "tmp").mkdir()
    try:
        asking = subprocess.Popen(
            [*PROF, "attach", str(process.pid), "--modes", "time"], cwd=tmp_path, text=True,
            env=environment(TMPDIR=str(tmp_path / "tmp")), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert asking.stderr is not None
        assert "has not answered yet: it waits in C" in asking.stderr.readline()
        asking.send_signal(signal.SIGINT)
        out, _ = asking.communicate(timeout=30)
        assert out == ""
        assert asking.returncode in (130, -signal.SIGINT)
        if not remote:  # else the interpreter looks for a file
            assert list((tmp_path / "tmp").iterdir()) == []
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(2):
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "turned\n"
        assert list((tmp_path / "tmp").iterdir()) == []
        assert [path.name for path in tmp_path.glob("*.capture")] == []
        out, err = process.communicate(timeout=30)
        assert (out, err, process.returncode) == ("", "", 0)
    finally:
        ended(process)


def test_a_forked_child_answers_for_itself(tmp_path: Path) -> None:
    source = """
import os
child = os.fork()
if not child:
    while True: pass
print("ready", flush=True)
print(child, flush=True)
while True: pass
"""
    process = begun(tmp_path, source)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    try:
        done = asked(tmp_path, "attach", str(child), "--modes", "time")
        assert done.returncode == 0, done.stderr
        assert "it does not record" in asked(tmp_path, "snapshot", str(process.pid)).stderr
        assert asked(tmp_path, "snapshot", str(child)).stdout == done.stdout
    finally:
        os.kill(child, signal.SIGKILL)
        ended(process)


def test_a_dump_shows_threads_their_spans_and_who_has_the_gil(tmp_path: Path) -> None:
    source = """
import threading
def wait():
    print("ready", flush=True)
    input()
def turn():
    while True: pass
def each():
    yield wait()
threading.Thread(target=turn, daemon=True).start()
list(each())
"""
    process = begun(tmp_path, source, "--modes", "time")
    try:
        time.sleep(0.1)
        done = asked(tmp_path, "dump", str(process.pid))
        assert done.returncode == 0, done.stderr
        threads = {part.split()[1]: part for part in done.stdout.split("\n\n")[1:]}
        main = threads.pop(str(process.pid))
        [other] = threads.values()
        app = str(tmp_path / "app.py")
        frames = main.split("open spans:")[0]
        assert [line.split()[0] for line in frames.splitlines()[1:4]] == ["wait", "each", "<module>"]
        assert f"  wait  {app}:5\n" in frames or "  wait  app.py:5\n" in frames
        assert ": waiting" in frames
        spans = main.split("open spans:")[1].split()
        assert [word for word in spans if word.startswith("app.") and word != "app.py:3,"][:2] == [
            "app.wait",
            "app.each",
        ]
        assert "open for" in main
        assert "has the GIL" in other
        assert "running" in other
        assert "app.turn" in other.split("open spans:")[1]
    finally:
        ended(process)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
def test_another_users_process_is_refused_and_root_can_ask_it(tmp_path: Path) -> None:
    source = """
import os
import prof.instrument.attached, prof.session, prof.plain_json
os.setgid(65534)
os.setuid(65534)
print("ready", flush=True)
while True: pass
"""
    process = begun(tmp_path, source)
    try:
        tmp_path.chmod(0o755)
        for above in tmp_path.parents:
            if above.name.startswith("pytest"):
                above.chmod(0o755)
        done = asked(tmp_path, "snapshot", str(process.pid))
        assert done.stderr == f"prof: process {process.pid}: it does not record\n"
        assert asked(tmp_path, "dump", str(process.pid)).returncode == 0
        # All is loaded before: another user may not be allowed to read it.
        text = (
            "import os, sys; from prof.tools import cli; cli.main([sys.argv[1], '999999999'])\n"
            "os.setuid(65533); sys.exit(cli.main(sys.argv[1:]))"
        )
        for command in ("detach", "dump"):
            refused = subprocess.run(
                [sys.executable, "-c", text, command, str(process.pid)],
                capture_output=True,
                text=True,
                env=environment(),
            )
            told = f"prof: process {process.pid} is another user's: ask as that user, or as root\n"
            assert (refused.returncode, refused.stdout) == (3, "")
            assert refused.stderr.splitlines(True)[1:] == [told]
    finally:
        ended(process)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="only root can make a container")
def test_a_process_in_a_container_is_refused(tmp_path: Path) -> None:
    process = subprocess.Popen(
        ["unshare", "--mount", sys.executable, "-c", "print('ready', flush=True); input()"], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(PROF="standby"),
    )  # fmt: skip
    try:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            pytest.skip("this system lets nobody make a container")
        for command in ("attach", "dump"):
            done = asked(tmp_path, command, str(process.pid))
            assert (done.returncode, done.stdout) == (3, "")
            assert "runs in a container, with files of its own" in done.stderr
    finally:
        ended(process)


def test_who_is_traced_already_is_told(tmp_path: Path) -> None:
    """A debugger holds it: here, a program that traces its child."""
    source = """
import ctypes, os
child = os.fork()
if not child:
    while True: pass
PTRACE_SEIZE = 0x4206
assert ctypes.CDLL(None, use_errno=True).ptrace(PTRACE_SEIZE, child, None, None) == 0
print("ready", flush=True)
print(child, flush=True)
while True: pass
"""
    process = begun(tmp_path, source)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    try:
        done = asked(tmp_path, "attach", str(child))
        assert done.returncode == 3
        assert "it cannot be stopped" in done.stderr
        assert len(done.stderr.splitlines()) == 1
    finally:
        os.kill(child, signal.SIGKILL)
        ended(process)
