"""Marks follow a function that is made anew, reach what wraps functions, and are named where they had no effect."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from recording import Recorded, Recorder

Run = Callable[..., CompletedProcess[str]]

# `again` compiles a function from its source and lets the first one go, `kept` holds it, `swapped` changes its code.
AGAIN = """
import inspect, textwrap, types
from prof import profiled
first = []
def anew(f):
    lines, first_line = inspect.getsourcelines(f)
    lines = textwrap.dedent("".join(lines)).splitlines()
    blank = [""] * (first_line - 1)
    while lines[0].startswith("@"): blank.append(lines.pop(0)[:0])
    space = dict(f.__globals__)
    exec(compile("\\n".join(blank + lines), f.__code__.co_filename, "exec"), space)
    new = space[f.__name__]
    new.__module__, new.__qualname__ = f.__module__, f.__qualname__
    return new
def again(f):
    return anew(f)
def kept(f):
    first.append(f)
    return anew(f)
def swapped(f):
    f.__code__ = anew(f).__code__
    return f
def again_in(cls):
    for name, member in list(vars(cls).items()):
        if isinstance(member, types.FunctionType): setattr(cls, name, again(member))
    return cls
"""


@pytest.fixture
def record_file(run_program: Run, tmp_path: Path) -> Callable[..., tuple[Recorded, str]]:
    """Records a program as a script: what was recorded, and what it wrote on stderr."""

    def run(source: str, modes: str = "time", keys: str = "") -> tuple[Recorded, str]:
        (tmp_path / "app.py").write_text(source)
        keys = f"imports=false,collections=false{keys}"
        done = run_program(tmp_path / "app.py", PROF=f"{modes},{tmp_path / 'out'},{keys}")
        assert done.returncode == 0, done.stderr
        (path,) = (tmp_path / "out").glob("*.capture")
        return Recorded(path), done.stderr

    return run


@pytest.mark.parametrize("modes", ["time", "all"])
def test_a_function_made_anew_is_recorded(record_file: Any, modes: str, engine: str) -> None:
    source = (
        AGAIN
        + """
@again
@profiled
def outer(n):
    @again
    @profiled
    def inner(): return 1
    return inner()
@again
@profiled
def steps(n):
    for i in range(n): yield i
@again_in
class Box:
    @profiled
    def put(self, *, thing): return thing
outer(3), outer(2), list(steps(3)), list(steps(2)), Box().put(thing=1)
"""
    )
    recorded, errors = record_file(source, modes, f",engine={engine}")
    assert {name.removeprefix("app."): n for name, n in recorded.calls("function").items()} == {
        "outer": 2, "outer.inner": 2, "steps": 2, "Box.put": 1,
    }  # fmt: skip
    assert "not recorded" not in errors


@pytest.mark.parametrize("how", ["kept", "swapped"])
def test_a_mark_that_was_lost_is_named(record_file: Any, how: str) -> None:
    names = ["a", "b", "c", "d"]
    functions = "".join(f"@{how}\n@profiled\ndef {name}(): return 1\n" for name in names)
    recorded, errors = record_file(AGAIN + functions + "@profiled\ndef plain(): a(), b(), c(), d()\nplain()\n")
    assert recorded.calls("function") == {"app.plain": 1}
    words = "marked, but run as other code (a decorator above @profiled made it anew): not recorded"
    assert f"prof: app.a, app.b, app.c and 1 more: {words}\n" in errors
    entry = {"count": 4, "names": [f"app.{name}" for name in names]}
    assert recorded.meta["unrecorded"] == {"other_code": entry}


@pytest.mark.parametrize("modes", ["time", "ops", "samples"])
def test_what_never_ran_is_not_lost(record_file: Any, modes: str) -> None:
    """Functions that were not called, two of one name of which one is marked, and one that ran and is gone."""
    recorded, errors = record_file("""
from prof import profiled
from typing import overload, get_overloads
@overload
def double(x: int) -> int: ...
@overload
def double(x: str) -> str: ...
@profiled
def double(x): return x
assert len(get_overloads(double)) == 2
def pick(marked):
    def same(n): return n
    if marked: same = profiled(same)
    return same
plain, ours = pick(False), pick(True)
plain(1), ours(2)
def compiled():
    space = {"__name__": __name__}
    exec("def twin(n): return n", space)
    return space["twin"]
kept, gone = compiled(), profiled(compiled())
kept(1), gone(2)
del gone
@profiled
def unused(): pass
@profiled
def maker():
    @profiled
    def unused_too(): pass
maker()
""", modes)  # fmt: skip
    assert recorded.calls("function") == {"app.pick.same": 1, "app.twin": 1, "app.maker": 1}
    assert "not recorded" not in errors
    assert "unrecorded" not in recorded.meta


def test_reports_name_lost_marks(record_file: Any, tmp_path: Path) -> None:
    import json
    import subprocess

    record_file(AGAIN + "@kept\n@profiled\ndef lost(): 1\n@profiled\ndef main(): lost()\nmain()\nprofiled(len)\n")
    (path,) = (tmp_path / "out").glob("*.capture")

    def report(form: str) -> str:
        command = [sys.executable, "-m", "prof", "report", "--format", form, str(path)]
        wide = {**os.environ, "COLUMNS": "400"}
        return subprocess.run(command, env=wide, capture_output=True, text=True, check=True).stdout

    text = report("text")
    assert "  ! app.lost: marked, but run as other code" in text
    assert f"  ! builtin_function_or_method at {tmp_path / 'app.py'}:" in text
    one, two = json.loads(report("json"))["session"]["unrecorded"]
    assert one.startswith("app.lost: ") and two.endswith("without a Python function in it: not recorded")


WRAPPED = """
class Reify:
    def __init__(self, wrapped): self.wrapped = wrapped
    def __get__(self, it, cls): return self.wrapped(it)
class Settled:
    __slots__ = ("func",)
    def __init__(self, func): self.func = func
    def __get__(self, it, cls): return self.func(it)
class MyProperty(property): pass
class Asks:
    "Nothing of it may be asked for."
    def __getattr__(self, name): raise SystemExit(name)
def outside(*_): return 1
"""
MEMBERS = """
    @functools.cached_property
    def cached(self): return 1
    @functools.singledispatchmethod
    def single(self, x): return 1
    @single.register
    def single_int(self, x: int): return 2
    @functools.lru_cache
    def lru(self): return 1
    @functools.cache
    def cache(self): return 1
    @MyProperty
    def mine(self): return 1
    @staticmethod
    @functools.lru_cache
    def static(): return 1
    @classmethod
    def klass(cls): return 1
    @Reify
    def reified(self): return 1
    @Settled
    def settled(self): return 1
    def partly(self, x): return x
    part = functools.partialmethod(partly, 1)
    bound = staticmethod(functools.partial(lambda x: x, 1))
    asks = Asks()
    foreign = functools.lru_cache(outside)
    class Inner:
        def f(self): return 1
        class Innermost:
            def g(self): return 1
"""
CALLS = """
def main():
    k = K()
    k.cached, k.single("x"), k.single(1), k.lru(), k.cache(), k.mine, k.static(), k.klass(), k.reified, k.settled
    k.part(), k.bound(), k.foreign(k), k.Inner().f(), k.Inner.Innermost().g()
"""


def test_recordings_of_one_process_do_not_mix(record: Recorder, capfd: pytest.CaptureFixture[str]) -> None:
    """A function that ran in a recording before this one is not lost in this one, where another goes by its name."""
    record("@profiled\ndef main(): pass")
    record("def main(): pass")
    assert "not recorded" not in capfd.readouterr().err


def test_a_marked_class_is_marked_in_depth(record: Recorder) -> None:
    import functools

    members = [
        "cached", "single", "single_int", "lru", "cache", "mine", "static", "klass", "reified", "settled", "partly",
        "<lambda>", "Inner.f", "Inner.Innermost.g",
    ]  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recorded = record(f"{WRAPPED}@profiled\nclass K:{MEMBERS}{CALLS}", functools=functools)
    assert recorded.calls("function") == {f"K.{name}": 1 for name in members}


@pytest.mark.parametrize("wrapper", [
    "functools.cached_property", "functools.singledispatchmethod", "functools.lru_cache", "functools.partial",
    "functools.partialmethod", "functools.singledispatch", "staticmethod", "classmethod", "property", "MyProperty",
    "Reify", "Settled", "lambda f: functools.cached_property(functools.lru_cache(f))",
    "lambda f: staticmethod(functools.partial(f))", "lambda f: types.MethodType(f, 1)",
])  # fmt: skip
def test_marking_by_hand_what_wraps(record: Recorder, wrapper: str) -> None:
    """The innermost function is what is recorded, whatever lies around it."""
    import functools
    import types

    source = f"{WRAPPED}\ndef f(*_): return 1\ndef main(): f()\nassert profiled(({wrapper})(f)) is not f\n"
    assert record(source, functools=functools, types=types).calls("function") == {"f": 1}


def test_what_holds_no_function_is_told_once(record_file: Any) -> None:
    recorded, errors = record_file("""
import functools, warnings
warnings.simplefilter("error")
from prof import profiled
for _ in range(5): assert profiled(len) is len
@profiled
class K:
    size = functools.lru_cache(len)
""")
    place = f"{recorded.meta['cwd']}/app.py:5"
    assert errors.count("not recorded") == 1
    assert f"prof: builtin_function_or_method at {place}: marked, but without a Python function in it" in errors
    assert recorded.meta["unrecorded"]["no_function"]["count"] == 1


def test_without_a_recording_nothing_is_said(run_program: Run, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("from prof import profiled\nprofiled(len)\n")
    done = run_program(tmp_path / "app.py", options=("-W", "error"))
    assert (done.returncode, done.stderr) == (0, "")
