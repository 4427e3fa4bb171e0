"""A recording begins and ends with few imports, and what stands in for the modules it does without does as they do."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prof import plain_json
from prof.values import replaced, values

Run = Callable[..., "subprocess.CompletedProcess[str]"]

# Each of them takes a millisecond or more to import. `benchmarks --only start` has the times.
SLOW = {
    "argparse", "ast", "attr", "attrs", "collections.abc", "contextlib", "dataclasses", "dis", "enum", "inspect",
    "json", "pathlib", "platform", "psutil", "re", "socket", "subprocess", "tempfile", "typing",
}  # fmt: skip
PROGRAM = """
import atexit, sys
before = set(sys.modules)
atexit.register(lambda: print(*sorted(set(sys.modules) - before)))  # runs after the recording's end
from prof import profiled
@profiled
def f(): pass
f()
"""


@pytest.mark.parametrize("prof", ["time", "all,,,true"])
def test_slow_modules_are_not_imported(run_program: Run, tmp_path: Path, prof: str) -> None:
    (tmp_path / "app.py").write_text(PROGRAM)
    done = run_program(tmp_path / "app.py", PROF=prof)
    assert "prof.session" in done.stdout.split() and list(tmp_path.glob("*.capture")), done.stderr
    assert SLOW & set(done.stdout.split()) == set()


@pytest.mark.parametrize("name", ["folded", "diff"])
def test_a_command_imports_no_other(name: str) -> None:
    code = (
        "import atexit, sys; from prof.tools.cli import main; "
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr)); main(sys.argv[1:])"
    )
    done = subprocess.run([sys.executable, "-c", code, name, "--help"], capture_output=True, text=True, check=True)
    shared = ("arguments", "filtering", "sides")
    loaded = {each for each in done.stderr.split() if each.startswith("prof.tools.commands.")}
    assert loaded - {f"prof.tools.commands.{each}" for each in shared} == {f"prof.tools.commands.{name}"}


TEXT = st.text()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner) | st.lists(inner).map(tuple),
)


@given(JSON)
def test_json_is_written_as_by_json(value: object) -> None:
    assert plain_json.dumps(value) == json.dumps(value)


def test_json_of_anything_else() -> None:
    class Text(str):
        __slots__ = ()

    value = {"a": [Text("b"), 1.5, {2: None}]}
    assert plain_json.dumps(value) == json.dumps(value)
    with pytest.raises(TypeError):
        plain_json.dumps({"a": object()})


@values
class Point:
    x: int
    y: int = 2


def test_values() -> None:
    point = Point(1)
    assert (point.x, point.y, repr(point)) == (1, 2, "Point(x=1, y=2)")
    assert point == Point(x=1, y=2) and hash(point) == hash(Point(1)) and point != Point(1, 3)
    assert replaced(point, y=5) == Point(1, 5) and point.y == 2
    with pytest.raises(AttributeError):
        point.x = 3  # type: ignore[misc]
    for wrong in (lambda: Point(), lambda: Point(1, 2, 3), lambda: Point(1, x=1), lambda: Point(1, z=1)):  # type: ignore[call-arg, misc]
        with pytest.raises(TypeError, match="Point"):
            wrong()
