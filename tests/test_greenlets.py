"""Greenlets: each has a shadow stack of its own, exact against an oracle that keeps a list for each."""

from __future__ import annotations

import gc
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recording import Recorded, Recorder

greenlet = pytest.importorskip("greenlet", reason="greenlet is not installed")

# What greenlets do: (call, 0 to 2), (return), (tick, ns), (switch, to which of four).
ACTIONS = st.one_of(
    st.tuples(st.just("call"), st.integers(0, 2)),
    st.tuples(st.just("back"), st.just(0)),
    st.tuples(st.just("tick"), st.integers(1, 100)),
    st.tuples(st.just("switch"), st.integers(0, 3)),
    st.tuples(st.just("raise"), st.just(0)),
)
SCRIPTS = st.lists(st.lists(ACTIONS, max_size=25), min_size=4, max_size=4)

PROGRAM = """
class Stop(Exception): pass
def perform(todo):
    while todo:
        what, n = todo.pop(0)
        if what == "call":
            try: (f, g, h)[n](todo)
            except Stop: pass
        elif what == "back": return
        elif what == "tick": tick(n)
        elif what == "raise": raise Stop
        elif not lets[n].dead: lets[n].switch()
@profiled
def f(todo): perform(todo)
@profiled
def g(todo): perform(todo)
@profiled
def h(todo):
    try: perform(todo)
    finally: tick(1)
def body(todo):
    while todo:
        try: perform(todo)
        except Stop: pass
def main():
    global lets
    todo = [list(script) for script in scripts]
    lets = [getcurrent(), *(greenlet(lambda i=i: body(todo[i])) for i in (1, 2, 3))]
    body(todo[0])
    for let in lets[1:]:
        while not let.dead: let.switch()
"""


class Oracle:
    """A list for each greenlet; what runs is charged to the path in the running one's."""

    def __init__(self) -> None:
        self.stacks: defaultdict[Any, list[str]] = defaultdict(list)
        self.calls: Counter[str] = Counter()
        self.self_ns: Counter[str] = Counter()

    def tick(self, ns: int) -> None:
        self.self_ns[self._path()] += ns

    def _path(self) -> str:
        return ";".join(self.stacks[greenlet.getcurrent()])

    def profiled(self, function: Callable[[Any], None]) -> Callable[[Any], None]:
        def call(todo: Any) -> None:
            stack = self.stacks[greenlet.getcurrent()]
            stack.append(function.__name__)
            self.calls[self._path()] += 1
            try:
                function(todo)
            finally:
                stack.pop()

        return call


def _names(scripts: Any) -> dict[str, Any]:
    return {"greenlet": greenlet.greenlet, "getcurrent": greenlet.getcurrent, "scripts": scripts}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(scripts=SCRIPTS)
def test_each_greenlet_has_a_stack_of_its_own(record: Recorder, scripts: Any) -> None:
    oracle = Oracle()
    space: dict[str, Any] = {**_names(scripts), "profiled": oracle.profiled, "tick": oracle.tick}
    exec(PROGRAM, space)
    space["main"]()
    recorded = record(PROGRAM, manual=True, **_names(scripts))
    assert recorded.stacks() == dict(oracle.calls)
    ticks = {path: ns for path, ns in oracle.self_ns.items() if path}
    assert recorded.stacks("self_ns") == ticks
    assert recorded.tree.self_ns[0] == oracle.self_ns[""]
    assert recorded.drops == {}
    assert not recorded.interleaved


def test_time_switched_out_is_suspended(record: Recorder, engine: str) -> None:
    recorded = record(
        """
@profiled
def f():
    tick(1); main_one.switch(); tick(2)
def main():
    global main_one
    main_one = getcurrent()
    let = greenlet(f)
    let.switch(); tick(10); let.switch()
""",
        engine=engine, manual=True, **_names(()),
    )  # fmt: skip
    assert recorded.times() == {"f": (3, 3, 10)}


def test_a_generator_and_a_section_go_with_their_greenlet(record: Recorder) -> None:
    recorded = record(
        """
@profiled
def items():
    for i in range(2):
        with profile("part"):
            tick(1); main_one.switch(); tick(1)
        yield i
def body():
    for _ in items(): tick(5)
def main():
    global main_one
    main_one = getcurrent()
    lets = [greenlet(body), greenlet(body)]
    for _ in range(3):
        for let in lets: let.switch()
""",
        manual=True, **_names(()),
    )  # fmt: skip
    assert recorded.stacks("self_ns") == {"items;part": 8}
    assert recorded.counts()["items"] == (2, 4)
    assert recorded.drops == {}


def test_the_programs_own_trace_function_goes_on(record: Recorder) -> None:
    seen: list[str] = []

    def trace(event: str, args: tuple[Any, Any]) -> None:
        seen.append(event)

    before = greenlet.settrace(trace)
    try:
        recorded = record(
            """
@profiled
def f(): main_one.switch()
def main():
    global main_one
    main_one = getcurrent()
    let = greenlet(f)
    let.switch(); let.switch()
""",
            manual=True, **_names(()),
        )  # fmt: skip
        assert greenlet.gettrace() is trace
    finally:
        greenlet.settrace(before)
    assert seen == ["switch"] * 4
    assert recorded.stacks() == {"f": 1}


def test_a_greenlet_that_is_let_go_of_ends_its_spans(record: Recorder) -> None:
    recorded = record(
        """
@profiled
def f(): main_one.switch()
def main():
    global main_one
    main_one = getcurrent()
    for _ in range(100):
        let = greenlet(f)
        let.switch()
        del let
    kept = greenlet(f)
    kept.switch()
    return kept
""",
        manual=True, **_names(()),
    )  # fmt: skip
    assert recorded.calls() == {"f": 101}
    assert recorded.drops == {"open_at_end": 1}


def test_greenlet_may_be_imported_while_spans_are_open(run_program: Any, tmp_path: Any) -> None:
    source = tmp_path / "late.py"
    source.write_text(
        """
from prof import profiled
@profiled
def f():
    other.switch(); step()
@profiled
def step(): pass
@profiled
def outer():
    global other
    from greenlet import getcurrent, greenlet
    other = getcurrent()
    lets = [greenlet(f), greenlet(f)]
    for let in lets + lets: let.switch()
outer()
""",
        "utf-8",
    )
    run_program(source, PROF=f"time,{tmp_path}")
    (path,) = tmp_path.glob("*.capture")
    recorded = Recorded(path)
    stacks = {stack.replace("late.", ""): n for stack, n in recorded.stacks().items() if "import" not in stack}
    assert stacks == {"outer": 1, "f": 2, "f;step": 2}
    assert not recorded.interleaved
    gc.collect()
