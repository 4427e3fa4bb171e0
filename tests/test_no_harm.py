"""Nothing of the program's is touched, whatever it does to the process: descriptors, modules, folders, children."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import TypeAlias

import pytest
from prof._core import lib
from prof.capture import open_capture
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
@pytest.mark.parametrize(
    "first", ["", "os.closerange(3, 256)", "os.closerange(0, 256); sys.stdout = open('told', 'w')"]
)
def test_descriptors_are_the_programs(compared: Run, captures: Captures, tmp_path: Path, prof: str, first: str) -> None:
    """A daemon closes all that it inherits; its own file then has the number that a kept descriptor would have had, is
    open while the capture grows, and at exit."""
    for size, depth in ((1, 14), (1_000_000, 5)):
        compared(GROWS.replace("FIRST", first).replace("SIZE", str(size)).replace("DEPTH", str(depth)), prof)
        assert (tmp_path / "data.bin").stat().st_size == 5 * size
    assert {c.calls()["app.a"] for c in captures()} <= ({2**14, 2**5} if "samples" not in prof else {0, 2**14, 2**5})


def test_no_descriptor_is_kept(compared: Run) -> None:
    compared(
        "import os\nfrom prof import profiled\n@profiled\n"
        "def f(): return sorted(os.listdir('/proc/self/fd'))\nprint(f())",
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


# ---- the start and the end -----------------------------------------------------------------------------------------

WORK = "from prof import profiled\n@profiled\ndef work(n): return n + 1\n"
AWKWARD = {
    "the folder is gone": "import os, sys, tempfile\n"
    "d = tempfile.mkdtemp(); sys.path[0] = os.path.abspath(sys.path[0])\n"
    "os.chdir(d); os.rmdir(d)\nimport plug\nprint(plug.work(1))",
    "arguments are paths": "import sys, pathlib\nsys.argv = [pathlib.Path('a/tool'), 3]\nimport plug\n"
    "print(plug.work(1))",
    "no arguments": "import sys\ndel sys.argv\nimport plug\nprint(plug.work(1))",
    "modules twice": "import sys\nbefore = set(sys.modules)\nfor i in range(3):\n    import plug\n"
    "    print(plug.work(i))\n"
    "    for name in set(sys.modules) - before: del sys.modules[name]\n",
    "no standard streams": "import os, sys\nfor n in range(3): os.close(n)\nimport plug\nos._exit(plug.work(4))",
    "nothing to find modules by": "import sys, plug\nplug.work(1)\n"
    "sys.path.clear(); sys.meta_path.clear(); sys.modules.clear()",
    "a jail": "import os, plug\nplug.work(1)\nif not os.geteuid():\n    os.makedirs('jail', exist_ok=True)\n"
    "    os.chroot('jail')\n    os.chdir('/')",
    "no more files": "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))\nimport plug\n"
    "print(plug.work(1))",
}


@pytest.mark.parametrize("prof", MODES)
@pytest.mark.parametrize("how", AWKWARD)
def test_the_program_runs_as_without_a_recording(
    compared: Run, captures: Captures, tmp_path: Path, how: str, prof: str
) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "plug.py").write_text(WORK)
    compared(AWKWARD[how], prof)
    for recorded in captures():
        with open_capture(recorded.path) as capture:
            # The one descriptor that is left may be somebody's just then: growing fails, and that is said.
            if how == "no more files" and "Too many open files" in capture.full:
                continue
        assert "samples" in prof or recorded.calls()["plug.work"] == (3 if how == "modules twice" else 1)


# What is built in comes before all that a program may bring.
NAMES = ["platform", "socket", "json", "ast", "dis", "opcode", "select", "selectors", "subprocess", "dataclasses",
         "typing", "threading", "attr", "attrs", "cffi", "inspect", "tempfile"]  # fmt: skip
STANDARD = [name for name in NAMES if name not in sys.builtin_module_names]


@pytest.mark.parametrize("name", STANDARD)
def test_a_module_of_the_programs_is_not_taken_for_another(
    compared: Run, captures: Captures, tmp_path: Path, name: str
) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / f"{name}.py").write_text(WORK.replace("work", "own"))
    for early in ("", f"import {name}\n"):
        compared(f"{early}{WORK}import {name}\nprint(work(1), {name}.own(2), sorted(vars({name}))[-1])", "all,,,true")
    assert [(c.calls()["app.work"], c.calls()[f"{name}.own"]) for c in captures()] == [(1, 1)] * 2


@pytest.mark.parametrize("prof", MODES)
def test_ctrl_c_has_its_own_status(compared: Run, captures: Captures, prof: str) -> None:
    source = WORK + "import os, signal\nwork(1)\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    source += "os.kill(os.getpid(), signal.SIGINT)\nfor _ in range(10**6): pass"
    program = "import atexit, sys\n" + source
    plain_lines = "KeyboardInterrupt"
    done = compared(program, prof)
    assert done.returncode == -2
    assert plain_lines in done.stderr
    (recorded,) = captures()
    assert not recorded.recording


def test_an_interpreter_that_is_not_known_runs_the_program(compared: Run, captures: Captures) -> None:
    program = f"import opcode\nopcode.opmap = dict()\n{WORK}print(work(1))\nraise SystemExit(7)"
    done = compared(program, "all")
    assert done.returncode == 7
    assert "not recorded: " in done.stderr
    done = compared(program, "time+ops", lines=2)  # what is said of the engine, and what was written
    assert done.returncode == 7
    assert "has opcodes that are not known" in done.stderr
    if not lib.PROF_QUIRK_MONITORING:
        assert "not recorded: " in done.stderr
        return
    recorded = captures()[-1]
    assert recorded.meta["engine"] == "monitoring"
    assert list(recorded.counts().values()) == [(1, 0)]


def test_other_interpreters_are_left_alone(compared: Run, captures: Captures, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "plug.py").write_text(WORK)
    source = (
        "import sys, os\n"
        "try: import _interpreters as them\n"
        "except ImportError: import _xxsubinterpreters as them\n"
        "MAIN\n"
        "for n in range(3):\n"
        "    other = them.create()\n"
        "    failed = them.run_string(other, f'import sys; sys.path[:] = {sys.path!r}\\nimport plug\\n"
        "print(plug.work({n}), flush=True)')\n"
        "    print(failed, flush=True)\n"
        "    them.destroy(other)\n"
    )
    for main in ("", "import plug; print(plug.work(9), flush=True)"):
        for prof in MODES:
            done = compared(source.replace("MAIN", main), prof, lines=4)
            assert done.stdout.count("None") == 3
    assert [c.calls().get("plug.work", 1) for c in captures()] == [1] * len(MODES)


# ---- children ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prof", MODES)
def test_a_child_that_becomes_another_program_leaves_no_file(compared: Run, captures: Captures, prof: str) -> None:
    compared(
        WORK + "import os, subprocess\n"
        "print([subprocess.run(['true'], preexec_fn=os.setsid).returncode for _ in range(4)], work(1))",
        prof,
    )
    assert len(captures()) == 1


@pytest.mark.parametrize("prof", MODES)
def test_a_fork_warns_of_no_thread(compared: Run, captures: Captures, prof: str) -> None:
    compared(
        "import warnings\nwarnings.simplefilter('error')\n"
        + WORK
        + "import os\nfor n in range(3):\n    pid = os.fork()\n    if not pid: os._exit(work(n))\n"
        "    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), work(1))\n",
        prof,
        lines=1,
    )
    found = captures()
    assert len(found) == 4
    assert all(c.path.stat().st_size < 2**16 and not c.recording for c in found if c.path.stem.endswith(f"-{c.pid}"))


@pytest.mark.alone
def test_a_sampler_goes_on_after_a_fork(compared: Run, captures: Captures) -> None:
    compared(
        WORK + "import os, time\npid = os.fork()\nif not pid: os._exit(0)\nos.waitpid(pid, 0)\n"
        "@profiled\ndef later():\n    end = time.process_time() + 0.3\n"
        "    while time.process_time() < end: pass\nlater()",
        "samples",
    )
    (parent,) = (c for c in captures() if not c.path.stem.endswith(f"-{c.pid}"))
    assert sum(f.samples or 0 for f in parent.functions if f.label.name == "app.later") > 50


# ---- a full disk ---------------------------------------------------------------------------------------------------

SECTIONS = """
import resource, sys, warnings
from prof import profile, end, profiled
warnings.simplefilter("always")
if "PROF" in __import__("os").environ:
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
def run():
    for n in range(3000):
        exec(f"def f():\\n    profile('section {n}')\\n    end('section {n}')\\nf()", {"profile": profile, "end": end})
run()
print("done")
"""


def test_a_full_disk_is_said_once_and_blames_nobody(compared: Run, captures: Captures) -> None:
    done = compared(SECTIONS, "time")
    assert "it could not grow: File too large" in done.stderr
    (recorded,) = captures()
    assert "section_unopened" not in recorded.drops and recorded.drops["lost_labels"] > 100


# ---- other people's files ------------------------------------------------------------------------------------------


def test_what_is_written_is_its_owners_alone(run_program: Run, tmp_path: Path) -> None:
    program = tmp_path / "app.py"
    program.write_text(WORK + "work(1)\n")
    for key, mode in (("", 0o600), (",mode=644", 0o644), (",mode=0640", 0o640)):
        out = tmp_path / f"out{mode}"
        run_program(program, PROF=f"time,{out}{key}")
        assert {stat.S_IMODE(file.stat().st_mode) for file in out.iterdir()} == {mode}
        assert len(list(out.iterdir())) == 2


def test_arguments_can_be_left_out(run_program: Run, captures: Captures, tmp_path: Path) -> None:
    program = tmp_path / "app.py"
    program.write_text(WORK + "work(1)\n")
    run_program(program, "--password=secret", PROF="time,out,argv=false")
    (recorded,) = captures()
    assert "argv" not in recorded.meta
    assert b"secret" not in recorded.path.read_bytes()


def test_a_name_as_long_as_a_files(run_program: Run, captures: Captures, tmp_path: Path) -> None:
    program = tmp_path / ("long" * 57 + ".py")
    program.write_text(WORK + "print(work(1))\n")
    done = run_program(program, PROF="all,out,,true")
    assert (done.returncode, done.stdout) == (0, "2\n")
    assert len(captures()) == 1 and len(list((tmp_path / "out").glob("*.folded"))) == 5, done.stderr
