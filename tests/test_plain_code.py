"""Whoever reads probed code sees what the program was compiled to: the oracle is the same program without probes."""

from __future__ import annotations

import copy
import dis
import gc
import importlib.util
import io
import marshal
import subprocess
import sys
import traceback
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import quirks
from prof._core import lib
from recording import Recorder

PROGRAMS = Path(__file__).parent / "programs"
SHAPES = PROGRAMS / "shapes.py"
LIBRARY = [
    "argparse",
    "ast",
    "asyncio.tasks",
    "contextlib",
    "dataclasses",
    "inspect",
    "json.decoder",
    "random",
    "typing",
]
OWN = sorted(path for path in PROGRAMS.glob("*/*.py") if path.parent.name != "syntax" or path.stem in quirks.RUNS)
FILES = [*OWN, SHAPES, *(Path(importlib.util.find_spec(name).origin) for name in LIBRARY)]  # type: ignore[union-attr, arg-type]
MODES = ["time", "ops", "all"]


def compiled(path: Path) -> types.CodeType:
    return compile(path.read_text(), str(path), "exec", dont_inherit=True)


def nested(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from nested(constant)


def read(code: types.CodeType) -> dict[str, Any]:
    """All that Python can ask of a code object."""
    found: dict[str, Any] = {}
    for name in dir(code):
        if name.startswith("co_") or name == "_co_code_adaptive":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                value = getattr(code, name)
            found[name] = list(value()) if callable(value) else value
    out = io.StringIO()
    dis.dis(code, file=out, depth=0, show_caches=True)
    found["dis"] = [line.partition(" at 0x")[0] for line in out.getvalue().splitlines()]
    found |= {"hash": hash(code), "__hash__": code.__hash__(), "size": sys.getsizeof(code), "repr": repr(code)[-30:]}
    return found


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_attribute_is_that_of_the_code_without_probes(record: Recorder, path: Path, mode: str) -> None:
    from prof import enable_profiling

    plain = compiled(path)
    with enable_profiling(f"{mode},{record.folder}"):
        from prof import _probes

        probed = _probes.probe_code(compiled(path), "program", True)
    pairs = list(zip(nested(plain), nested(probed), strict=True))
    assert pairs or path.stem == "empty"
    for one, other in pairs:
        assert read(one) == read(other)
        assert one == other and other == one and (one != other) is False and one.__eq__(other) is True
        assert {one: 1}[other] == 1 and other in {one}
        assert other.replace() == one.replace() and other.replace(co_name="x") == one.replace(co_name="x")
    assert plain == probed
    assert marshal.loads(marshal.dumps(probed)) == plain
    assert copy.deepcopy(probed) == plain
    _probes.show_probes(True)
    assert all(type(other.co_consts[-1]).__module__ == "prof" for _, other in pairs)
    assert all(len(other.co_code) > len(one.co_code) for one, other in pairs)


# ---- while it runs --------------------------------------------------------------------------------------------------


@pytest.fixture(params=MODES)
def twins(record: Recorder, request: pytest.FixtureRequest) -> Iterator[Callable[[str], tuple[Any, Any]]]:
    """Loads a program twice, as it is and recorded; the recording runs."""
    import prof

    def load(source: str) -> tuple[Any, Any]:
        Path(record.file).write_text(source)
        both = []
        for marker in (lambda f: f, prof.profiled):
            module = types.ModuleType("program")
            module.__dict__["profiled"] = marker
            exec(compile(source, record.file, "exec", dont_inherit=True), module.__dict__)
            both.append(module)
        return both[0], both[1]

    with prof.enable_profiling(f"{request.param},{record.folder}"):
        yield load


RUNS = """
import sys, types
def lasti(log, depth=1):
    log.append(sys._getframe(depth).f_lasti)
    return log
@profiled
def loops(log, n):
    total = 0
    for k in range(n):
        if k % 2 and (lambda: k)() or total > 1000:
            total += len(lasti(log))
            continue
        total += sum(len(lasti(log)) for _ in range(2))
        try:
            lasti(log)[n * 100]
        except IndexError:
            lasti(log)
        finally:
            lasti(log)
    return total
@profiled
def generates(log, n):
    with open(__file__) if n < 0 else __import__("contextlib").nullcontext():
        for k in range(n):
            got = yield k if k % 2 else -k
            lasti(log)
    yield from [1, 2]
@profiled
def raises(n):
    if n > 3:
        return [1, 2][n] + n
    try:
        return raises(n + 1) + 1
    except KeyError:
        pass
    finally:
        n = "x" * n
@profiled
async def waits(log):
    lasti(log)
    await sleeps(log)
    raise ValueError(log)
@profiled
@types.coroutine
def sleeps(log):
    lasti(log)
    yield
def main():
    log = []
    loops(log, 6)
    g = generates(log, 4)
    log.append(g.gi_frame.f_lasti)
    for _ in g:
        log.append(g.gi_frame.f_lasti)
    c = waits(log)
    log.append(c.cr_frame.f_lasti)
    c.send(None)
    log.append(c.cr_frame.f_lasti)
    for call in (lambda: raises(0), lambda: c.send(None), lambda: generates(log, 3).throw(OSError)):
        try:
            call()
        except Exception as error:
            trace = error.__traceback__
            while trace is not None:
                log.append((trace.tb_frame.f_code.co_name, trace.tb_lasti, trace.tb_lineno))
                trace = trace.tb_next
    return log
"""


def test_offsets_of_frames_and_tracebacks(twins: Callable[[str], tuple[Any, Any]]) -> None:
    plain, probed = twins(RUNS)
    expected = plain.main()
    assert len(expected) > 40
    assert probed.main() == expected
    assert probed.main() == expected  # with samplers stepped aside


def test_a_traceback_made_of_another(twins: Callable[[str], tuple[Any, Any]]) -> None:
    """As trio and pytest do: the offset that was read is the one that is meant, for Python and for the interpreter."""
    told = []
    for module in twins(RUNS):
        try:
            module.raises(0)
        except Exception as error:
            trace = error.__traceback__.tb_next  # type: ignore[union-attr]
            assert trace is not None
            made = types.TracebackType(None, trace.tb_frame, trace.tb_lasti, trace.tb_lineno)
            assert (made.tb_lasti, made.tb_lineno) == (trace.tb_lasti, trace.tb_lineno)
            told.append("".join(traceback.format_tb(made)))
    assert told[0] == told[1] and told[0]


def test_trace_functions_read_offsets(twins: Callable[[str], tuple[Any, Any]]) -> None:
    def events(module: Any) -> list[tuple[str, str, int]]:
        seen: list[tuple[str, str, int]] = []

        def hook(frame: types.FrameType, event: str, arg: object) -> Any:
            if frame.f_code.co_filename == module.main.__code__.co_filename:
                seen.append((event, frame.f_code.co_name, frame.f_lasti))

        sys.setprofile(hook)
        try:
            module.main()
        finally:
            sys.setprofile(None)
        return seen

    plain, probed = twins(RUNS)
    assert events(probed) == events(plain)


def test_a_trace_function_that_looks_at_each_instruction(twins: Callable[[str], tuple[Any, Any]]) -> None:
    """Its lines are those of the offsets, though what was inserted has none; it jumps as a debugger does."""
    source = """
@profiled
def raises():
    raise KeyError(
        "x")
@profiled
def main(log):
    try:
        raises()
    except KeyError:
        log.append("handled")
    log.append("jumped over")
    log.append("end")
"""

    def events(module: Any) -> list[Any]:
        seen: list[Any] = []

        def trace(frame: types.FrameType, event: str, arg: object) -> Any:
            if frame.f_code.co_filename != module.main.__code__.co_filename:
                return None
            frame.f_trace_opcodes = True
            lines = [n for start, end, n in frame.f_code.co_lines() if start <= frame.f_lasti < end]
            assert frame.f_lineno == lines[0], (event, frame.f_lasti)
            if event != "opcode":
                seen.append((event, frame.f_lasti, frame.f_lineno))
            if (event, frame.f_lineno) == ("line", 12):
                frame.f_lineno = 13
            return trace

        log: list[str] = []
        before = sys.gettrace()
        sys.settrace(trace)
        try:
            module.main(log)
        finally:
            sys.settrace(before)
        assert log == ["handled", "end"]
        return seen

    plain, probed = twins(source)
    assert events(probed) == events(plain)


# ---- hash, equality, copies -----------------------------------------------------------------------------------------


def test_a_set_keeps_code_that_changes_while_it_runs(twins: Callable[[str], tuple[Any, Any]]) -> None:
    """Samplers of operand types put jumps into running code."""
    source = """
@profiled
def f(n):
    total = 0
    for k in range(n):
        total += (lambda x: x[0] - k)([k * 2])
    return total, (lambda: n).__code__
"""
    plain, probed = twins(source)
    codes = {probed.f.__code__, probed.f(1)[1]}
    assert probed.f(5000)[0] == plain.f(5000)[0]
    assert probed.f.__code__ in codes and probed.f(1)[1] in codes and plain.f.__code__ in codes
    assert {plain.f.__code__, plain.f(1)[1]} == codes


def test_a_lambdas_code_is_the_constant_of_its_function(twins: Callable[[str], tuple[Any, Any]]) -> None:
    for module in twins("@profiled\ndef f():\n    return (lambda: 1)\n"):
        assert any(each is module.f().__code__ for each in module.f.__code__.co_consts)


@pytest.mark.parametrize("mode", MODES)
def test_what_replace_makes_is_recorded(record: Recorder, mode: str) -> None:
    """The copy is what it is asked to be, and counts as what it is made of."""
    from prof import enable_profiling
    from recording import Recorded

    source = """
import types
@profiled
def f(n):
    return [k for k in range(n)], 'old'
@profiled
def g(n):
    yield n
def main():
    renamed = f.__code__.replace(co_name='renamed')
    other = f.__code__.replace(co_consts=tuple('new' if c == 'old' else c for c in f.__code__.co_consts))
    made = [types.FunctionType(code, globals())(3) for code in (renamed, other, f.__code__)]
    return renamed.co_name, [last for _, last in made], types.coroutine(g).__code__.co_flags & 0x100
"""
    space = record.load(source)
    with enable_profiling(f"{mode},{record.folder / 'out'}") as enabled:
        space = record.load(source)
        assert space["main"]() == ("renamed", ["old", "new", "old"], 0x100)
        assert list(space["g"](1)) == [1]
    (path,) = (file for file in enabled.files if file.suffix == ".capture")
    assert Recorded(path).calls("function") == {"f": 3, "g": 1}


def test_bytecode_that_a_program_writes_is_left_alone(twins: Callable[[str], tuple[Any, Any]]) -> None:
    plain, probed = twins("@profiled\ndef f():\n    return 1\n")
    for code in (b"", b"\xfb\xff" * 40):
        for change in ({"co_code": code}, {"co_exceptiontable": code}, {"co_linetable": code}):
            assert probed.f.__code__.replace(**change) == plain.f.__code__.replace(**change)


def test_probed_code_lets_go(twins: Callable[[str], tuple[Any, Any]]) -> None:
    """What readers are given makes no circle that keeps code alive."""
    import weakref

    _, probed = twins("@profiled\ndef f():\n    return (lambda: 1)()\n")
    code = weakref.ref(probed.f.__code__)
    hash(code()), code().co_consts, marshal.dumps(code()), code().replace()
    del probed.f
    gc.collect()
    assert code() is None


# ---- by value -------------------------------------------------------------------------------------------------------


def test_marshal_of_code_in_anything(twins: Callable[[str], tuple[Any, Any]]) -> None:
    plain, probed = twins("@profiled\ndef f(n):\n    return [n * k for k in range(3)], (lambda: n)()\n")
    for wrap in (
        lambda code: code,
        lambda code: [code, (code, {"a": code, code: 1}), frozenset([code]), {code}],
        lambda code: plain.f.__code__.replace(co_consts=(code, None)),
    ):
        expected, value = wrap(plain.f.__code__), wrap(probed.f.__code__)
        assert marshal.loads(marshal.dumps(value)) == expected
        assert marshal.loads(marshal.dumps(value, 2)) == expected
        assert value == expected
    circle: list[Any] = [probed.f.__code__]
    circle.append(circle)
    again = marshal.loads(marshal.dumps(circle))
    assert again[1] is again and again[0] == plain.f.__code__
    with pytest.raises(ValueError):
        marshal.dumps([probed.f.__code__, object()])


def test_marshalled_to_a_file(twins: Callable[[str], tuple[Any, Any]], tmp_path: Path) -> None:
    plain, probed = twins("@profiled\ndef f(n):\n    return n\n")
    with open(tmp_path / "code", "w+b") as file:
        marshal.dump({1: probed.f.__code__}, file)
        file.seek(0)
        assert marshal.load(file) == {1: plain.f.__code__}


def test_a_worker_without_the_profiler_runs_what_it_is_sent(twins: Callable[[str], tuple[Any, Any]]) -> None:
    """By value, as cloudpickle and old task queues do: nothing in it needs the profiler."""
    _, probed = twins(RUNS)
    worker = """
import sys; sys.modules['prof'] = None
import marshal, types
code = marshal.loads(sys.stdin.buffer.read())
print(list(types.FunctionType(code, globals(), 'generates')([], 3)))
def lasti(log): return log
"""
    worker = worker.replace("print", "def lasti(log): return log\n__file__ = ''\nprint", 1).rpartition("def lasti")[0]
    done = subprocess.run(
        [sys.executable, "-c", worker], input=marshal.dumps(probed.generates.__code__), capture_output=True, check=False
    )
    assert done.stderr == b"" and done.stdout.split() == b"[0, 1, -2, 1, 2]".split()


# ---- other tools of sys.monitoring ----------------------------------------------------------------------------------

TOOL = 3


def _told(module: Any, probed: bool) -> list[tuple[Any, ...]]:
    """Every event of the program's marked functions, with its offsets."""
    monitoring = sys.monitoring  # type: ignore[attr-defined, unused-ignore]
    events = {name: value for name, value in vars(monitoring.events).items() if name.isupper() and value}
    if "BRANCH_LEFT" in events:
        del events["BRANCH"]  # it stands for both of them
    seen: list[tuple[Any, ...]] = []
    unwinds: list[bool] = []
    file = module.main.__code__.co_filename

    def callback(name: str) -> Callable[..., None]:
        def note(code: types.CodeType, *arguments: Any) -> None:
            if code.co_filename == file and code.co_name not in ("main", "lasti"):
                numbers = tuple(each for each in arguments if type(each) is int)
                if (
                    name == "PY_UNWIND"
                ):  # the interpreter's own is often that of an instruction near the one that raised
                    numbers = (sys._getframe(1).f_lasti,)
                    unwinds.append(code.co_name != "raises" or arguments[0] == numbers[0])
                seen.append((name, code.co_name, *numbers[: 2 if name.startswith(("JUMP", "BRANCH")) else 1]))

        return note

    monitoring.use_tool_id(TOOL, "events")
    for name, value in events.items():
        assert monitoring.register_callback(TOOL, value, callback(name)) is None
    monitoring.set_events(TOOL, sum(value for name, value in events.items() if name not in ("C_RAISE", "C_RETURN")))
    try:
        module.main()
    finally:
        monitoring.set_events(TOOL, 0)
        for value in events.values():
            found = monitoring.register_callback(TOOL, value, None)
            assert isinstance(found, types.FunctionType)  # the callback that was registered, itself
        monitoring.free_tool_id(TOOL)
    assert unwinds and (all(unwinds) or not probed)
    return seen


@pytest.mark.skipif(not lib.PROF_QUIRK_MONITORING, reason="sys.monitoring came with Python 3.12")
def test_events_are_those_of_the_program(twins: Callable[[str], tuple[Any, Any]]) -> None:
    plain, probed = twins(RUNS)
    for module in (plain, probed, probed):  # so that samplers of operand types have stepped aside
        for _ in range(3):
            module.main()
    expected = _told(plain, False)
    assert {name for name, *_ in expected} > {
        "INSTRUCTION",
        "BRANCH_LEFT" if hasattr(sys.monitoring.events, "BRANCH_LEFT") else "BRANCH",  # type: ignore[attr-defined, unused-ignore]
        "JUMP",
        "RERAISE",
        "EXCEPTION_HANDLED",
        "PY_UNWIND",
    }
    assert _told(probed, True) == expected


@pytest.mark.skipif(not lib.PROF_QUIRK_MONITORING, reason="sys.monitoring came with Python 3.12")
def test_callbacks_registered_before_the_first_probe(run_program: Any, tmp_path: Path) -> None:
    program = tmp_path / "app.py"
    program.write_text("""
import sys
m, seen = sys.monitoring, []
def handled(code, offset, error):
    if code.co_name == "f": seen.append(offset)
m.use_tool_id(3, "t")
m.register_callback(3, m.events.RERAISE, handled)
m.register_callback(3, m.events.EXCEPTION_HANDLED, handled)
m.set_events(3, m.events.RERAISE | m.events.EXCEPTION_HANDLED)
from prof import profiled
@profiled
def f(): return {}[1]
for _ in range(3):
    try: f()
    except KeyError: pass
print(seen, m.register_callback(3, m.events.RERAISE, None) is handled)
""")
    for mode in ("", "time", "all"):
        done = run_program(program, PROF=f"{mode},{tmp_path}" if mode else "")
        assert (done.returncode, done.stdout) == (0, "[] True\n"), done.stderr
