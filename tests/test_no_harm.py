"""Nothing of the program's is touched, whatever it does to the process: its descriptors, modules, folders, signals, children."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import TypeAlias

import pytest
from recording import Recorded

Run: TypeAlias = Callable[..., "CompletedProcess[str]"]
Captures: TypeAlias = Callable[[], list[Recorded]]
MODES = ["time", "ops", "samples", "all,,,true"]


@pytest.fixture
def compared(run_program: Run, tmp_path: Path) -> Callable[..., CompletedProcess[str]]:
    """Runs source with and without PROF: output and status must be the same, stderr but for one line that is ours."""

    def run(source: str, prof: str, *, lines: int = 1, **variables: str) -> CompletedProcess[str]:
        program = tmp_path / "src" / "app.py"
        program.parent.mkdir(exist_ok=True)
        program.write_text(source)
        plain = run_program(program, **variables)
        modes, *rest = prof.split(",")
        out = str(tmp_path / "out")
        done = run_program(program, PROF=",".join([modes, out, *rest[1:]]), **variables)
        assert (done.returncode, done.stdout) == (plain.returncode, plain.stdout), done.stderr
        ours = [line for line in done.stderr.splitlines() if line.startswith("prof: ")]
        assert [line for line in done.stderr.splitlines() if line not in ours] == plain.stderr.splitlines()
        assert len(ours) <= lines, done.stderr
        return done

    return run


GROWS = """
import os, sys
from prof import profiled
@profiled
def a(n):
    if n: a(n - 1); b(n - 1)
@profiled
def b(n):
    if n: a(n - 1); b(n - 1)
FIRST
fd = os.open("data.bin", os.O_CREAT | os.O_RDWR | os.O_TRUNC)
os.write(fd, b"hello" * SIZE)
a(DEPTH)
print(fd, os.fstat(fd).st_size)
"""


@pytest.mark.parametrize("prof", MODES)
@pytest.mark.parametrize("first", ["", "os.closerange(3, 256)", "os.closerange(0, 256); sys.stdout = open('told', 'w')"])
def test_descriptors_are_the_programs(
    compared: Run, captures: Captures, tmp_path: Path, prof: str, first: str
) -> None:
    """A daemon closes all that it inherits; its own file then has the number that a kept descriptor would have had, is
    open while the capture grows, and at exit."""
    for size, depth in ((1, 14), (1_000_000, 5)):
        compared(GROWS.replace("FIRST", first).replace("SIZE", str(size)).replace("DEPTH", str(depth)), prof)
        assert (tmp_path / "data.bin").stat().st_size == 5 * size
    assert {c.calls()["app.a"] for c in captures()} <= ({2**14, 2**5} if "samples" not in prof else {0, 2**14, 2**5})


def test_no_descriptor_is_kept(compared: Run) -> None:
    compared(
        "import os\nfrom prof import profiled\n@profiled\ndef f(): return sorted(os.listdir('/proc/self/fd'))\nprint(f())",
        "all,,,true",
    )


def test_a_capture_whose_file_is_gone_is_full(compared: Run, tmp_path: Path) -> None:
    done = compared(
        GROWS.replace("FIRST", "import glob\nfor each in glob.glob(os.environ['OUT'] + '/*'): os.unlink(each)")
        .replace("SIZE", "1")
        .replace("DEPTH", "15"),
        "time",
        OUT=str(tmp_path / "out"),
    )
    assert "No such file" in done.stderr


def test_a_process_that_changes_its_user_or_root_goes_on_growing(
    compared: Run, captures: Captures, tmp_path: Path
) -> None:
    if os.geteuid():
        pytest.skip("only root may change its root directory")
    compared(
        GROWS.replace("FIRST", "b(8)\nos.makedirs('jail', exist_ok=True)\nos.chroot('jail'); os.chdir('/')")
        .replace("SIZE", "1")
        .replace("DEPTH", "14"),
        "time",
    )
    (recorded,) = captures()
    assert recorded.calls()["app.a"] == 2**14 + 2**8 - 1
    assert "folded_size" not in recorded.drops
