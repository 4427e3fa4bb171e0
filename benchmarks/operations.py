"""What counting operations costs, beside the peers that look at each line or each instruction.

Contenders take turns as in `memory`: one begins a recording, the program runs to warm up, then for the clock, and the
recording ends. Every function has counters. Times are processor time: the programs take milliseconds, and on a shared
machine hardly one in many runs that long without being interrupted.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import io
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from operator import is_
from random import Random
from time import perf_counter, process_time
from types import CodeType
from typing import Any

from benchmarks.contenders import execute
from benchmarks.figures import Result
from benchmarks.memory import Open, overall, session, slowdown
from benchmarks.probing import chunks, compiling, probing
from benchmarks.rounds import Times, add, interleave
from benchmarks.whole import check, source

PROGRAMS = ("nbody", "fannkuch", "richards", "jsonenc", "spectral")
ROUNDS, RUNS = 12, 5
FUNCTIONS, CONTEXTS, DEPTH = 5000, 200_000, 40

# Loops that do next to nothing but what a counter stands on.
MICRO = {
    "while": "    i = 0\n    while i < scale:\n        i += 1\n    return i",
    "for": "    for i in range(scale):\n        pass\n    return i + 1",
    "branches": """    total = 0
    for i in range(scale):
        if i & 1: total += 1
        elif i & 2: total += 2
        else: total -= 3
    return scale""",
    "exceptions": """    total = 0
    for i in range(scale):
        try:
            if i & 1: raise ValueError
        except ValueError:
            total += 2
    return total""",
    "generator": """    def numbers():
        for i in range(scale): yield i
    for i in numbers(): pass
    return i + 1""",
}

# A function that has something to count, and calls the next one of the path.
FUNCTION = """
def f{n}(path, at):
    total = 0
    for i in range(2):
        if i % 2 and at: total += i * at
        else: total -= 1
    return total + FUNCTIONS[path[at]](path, at + 1) if at < len(path) else total
"""

PEERS = ("line_profiler", "coverage", "events")


@contextmanager
def lines(namespace: dict[str, Any]) -> Iterator[None]:
    """line_profiler, on every function of the namespace."""
    import line_profiler

    profiler = line_profiler.LineProfiler()
    for value in namespace.values():
        if hasattr(value, "__code__"):
            profiler.add_function(value)
    profiler.enable_by_count()
    try:
        yield
    finally:
        profiler.disable_by_count()


@contextmanager
def covered() -> Iterator[None]:
    """coverage with its C tracer, statements alone."""
    import coverage

    with contextlib.redirect_stderr(io.StringIO()):
        watcher = coverage.Coverage(data_file=None, config_file=False, include=["*.py"])
        watcher.set_option("run:core", "ctrace")
        watcher.start()
        try:
            yield
        finally:
            watcher.stop()


@contextmanager
def every_instruction() -> Iterator[None]:
    """An event for each instruction, to a callback in C that does next to nothing."""
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined, unused-ignore]
    tool, event = monitoring.PROFILER_ID, monitoring.events.INSTRUCTION
    monitoring.use_tool_id(tool, "benchmark")
    monitoring.register_callback(tool, event, is_)
    monitoring.set_events(tool, event)
    try:
        yield
    finally:
        monitoring.set_events(tool, 0)
        monitoring.register_callback(tool, event, None)
        monitoring.free_tool_id(tool)


def missing(peer: str) -> str:
    """Why a peer cannot be measured here; empty when it can."""
    if peer == "events":
        return "" if sys.version_info >= (3, 12) else "sys.monitoring came with 3.12"
    return "" if importlib.util.find_spec(peer) else f"{peer} is not installed"


def load(code: CodeType, settings: str) -> dict[str, Any]:
    """A namespace whose functions have the probes that a recording with these settings gives them."""
    with session(settings):
        from prof import _probes  # type: ignore[attr-defined]

        namespace = execute(_probes.probe_code(code, "program", True))
    check(namespace)
    return namespace


def turn(opener: Open, namespace: dict[str, Any], runs: int) -> Callable[[], float]:
    """The best of the runs of a turn; the program's result must stay what it is."""
    run, scale, expected = namespace["run"], namespace["SCALE"], namespace["EXPECTED"]

    def once() -> float:
        gc.collect()
        best = float("inf")
        with opener():
            run(namespace["WARM"])
            for _ in range(runs):
                start = process_time()
                result = run(scale)
                best = min(best, process_time() - start)
                if result != expected:
                    raise RuntimeError(f"the program gave {result!r}, expected {expected!r}")
        return best

    return once


def turns(code: CodeType, modes: dict[str, str], peers: bool) -> dict[str, Callable[[], float]]:
    """Each contender that can run here; `modes` are settings by name."""
    found = {"plain": turn(nullcontext, execute(code), RUNS)}
    for name, settings in modes.items():
        found[name] = turn(lambda settings=settings: session(settings), load(code, settings), RUNS)  # type: ignore[misc]
    if not peers:
        return found
    openers: dict[str, Callable[[dict[str, Any]], AbstractContextManager[Any]]] = {
        "line_profiler": lines,
        "coverage": lambda _: covered(),
        "events": lambda _: every_instruction(),
    }
    for peer, opener in openers.items():
        if not missing(peer):
            space = execute(code)
            found[peer] = turn(lambda opener=opener, space=space: opener(space), space, 1)  # type: ignore[misc]
    return found


def measure(quick: bool) -> Iterator[Result]:
    """Results of the group."""
    gc.freeze()
    with tempfile.TemporaryDirectory(prefix="prof-bench-") as directory:
        yield from programs(directory, quick)
        yield micro(directory, quick)
        yield start(directory, quick)
        yield solving(directory, quick)


def programs(directory: str, quick: bool) -> Iterator[Result]:
    """Whole programs: operations alone, with the types of operands, and with time and memory."""
    modes = {
        "ops": f"ops,{directory},,,types=0",
        "types": f"ops,{directory},,,types=20",
        "together": f"time+memory+ops,{directory},,,types=0",
    }
    every: dict[str, Times] = {}
    for program in PROGRAMS:
        every[program] = interleave(turns(source(program), modes, True), 2 if quick else ROUNDS)
    yield overall(every, "ops", lambda t: slowdown(t, "ops"))
    yield overall(every, "ops-worst", lambda t: slowdown(t, "ops"), max)
    yield overall(every, "ops-types", lambda t: slowdown(t, "types"))
    yield overall(every, "ops-together", lambda t: slowdown(t, "together"))
    for peer in PEERS:
        if why := missing(peer):
            yield Result(f"ops-{peer}", note=f"not measured: {why}")
        else:
            yield overall(every, f"ops-{peer}", lambda t, peer=peer: slowdown(t, peer))  # type: ignore[misc]


def micro(directory: str, quick: bool) -> Result:
    """The loop that suffers most."""
    every = {}
    for name, body in MICRO.items():
        text = f"SCALE = EXPECTED = 20000\nWARM = 200\ndef run(scale):\n{body}\n"
        code = compile(text, f"{name}.py", "exec")
        every[name] = interleave(turns(code, {"ops": f"ops,{directory},,,types=0"}, False), 2 if quick else ROUNDS)
    return overall(every, "ops-micro", lambda t: slowdown(t, "ops"), max)


def start(directory: str, quick: bool) -> Result:
    """What a start costs: counters for many functions, against compiling them."""
    texts = chunks(100 if quick else 1000)
    with session(f"ops,{directory}"):
        from prof import _probes  # type: ignore[attr-defined]

        each = [
            interleave({"compile": compiling(text), "probe": probing(text, _probes.probe)}, 6 if quick else 30)
            for text in texts
        ]
    return add(each).result("ops-start", lambda t: t.best("probe") / t.best("compile"))


def solving(directory: str, quick: bool) -> Result:
    """Seconds until the operations of a large capture are known."""
    from prof import enable_profiling
    from prof.capture import open_capture

    count, contexts = (500, 20_000) if quick else (FUNCTIONS, CONTEXTS)
    names = ", ".join(f"f{n}" for n in range(count))
    text = "".join(FUNCTION.format(n=n) for n in range(count)) + f"FUNCTIONS = [{names}]"
    random = Random(5)
    recording = enable_profiling(f"ops,{directory},imports=false,collections=false")
    with contextlib.redirect_stderr(io.StringIO()), recording:
        from prof import _probes  # type: ignore[attr-defined]

        functions = execute(_probes.probe_code(compile(text, "large.py", "exec"), "large", True))["FUNCTIONS"]
        for _ in range(contexts // DEPTH):
            path = [random.randrange(count) for _ in range(DEPTH)]
            functions[path[0]](path, 1)
    best = float("inf")
    for _ in range(3):
        with open_capture(next(f for f in recording.files if f.suffix == ".capture")) as capture:
            begin = perf_counter()
            tree = capture.tree()
            best = min(best, perf_counter() - begin)
            note = f"{tree.count:,} contexts, {sum(tree.column('ops')):,} operations"
    for file in recording.files:
        file.unlink()
    return Result("ops-solving", best, note=note)
