"""The names of an instrumented program are those it had: real programs, run as their users run them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from prof.instrument.codemod import instrument, uninstrument
from prof.instrument.plan import Options
from prof.instrument.source import parse, split
from prof.instrument.tagged import find
from prof.instrument.tags import is_header, is_line
from prof.lines import inserted_lines

LOOPS = Options(sections=frozenset({"loops"}))

# Each program says what it sees; what it says must be the same with the edits in it.
PROGRAMS = {
    "lists of names": """
import app, builtins
def f(): pass
class A:
    def g(self): pass
before = [n for n in dir() if n != "before"]
print(before, sorted(vars(A)), sorted(vars(app)) == sorted(vars(app)), f.__code__.co_names)
""",
    "names made up": """
class Names(dict):
    def __missing__(self, key):
        if key in ("Meta", "staticmethod"): raise KeyError(key)
        self[key] = value = f"<{key}>"
        return value
class Meta(type):
    @classmethod
    def __prepare__(meta, name, bases, **more): return Names()
    def __new__(meta, name, bases, space): return super().__new__(meta, name, bases, dict(space))
class Colors(metaclass=Meta):
    '''Doc.'''; red, green
    @staticmethod
    def pick():
        def inner(): return 1
        return inner()
    class Nested(metaclass=Meta):
        if blue:
            def deep(self): return self.blue
class More(Colors):
    amber
    async def g(self): pass
def meta(name, bases, space): return Meta(name, bases, space)
meta.__prepare__ = Meta.__prepare__
class ByFunction(metaclass=meta):
    pink
    def f(self): pass
def local():
    class Local(Colors):
        grey
        def f(self): return 2
    return Local
for c in (Colors, Colors.Nested, More, ByFunction, local()):
    print(c.__name__, sorted(vars(c)), c.__doc__)
print(Colors.pick(), Colors.Nested().deep(), local()().f())
""",
    "a profiled of its own": """
def profiled(f): return "mine"
class A:
    def __f(self): return 1
    def g(self): return self.__f()
print(A().g(), profiled(1), "__profiled__" in globals())
""",
    "profile and end": """
profile, end = 1, 2
def f(xs):
    for x in xs: pass
    # profile! part
    y = profile + end
    # end! part
    return y
print(f([1]))
try: profile_
except NameError: print("none")
""",
    "compiled again elsewhere": """
import ast, inspect, textwrap
def again(f):
    space = {}
    tree = ast.parse(textwrap.dedent(inspect.getsource(f)))
    tree.body[0].decorator_list = [d for d in tree.body[0].decorator_list if getattr(d, "id", "") != "again"]
    exec(compile(tree, "<again>", "exec"), space)
    return space[f.__name__]
@again
def f(xs):
    def g(): return 1
    for x in xs: pass
    return g()
print(f([1]))
""",
    "by value": """
import sys, types, pickle
sys.modules["dill"] = types.ModuleType("dill")
import dill
def f(xs):
    def g(): return 1
    for x in xs: pass
    return g()
# What picklers by value do: the code, and those of its globals that are the module's.
taken = {n: globals()[n] for n in f.__code__.co_names if n in globals()}
import builtins
for n in ("profiled", "__profiled__"): vars(builtins).pop(n, None)
print(types.FunctionType(f.__code__, {"__builtins__": builtins, **taken})([1]))
""",
    "imports of others recorded": """
import builtins
seen, real = set(), builtins.__import__
def tracking(name, globals=None, locals=None, fromlist=(), level=0):
    if globals and globals["__name__"] == "app": seen.add(name)
    return real(name, globals, locals, fromlist, level)
builtins.__import__ = tracking
import app
print(sorted(seen))
""",
}
HELPER = """
import os
__all__ = ['h']
def h(): pass
assert set(__all__) == {n for n in dir() if n[0] != '_' and n != 'os'}
"""


@pytest.mark.parametrize("variables", [{}, {"PROF": "time"}, {"PROF": "all"}], ids=["off", "time", "all"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_program_says_the_same(name: str, variables: dict[str, str], tmp_path: Path) -> None:
    outputs = []
    for edit in (lambda source: source, lambda source: instrument(source, LOOPS).data):
        (tmp_path / "main.py").write_bytes(edit(PROGRAMS[name].encode()))
        (tmp_path / "app.py").write_bytes(edit(HELPER.encode()))
        command = [sys.executable, "main.py"]
        done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        outputs.append(done.stdout)
    assert b"# prof:auto" in (tmp_path / "main.py").read_bytes()
    assert outputs[0] == outputs[1]


def test_a_class_with_a_plain_namespace_gets_no_line() -> None:
    source = b"""\
import abc, enum
from typing import Generic, NamedTuple
class A:
    def f(self): pass
class B(A, abc.ABC):
    def f(self): pass
class C(enum.Enum):
    def f(self): pass
class D(Generic[int], dict, metaclass=abc.ABCMeta):
    def f(self): pass
class E(NamedTuple):
    def f(self): pass
"""
    assert b"global" not in instrument(source).data


@pytest.mark.parametrize(
    "head",
    [
        "from lib import Base\nclass A(Base):",
        "from . import base\nclass A(base.Base[int]):",
        "import lib\nclass A(lib.make(), object):",
        "class A(*bases):",
        "class A(**given):",
        "def meta(*a): pass\nclass A(metaclass=meta):",
        "from lib import Base\nclass B(Base): x = 1\nclass A(B):",
        "Base = declared()\nclass A(Base):",
    ],
)
def test_a_class_with_a_namespace_that_is_not_known_does(head: str) -> None:
    source = f"{head}\n    '''Doc.'''\n    x = 1\n    @x\n    def f(self): pass\n    def g(self): pass\n".encode()
    data = instrument(source).data
    line = b"    x = 1\n    global profiled  # prof:auto\n    @x\n    @profiled  # prof:auto\n    def f"
    assert line in data
    assert data.count(b"global") == 1
    assert uninstrument(data).data == source
    edited = uninstrument(data.replace(b"x = 1", b"x = 2"))
    assert edited.data == source.replace(b"x = 1", b"x = 2")


OLD = b"""\
from prof import profiled, profile as _prof_profile, end  # prof:auto n=4 b=%s
@profiled  # prof:auto
def f():
    _prof_profile("for_x_in_y")  # prof:auto
    for x in y: pass
    end("for_x_in_y")  # prof:auto
    _prof_profile("a")  # profile! a
    end("a")  # end! a
"""
OLD_SOURCE = b"def f():\n    for x in y: pass\n    # profile! a\n    # end! a\n"


def test_what_earlier_versions_wrote_is_undone() -> None:
    from prof.instrument.tags import digest

    old = (OLD % digest(OLD_SOURCE)).replace(b"n=4", b"n=5")
    assert uninstrument(old).data == OLD_SOURCE
    assert not uninstrument(old).edited
    edited = uninstrument(old.replace(b"in y", b"in z").replace(b"y: pass", b"z: pass"))
    assert edited.edited
    assert edited.data == OLD_SOURCE.replace(b"in y", b"in z")
    assert instrument(old).data == instrument(OLD_SOURCE).data
    assert inserted_lines(old) == {1, 2, 4, 6}


HEX = "0123456789abcdef"
LINES = [
    "@profiled  # prof:auto",
    "@ profiled  # prof:auto",
    "\t@\t__profiled__# prof:auto  ",
    "\x0c@_prof_profiled # prof:auto",
    "@profiled # prof:auto x",
    "@profiled('time')  # prof:auto",
    "@profiledx  # prof:auto",
    "@__profiled  # prof:auto",
    "x = 1  # prof:auto",
    "# prof:auto",
    f"# prof:auto n=1 b={HEX}",
    f"# prof:auto n= b={HEX}",
    f"# prof:auto n=12 b={HEX}0",
    f"# prof:auto n=12 b={HEX[:-1]}",
    f"from prof import profiled, end as _prof_end  # prof:auto n=1 b={HEX}",
    f"from  prof\timport (profiled)# prof:auto n=1 b={HEX}",
    f"from profiler import profiled  # prof:auto n=1 b={HEX}",
    f"from prof.auto import profiled as __profiled__  # prof:auto n=1 b={HEX}",
    "from prof.auto import profiled as __profiled__  # prof:auto",
    "from prof.auto import profiled as x  # prof:auto",
    f'if not __import__("prof.auto"):  # pragma: no cover  # prof:auto n=1 b={HEX}',
    f"if not __import__('prof.auto'): # prof:auto n=1 b={HEX}",
    f"if not __import__('prof'): # prof:auto n=1 b={HEX}",
    'profiled.profile("a")  # prof:auto',
    'profiled.end("a;b c")# prof:auto',
    '__profiled__.end("a")  # prof:auto',
    '_prof_profile("a")  # prof:auto',
    'profile("a")  # prof:auto',
    'end(name="a")  # prof:auto',
    'end("(")  # prof:auto',
    'profiled("a")  # prof:auto',
    'profiled.begin("a")  # prof:auto',
    'self.end("a")  # prof:auto',
    "    global profiled  # prof:auto",
    "global  __profiled__ # prof:auto",
    "globalprofiled  # prof:auto",
    "global x  # prof:auto",
    '__import__("builtins").__dict__.setdefault("profiled", lambda f: f)  # prof:auto',
    '__import__("builtins").__dict__.setdefault("x", lambda f: f)  # prof:auto',
    'profiled.profile("a")  # profile! a',
]


# The oracle: the whole lines as expressions, for what csrc/core/lines.c reads letter by letter.
NAME = rb"(?:profiled|__profiled__|_prof_profiled)"
ANY_HEADER = re.compile(
    rb"(?:from[ \t]+prof(?:\.auto)?[ \t]+import[ \t]+[\w, \t()]+|"
    rb"if not __import__\([\"']prof\.auto[\"']\):[ \t]*(?:# pragma: no cover[ \t]*)?)?"
    rb"# prof:auto n=\d+ b=[0-9a-f]{16}"
)
ANY_LINE = re.compile(
    rb"(?:@[ \t]*" + NAME + rb"|global[ \t]+" + NAME + rb"|(?:" + NAME + rb"\.|_prof_)?(?:profile|end)\([^()\r\n]*\)|"
    rb"from prof\.auto import profiled(?: as __profiled__)?|"
    rb'__import__\("builtins"\)\.__dict__\.setdefault\("' + NAME + rb'", lambda f: f\))[ \t]*# prof:auto'
)


@pytest.mark.parametrize("line", LINES)
def test_what_is_undone_and_what_is_counted_are_the_same_lines(line: str) -> None:
    text = line.strip(" \t\f").encode()
    assert is_line(text) == bool(ANY_LINE.fullmatch(text))
    assert is_header(text) == bool(ANY_HEADER.fullmatch(text))
    undone = is_line(text) or is_header(text)
    assert inserted_lines(f"x\n{line}\ny\n".encode()) == ({2} if undone else set())
    assert inserted_lines(b"\xef\xbb\xbf" + f"{line}\r\n".encode()) == ({1} if undone else set())
    code = f"{line}\n    pass\n" if text.startswith(b"if") else f"{line}\ndef f(): pass\n"
    if undone and not text.startswith((b"from ", b"global")) and "\x0c" not in line:
        source = code.strip().encode()
        assert 1 in find(parse(source), split(source)[1]).whole or text.startswith((b"if", b"@"))


def test_text_that_is_copied_runs_without_the_header(tmp_path: Path) -> None:
    """As lark makes standalone parsers: what stands between the marks goes into a file of its own."""
    source = (
        b'"""Doc."""\n###{standalone\nimport os\ndef f():\n    def g(): return 1\n    return g()\n###}\ndef h(): pass\n'
    )
    data = instrument(source, LOOPS).data
    assert uninstrument(data).data == source
    assert data.count(b"@profiled") == 3
    lines = data.splitlines(keepends=True)
    copy = lines[lines.index(b"###{standalone\n") + 1 : lines.index(b"###}\n")]
    (tmp_path / "copy.py").write_bytes(b"".join(copy) + b"import sys\nprint(f(), 'prof' in sys.modules)\n")
    (tmp_path / "whole.py").write_bytes(data + b"import sys\nprint(f(), 'prof' in sys.modules)\n")
    for name, said in (("copy.py", "1 False\n"), ("whole.py", "1 True\n")):
        done = subprocess.run([sys.executable, name], cwd=tmp_path, capture_output=True, text=True, env={}, check=True)
        assert done.stdout == said


@pytest.mark.parametrize("variables", [{}, {"PROF": "time"}], ids=["off", "time"])
def test_profile_as_a_decorator_says_what_is_meant(variables: dict[str, str], tmp_path: Path) -> None:
    code = "from prof import profile\ntry:\n    @profile\n    def f(): pass\nexcept TypeError as e:\n    print(e)\n"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=variables, check=True)
    assert done.stdout == "profile(name): the section's name, a str; the decorator is called @profiled\n"


def test_tools_put_nothing_into_the_builtins() -> None:
    code = "import builtins, prof, prof.tools.cli, prof.instrument.cli; print(hasattr(builtins, 'profiled'))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"PROF": "time"}, check=True
    )
    assert done.stdout == "False\n"
