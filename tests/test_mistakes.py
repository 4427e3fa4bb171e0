"""Wrong input: one line that says what is known, an exit status, and no traceback; and what happens without PROF."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import TypeAlias

import pytest
from prof._core import lib
from prof.errors import ProfError
from prof.settings import Settings, parse
from recording import Recorded

Run: TypeAlias = Callable[..., "CompletedProcess[str]"]
Captures: TypeAlias = Callable[[], list[Recorded]]

WRONG = {
    "time+mem": "unknown mode 'mem'; known: time, memory, ops, samples, both, all, none",
    "time+": "unknown mode ''",
    "time,types=5": "types=5: is for the mode 'ops', which is not among the modes given",
    "ops,types=most": "types=most: 'most' is not a count",
    "samples,interval=abc": "interval=abc: 'abc' is not an interval such as 100us, 1ms or 0.5s",
    "samples,interval=1": "interval=1: '1' is not an interval",
    "samples,interval=1us": "interval=1us: '1us' is not from 50us to 60s",
    "samples,interval=-1ms": "interval=-1ms: '-1ms' is not an interval",
    "samples,interval=61s": "interval=61s: '61s' is not from 50us to 60s",
    "time,interval=1ms": "interval=1ms: it is about samples, and no mode given records them",
    "time,frames=false": "frames=false: it is about samples",
    "samples,frames=no": "frames=no: 'no' is neither true nor false",
    "time,,loud": "field LOG: 'loud' is not one of none, quiet, announce",
    "time,,,maybe": "field DETAIL: 'maybe' is neither true nor false",
    "time,,,true": "field DETAIL: 'true' asks for memory detail",
    "time,,,,,": "expected MODES,DIR,LOG,DETAIL and then key=value",
    "time,depht=5": "unknown key 'depht' (did you mean 'depth'?); known: modes, output, log, detail, mode",
    "time,depth=0": "depth=0: '0' is not a count",
    "time,depth=-1": "depth=-1: '-1' is not a count",
    "time,depth=many": "depth=many: 'many' is not a count",
    "time,depth=99999999999999": "depth=99999999999999",
    "time,nodes=99999999999999999999999": "nodes=99999999999999999999999",
    "time,clock=sun": "clock=sun: 'sun' is not one of wall, cpu",
    "time,imports=yes": "imports=yes: 'yes' is neither true nor false",
    "time,engine=steam": "engine=steam: 'steam' is not one of auto, bytecode, monitoring",
    "time,depth=5,out": "key=value fields stand behind MODES,DIR,LOG,DETAIL",
}
NOT_MEANT = ["1", "tme", "true", "/usr/bin/prof", "\x01", "a,b,c,d,e,f", "level=3"]


@pytest.mark.parametrize("text", WRONG)
def test_a_mistake_in_prof_is_one_line(run_program: Run, tmp_path: Path, text: str) -> None:
    done = run_program("ends.py", "exit", PROF=text)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"prof: PROF={text}: ")
    assert WRONG[text] in line
    assert done.stdout == ""


@pytest.mark.parametrize("text", NOT_MEANT)
def test_what_another_program_means_by_prof_ends_nothing(run_program: Run, tmp_path: Path, text: str) -> None:
    done = run_program("ends.py", "exit", PROF=text)
    assert done.returncode == 9, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"prof: PROF={text}: ")
    assert line.endswith("; the program runs unrecorded")
    assert not list(tmp_path.glob("*.capture"))
    assert list(tmp_path.iterdir()) == []


def test_a_mistake_in_enable_profiling_is_an_exception() -> None:
    from prof import enable_profiling

    with pytest.raises(ProfError, match="unknown mode 'tme'"), enable_profiling("tme"):
        raise AssertionError("the block must not run")


def test_a_mistake_in_a_marker_is_an_exception() -> None:
    from prof import profiled

    with pytest.raises(ProfError, match="unknown mode 'tme'; known: time"):
        profiled("tme")(len)


def test_the_markers_are_those_of_the_modes() -> None:
    from prof import markers, modes

    assert {*modes.MODES, *modes.MARKERS, "both"} == markers.KNOWN


def test_the_directory_is_a_file(run_program: Run, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    done = run_program("ends.py", "exit", PROF="time,out")
    assert done.returncode == 9
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"prof: PROF=time,out: not recorded: cannot make directory {tmp_path}/out: ")


def test_the_directory_cannot_be_written(run_program: Run) -> None:
    done = run_program("ends.py", "exit", PROF="time,/proc/self")
    assert done.returncode == 9
    (line,) = done.stderr.splitlines()
    assert line.startswith("prof: PROF=time,/proc/self: not recorded: cannot write /proc/self/")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_the_directory_is_not_ours(run_program: Run, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir(mode=0o555)
    done = run_program("ends.py", "exit", PROF="time,out")
    assert done.returncode == 9
    assert "not recorded" in done.stderr and "Permission denied" in done.stderr


def test_no_room_for_the_first_page(run_program: Run, tmp_path: Path) -> None:
    done = run_program("full.py", "0", PROF="time")
    assert (done.returncode, done.stdout) == (0, "calls 6000\n"), done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"prof: PROF=time: not recorded: cannot write {tmp_path}/full-")
    assert not list(tmp_path.glob("*.capture"))


def test_a_failed_start_leaves_nothing_installed(tmp_path: Path, engine: str) -> None:
    """The fixture of all tests looks for what is left."""
    from prof import enable_profiling

    (tmp_path / "out").write_text("")
    with (
        pytest.raises(ProfError, match="cannot make directory"),
        enable_profiling(f"time,{tmp_path}/out,engine={engine}"),
    ):
        raise AssertionError("the block must not run")


@pytest.mark.skipif(not lib.PROF_QUIRK_MONITORING, reason="sys.monitoring came with Python 3.12")
def test_every_tool_id_is_taken(tmp_path: Path) -> None:
    from prof import enable_profiling

    free = [tool for tool in range(6) if sys.monitoring.get_tool(tool) is None]
    for tool in free:
        sys.monitoring.use_tool_id(tool, "somebody")
    try:
        with pytest.raises(ProfError, match="all tool ids"), enable_profiling(f"time,{tmp_path},engine=monitoring"):
            raise AssertionError("the block must not run")
    finally:
        for tool in free:
            sys.monitoring.free_tool_id(tool)


@pytest.mark.skipif(lib.PROF_QUIRK_MONITORING, reason="Python 3.12 has sys.monitoring")
def test_no_monitoring_before_3_12(run_program: Run) -> None:
    done = run_program("ends.py", "exit", PROF="time,engine=monitoring")
    assert done.returncode == 9
    assert "not recorded: engine=monitoring" in done.stderr and "has no sys.monitoring" in done.stderr


@pytest.mark.parametrize("variables", [{}, {"PROF": ""}, {"PROF": "none"}, {"PROF": ","}, {"PROF": "none,out"}])
def test_no_mode_no_recording(run_program: Run, tmp_path: Path, variables: dict[str, str]) -> None:
    done = run_program("ends.py", "exit", **variables)
    assert (done.returncode, done.stdout, done.stderr) == (9, "", "")
    assert list(tmp_path.iterdir()) == []


def test_off_is_off(run_program: Run) -> None:
    """Without PROF nothing but two small modules is loaded, and markers do nothing."""
    done = run_program("off.py")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["modules"] == ["prof", "prof.markers"]
    assert found["heavy"] == []
    assert found["same"] and found["code"] and found["sections"]


def test_the_rooms_are_no_packages_of_their_own(tmp_path: Path) -> None:
    """`runtime`, `instrument` and `tools` are folders; what is imported is `prof`, `prof.instrument`, `prof.tools`."""
    code = (
        "import importlib.util as u; print([n for n in ('runtime', 'instrument', 'tools', 'csrc') if u.find_spec(n)])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_tools_do_not_record_themselves(run_program: Run, tmp_path: Path) -> None:
    """Reading captures imports the package too; PROF in the shell does not make that a recording."""
    done = run_program("reader.py", PROF="time")
    assert (done.returncode, done.stdout) == (0, "read\n"), done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("time", {"modes": "time"}),
        (" time , out ", {"modes": "time", "directory": "out"}),
        ("time,,quiet", {"modes": "time", "log": "quiet"}),
        ("time,,,false", {"modes": "time"}),
        ("time,,,,depth=20k,nodes=2M", {"modes": "time", "depth": 20_000, "nodes": 2_000_000}),
        ("all,engine=auto,imports=false", {"modes": "time+memory+ops+samples", "imports": False}),
        ("samples,interval=0.5s", {"modes": "samples", "interval": 500_000_000}),
        ("samples,,,,interval=50us,frames=false", {"modes": "samples", "interval": 50_000, "frames": False}),
        ("both", {"modes": "time+memory"}),
        ("memory+time", {"modes": "time+memory"}),
        ("memory,out,,true", {"modes": "memory", "directory": "out", "detail": True}),
    ],
)
def test_settings(text: str, expected: dict[str, object]) -> None:
    settings = parse(text)
    found = {"modes": "+".join(mode.name for mode in settings.modes)} if settings.modes else {}
    for name in (
        "directory",
        "log",
        "detail",
        "depth",
        "nodes",
        "engine",
        "imports",
        "collections",
        "clock",
        "interval",
        "frames",
    ):
        if getattr(settings, name) != getattr(Settings(), name):
            found[name] = getattr(settings, name)
    assert found == expected


@pytest.mark.parametrize("log", ["quiet", "announce"])
def test_the_debug_log(run_program: Run, tmp_path: Path, log: str) -> None:
    done = run_program("ends.py", "exit", PROF=f"time,,{log}")
    (path,) = tmp_path.glob("*.log")
    assert "recording 'time" in path.read_text()
    assert (path.name in done.stderr) == (log == "announce")


def test_the_program_may_close_its_stderr(run_program: Run, captures: Captures) -> None:
    done = run_program("closes.py", PROF="time")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert captures()[0].calls() == {"closes.f": 1}


def test_the_program_may_change_its_directory(run_program: Run, captures: Captures, tmp_path: Path) -> None:
    done = run_program("closes.py", "chdir", PROF="time")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    (recorded,) = captures()
    assert recorded.path.parent == tmp_path
    assert list(tmp_path.glob("*.folded"))
