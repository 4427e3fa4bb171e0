"""Syntax that Python 3.14 and 3.15 brought: it is edited, runs, is recorded exactly, and comes back byte for byte.

The tree that decides on edits is made by the interpreter that runs `prof-instrument`, so it knows its own syntax. An
older one refuses such a file in one line.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from types import ModuleType
from typing import Any, TypeAlias

import pytest
import quirks
from executing import Executed, compiler
from operating import operate
from prof.instrument.codemod import instrument, uninstrument
from prof.instrument.plan import Options
from recording import Recorded, Recorder

from .conftest import Run

SYNTAX = Path(__file__).parents[1] / "programs" / "syntax"
PROGRAMS = sorted(SYNTAX.glob("*.py"))
MODULE = "kept = [bytearray(1000) for _ in range(5)]\ndef answer():\n    return len(kept)\n"
LAZY = {
    "lazy_module.py": MODULE,
    "lazy_listed.py": MODULE,
    "lazy_name.py": "VALUE = 7\n",
    "lazy_package/__init__.py": "",
    "lazy_package/inner.py": MODULE,
}

RunProgram: TypeAlias = Callable[..., "CompletedProcess[str]"]


@pytest.fixture(params=PROGRAMS, ids=lambda path: path.stem)
def program(request: pytest.FixtureRequest) -> Path:
    """Each program that this interpreter has the syntax for."""
    path: Path = request.param
    if path.stem not in quirks.RUNS:
        pytest.skip("syntax of a later Python")
    return path


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What `lazy.py` imports, in the test's folder, and nothing of it left in this process."""
    for name, text in LAZY.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    forget()


def forget() -> None:
    """Takes the lazily imported modules out of this process again."""
    for name in [name for name in sys.modules if name.startswith("lazy_")]:
        del sys.modules[name]


def edited(program: Path) -> str:
    """The program as `prof-instrument` makes it."""
    result = instrument(program.read_bytes())
    assert result.refused == () and result.sections == 1
    return result.data.decode()


def plain(source: bytes) -> Any:
    """What the program says without us."""
    module = ModuleType("plain")
    exec(compile(source, "plain.py", "exec", dont_inherit=True), module.__dict__)
    said = repr(module.main())
    forget()
    return said


# ---- there and back --------------------------------------------------------------------------------------------------


def test_the_programs_are_those_of_the_table() -> None:
    assert {path.stem for path in PROGRAMS} == set(quirks._SINCE)


@pytest.mark.parametrize("options", [(), ("--sections", "loops,paragraphs")], ids=["marks", "sections"])
@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_it_comes_back_byte_for_byte_or_is_refused(
    path: Path, options: tuple[str, ...], tmp_path: Path, run: Run
) -> None:
    original = path.read_bytes()
    (tmp_path / path.name).write_bytes(original)
    done = run("instrument", path.name, *options)
    now = (tmp_path / path.name).read_bytes()
    if path.stem not in quirks.COMPILES:
        assert (done.returncode, now) == (1, original)
        (line,) = done.stderr.decode().splitlines()
        assert line.startswith(f"{path.name}:{_first_new(original)}: does not compile: ")
        return
    assert (done.returncode, done.stderr) == (0, b"")
    defined = sum(line.lstrip().startswith((b"def ", b"async def ")) for line in original.splitlines())
    assert f": {defined} functions instrumented".encode() in done.stdout
    assert now.count(b"@profiled  # prof:auto") == defined
    compile(now, path.name, "exec", dont_inherit=True)
    assert run("uninstrument", path.name).returncode == 0
    assert (tmp_path / path.name).read_bytes() == original


def _first_new(source: bytes) -> int:
    """The line on which an interpreter that lacks the syntax stops: found by asking the running one."""
    try:
        compile(source, "<source>", "exec", dont_inherit=True)
    except SyntaxError as error:
        return error.lineno or 0
    raise AssertionError("it compiles here")


def test_a_marker_in_a_template_is_text(program: Path) -> None:
    assert b"# profile! in-text" in (SYNTAX / "templates.py").read_bytes()
    for kinds in (frozenset[str](), frozenset(("loops", "paragraphs"))):
        result = instrument(program.read_bytes(), Options(sections=kinds))
        assert result.refused == () and result.warnings == ()
        assert uninstrument(result.data).data == program.read_bytes()


def test_libcst_knows_it(program: Path, tmp_path: Path) -> None:
    """The codemods, which LibCST's own parser reads files for."""
    from libcst import parse_module
    from libcst.codemod import CodemodContext
    from prof.instrument.commands import InstrumentCommand, UninstrumentCommand

    source = program.read_bytes()
    there = InstrumentCommand(CodemodContext()).transform_module(parse_module(source))
    assert there.bytes == instrument(source).data
    assert UninstrumentCommand(CodemodContext()).transform_module(there).bytes == source


# ---- it runs, and is recorded exactly --------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", ["all,,,true", "time,,engine=monitoring"])
@pytest.mark.usefixtures("modules")
def test_it_says_the_same(
    program: Path, wanted: str, tmp_path: Path, run_program: RunProgram, captures: Callable[[], list[Recorded]]
) -> None:
    said = plain(program.read_bytes())
    path = tmp_path / "program.py"
    path.write_text(edited(program) + "\n\nif __name__ == '__main__':\n    print(repr(main()))\n")
    done = run_program(path, PROF=wanted)
    assert (done.returncode, done.stdout.replace("__main__", "plain")) == (0, said + "\n")
    assert "Traceback" not in done.stderr
    (recorded,) = captures()
    assert recorded.drops.keys() <= {"ticks_missed"}  # on a machine that is busy
    assert recorded.calls()["main"] == 1
    assert recorded.calls("section") != {}


@pytest.mark.usefixtures("modules")
def test_calls_equal_the_interpreters(program: Path, engine: str, record: Recorder) -> None:
    recorded = record(edited(program), engine=engine, hooks=True)
    counts = {name: both for name, both in recorded.counts().items() if name != "main"}
    assert counts == {name: both for name, both in recorded.hooks.items() if not name.endswith("__annotate__")}
    assert len(counts) > 3


@pytest.mark.skipif(compiler() is None, reason="no C compiler for the oracle")
@pytest.mark.parametrize("everything", [None, True], ids=["edited", "everything"])
@pytest.mark.usefixtures("modules")
def test_instructions_equal_the_interpreters(program: Path, everything: bool | None, tmp_path: Path) -> None:
    """`everything`: comprehensions and the compiler's own functions, `__annotate__` and type parameters', as well."""
    # The oracle names lines as the file has them, a recording as they were before: here they are the same.
    marked = re.sub("  # prof:auto.*", "", edited(program))
    source = marked if everything is None else program.read_text()
    operated = operate(source, tmp_path, mode="all", everything=everything, oracle=Executed())
    assert operated.comparison.differences == []
    assert operated.inexact == []
    assert operated.comparison.dynamic > 100
    if everything and program.stem == "annotations":
        assert sum(code.name.endswith("__annotate__") for code in operated.codes) > 4


@pytest.mark.usefixtures("modules")
def test_memory_equals_tracemalloc(program: Path, tmp_path: Path, run_program: RunProgram) -> None:
    """What the program's own lines hold: all bytes of them, on the same lines."""
    shutil.copy(program, tmp_path / "held.py")
    held = {}
    for tool in ("tracemalloc", "prof"):
        done = run_program(
            "memory/measure.py", tool, str(tmp_path / "held.py"), str(tmp_path), PYTHONPATH=str(tmp_path),
            PYTHONHASHSEED="0",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        rows = json.loads(done.stdout)[tool]
        held[tool] = {line: size for file, line, size, _ in rows if file.endswith("held.py")}
    assert held["prof"] == held["tracemalloc"] != {}


# ---- lazy imports ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lazily", [(), ("-X", "lazy_imports=all")], ids=["as written", "all"])
@pytest.mark.usefixtures("modules")
def test_a_lazy_import_is_a_span_where_it_is_first_used(
    lazily: tuple[str, ...], tmp_path: Path, run_program: RunProgram, captures: Callable[[], list[Recorded]]
) -> None:
    if "lazy" not in quirks.RUNS:
        pytest.skip("syntax of a later Python")
    path = tmp_path / "program.py"
    path.write_text(edited(SYNTAX / "lazy.py") + "\nmain()\n")
    done = run_program(path, options=lazily, PROF="time")
    assert done.returncode == 0, done.stderr
    (recorded,) = captures()
    found = {stack: calls for stack, calls in recorded.stacks().items() if "import lazy_" in stack}
    assert found == {
        "main;of_module;first-use;import lazy_module": 1,
        "main;of_name;import lazy_name": 1,
        "main;of_package;import lazy_package.inner": 1,
        "main;of_package;import lazy_package.inner;import lazy_package": 1,
        "main;of_package;import lazy_listed": 1,
    }


@pytest.mark.usefixtures("modules")
def test_what_a_lazy_import_allocates_is_below_the_span_of_its_module(
    tmp_path: Path, run_program: RunProgram, captures: Callable[[], list[Recorded]]
) -> None:
    """The bytes of the module's lines are its own; in the function that used the name there is what it made itself."""
    if "lazy" not in quirks.RUNS:
        pytest.skip("syntax of a later Python")
    path = tmp_path / "program.py"
    path.write_text(edited(SYNTAX / "lazy.py") + "\nmain()\n")
    done = run_program(path, PROF="memory")
    assert done.returncode == 0, done.stderr
    (recorded,) = captures()
    held = {f.label.name: f.alloc_bytes for f in recorded.functions}
    assert held["import lazy_module"] > 5000
    assert held["program.of_module"] < 5000
