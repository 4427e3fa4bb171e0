"""A marked function is the same function, and what looks at it sees the same."""

from __future__ import annotations

import ast
import copy
import dis
import doctest
import functools
import inspect
import linecache
import pickle
import sys
import traceback
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prof._core import lib
from recording import Recorder

SHAPES = Path(__file__).parent / "programs" / "shapes.py"


class Pair:
    """The same module twice: as it is, and recorded."""

    def __init__(self, record: Recorder, mode: str) -> None:
        from prof import _probes, enable_profiling

        self.plain, self.probed = types.ModuleType("shapes"), types.ModuleType("shapes")
        source = SHAPES.read_text()
        unmarked = source.replace("from prof import profiled", "profiled = lambda target: target")
        code = [compile(text, str(SHAPES), "exec", dont_inherit=True) for text in (unmarked, source)]
        record.monkeypatch.setitem(sys.modules, "shapes", self.plain)
        exec(code[0], self.plain.__dict__)
        record.monkeypatch.setitem(sys.modules, "shapes", self.probed)
        self.mode = mode
        with enable_profiling(f"{mode},{record.folder}"):
            exec(code[1], self.probed.__dict__)
        self.functions = {
            name: (value, getattr(self.probed, name))
            for name, value in vars(self.plain).items()
            if isinstance(value, types.FunctionType) and _probes.is_probed(getattr(self.probed, name).__code__)
        }
        assert len(self.functions) > 10


@pytest.fixture(params=["time", "ops"])
def pair(record: Recorder, request: pytest.FixtureRequest) -> Pair:
    return Pair(record, request.param)


@pytest.fixture
def recorded_pair(record: Recorder, pair: Pair) -> Any:
    """The pair while a recording runs."""
    from prof import enable_profiling

    with enable_profiling(f"{pair.mode},{record.folder}"):
        yield pair


def test_the_same_object(record: Recorder) -> None:
    space = record.load("def f(): return 1\nf2 = f\ng = profiled(f)\nh = profiled('time', name='x')(f)\n"
                        "def main(): return f is f2 is g is h")  # fmt: skip
    assert record.call(space).result is True


def test_kinds(pair: Pair) -> None:
    for plain, probed in pair.functions.values():
        for kind in ("isfunction", "iscoroutinefunction", "isgeneratorfunction", "isasyncgenfunction", "isroutine"):
            assert getattr(inspect, kind)(plain) == getattr(inspect, kind)(probed)
        assert plain.__code__.co_flags == probed.__code__.co_flags


def test_what_inspect_tells(pair: Pair) -> None:
    for plain, probed in pair.functions.values():
        assert inspect.signature(plain) == inspect.signature(probed)
        assert inspect.getsource(plain) == inspect.getsource(probed)
        assert inspect.getdoc(plain) == inspect.getdoc(probed)
        assert inspect.getfullargspec(plain) == inspect.getfullargspec(probed)
        assert (plain.__name__, plain.__qualname__, plain.__module__) == (
            probed.__name__, probed.__qualname__, probed.__module__)  # fmt: skip
        assert (plain.__defaults__, plain.__kwdefaults__, plain.__annotations__) == (
            probed.__defaults__, probed.__kwdefaults__, probed.__annotations__)  # fmt: skip


def _instructions(code: types.CodeType, skip: frozenset[int]) -> list[tuple[Any, ...]]:
    return [(i.opname, i.positions) for i in dis.get_instructions(code) if i.offset not in skip]


def _probe_offsets(code: types.CodeType) -> frozenset[int]:
    """Offsets of LOAD_CONST probe; UNARY; POP_TOP, and of the RERAISE behind those at the end."""
    found: set[int] = set()
    instructions = list(dis.get_instructions(code))
    for at, i in enumerate(instructions):
        if i.opname == "LOAD_CONST" and type(i.argval).__module__ == "prof":
            found |= {each.offset for each in instructions[at : at + 3]}
            back = at
            while back and instructions[back - 1].opname == "EXTENDED_ARG":
                back -= 1
                found.add(instructions[back].offset)
            behind = instructions[at + 3]
            if behind.opname == "RERAISE" and behind.positions is not None and behind.positions.lineno is None:
                found.add(behind.offset)
            elif behind.opname == "JUMP_FORWARD" and instructions[at + 4].opname == "SEND" and behind.arg == 1:
                found |= {behind.offset, instructions[at + 4].offset}
    return frozenset(found)


@pytest.fixture
def shown() -> Iterator[None]:
    """Readers see the probes."""
    from prof import _probes

    _probes.show_probes(True)
    yield
    _probes.show_probes(False)


def test_old_instructions_keep_their_positions(pair: Pair, shown: None) -> None:
    if pair.mode != "time":
        pytest.skip("test_operations.py has it for the operations")
    for plain, probed in pair.functions.values():
        old = _instructions(plain.__code__, frozenset())
        new = _instructions(probed.__code__, _probe_offsets(probed.__code__))
        # A jump that grew needs an EXTENDED_ARG more.
        assert [i for i in new if i[0] != "EXTENDED_ARG"] == [i for i in old if i[0] != "EXTENDED_ARG"]
        lines = {line for _, _, line in plain.__code__.co_lines()}
        assert {line for _, _, line in probed.__code__.co_lines()} - {None} == lines - {None}


def test_pickled_by_reference(recorded_pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shapes", recorded_pair.probed)
    for _, probed in recorded_pair.functions.values():
        assert pickle.loads(pickle.dumps(probed)) is probed
        assert copy.copy(probed) is probed
        assert copy.deepcopy(probed) is probed


def test_tracebacks_line_for_line(recorded_pair: Pair) -> None:
    def told(module: types.ModuleType) -> list[str]:
        found = []
        for call in module.FAILURES:
            try:
                call()
            except BaseException as error:
                text = traceback.format_exception(error)
                found.append("".join(line for line in text if __file__ not in line))
        return found

    linecache.checkcache()
    plain, probed = told(recorded_pair.plain), told(recorded_pair.probed)
    assert plain == probed
    assert len(plain) > 5
    assert any("^^^" in text for text in plain)


def _events(module: types.ModuleType) -> list[tuple[str, str, int]]:
    """What a trace function sees of the module."""
    seen = []

    def trace(frame: types.FrameType, event: str, arg: object) -> Any:
        if frame.f_code.co_filename == str(SHAPES):
            seen.append((event, frame.f_code.co_name, frame.f_lineno))
        return trace

    sys.settrace(trace)
    try:
        module.many_jumps(12)
        list(module.delegate())
        for call in module.FAILURES:
            try:
                call()
            except BaseException:
                pass
    finally:
        sys.settrace(None)
    return seen


def test_a_trace_function_sees_the_same(recorded_pair: Pair) -> None:
    plain, probed = _events(recorded_pair.plain), _events(recorded_pair.probed)
    if recorded_pair.mode == "ops" and lib.PROF_QUIRK_EACH_JUMP_BACK_IS_A_LINE:
        # A branch whose counter lies apart comes back by a jump, and 3.11 tells of each jump back as of a line.
        plain, probed = _without_repeats(plain), _without_repeats(probed)
    assert probed == plain
    assert len(plain) > 100


def _without_repeats(events: list[tuple[str, str, int]]) -> list[tuple[str, str, int]]:
    return [each for each, before in zip(events, [None, *events], strict=False) if each != before or each[0] != "line"]


def test_decorators_of_the_library(recorded_pair: Pair) -> None:
    for module in (recorded_pair.plain, recorded_pair.probed):
        module.cached.cache_clear()
        assert (module.cached(2), module.cached(2), module.cached.cache_info().hits) == (4, 4, 1)
        assert module.Child().method() == 11
        assert module.Child().__class_cell__() is module.Child
        assert module.Point(1, 2) == module.Point(1, 2)
        assert module.Point(1, 2).norm == 3
        assert module.Colour.RED.describe() == "RED=1"
        assert module.Whole.static() == module.Whole.klass() == module.Whole().method() == module.Whole().prop == 5
        assert module.dispatch(1) == "int" and module.dispatch("") == "any"
        assert functools.partial(module.add, 1)(2) == 3


def test_doctest(recorded_pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (recorded_pair.plain, recorded_pair.probed):
        monkeypatch.setitem(sys.modules, "shapes", module)
        assert doctest.testmod(module) == (0, 2)


def test_frames_and_warnings(recorded_pair: Pair) -> None:
    import warnings

    results = []
    for module in (recorded_pair.plain, recorded_pair.probed):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            module.calls_deprecated()
        results.append([(w.lineno, str(w.message), w.filename) for w in told] + [module.where_am_i()])
    assert results[0] == results[1]


def test_locals_closures_and_globals(recorded_pair: Pair) -> None:
    plain, probed = recorded_pair.plain.closures(), recorded_pair.probed.closures()
    assert plain[0]() == probed[0]() == 6
    assert inspect.getclosurevars(plain[0]).nonlocals == inspect.getclosurevars(probed[0]).nonlocals
    assert recorded_pair.plain.all_locals(1) == recorded_pair.probed.all_locals(1) == {"x": 1, "y": 2}


def test_source_is_what_the_ast_says(recorded_pair: Pair) -> None:
    for _, probed in recorded_pair.functions.values():
        assert ast.parse(inspect.getsource(probed).lstrip())


def test_coroutine_states(recorded_pair: Pair) -> None:
    for module in (recorded_pair.plain, recorded_pair.probed):
        c = module.wait()
        assert inspect.getcoroutinestate(c) == inspect.CORO_CREATED
        c.send(None)
        assert inspect.getcoroutinestate(c) == inspect.CORO_SUSPENDED
        assert c.cr_await is not None and c.cr_frame.f_lineno > 0
        c.close()
        assert inspect.getcoroutinestate(c) == inspect.CORO_CLOSED
        g = module.delegate()
        next(g)
        assert (g.gi_yieldfrom is not None, inspect.getgeneratorstate(g)) == (True, inspect.GEN_SUSPENDED)
        assert list(g) == [1, 2]
