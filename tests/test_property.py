"""Programs made at random, of calls, generators, sections and exceptions, against a model of the shadow stack."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prof._core import lib
from recording import Recorder
from shadow import Shadow

LEVELS = 4  # a function calls those of the levels below it
DEEPEST = 2  # blocks in blocks


class Raised(Exception):
    pass


def indent(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines or ["pass"]]


@st.composite
def bodies(
    draw: Callable[..., Any], level: int, names: Any, generator: bool, depth: int = 0, loop: bool = False
) -> list[str]:
    """The lines of a body; every section has a name of its own."""
    lines: list[str] = []
    kinds = ["tick", "tick", "tick", "raise", "return", "end"]
    kinds += ["yield"] * 4 if generator else []
    kinds += ["call", "guarded", "next"] * 2 if level else []
    kinds += ["drain", "break"] * 2 if level and depth < DEEPEST else []
    kinds += ["section", "with", "try", "finally", "loop"] * 2 if depth < DEEPEST else []
    kinds += [] if loop else ["open"]  # opened again by the same place, a section closes its predecessor
    for kind in draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=3)):
        below = draw(st.integers(0, level - 1)) if level else 0

        def inner(loop: bool = loop) -> list[str]:
            return indent(draw(bodies(level, names, generator, depth + 1, loop)))

        if kind == "tick":
            lines.append(f"tick({draw(st.integers(1, 1000))})")
        elif kind in ("raise", "return", "yield"):
            condition = f"if {draw(st.booleans())}: " if kind != "yield" else ""
            lines.append(condition + kind + (" Raised" if kind == "raise" else ""))
        elif kind == "end":
            lines.append(f"end('s{draw(st.integers(0, 5))}')")
        elif kind == "open":
            lines.append(f"profile('s{next(names)}')")
        elif kind == "call":
            lines.append(f"f{below}()")
        elif kind == "guarded":
            lines += ["try:", f"    f{below}()", "except Raised:", "    tick(1)"]
        elif kind in ("drain", "break"):
            lines += [f"for _ in g{below}():", *inner(True)] + (["    break"] if kind == "break" else [])
        elif kind == "next":
            lines += [f"g = g{below}()", "next(g, None)", "tick(7)", "del g"]
        elif kind == "section":
            name = next(names)
            lines += [f"profile('s{name}')", "if True:", *inner(), f"end('s{name}')"]
        elif kind == "with":
            lines += [f"with profile('s{next(names)}'):", *inner()]
        elif kind == "try":
            lines += ["try:", *inner(), "except Raised:", *inner()]
        elif kind == "finally":
            lines += ["try:", *inner(), "finally:", "    tick(2)"]
        elif kind == "loop":
            lines += [f"for _ in range({draw(st.integers(0, 3))}):", *inner(True)]
    return lines


@st.composite
def programs(draw: Callable[..., Any]) -> str:
    names, lines = count(), []
    for level in range(LEVELS):
        lines += ["@profiled", f"def f{level}():", *indent(draw(bodies(level, names, False)))]
        # The `finally` has the interpreter enter it again for every close, on every version.
        lines += ["@profiled", f"def g{level}():", "    try:", "        if False: yield"]
        lines += [*indent(indent(draw(bodies(level, names, True)))), "    finally:", "        tick(3)"]
    lines += ["def main():", f"    for f in (f{LEVELS - 1}, lambda: [tick(5) for _ in g{LEVELS - 1}()]):"]
    lines += ["        try: f()", "        except Raised: tick(1)"]
    return "\n".join(lines) + "\n"


ENGINES = ("bytecode", "monitoring") if lib.PROF_QUIRK_MONITORING else ("bytecode",)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(source=programs())
def test_programs_equal_the_model(source: str) -> None:
    shadow = Shadow()
    markers = {name: getattr(shadow, name) for name in ("profiled", "profile", "end", "tick")}
    space: dict[str, Any] = {"__name__": "program", "Raised": Raised, **markers}
    exec(compile(source, "model.py", "exec", dont_inherit=True), space)
    space["main"]()
    for engine in ENGINES:
        with (
            pytest.MonkeyPatch.context() as patch,
            tempfile.TemporaryDirectory() as folder,
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            recorded = Recorder(Path(folder), patch)(source, engine=engine, manual=True, Raised=Raised)
        for column, wanted in shadow.columns.items():
            found = recorded.stacks(column)
            assert found == {path: value for path, value in wanted.items() if value}, (engine, column)
        assert recorded.drops == {key: value for key, value in shadow.drops.items() if value}, engine
