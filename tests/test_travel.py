"""Functions of the main script that another process gets by value: recorded there, and run without a profiler."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import quirks
from recording import Recorded

Run = Callable[..., CompletedProcess[str]]

PROGRAM = """
import subprocess, sys
from prof import profiled
@profiled
def job(n): return helper(n)
@profiled("time", name="named")
def helper(n): return n + 1
@profiled
def generator(n): yield from range(n)
def unmarked(): return 1
def closure():
    k = 3
    @profiled
    def inner(x): return x * k
    return inner
class K:
    @profiled
    def method(self): return 5
import {pickler} as pickler
blob = pickler.dumps((job, generator, unmarked, closure(), K))
code = '''
import sys, {pickler}, pickle
{before}
job, generator, unmarked, inner, K = pickle.loads(sys.stdin.buffer.read())
print(job(2), list(generator(3)), unmarked(), inner(4), K().method(), job.__qualname__, inner.__qualname__)
'''
done = subprocess.run([sys.executable, "-c", code], input=blob, capture_output=True)
print(done.stdout.decode().strip(), done.stderr.decode() if {silent} else "")
"""
OUTPUT = "3 [0, 1, 2] 1 12 5 job closure.<locals>.inner"


@pytest.fixture(params=["cloudpickle", "dill"])
def travel(request: Any, run_program: Run, tmp_path: Path) -> Callable[..., str]:
    """What a process says that has got functions of an instrumented program."""
    pytest.importorskip(request.param)
    if request.param == "dill" and not quirks.HAS_LNOTAB:
        pytest.skip("dill asks code objects for co_lnotab, which this CPython has no more")

    def run(before: str = "", silent: bool = True, **variables: str) -> str:
        source = PROGRAM.format(pickler=request.param, before=before, silent=silent)
        (tmp_path / "app.py").write_text(source.replace("pickler.dumps((", _dumps(request.param)))
        done = run_program(tmp_path / "app.py", **variables)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


def _dumps(pickler: str) -> str:
    return "(lambda it: pickler.dumps(it, recurse=True))((" if pickler == "dill" else "pickler.dumps(("


@pytest.mark.parametrize("modes", ["time", "all"])
def test_marks_travel(travel: Callable[..., str], captures: Callable[[], list[Recorded]], modes: str) -> None:
    assert travel(silent=False, PROF=f"{modes},out,imports=false") == OUTPUT
    (there,) = (each for each in captures() if each.meta["name"] == "python")
    assert not there.recording
    assert there.calls("function") == {
        "app.job": 1, "named": 1, "app.generator": 1, "app.closure.inner": 1, "app.K.method": 1,
    }  # fmt: skip
    left_out = {f.label.name: f.label.left_out for f in there.functions if f.label.kind == "function"}
    assert left_out.pop("named") and not any(left_out.values())


@pytest.mark.parametrize("before", ["sys.modules['prof'] = None", "import os; os.environ.pop('PROF')"])
def test_without_a_profiler_there(
    travel: Callable[..., str], captures: Callable[[], list[Recorded]], before: str
) -> None:
    assert travel(before, PROF="time,out,imports=false") == OUTPUT
    (here,) = captures()
    assert here.meta["name"] == "app"


def test_without_a_recording_here(travel: Callable[..., str], tmp_path: Path) -> None:
    assert travel() == OUTPUT
    assert not list(tmp_path.rglob("*.capture"))


def test_markers_from_flags() -> None:
    from prof import modes

    every = [("time",), ("memory",), ("ops",), ("samples",), ("both",), ("mem_summary", "time"), ("mem_detail",), ()]
    for markers in every:
        flags = modes.left_out(markers)
        assert modes.left_out(modes.kept(flags)) == flags, markers


def test_workers_of_joblib(run_program: Run, tmp_path: Path) -> None:
    """They are recorded each in its file, which is complete."""
    pytest.importorskip("joblib")
    (tmp_path / "app.py").write_text(
        "from prof import profiled\nfrom joblib import Parallel, delayed\n@profiled\ndef task(n): return n * n\n"
        "if __name__ == '__main__': print(sum(Parallel(n_jobs=2)(delayed(task)(i) for i in range(20))))\n"
    )
    done = run_program(tmp_path / "app.py", PROF="time,out")
    assert done.stdout == "2470\n"
    found = [Recorded(path) for path in (tmp_path / "out").glob("*.capture")]
    assert sum(each.calls("function").get("app.task", 0) for each in found) == 20
    assert not any(each.recording for each in found)
