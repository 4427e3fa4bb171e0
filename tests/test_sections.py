"""Sections: exact counts, exact times by a clock that only the program moves; misuse is counted and told once."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from recording import Recorded, Recorder


@pytest.fixture
def run(record: Recorder, engine: str) -> Any:
    """Records with the manual clock on each engine; no warning is expected."""

    def run(source: str, **names: Any) -> Recorded:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return record(source, engine=engine, manual=True, **names)

    return run


@pytest.fixture
def run_wrong(record: Recorder, engine: str) -> Any:
    """Records a program that misuses sections, and returns the warnings too."""

    def run(source: str) -> tuple[Recorded, list[str]]:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            recorded = record(source, engine=engine, manual=True)
        return recorded, [f"{warning.lineno}: {warning.message}" for warning in told]

    return run


def test_nested(run: Any) -> None:
    recorded = run("""
@profiled
def f():
    tick(1)
    profile("a")
    tick(10)
    profile("b")
    tick(100)
    end("b")
    tick(20)
    end("a")
    tick(2)
def main():
    f()
""")
    assert recorded.stacks("self_ns") == {"f": 3, "f;a": 30, "f;a;b": 100}
    assert recorded.calls("section") == {"a": 1, "b": 1}
    assert recorded.drops == {}


def test_in_loops_and_with_blocks(run: Any) -> None:
    recorded = run("""
@profiled
def f():
    for i in range(5):
        with profile("turn"):
            tick(i)
            if i == 3:
                continue
            profile("rest"); tick(100); end("rest")
def main():
    f()
    f()
""")
    assert recorded.counts("section") == {"turn": (10, 0), "rest": (8, 0)}
    assert recorded.stacks("self_ns") == {"f;turn": 20, "f;turn;rest": 800}
    assert recorded.drops == {}


def test_recursion_counts_time_once(run: Any) -> None:
    recorded = run("""
@profiled
def f(n):
    profile("part")
    tick(1)
    if n:
        f(n - 1)
    end("part")
def main():
    f(4)
""")
    assert recorded.times("section") == {"part": (5, 5, 0)}
    assert recorded.calls("section") == {"part": 5}


def test_sections_sleep_with_their_generator(run: Any) -> None:
    recorded = run("""
@profiled
def steps():
    profile("outer")
    tick(1)
    with profile("inner"):
        tick(10)
        yield
        tick(20)
    yield
    tick(2)
    end("outer")
@profiled
def main():
    for _ in steps():
        tick(1000)
""")
    assert recorded.stacks("self_ns") == {"main": 2000, "main;steps;outer": 3, "main;steps;outer;inner": 30}
    assert recorded.counts("section") == {"outer": (1, 2), "inner": (1, 1)}
    assert recorded.times("section") == {"outer": (33, 3, 2000), "inner": (30, 30, 1000)}
    assert recorded.times()["steps"] == (33, 0, 2000)
    assert recorded.drops == {}


def test_sections_of_coroutines_that_take_turns(run: Any) -> None:
    recorded = run("""
import asyncio
@profiled
async def task(n):
    profile("work")
    tick(n)
    await asyncio.sleep(0)
    tick(n)
    await asyncio.sleep(0)
    end("work")
    tick(100)
@profiled
async def all():
    await asyncio.gather(task(1), task(10))
def main():
    asyncio.run(all())
""")
    (work,) = recorded.of_kind("section")["work"]
    assert (work.calls, work.resumes, work.self_ns) == (2, 4, 22)
    # The first waits for the second's turn, 10, and the second for the first's, 1; then 10 and 100 + 10 - 10.
    assert recorded.times()["task"][:2] == (222, 200)
    assert recorded.drops == {}


def test_a_section_in_a_thrown_generator_goes_on(run: Any) -> None:
    recorded = run("""
@profiled
def g():
    with profile("s"):
        tick(1)
        try:
            yield
        except KeyError:
            tick(10)
            yield
def main():
    it = g()
    next(it)
    tick(1000)
    it.throw(KeyError)
    it.close()
""")
    assert recorded.times("section") == {"s": (11, 11, 1000)}
    assert recorded.counts("section") == {"s": (1, 2)}
    assert recorded.drops == {}


LEFT_OPEN = {
    "return": "profile('s'); tick(1); return",
    "exception": "profile('s'); tick(1); raise KeyError",
    "end": "profile('s'); tick(1)",
}


@pytest.mark.parametrize("how", LEFT_OPEN)
def test_left_open_is_closed_with_its_function(run: Any, how: str) -> None:
    recorded = run(f"""
@profiled
def f():
    {LEFT_OPEN[how]}
@profiled
def main():
    for _ in range(3):
        try:
            f()
        except KeyError:
            pass
        tick(100)
""")
    assert recorded.stacks("self_ns") == {"main": 300, "main;f;s": 3}
    assert recorded.of_kind("section")["s"][0].completed == 3
    assert recorded.drops == {"section_open": 3}


def test_left_open_by_a_generator_that_is_closed(run: Any) -> None:
    recorded = run("""
@profiled
def g():
    profile("s")
    yield
    end("s")
@profiled
def main():
    it = g()
    next(it)
    tick(5)
    it.close()
    tick(7)
""")
    assert recorded.times("section") == {"s": (0, 0, 5)}
    assert recorded.times()["main"] == (12, 12, 0)
    assert recorded.drops == {"section_open": 1}


@pytest.mark.parametrize("leave", ["continue", "break"])
def test_left_open_by_leaving_the_loop(run: Any, leave: str) -> None:
    """The same place opened again, in the same call, closes what it had opened before."""
    recorded = run(f"""
@profiled
def f():
    for _ in range(2):
        for i in range(4):
            profile("s")
            tick(1)
            if i == 1:
                {leave}
            end("s")
            tick(10)
def main():
    f()
""")
    (s,) = recorded.of_kind("section")["s"]
    # Left open: until its next opening, and the last one of a `break` until the function returns.
    expected = {"continue": (8, 8, {"section_open": 2}), "break": (4, 4, {"section_open": 2})}[leave]
    assert (s.calls, s.self_ns, recorded.drops) == expected


def test_closed_out_of_order(run_wrong: Any) -> None:
    recorded, told = run_wrong("""
@profiled
def f():
    for _ in range(3):
        profile("a")
        tick(1)
        profile("b")
        tick(10)
        end("a")
        tick(100)
        end("b")
def main():
    f()
""")
    assert recorded.stacks("self_ns") == {"f": 300, "f;a": 3, "f;a;b": 30}
    assert recorded.drops == {"section_order": 3, "section_unopened": 3}
    assert told == [
        "9: prof: end('a') closes sections opened inside it",
        "11: prof: end('b') of a section that is not open here",
    ]


def test_end_of_what_is_not_open(run_wrong: Any) -> None:
    recorded, told = run_wrong("""
@profiled
def f():
    end("never")
    end()
@profiled
def g():
    profile("mine")
    f()
    tick(1)
    end()
def main():
    g()
    g()
""")
    assert recorded.drops == {"section_unopened": 4}
    assert recorded.times("section") == {"mine": (2, 2, 0)}
    assert told == [
        "4: prof: end('never') of a section that is not open here",
        "5: prof: end('') of a section that is not open here",
    ]


def test_misuse_is_no_exception_even_where_warnings_are(record: Recorder, engine: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recorded = record("@profiled\ndef f(): end('x'); return 5\ndef main(): return f()", engine=engine)
    assert recorded.result == 5
    assert recorded.drops == {"section_unopened": 1}


def test_end_without_a_name_ends_the_innermost(run: Any) -> None:
    recorded = run("""
@profiled
def f():
    profile("a"); profile("b"); tick(1); end(); tick(10); end(); tick(100)
def main():
    f()
""")
    assert recorded.stacks("self_ns") == {"f": 100, "f;a": 10, "f;a;b": 1}


def test_in_functions_that_are_not_marked(run: Any) -> None:
    recorded = run("""
def plain(fail):
    profile("loose")
    tick(1)
    if fail:
        return
    end("loose")
@profiled
def f():
    plain(False)
    tick(10)
    plain(True)
    tick(100)
def main():
    f()
    plain(True)
    tick(1000)
    plain(False)
""")
    (loose,) = recorded.of_kind("section")["loose"]
    assert loose.calls == 4
    # Nobody sees an unmarked function return: a section it left open ends with the marked function around it, or when
    # the next section begins.
    assert recorded.stacks("self_ns") == {"f": 10, "f;loose": 102, "loose": 1002}
    assert recorded.drops == {"section_open": 2}


def test_at_module_level_and_around_calls(run: Any) -> None:
    recorded = run("""
@profiled
def f(): tick(1)
def main():
    exec(compile("with profile('module'):\\n    f()\\n    tick(5)\\n", "module.py", "exec"), globals())
    profile("outside"); f(); end("outside")
""")
    assert recorded.stacks("self_ns") == {"module": 5, "module;f": 1, "outside;f": 1}
    (module,) = recorded.of_kind("section")["module"]
    assert (module.label.file, module.label.line) == ("module.py", 1)


def test_on_threads(run: Any) -> None:
    recorded = run("""
import threading
@profiled
def f(barrier):
    for _ in range(50):
        with profile("s"):
            barrier.wait()
def main():
    barrier = threading.Barrier(4)
    threads = [threading.Thread(target=f, args=(barrier,)) for _ in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
""")
    assert recorded.calls() == {"f": 4}
    assert recorded.calls("section") == {"s": 200}
    assert recorded.drops == {}


def test_one_name_in_two_places_is_two_sections(run: Any) -> None:
    recorded = run("""
@profiled
def f():
    profile("s"); end("s")
    profile("s"); end("s")
    for name in ("s", "t"):
        profile(name)
        end(name)
def main():
    f()
""")
    assert sorted((f.label.name, f.label.line) for fs in recorded.of_kind("section").values() for f in fs) == [
        ("profile!s", 4), ("profile!s", 5), ("profile!s", 7), ("profile!t", 7),
    ]  # fmt: skip


def test_open_at_the_end(run: Any) -> None:
    recorded = run("def main():\n    profile('s')\n    tick(3)\n")
    assert recorded.times("section") == {"s": (3, 3, 0)}
    assert recorded.drops == {"open_at_end": 1}


def test_a_wrong_argument_is_the_callers_mistake(run: Any) -> None:
    recorded = run("""
def main():
    wrong = []
    for call in (lambda: profile(1), lambda: profile(None), lambda: end(b"x")):
        try: call()
        except TypeError as error: wrong.append(str(error))
    return wrong
""")
    assert recorded.result == [
        "profile(name): the section's name, a str; the decorator is called @profiled",
        "profile(name): the section's name, a str; the decorator is called @profiled",
        "end(name): the section's name, a str",
    ]


def test_odd_names(run: Any) -> None:
    names = ["", "a;b", "ünï", "two\nlines", "\ud800", "x" * 5000]
    recorded = run(f"def main():\n    for n in {names!r}:\n        profile(n)\n        end(n)\n")
    found = {f.label.name.removeprefix("profile!") for f in recorded.functions if f.label.kind == "section"}
    shown = {name.encode("utf-8", "backslashreplace").decode().replace("\n", "\\x0a") for name in names}
    assert found == shown
    assert recorded.drops == {}
