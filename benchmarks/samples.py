"""What samples cost: slowdown beside the peers that sample or trace, time per sample, and memory for a long run.

Times are by the wall, since the sampler is another thread, and what it takes of the program's own processor is the
point; of ten milliseconds each, in which it wakes ten times at 1 kHz, so that hardly one in many is interrupted by
others. Where no processor is free, the sampler's wakings are the program's time; the note has what its own thread took.
No function has probes here but those for `all`, which records in every mode.

A sample's time is the sampler's, from waking to sleeping. What waking itself takes is the machine's: on some virtual
ones it is more than the sample, and the note tells.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import inspect
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from time import perf_counter, thread_time
from typing import Any

from benchmarks.contenders import VizTracer, environment, execute
from benchmarks.figures import Result
from benchmarks.memory import mean, overall, resident, session, slowdown
from benchmarks.operations import load
from benchmarks.rounds import Times, interleave
from benchmarks.whole import source

PROGRAMS = ("nbody", "fannkuch", "richards", "jsonenc", "spectral")
ROUNDS = 15
SECONDS = 0.01  # of a program without a break
BLOCKS = 10  # of that, in a turn
STACKS = 5_000
ROOT = Path(__file__).resolve().parent.parent
PEERS = {"samples-pyinstrument": "pyinstrument", "samples-viztracer": "viztracer", "samples-scalene": "scalene"}


@contextmanager
def sampling(directory: Path, interval: str, results: list[Any] | None = None) -> Iterator[None]:
    """A recording of samples alone; its totals are appended to `results`, and its files are gone afterwards."""
    import prof
    from prof.capture import open_capture

    recording = prof.enable_profiling(f"samples,{directory},,,interval={interval},imports=false,collections=false")
    with contextlib.redirect_stderr(io.StringIO()), recording:
        yield
    for file in recording.files:
        if results is not None and file.suffix == ".capture":
            with open_capture(file) as capture:
                results.append(capture.sampler(capture.tree()))
        file.unlink()


@contextmanager
def pyinstrument() -> Iterator[None]:
    """pyinstrument as it comes: every millisecond."""
    from pyinstrument import Profiler

    profiler = Profiler()
    profiler.start()
    try:
        yield
    finally:
        profiler.stop()


def openers(directory: Path) -> dict[str, Callable[[], AbstractContextManager[Any]]]:
    """Every contender that can run in this process, by what turns it on."""
    found: dict[str, Callable[[], AbstractContextManager[Any]]] = {
        "plain": nullcontext,
        "again": nullcontext,
        "samples-1khz": lambda: sampling(directory, "1ms"),
        "samples-10khz": lambda: sampling(directory, "100us"),
    }
    if importlib.util.find_spec("pyinstrument"):
        found["samples-pyinstrument"] = pyinstrument
    if importlib.util.find_spec("viztracer"):
        found["samples-viztracer"] = VizTracer().recording
    return found


def turn(
    opener: Callable[[], AbstractContextManager[Any]], namespace: dict[str, Any], runs: int, own: list[float]
) -> Callable[[], float]:
    """The best block of so many runs of the program, whose result must not change; processor times go to `own`."""
    run, scale, expected = namespace["run"], namespace["SCALE"], namespace["EXPECTED"]

    def once() -> float:
        gc.collect()
        best = float("inf")
        with opener():
            run(scale)
            for _ in range(BLOCKS):
                start, start_own = perf_counter(), thread_time()
                results = [run(scale) for _ in range(runs)]
                own.append(thread_time() - start_own)
                best = min(best, perf_counter() - start)
                if any(result != expected for result in results):
                    raise RuntimeError(f"the program gave {results!r}, expected {expected!r}")
        return best

    return once


def runs_of(namespace: dict[str, Any], quick: bool) -> int:
    """How many runs take so long."""
    best = float("inf")
    for _ in range(5):
        start = perf_counter()
        namespace["run"](namespace["SCALE"])
        best = min(best, perf_counter() - start)
    return max(1, round(SECONDS / (2 if quick else 1) / best))


def measure(quick: bool) -> Iterator[Result]:
    """Results of the group."""
    gc.freeze()
    with tempfile.TemporaryDirectory(prefix="prof-bench-") as name:
        directory = Path(name)
        yield from slowdowns(directory, quick)
        yield scalene(directory, quick)
        for depth in (20, 100):
            yield per_sample(directory, depth, quick)
        yield memory(directory, quick)


def slowdowns(directory: Path, quick: bool) -> Iterator[Result]:
    """Programs under each contender in turn."""
    contenders = openers(directory)
    every: dict[str, Times] = {}
    own: dict[str, dict[str, float]] = {}
    for program in PROGRAMS:
        spaces = {name: execute(source(program)) for name in contenders}
        spaces["all"] = load(source(program), f"all,{directory}")
        runs = runs_of(spaces["plain"], quick)
        everyone = contenders | {"all": lambda: session(f"all,{directory}")}
        taken: dict[str, list[float]] = {name: [] for name in everyone}
        turns = {name: turn(opener, spaces[name], runs, taken[name]) for name, opener in everyone.items()}
        every[program] = interleave(turns, 2 if quick else ROUNDS)
        own[program] = {name: min(times) for name, times in taken.items()}
    for name in ("samples-1khz", "samples-10khz", "all", "samples-pyinstrument", "samples-viztracer"):
        if name in PEERS and name not in contenders:
            yield Result(name, note=f"not measured: {PEERS[name]} is not installed")
            continue
        result = overall(every, name, lambda t, name=name: slowdown(t, name))  # type: ignore[misc]
        again = overall(every, name, lambda t: slowdown(t, "again")).value
        alone = mean([times[name] / times["plain"] for times in own.values()])
        note = f"{result.note}; plain again {again:.3f}; processor time of the program's thread {alone:.3f}"
        yield Result(name, result.value, result.low, result.high, note)


def scalene(directory: Path, quick: bool) -> Result:
    """Scalene is a command: the program times itself in a process of its own, with and without it."""
    figure = "samples-scalene"
    if importlib.util.find_spec("scalene") is None:
        return Result(figure, note="not measured: scalene is not installed")
    script = directory / "program.py"
    script.write_text(
        "import sys, time\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from benchmarks.programs import richards as p\n"
        "p.run(p.SCALE)\nstart = time.perf_counter()\n"
        f"for _ in range({100 if quick else 500}): p.run(p.SCALE)\n"
        f"open({str(directory / 'seconds')!r}, 'w').write(str(time.perf_counter() - start))\n"
    )
    commands = {
        "plain": [sys.executable, str(script)],
        "scalene": [
            sys.executable,
            "-m",
            "scalene",
            "run",
            "--cpu-only",
            "-o",
            str(directory / "scalene.json"),
            str(script),
        ],
    }
    best: dict[str, float] = {}
    for _ in range(1 if quick else 3):
        for name, command in commands.items():
            done = subprocess.run(command, env=environment(), cwd=directory, capture_output=True, timeout=120)
            if done.returncode or not (directory / "seconds").exists():
                return Result(figure, note=f"not measured: {name} ended with status {done.returncode}")
            seconds = float((directory / "seconds").read_text())
            (directory / "seconds").unlink()
            best[name] = min(seconds, best.get(name, seconds))
    return Result(figure, best["scalene"] / best["plain"], note="richards alone, in processes of their own")


def spin(depth: int, seconds: float) -> int:
    """Busy, so many frames below here."""
    if depth > 1:
        return spin(depth - 1, seconds)
    end, n = perf_counter() + seconds, 0
    while perf_counter() < end:
        n += 1
    return n


def per_sample(directory: Path, depth: int, quick: bool) -> Result:
    """Microseconds that the sampler works for one sample of a thread that runs, whose stack is so deep: the least of
    some rounds."""
    found: list[Any] = []
    below = len(inspect.stack(0))
    for _ in range(3 if quick else 12):
        with sampling(directory, "100us", found):
            spin(max(1, depth - below), 0.2)
    values = sorted(each.work_ns / each.samples / 1000 for each in found if each.samples)
    cpu = min(each.cpu_ns / each.ticks / 1000 for each in found if each.ticks)
    return Result(
        f"sample-{depth}", values[0], values[0], values[len(values) // 2], f"{cpu:.1f} us with waking; high: the median"
    )


# ---- memory ----------------------------------------------------------------------------------------------------------


def distinct(stacks: int, seconds: float) -> None:
    """Runs in so many different stacks, 6 functions deep, for so long in each."""
    code = "\n".join(
        [f"def level0_{i}(path, wait):\n    return wait()" for i in range(10)]
        + [
            f"def level{n}_{i}(path, wait):\n    return levels[{n - 1}][path % 10](path // 10, wait)"
            for n in range(1, 6)
            for i in range(10)
        ]
    )
    space: dict[str, Any] = {}
    exec(compile(code, "distinct.py", "exec"), space)
    space["levels"] = [[space[f"level{n}_{i}"] for i in range(10)] for n in range(6)]

    def wait() -> None:
        end = perf_counter() + seconds
        while perf_counter() < end:
            pass

    for path in range(stacks):
        space["levels"][5][path % 10](path // 10, wait)


def grown(directory: str, rounds: int, stacks: int) -> None:
    """Run in a process of its own: prints by how much it grew, under samples if there is a directory, in each round."""
    import prof

    with tempfile.TemporaryDirectory(dir=directory or None) as files:
        opener = sampling(Path(files), "50us", found := []) if directory else nullcontext(found := [])
        assert prof.__version__
        before = resident()
        with opener:
            sizes = []
            for _ in range(rounds):
                distinct(stacks, 0.0002)
                sizes.append(resident() - before)
    print(json.dumps({"sizes": sizes, "samples": sum(each.samples for each in found)}), flush=True)


def memory(directory: Path, quick: bool) -> Result:
    """Megabytes that an hour at 1 kHz takes: what all the stacks take once they have been seen. The note has what the
    round before took: then samples only add to what is there."""
    stacks, rounds = (STACKS // 10, 3) if quick else (STACKS, 8)
    reports = {}
    for name, where in (("plain", ""), ("samples", str(directory))):
        command = [sys.executable, "-c", f"from benchmarks.samples import grown; grown({where!r}, {rounds}, {stacks})"]
        output = subprocess.check_output(command, cwd=ROOT, env=environment(), text=True)
        reports[name] = json.loads(output.splitlines()[-1])
    own = [ours - plain for ours, plain in zip(reports["samples"]["sizes"], reports["plain"]["sizes"], strict=True)]
    samples = reports["samples"]["samples"]
    note = f"{samples:,} samples of {stacks:,} stacks: {own[-2] / 1e6:.1f} MB before the last round"
    return Result("samples-memory", own[-1] / 1e6, note=note)
