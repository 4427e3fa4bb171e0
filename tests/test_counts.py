"""Calls and resumes of every function equal those that the interpreter's own hooks count."""

from __future__ import annotations

from pathlib import Path

import pytest
from recording import Recorder

EXACT = sorted((Path(__file__).parent / "programs" / "exact").glob("*.py"))


@pytest.mark.parametrize("program", EXACT, ids=lambda path: path.stem)
def test_counts_equal_the_interpreters(program: Path, engine: str, record: Recorder) -> None:
    recorded = record(program.read_text(), engine=engine, hooks=True)
    assert recorded.counts() == recorded.hooks
    assert len(recorded.hooks) > 4
    assert recorded.drops == {}
    assert recorded.meta["engine"] == engine


@pytest.mark.parametrize("program", EXACT, ids=lambda path: path.stem)
def test_times_sum_up(program: Path, engine: str, record: Recorder) -> None:
    """The self times of a thread's tree sum to the time that the thread was there, to the tick."""
    recorded = record(program.read_text(), engine=engine)
    tree = recorded.tree
    assert tree.total_ns[0] + tree.profiler_ns == sum(t.total_ns[0] + t.profiler_ns for t in recorded.thread_trees)
    assert sum(tree.self_ns) == tree.total_ns[0]
    for thread, each in zip(recorded.threads, recorded.thread_trees, strict=True):
        assert not thread.running
        assert each.total_ns[0] + each.profiler_ns == pytest.approx(thread.alive_ns, abs=each.count)
        children = [0] * each.count
        for node in range(1, each.count):
            children[each.parent[node]] += each.total_ns[node]
        assert [each.self_ns[n] + children[n] for n in range(each.count)] == list(each.total_ns)


def test_stacks_are_those_of_the_calls(engine: str, record: Recorder) -> None:
    recorded = record(
        """
@profiled
def a(n):
    b()
    if n:
        a(n - 1)
@profiled
def b(): pass
def main():
    b(); a(2); a(0)
""",
        engine=engine,
    )
    assert recorded.stacks() == {"b": 1, "a": 2, "a;b": 2, "a;a": 1, "a;a;b": 1, "a;a;a": 1, "a;a;a;b": 1}


def test_a_generators_calls_lie_where_it_runs(engine: str, record: Recorder) -> None:
    recorded = record(
        """
@profiled
def make(): return steps()
@profiled
def steps():
    yield leaf()
    yield leaf()
@profiled
def leaf(): return 1
@profiled
def use(generator): return next(generator)
def main():
    g = make(); use(g); next(g); next(g, None)
""",
        engine=engine,
    )
    assert recorded.stacks() == {"make": 1, "use": 1, "use;steps": 1, "use;steps;leaf": 1, "steps;leaf": 1}
    assert recorded.stacks("resumes") == {"steps": 2}
