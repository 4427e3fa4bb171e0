"""What is known of CPython's versions stands in csrc/python/version/, one file a version, and nowhere else."""

from __future__ import annotations

import dis
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from types import SimpleNamespace

import pytest
from operating import Operated
from prof import engine
from prof._core import lib
from prof.errors import UsageError
from recording import Recorded

CSRC = Path(__file__).parents[1] / "csrc"
VERSION = CSRC / "python" / "version"
VERSIONS = sorted(VERSION.glob("v3_*.h"))
QUIRKS = re.findall(r"^QUIRK\((\w+)\)$", (VERSION / "quirks.def").read_text(), re.MULTILINE)


def _code(path: Path) -> str:
    return re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)


def _defined(path: Path) -> set[str]:
    """The macros, types and functions that a version's file gives to others."""
    text = _code(path)
    kinds = (r"#define (PROF_\w+)", r"^static inline .*?\b(prof_py_\w+)\(", r"^(?:typedef .*|} )\b(prof_py_\w+);")
    found = re.findall("|".join(kinds), text, re.MULTILINE)
    return {name for names in found for name in names if name} - {"PROF_PY_BORROWED_BUILD_CORE"}


def test_only_the_folder_of_versions_knows_the_interpreters_structures() -> None:
    inner = r"PY_VERSION_HEX|\bpycore_|\binternal/|\b_Py_CODEUNIT\b|\b_PyCode_CODE\b|\b_PyInterpreterFrame\b"
    inner += r"|\b_co_first\w+"
    inner += r"|->(?:cframe|current_frame|interp|datastack_\w+|localsplus|prev_instr|instr_ptr|gi_\w+|f_\w+)\b"
    found = [
        f"{path.relative_to(CSRC)}: {match[0]}"
        for path in sorted((CSRC / "python").rglob("*.[ch]"))
        if path.parent != VERSION
        for match in re.finditer(inner, _code(path))
    ]
    assert found == []


def test_one_chain_asks_for_the_version() -> None:
    """A version's file holds for its version: nothing in it is conditional on one."""
    asks = re.compile(r"#\s*(?:el)?if\b.*PY_VERSION_HEX")
    assert [path.name for path in VERSION.iterdir() if asks.search(path.read_text())] == ["version.h"]


@pytest.mark.parametrize("path", VERSIONS, ids=lambda path: path.stem)
def test_versions_define_the_same(path: Path) -> None:
    own = {"prof_py_get_raised", "prof_py_set_raised"}  # 3.11: what the public interface has from 3.12 on
    own.add("prof_py_referred")  # from 3.14 on: what a tagged reference refers to
    assert _defined(path) - own == _defined(VERSIONS[-1]) - own


def test_an_unknown_version_has_the_quirks_and_no_copies() -> None:
    defined = _defined(VERSION / "unknown.h")
    assert {f"PROF_QUIRK_{name}" for name in QUIRKS} <= defined <= _defined(VERSIONS[-1])


def test_quirks_are_told_to_python() -> None:
    assert len(QUIRKS) > 5
    assert all(isinstance(getattr(lib, f"PROF_QUIRK_{name}"), int) for name in QUIRKS)


# ---- opcodes ---------------------------------------------------------------------------------------------------------

WITH_A_NEW_OPCODE = """
import opcode, sys
free = next(n for n in range(1, 255) if n not in opcode.opmap.values())
opcode.opmap = {**opcode.opmap, "FAST_CALL": free}
from prof import profiled
@profiled
def work(): return sum(range(10))
print([work() for _ in range(3)])
sys.exit(7)
"""


def test_every_opcode_of_this_interpreter_has_a_row() -> None:
    assert engine.load("tests").unknown_opcodes() == ()
    assert lib.prof_py_validated()


def test_rows_of_opcodes() -> None:
    """No name stands twice, and this version's are there."""
    rows = re.findall(r"^OPCODE\((\w+),", (VERSION / "opcodes.def").read_text(), re.MULTILINE)
    assert len(rows) == len(set(rows))
    names = {name for name, op in dis.opmap.items() if op < 256 and not name.startswith("INSTRUMENTED_")}
    assert names <= set(rows)


@pytest.mark.parametrize("wanted", ["time", "ops", "memory", "samples", "time,,engine=bytecode"])
def test_an_opcode_that_is_not_known(
    wanted: str,
    tmp_path: Path,
    run_program: Callable[..., CompletedProcess[str]],
    captures: Callable[[], list[Recorded]],
) -> None:
    """The program runs on, and is told which opcode it is; sys.monitoring, where there is one, has the rest."""
    program = tmp_path / "program.py"
    program.write_text(WITH_A_NEW_OPCODE)
    done = run_program(program, PROF=wanted)
    assert (done.returncode, done.stdout) == (7, "[45, 45, 45]\n")
    assert "FAST_CALL" in done.stderr
    assert "Traceback" not in done.stderr
    if not lib.PROF_QUIRK_MONITORING or wanted not in ("time", "samples", "ops"):
        assert "not recorded: " in done.stderr
        return
    found = captures()
    assert "not recorded: " not in done.stderr
    assert found[0].meta["engine"] == "monitoring"
    if wanted != "ops":
        assert found[0].counts()["work"] == (3, 0)
        return
    (said,) = (line for line in done.stderr.splitlines() if "FAST_CALL" in line)
    assert "exact, many times slower" in said and "FAST_CALL in no category" in said
    calls = sum(row.count for row in Operated(found[0].path).of("work") if "call" in row.categories)
    assert calls == 3 * 2


def test_an_opcode_that_is_not_there() -> None:
    """All opcodes that rewriting writes or looks for are there; without one of them no code is touched."""
    probes = engine.load("tests")
    numbers = dict(dis.opmap)
    del numbers["SWAP"]
    try:
        probes.configure(numbers, bytes(256), "tests")
        assert probes.unknown_opcodes() == ("no SWAP",)
        assert not lib.prof_py_validated()
    finally:
        engine.load("tests")
    assert lib.prof_py_validated()


def test_a_free_threaded_build_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is none here: what C says of such a build is what is tested of C (test_core.py)."""
    probes = engine.load("tests")
    real = {
        name: getattr(lib, name) for name in ("prof_py_validated", "prof_py_layout_agrees", "PROF_QUIRK_MONITORING")
    }
    monkeypatch.setattr(engine, "lib", SimpleNamespace(**real, PROF_QUIRK_RUNS_WITHOUT_LOCK=1))
    for wanted in ("auto", "bytecode", "monitoring"):
        with pytest.raises(UsageError, match="free-threaded"):
            engine.choose(wanted, probes)


# ---- patch releases --------------------------------------------------------------------------------------------------


def test_frames_read_the_same_both_ways() -> None:
    """By the offsets that were compiled in, and by the interpreter's own functions: below anything that may call."""

    def steps() -> Iterator[bool]:
        yield bool(lib.prof_py_layout_agrees())

    class Body:
        agrees = lib.prof_py_layout_agrees()

    assert lib.prof_py_layout_agrees() and Body.agrees and all(steps())
    assert list(map(lambda _: lib.prof_py_layout_agrees(), range(3))) == [1, 1, 1]
    assert [lib.prof_py_layout_agrees() for _ in range(3)] == [1, 1, 1]
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(lib.prof_py_layout_agrees()))
    thread.start()
    thread.join()
    assert sorted([3, 1, 2], key=lambda n: n * lib.prof_py_layout_agrees()) == [1, 2, 3] and found == [1]


MOVED = """
import sys
from types import SimpleNamespace
from prof import _core, engine, session
real = _core.lib
class Moved:
    prof_py_layout_agrees = prof_py_validated = staticmethod(lambda: 0)
    def __getattr__(self, name): return getattr(real, name)
engine.lib = Moved()
from prof import profiled
@profiled
def work(): return sum(range(10))
print([work() for _ in range(3)])
sys.exit(7)
"""


@pytest.mark.parametrize("wanted", ["time", "ops", "memory", "time,,engine=bytecode"])
def test_frames_that_a_patch_release_moved(
    wanted: str,
    tmp_path: Path,
    run_program: Callable[..., CompletedProcess[str]],
    captures: Callable[[], list[Recorded]],
) -> None:
    """The program runs on, and is told; calls and operations come from sys.monitoring, if there is one."""
    program = tmp_path / "program.py"
    program.write_text(MOVED)
    done = run_program(program, PROF=wanted)
    assert (done.returncode, done.stdout) == (7, "[45, 45, 45]\n")
    assert "are not those that prof was compiled for" in done.stderr
    assert "Traceback" not in done.stderr
    if not lib.PROF_QUIRK_MONITORING or wanted not in ("time", "ops"):
        assert "not recorded: " in done.stderr
        return
    found = captures()
    assert found[0].meta["engine"] == "monitoring"
    assert found[0].counts()["work"] == (3, 0)
