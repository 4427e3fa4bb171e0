"""Operations counted by events of sys.monitoring are those that probes count, instruction by instruction."""

from __future__ import annotations

import dis
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import quirks
from executing import Executed, compiler
from hypothesis import HealthCheck, given, settings
from operating import EXACT, NASTY, Operated, operate, text
from prof._core import lib
from test_operations_property import programs
from test_property import Raised

pytestmark = [
    pytest.mark.skipif(not lib.PROF_QUIRK_MONITORING, reason="sys.monitoring came with Python 3.12"),
    pytest.mark.filterwarnings("ignore::SyntaxWarning"),
]

TOOL = 1

# types.coroutine gives these other code, which without probes is none that anybody asked for.
LEFT_OUT = ("program.pause", "program.awaitable")


def is_ending(row: Any) -> bool:
    """Whether it ends a generator that is closed: no line has it."""
    return quirks.CLOSES_BY_THROWING and dis.opname[row.opcode] == "RERAISE" and not row.line


def instructions(operated: Operated) -> Counter[tuple[Any, ...]]:
    """Each operation with all that is said of it, but where it lies: of the bytecode engine, probes lie between them.

    What is no operation need not be the same: the bytecode engine does not count POP_ITER, for one.
    """
    found: Counter[tuple[Any, ...]] = Counter()
    for code in operated.codes:
        for place, row in enumerate(operated.rows[code.index]):
            if not row.categories or code.name in LEFT_OUT or is_ending(row):
                continue
            what = (row.opcode, row.line, row.end_line, row.columns, row.categories)
            names = (row.name, row.second, row.access, row.second_access)
            found[code.name, code.line, place, what, names, row.count, row.taken] += 1
    return found


def contexts(operated: Operated) -> dict[str, int]:
    ends = any(is_ending(row) and row.count for rows in operated.rows.values() for row in rows)
    left_out = {name.removeprefix("program.") for name in LEFT_OUT}
    return {} if ends else {path: n for path, n in operated.stacks.items() if path.rpartition(";")[2] not in left_out}


def both(source: str, folder: Path, **names: Any) -> list[Operated]:
    """Recorded by probes, and by events."""
    found = []
    for engine in ("bytecode", "monitoring"):
        found.append(operate(source, folder, engine=engine, **names))
        for file in folder.glob("*.c*"):
            file.unlink()
    return found


@pytest.mark.parametrize("everything", [False, True], ids=["defs", "everything"])
@pytest.mark.parametrize("program", [p for p in NASTY if p.stem != "interrupts"], ids=lambda path: path.stem)
def test_each_instruction_counts_the_same(program: Path, everything: bool, tmp_path: Path) -> None:
    probes, events = both(text(program), tmp_path, everything=everything)
    assert instructions(events) == instructions(probes)
    assert len(instructions(events)) > 50
    assert contexts(events) in ({}, contexts(probes))
    assert (events.inexact, events.drops) == ([], {})


@pytest.mark.parametrize("program", EXACT, ids=lambda path: path.stem)
def test_marked_programs_count_the_same(program: Path, tmp_path: Path) -> None:
    probes, events = both(program.read_text(), tmp_path, mode="time+ops")
    assert instructions(events) == instructions(probes)
    assert contexts(events) in ({}, contexts(probes))


@pytest.mark.skipif(compiler() is None, reason="no C compiler for the oracle")
@pytest.mark.parametrize("program", NASTY, ids=lambda path: path.stem)
def test_instructions_equal_the_interpreters(program: Path, tmp_path: Path) -> None:
    """Also where signals come at any time, and no two runs are the same.

    Where events tell late that a generator goes on, an exception that a signal handler raises just there is not seen to
    be in its span: `unmatched_leave` says so.
    """
    late = ("yields",) if program.stem == "interrupts" and lib.PROF_QUIRK_START_IS_TOLD_LATE else ()
    operated = operate(text(program), tmp_path, engine="monitoring", everything=False, oracle=Executed(), left_out=late)
    assert operated.comparison.differences == []
    assert operated.comparison.dynamic > 0


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(source=programs())
def test_programs_made_at_random_count_the_same(source: str) -> None:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        probes, events = both(source, Path(folder), everything=False, Raised=Raised)
    assert instructions(events) == instructions(probes)
    assert contexts(events) in ({}, contexts(probes))


# ---- what is counted, and what is not --------------------------------------------------------------------------------

WITHIN = """
@profiled
def outer(n):
    def inner(k):
        return k + 1
    @profiled
    def marked(k):
        return k * 2
    @profiled("time")
    def narrowed(k):
        return k - 1
    class Holds:
        size = len([j for j in range(n) if j])
    twice = profiled(lambda k: k + k)
    return [inner(k) + marked(k) + narrowed(k) + twice(k) for k in range(n)] + list(map(lambda k: k ** 2, range(n)))
def unmarked(n):
    return n + 1
def main():
    outer(3), unmarked(4)
"""


def test_only_marked_code_and_what_lies_in_it_is_counted(tmp_path: Path) -> None:
    probes, events = both(WITHIN, tmp_path)
    assert instructions(events) == instructions(probes)
    assert contexts(events) == contexts(probes)
    names = {code.name.removeprefix("program.") for code in events.codes}
    assert names == {"outer", "outer.marked", "outer.Holds", "outer.<lambda>"}


def test_branches(tmp_path: Path) -> None:
    source = "def f(n):\n    for k in range(n):\n        n = 2 if k > 2 else 3\n    return n\ndef main(): f(5), f(1)\n"
    operated = operate(source, tmp_path, engine="monitoring", everything=False)
    loop, branch = (row for row in operated.of("f") if row.taken is not None)
    assert (loop.count, loop.taken) == (8, 2)
    assert (branch.count, branch.taken) == (6, 4)


FORKS = """
import os
from prof import profiled
@profiled
def f(n):
    t = 0
    for k in range(n):
        if k == 3: t += g(k)
        else: t -= k
    return t
@profiled
def g(n):
    pid = os.fork()
    x = [j for j in range(n if pid else n * 2) if j % 2]
    if pid: os.waitpid(pid, 0)
    return len(x)
f(6), f(2)
"""


def test_forks(tmp_path: Path, run_program: Callable[..., CompletedProcess[str]]) -> None:
    """Parent and child go on in the middle of a call; what there is to be said is said once."""
    program = tmp_path / "forks.py"
    program.write_text(FORKS)
    found = {}
    for engine in ("bytecode", "monitoring"):
        keys = f"engine={engine},imports=false,collections=false"
        done = run_program(program, PROF=f"ops,{tmp_path / engine},,,{keys}")
        assert done.returncode == 0
        assert done.stderr.count("many times slower") == (engine == "monitoring")
        files = sorted((tmp_path / engine).glob("*.capture"), key=lambda path: len(path.name))
        found[engine] = [contexts(Operated(path)) for path in files]
    assert found["monitoring"] == found["bytecode"]
    assert [len(each) for each in found["bytecode"]] == [2, 2]


@pytest.mark.skipif(not lib.PROF_QUIRK_START_IS_TOLD_LATE, reason="a signal may look the same on 3.12")
def test_another_tool_that_takes_the_events_away(tmp_path: Path) -> None:
    """The interpreter forgets who asked first: what is missing then is said."""
    monitoring = sys.monitoring  # type: ignore[attr-defined, unused-ignore]

    def watch(on: bool) -> None:
        monitoring.set_events(TOOL, monitoring.events.INSTRUCTION if on else 0)

    monitoring.use_tool_id(TOOL, "another")
    try:
        source = "def f(n): return n + 1\ndef main():\n    f(1), watch(True), f(2), f(3), f(4), watch(False)\n"
        operated = operate(source, tmp_path, engine="monitoring", everything=False, watch=watch)
    finally:
        monitoring.free_tool_id(TOOL)
    assert operated.drops == {"events_taken": 2}
    assert operated.calls("f") == 1


def test_recordings_by_one_engine_and_the_other(tmp_path: Path) -> None:
    """What has probes of an earlier recording counts by them; what was watched is watched again, or gets probes."""
    import prof
    from prof import session

    space: dict[str, Any] = {"__name__": "program", **{name: getattr(prof, name) for name in prof.__all__}}
    source = "@profiled\ndef f(n): return [k + 1 for k in range(n) if k]\n"
    found = []
    for engine, mode in [("bytecode", "time"), ("monitoring", "ops"), ("bytecode", "ops"), ("monitoring", "ops"),
                         ("monitoring", "time"), ("monitoring", "ops")]:  # fmt: skip
        session.start(f"{mode},{tmp_path},none,,imports=false,collections=false,engine={engine}")
        if not found:
            exec(compile(source, str(tmp_path / "program.py"), "exec", dont_inherit=True), space)
        exec(compile(source.replace("f(", "g("), str(tmp_path / "g.py"), "exec", dont_inherit=True), space)
        space["f"](5), space["g"](7)
        (path,) = (file for file in session.stop() if file.suffix == ".capture")
        if mode == "ops":
            operated = Operated(path)
            found.append([sum(row.count * len(row.categories) for row in operated.of(name)) for name in ("f", "g")])
            assert operated.inexact == []
        else:
            found.append([])
        path.unlink()
    assert [each for each in found if each] == [found[1]] * 4
    assert all(found[1])
