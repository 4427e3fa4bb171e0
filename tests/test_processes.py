"""Forks, children and ends of processes: every capture is readable, and nothing of the parent's is lost."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import TypeAlias

import attr
import attrs
import pytest
from prof import host
from prof.many import open_captures
from prof.runs import newest_run
from recording import Recorded

Run: TypeAlias = Callable[..., "CompletedProcess[str]"]
Captures: TypeAlias = Callable[[], list[Recorded]]
PROF = "time,,,,imports=false,collections=false"
CLOSED, REPLACED = 2, 3  # enum prof_state


@pytest.fixture
def prof(engine: str) -> str:
    """The PROF of a run by each engine."""
    return f"{PROF},engine={engine}"


def family(captures: list[Recorded]) -> tuple[Recorded, list[Recorded]]:
    """The first process's capture, without a pid in its name, and the others."""
    (parent,) = (c for c in captures if not c.path.stem.endswith(f"-{c.pid}"))
    return parent, [c for c in captures if c is not parent]


@pytest.mark.parametrize(("kind", "status"), [("fork", 5), ("_exit", 3)])
def test_fork(run_program: Run, captures: Captures, prof: str, kind: str, status: int) -> None:
    done = run_program("forks.py", kind, PROF=prof)
    assert (done.returncode, done.stdout) == (0, f"{status}\n"), done.stderr
    parent, (child,) = family(captures())
    assert parent.stacks() == {
        "forks.outer": 1,
        "forks.outer;around": 1,
        "forks.outer;around;forks.inner": 1,
        "forks.outer;around;forks.inner;forks.in_parent": 1,
    }
    assert parent.drops == {}
    assert not parent.recording
    # The child goes on below what was open, which it did not call itself.
    assert child.stacks() == {"forks.outer;around;forks.inner;forks.in_child": 1}
    assert not child.recording
    # SystemExit passes through the carried spans, which match; _exit leaves them open.
    assert child.drops == ({} if kind == "fork" else {"open_at_end": 3})
    assert child.tree.total_ns[0] < parent.tree.total_ns[0]


def test_a_child_of_a_child(run_program: Run, captures: Captures, prof: str) -> None:
    done = run_program("forks.py", "nested", PROF=prof)
    assert done.stdout == "5\n", done.stderr
    parent, children = family(captures())
    assert [c.calls()["forks.in_child"] for c in children] == [1, 1]
    assert "forks.in_child" not in parent.calls()
    assert len({c.pid for c in (parent, *children)}) == 3


def test_fork_beside_threads(run_program: Run, captures: Captures, prof: str) -> None:
    done = run_program("forks.py", "threads", PROF=prof)
    assert done.stdout == "5\n", done.stderr
    parent, (child,) = family(captures())
    assert parent.calls() == {"forks.with_threads": 1, "forks.inner": 1, "forks.in_parent": 1, "forks.waits": 1}
    assert child.stacks() == {"forks.with_threads;forks.inner;forks.in_child": 1}
    assert parent.drops == {}


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(run_program: Run, captures: Captures, prof: str, method: str) -> None:
    done = run_program("forks.py", "process", method, PROF=prof)
    assert done.stdout == "[0, 0]\n", done.stderr
    found = captures()
    assert [c.calls().get("forks.task", 0) for c in found].count(1) == 2
    assert sum(c.calls().get("forks.square", 0) for c in found) == 2
    assert sum(c.calls().get("forks.process", 0) for c in found) == 1
    assert all(not c.recording and c.path.stem.endswith(f"-{c.pid}") for c in found if "forks.task" in c.calls())


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_pools(run_program: Run, captures: Captures, prof: str, method: str) -> None:
    """A pool ends its workers by a signal: their captures hold all that was completed."""
    done = run_program("forks.py", "pool", method, PROF=prof)
    assert done.stdout == f"{sum(n * n for n in range(8))}\n", done.stderr
    assert sum(c.calls().get("forks.task", 0) for c in captures()) == 8
    assert sum(c.calls().get("forks.square", 0) for c in captures()) == 8


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_the_processes_of_a_run_are_one(
    run_program: Run, captures: Captures, prof: str, method: str, tmp_path: Path
) -> None:
    """And those of the run before are another one."""
    for _ in range(2):
        done = run_program("forks.py", "process", method, PROF=prof)
        assert done.stdout == "[0, 0]\n", done.stderr
    every = captures()
    found, notes = newest_run(tmp_path)
    assert notes == [] and 2 * len(found) == len(every)
    with open_captures(found) as capture:
        functions = {f.label.name: f for f in capture.functions(capture.tree())}
        processes = capture.processes
    assert [functions[f"forks.{name}"].calls for name in ("process", "task", "square")] == [1, 2, 2]
    assert sum(f.total_ns for n, f in functions.items() if n == "forks.task") == sum(
        c.times()["forks.task"][0] for c in every if c.path in found and "forks.task" in c.calls()
    )
    assert processes[0].depth == 0 and all(p.depth for p in processes[1:])
    assert method == "forkserver" or all(p.parent == processes[0].pid for p in processes[1:])


def test_workers_of_a_server_that_was_not_recorded_are_one_run(run_program: Run, tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text(SERVER)
    for _ in range(2):
        done = run_program(tmp_path / "server.py", PROF=PROF)
        assert done.returncode == 0, done.stderr
    found, _ = newest_run(tmp_path)
    with open_captures(found) as capture:
        (work,) = capture.functions(capture.tree())
        assert (work.label.name, work.calls) == ("server.work", 2)
        first, second = capture.processes
        assert first.parent == second.parent and first.pid != second.pid
    assert len(list(tmp_path.glob("*.capture"))) == 4


SERVER = """import os, sys
def worker():
    from prof import profiled
    @profiled(name="server.work")
    def work():
        pass
    work()
children = []
for _ in range(2):
    pid = os.fork()
    if not pid:
        worker()
        sys.exit()
    children.append(pid)
for pid in children:
    os.waitpid(pid, 0)
"""


def test_where_a_process_comes_from_without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    here = host.lineage()
    assert [row[0] for row in here["lineage"][:2]] == [os.getpid(), os.getppid()]
    assert here["family"] in here["lineage"] and all(row[1] for row in here["lineage"])
    monkeypatch.setattr(host, "_process", lambda pid: None)
    assert host.lineage() == {
        "lineage": [[os.getpid(), 0], [os.getppid(), 0]],
        "family": [os.getpid(), 0],
    }


def test_subprocess(run_program: Run, captures: Captures, prof: str) -> None:
    done = run_program("forks.py", "subprocess", PROF=prof)
    assert done.stdout == "5\n", done.stderr
    assert len({c.pid for c in captures()}) == len(captures())
    assert sorted("forks.outer" in c.calls() for c in captures())[-1]


@pytest.mark.parametrize("how", ["SIGKILL", "SIGTERM", "SIGSEGV"])
def test_killed(run_program: Run, captures: Captures, prof: str, how: str) -> None:
    done = run_program("ends.py", how, PROF=prof)
    assert done.returncode != 0
    (recorded,) = captures()
    assert recorded.recording
    assert recorded.calls()["ends.done"] == 11
    (each,) = recorded.of_kind("function")["ends.done"]
    assert each.total_ns > 0
    assert recorded.stacks()["ends.kill;open;ends.done"] == 1


@pytest.mark.parametrize("how", ["_exit", "own-SIGTERM", "own-SIGHUP", "own-SIGKILL"])
def test_a_process_that_ends_itself_is_not_one_that_was_killed(
    run_program: Run, captures: Captures, prof: str, how: str
) -> None:
    """os._exit, and a server that sends itself the signal it was told to stop by: the capture is ended in order."""
    plain = run_program("ends.py", how)
    done = run_program("ends.py", how, PROF=prof)
    assert (done.returncode, done.stdout) == (plain.returncode, plain.stdout) and plain.returncode != 0
    (recorded,) = captures()
    assert not recorded.recording
    assert recorded.calls()["ends.done"] == 11
    # _exit is a quick end: nothing is written but the capture.
    assert recorded.path.with_name(f"{recorded.path.stem}-time.folded").exists() == (how != "_exit")


def test_a_process_that_becomes_another_program(run_program: Run, captures: Captures, prof: str) -> None:
    done = run_program("ends.py", "exec", PROF=prof)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (recorded,) = captures()
    assert recorded.state == REPLACED
    assert recorded.stacks()["ends.exec_again;ends.done"] == 1


def test_an_exec_that_fails_changes_nothing(run_program: Run, captures: Captures, prof: str) -> None:
    done = run_program("ends.py", "no-exec", PROF=prof)
    assert done.returncode == 0, done.stderr
    (recorded,) = captures()
    assert (recorded.state, recorded.calls()) == (CLOSED, {"ends.done": 11})


def test_sys_exit(run_program: Run, captures: Captures, prof: str) -> None:
    done = run_program("ends.py", "exit", PROF=prof)
    assert (done.returncode, done.stdout) == (9, "")
    assert captures()[0].calls() == {"ends.done": 10}
    assert not captures()[0].recording


def test_an_exception_nobody_catches(run_program: Run, captures: Captures, prof: str) -> None:
    plain = run_program("ends.py", "exception")
    done = run_program("ends.py", "exception", PROF=prof)
    told = [line for line in done.stderr.splitlines(keepends=True) if not line.startswith("prof: wrote ")]
    assert (done.returncode, "".join(told)) == (1, plain.stderr)
    (recorded,) = captures()
    assert recorded.calls() == {"ends.done": 11, "ends.raises": 1}
    assert recorded.drops == {}


def test_what_runs_at_exit_is_recorded(run_program: Run, captures: Captures, prof: str) -> None:
    """The recording was registered first, so it ends last."""
    done = run_program("ends.py", "atexit", PROF=prof)
    assert done.stdout == "at exit\n"
    assert captures()[0].stacks()["ends.at_exit;ends.done"] == 1


def test_threads_that_run_on_at_the_end(run_program: Run, captures: Captures, prof: str) -> None:
    done = run_program("ends.py", "thread", PROF=prof)
    assert (done.returncode, done.stdout) == (0, "thread ends\n")
    (recorded,) = captures()
    assert recorded.calls() == {"ends.done": 11, "ends.works": 1}
    assert recorded.drops == {}


def test_daemon_threads_are_open_at_the_end(run_program: Run, captures: Captures, prof: str) -> None:
    done = run_program("ends.py", "daemon", PROF=prof)
    assert done.returncode == 0, done.stderr
    (recorded,) = captures()
    assert recorded.calls() == {"ends.done": 11, "ends.waits": 1}
    assert recorded.drops == {"open_at_end": 1}


def test_functions_that_run_after_the_recording(run_program: Run, captures: Captures, prof: str) -> None:
    done = run_program("ends.py", "finalizer", PROF=prof)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert captures()[0].calls() == {"ends.done": 10}


def test_names_of_files(run_program: Run, captures: Captures) -> None:
    """`<program>-<date>-<time>.capture`, and with the pid where that is taken."""
    for _ in range(2):
        run_program("ends.py", "exit", PROF="time,out")
    for recorded in captures():
        assert recorded.path.parent.name == "out"
        name, date, time, *pid = recorded.path.stem.split("-")
        assert (name, len(date), len(time)) == ("ends", 8, 6)
        assert pid in ([], [str(recorded.pid)])
        assert recorded.path.with_name(f"{recorded.path.stem}-time.folded").exists()
    assert len(captures()) == 2
    assert all(os.path.getsize(c.path) < 2**20 for c in captures())


def test_a_thread_whose_attributes_are_functions_of_the_program(
    run_program: Run, captures: Captures, tmp_path: Path
) -> None:
    """A thread's name is looked up at its first span of a recording, and looking must not open one."""
    program = tmp_path / "own.py"
    program.write_text(
        "import threading\n"
        "from prof import enable_profiling, profiled\n"
        "ready, go = threading.Event(), threading.Event()\n"
        "class Own(threading.Thread):\n"
        "    @profiled\n"
        "    def __getattribute__(self, name):\n"
        "        return super().__getattribute__(name)\n"
        "    def run(self):\n"
        "        ready.set()\n"
        "        go.wait()\n"
        "        print(self.name)\n"
        "thread = Own(name='mine')\n"
        "thread.start()\n"
        "ready.wait()\n"
        "with enable_profiling('time'):\n"
        "    go.set()\n"
        "    thread.join()\n"
    )
    done = run_program(program, timeout=30)
    assert (done.returncode, done.stdout) == (0, "mine\n"), done.stderr
    (found,) = captures()
    assert found.calls()["own.Own.__getattribute__"] > 0


def test_what_reads_the_capture_may_be_marked(run_program: Run, captures: Captures, tmp_path: Path, prof: str) -> None:
    for package in (attr, attrs):
        shutil.copytree(Path(package.__file__).parent, tmp_path / package.__name__)
    init = tmp_path / "attr" / "__init__.py"
    init.write_text(f"from prof import profiled\n@profiled\ndef marked(): pass\n{init.read_text()}")
    (tmp_path / "app.py").write_text("import attr\nattr.marked()\n")
    done = run_program(tmp_path / "app.py", PROF=prof, PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    (recorded,) = captures()
    assert (recorded.calls(), recorded.drops) == ({"attr.marked": 1}, {})


def test_what_the_recording_itself_imports_may_be_marked(
    run_program: Run, captures: Captures, tmp_path: Path, prof: str
) -> None:
    (tmp_path / "socket.py").write_text(
        "from prof import end, profile, profiled\n"
        "@profiled\n"
        "def gethostname():\n"
        '    profile("inside")\n'
        '    end("inside")\n'
        '    return "here"\n'
    )
    (tmp_path / "app.py").write_text("from prof import profiled\nimport socket\nsocket.gethostname()\n")
    done = run_program(tmp_path / "app.py", PROF=prof, PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    (recorded,) = captures()
    assert recorded.calls() == {"socket.gethostname": 1}
    assert recorded.calls("section") == {"inside": 1}
    assert recorded.drops == {}


def test_a_childs_recording_leaves_threads_as_they_were(run_program: Run, tmp_path: Path) -> None:
    """Samples have each new thread tell its name. What the parent's put there for that is not left below a child's."""
    program = tmp_path / "naming.py"
    program.write_text(
        "import os, threading\n"
        "original = threading.Thread._set_native_id\n"
        "from prof import profiled\n"
        "assert threading.Thread._set_native_id is not original\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    import prof.session\n"
        "    assert prof.session.stop()\n"
        "    os._exit(threading.Thread._set_native_id is not original)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
    )
    done = run_program(program, PROF="samples")
    assert done.returncode == 0, done.stderr
