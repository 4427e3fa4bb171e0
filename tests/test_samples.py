"""The samples mode: where threads are found, what they do there, and how that agrees with exact times."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, TypeAlias

import pytest
import quirks
from prof import enable_profiling
from prof.capture import Function, Sampler, open_capture
from prof.tools.analysis.agreement import compare
from prof.tools.analysis.summary import summarise
from prof.tools.modes import VIEWS
from recording import Recorded, Recorder

Run: TypeAlias = Callable[..., "CompletedProcess[str]"]

pytestmark = pytest.mark.alone


class Samples:
    """A capture's samples, by stack and by function."""

    def __init__(self, path: Path) -> None:
        with open_capture(path) as capture:
            self.tree = tree = capture.tree()
            sampler = capture.sampler(tree)
            assert sampler is not None
            self.totals: Sampler = sampler
            self.functions = capture.functions(tree)
            self.threads = {t.name: t for t in capture.threads}
            self.drops = {drop.key: drop.count for drop in capture.drops}
            self.comparison = compare(
                summarise(capture, tree, self.functions, tuple(VIEWS.values())), tree, self.functions
            )
            self.lines = capture.lines(tree, "samples")
            self.process = capture.process
            names = {index: capture.label(index).name for index in range(capture.label_count)}
            self.stacks = self._stacks(tree, names)
            self.by_thread = {
                t.name: self._stacks(capture.tree(index), names) for index, t in enumerate(capture.threads)
            }

    @staticmethod
    def _stacks(tree: Any, names: dict[int, str]) -> dict[tuple[str, ...], tuple[int, int, int, int]]:
        """By path: samples, and of these on a processor, holding the interpreter's lock, and waiting for it."""
        columns = [tree.column(c) for c in ("samples", "cpu_samples", "held_samples", "wait_samples")]
        paths: dict[int, tuple[str, ...]] = {0: ()}
        for node in range(1, tree.count):
            paths[node] = (*paths[tree.parent[node]], names[tree.label[node]])
        return {
            path: (columns[0][n], columns[1][n], columns[2][n], columns[3][n])
            for n, path in paths.items()
            if columns[0][n]
        }

    def of(self, name: str) -> Function:
        """The function of that name. A sample may find its frame before the frame is a span, or after: a row beside."""
        found = [f for f in self.functions if f.label.name == name]
        return max(found, key=lambda function: function.samples or 0)


@pytest.fixture
def sampled(tmp_path: Path) -> Callable[..., Samples]:
    """Records `call()` in this process: `sampled(call, modes="time+samples", keys=",interval=1ms")`."""

    def run(call: Callable[[], Any], modes: str = "time+samples", keys: str = "") -> Samples:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        with enable_profiling(f"{modes},{folder},,,imports=false,collections=false{keys}") as recording:
            call()
        (path,) = (file for file in recording.files if file.suffix == ".capture")
        return Samples(path)

    return run


# ---- where threads are found -----------------------------------------------------------------------------------------

PARKED = """
import threading

class Depot:
    @profiled
    def span(self, depth, ready, leave):
        return self.below(depth, ready, leave)

    def below(self, depth, ready, leave):
        if depth:
            return [self.below(depth - 1, ready, leave) for _ in (1,)][0]
        return next(self.wait(ready, leave))

    def wait(self, ready, leave):
        ready.release()
        yield leave.wait()

def in_section(depth, ready, leave):
    with profile("parked"):
        Depot().below(depth, ready, leave)

@profiled
def around(depth, ready, leave):
    in_section(depth, ready, leave)

@profiled
def straight(ready, leave):
    ready.release()
    leave.wait()
"""


def current_stack(thread: threading.Thread, spans: tuple[str, ...], below: str) -> tuple[str, ...]:
    """What the interpreter itself says: below the spans, the functions below the one called `below`, and the line."""
    assert thread.ident is not None
    frame = sys._current_frames()[thread.ident]
    found: list[str] = []
    line = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
    names = [f.f_code.co_qualname.replace("<locals>.", "") for f, _ in traceback.walk_stack(frame)]
    modules = [f.f_globals["__name__"] for f, _ in traceback.walk_stack(frame)]
    for name, module in zip(names, modules, strict=True):
        if name == below:
            break
        found.append(f"{module}.{name}")
    return (*spans, *reversed(found), line)


@pytest.mark.parametrize("depth", [0, 3, 40, 100])
def test_threads_that_stand_still(record: Recorder, sampled: Callable[..., Samples], depth: int) -> None:
    """Every sample is where the interpreter's own functions say that the thread is."""
    space = record.load(PARKED)
    ready, leave = threading.Semaphore(0), threading.Event()
    arguments = (depth, ready, leave)
    threads = {
        "in a span": (space["Depot"]().span, arguments, ("program.Depot.span",), "Depot.span"),
        "in a section": (space["around"], arguments, ("program.around", "profile!parked"), "in_section"),
        "in no span": (space["Depot"]().below, arguments, (), ""),
        "on a line of a span": (space["straight"], (ready, leave), ("program.straight",), "straight"),
    }
    expected = {}

    def main() -> None:
        running = [threading.Thread(target=t, args=a, name=name) for name, (t, a, _, _) in threads.items()]
        for thread in running:
            thread.start()
        for _ in running:
            ready.acquire()
        time.sleep(0.3)
        for thread in running:
            _, _, spans, below = threads[thread.name]
            expected[thread.name] = current_stack(thread, spans, below)
        time.sleep(0.5)
        leave.set()
        for thread in running:
            thread.join()

    found = sampled(main)
    for name, path in expected.items():
        stacks = found.by_thread[name]
        assert path in stacks, (path, stacks, found.drops, found.totals)
        samples, on_cpu, held, waited = stacks[path]
        assert samples >= 0.6 * sum(each[0] for each in stacks.values()), (name, path, stacks)
        assert samples >= 20
        # A thread that waits for an event neither runs nor wants the interpreter.
        assert on_cpu + held + waited <= 0.05 * samples, (name, on_cpu, held, waited)
    assert found.drops.get("samples_torn", 0) <= 2  # while they come to stand, and go


def test_the_spans_of_samples_are_the_stacks_of_time(run_program: Run, tmp_path: Path) -> None:
    """Without what has no span, each sampled stack is one of the exact ones."""
    run_program("sampled.py", "busy", PROF="time+samples,,,,interval=1ms,imports=false,collections=false", timeout=60)
    (times,) = tmp_path.glob("*-time.folded")
    (samples,) = tmp_path.glob("*-samples.folded")
    exact = {line.rpartition(" ")[0] for line in times.read_text().splitlines()}
    spans = {name for stack in exact for name in stack.split(";")}
    checked = 0
    for line in samples.read_text().splitlines():
        stack, _, number = line.rpartition(" ")
        upper = [name for name in stack.split(";") if name in spans]
        if upper:
            assert ";".join(upper) in exact
            checked += int(number)
    assert checked > 100


def test_lines(record: Recorder, sampled: Callable[..., Samples]) -> None:
    """The line that takes the time is the one that is found, numbered as in the source before it was instrumented."""
    space = record.load("""
import time
@profiled  # prof:auto
def span():
    first = 1
    below()
    time.sleep(0.25)
    return first

def below():
    total = 0
    time.sleep(0.15)
    return total
""")
    found = sampled(space["span"])
    names = {path: each[0] for path, each in found.by_thread["MainThread"].items()}
    # The tagged line does not count. Of 250 and 150 ticks a busy machine lets us have some.
    assert names[("program.span", "program.py:6")] >= 50
    assert names[("program.span", "program.below", "program.py:11")] >= 30
    by_line: Counter[str] = Counter()
    for line in found.lines:
        by_line[line.label.name] += line.samples or 0
    assert by_line["program.py:6"] == sum(n for path, n in names.items() if path[-1] == "program.py:6")
    span, below = found.of("program.span"), found.of("program.below")
    # What a span holds itself is all that has no other span.
    assert span.samples_self == span.samples == sum(n for path, n in names.items() if path[0] == "program.span")
    assert below.samples_self == names[("program.span", "program.below", "program.py:11")]
    assert below.label.kind == "frame"


def test_deep_stacks_are_cut_at_the_root_and_counted(sampled: Callable[..., Samples]) -> None:
    def deep(n: int) -> None:
        if n:
            deep(n - 1)
        else:
            time.sleep(0.1)

    found = sampled(lambda: deep(400), modes="samples")
    longest = max(found.stacks, key=lambda path: found.stacks[path][0])
    assert len(longest) == 257
    assert all(name.endswith(".deep") for name in longest[:-1])
    assert found.drops["samples_cut"] >= found.stacks[longest][0] > 50
    within = sampled(lambda: deep(120), modes="samples")
    assert "samples_cut" not in within.drops
    assert any(len([n for n in path if n.endswith(".deep")]) == 121 for path in within.stacks)


def test_threads_that_are_never_in_a_span(sampled: Callable[..., Samples]) -> None:
    """They are found with their names and for as long as they live, and become the same thread when they enter one."""
    from prof import profiled

    @profiled
    def late() -> None:
        time.sleep(0.1)

    def stranger() -> None:
        time.sleep(0.3)

    def enters() -> None:
        time.sleep(0.1)
        late()

    def main() -> None:
        threads = [
            threading.Thread(target=stranger, name="The Stranger"),
            threading.Thread(target=enters, name="comes late"),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    found = sampled(main)
    assert sorted(found.threads) == ["MainThread", "The Stranger", "comes late"]
    assert 0.2e9 < found.threads["The Stranger"].alive_ns < 0.5e9
    assert sum(each[0] for each in found.by_thread["The Stranger"].values()) > 200
    assert (
        sum(each[0] for path, each in found.by_thread["comes late"].items() if path and path[0].endswith(".late")) > 60
    )
    assert len(found.by_thread) == 3


# ---- what they do there ----------------------------------------------------------------------------------------------


def test_totals_are_wall_time(sampled: Callable[..., Samples]) -> None:
    """A sample stands for the time since the last: of each thread they sum to its life; processor time likewise."""
    threads = [threading.Thread(target=time.sleep, args=(0.4,)) for _ in range(3)]

    def main() -> None:
        for thread in threads:
            thread.start()
        begin = time.thread_time()
        while time.thread_time() - begin < 0.2:
            pass
        for thread in threads:
            thread.join()

    found = sampled(main, keys=",interval=5ms")
    alive = sum(t.alive_ns for t in found.threads.values())
    # What a thread lived after its last sample has none: a tenth of it where the sampler waits for a processor.
    assert 0.8 * alive < found.totals.sampled_ns < 1.05 * alive
    assert 0.19e9 <= found.totals.sampled_cpu_ns < 0.35e9


def test_threads_beyond_those_that_are_looked_at_are_counted(sampled: Callable[..., Samples]) -> None:
    """Each takes files of the process's: 64 have them at once."""
    done = threading.Event()
    threads = [threading.Thread(target=done.wait) for _ in range(80)]

    def call() -> None:
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        done.set()
        for thread in threads:
            thread.join()

    assert sampled(call, keys=",interval=5ms").drops["threads_unmetered"] >= 80 - 64


def test_a_sleeping_thread_is_never_on_a_processor(sampled: Callable[..., Samples]) -> None:
    def main() -> None:
        end = time.perf_counter() + 0.5
        while time.perf_counter() < end:
            sum(range(1000))

    # It falls asleep before and wakes after: for that it needs a processor.
    thread = threading.Thread(target=time.sleep, args=(1,), name="sleeper")
    thread.start()
    time.sleep(0.1)
    found = sampled(main, keys=",interval=500us")
    samples, on_cpu, held, waited = (sum(each[i] for each in found.by_thread["sleeper"].values()) for i in range(4))
    assert samples > 200
    assert (on_cpu, held, waited) == (0, 0, 0)
    assert found.totals.sampled_cpu_ns < 0.7e9
    thread.join()


@pytest.mark.parametrize("keeps", [True, False])
def test_a_c_function_that_keeps_the_gil_or_lets_it_go(sampled: Callable[..., Samples], keeps: bool) -> None:
    ctypes = pytest.importorskip("ctypes")
    usleep = (ctypes.PyDLL if keeps else ctypes.CDLL)(None).usleep
    running = True

    def wants() -> None:
        while running:
            pass

    def sleeps() -> None:
        usleep(80_000)

    def main() -> None:
        nonlocal running
        thread = threading.Thread(target=wants, name="wants")
        thread.start()
        for _ in range(5):
            sleeps()
        running = False
        thread.join()

    found = sampled(main)
    # Of the main thread only what is in the call: on a busy machine it takes a while to begin and to end.
    main_samples = [n for path, n in found.by_thread["MainThread"].items() if any(p.endswith(".sleeps") for p in path)]
    assert "wants" in found.by_thread, (found.by_thread, found.threads, found.drops)
    other = found.by_thread["wants"].values()
    samples, on_cpu, held, waited = (sum(each[i] for each in main_samples) for i in range(4))
    others, _, others_held, others_waited = (sum(each[i] for each in other) for i in range(4))
    assert found.totals.lock and found.totals.waits
    assert samples > 100 and on_cpu < 0.2 * samples
    if keeps:
        assert held > 0.75 * samples and waited < 0.25 * samples
        assert others_waited > 0.75 * samples and others_held <= others - others_waited
    else:
        assert held < 0.1 * samples
        assert others_held > 0.75 * samples and others_waited < 0.2 * others


# ---- how that agrees with exact times --------------------------------------------------------------------------------

SHARES = """
def spin(n):
    x = 0
    for i in range(n):
        x += i
    return x

@profiled
def half(n): return spin(n * 8)
@profiled
def quarter(n): return spin(n * 4)
@profiled
def eighth(n): return spin(n * 2)
@profiled
def rest(n):
    with profile("part"):
        spin(n)
    return spin(n)

def work(rounds):
    for i in range(rounds):
        half(120 + i % 7)
        quarter(120 + i % 5)
        eighth(120 + i % 3)
        rest(120)
"""


@pytest.mark.parametrize("interval", ["1ms", "100us"])
def test_shares_agree_with_exact_times(record: Recorder, sampled: Callable[..., Samples], interval: str) -> None:
    """Sampled shares are inside the 99 % intervals around the exact ones of the same run: nearly always."""
    space = record.load(SHARES)
    misses, torn, samples = [], 0, 0
    for threads in (1, 8, 1, 8):

        def main(threads: int = threads) -> None:
            running = [threading.Thread(target=space["work"], args=(10_000 // threads,)) for _ in range(threads)]
            for thread in running:
                thread.start()
            for thread in running:
                thread.join()

        found = sampled(main, keys=f",interval={interval}")
        rows = {row.function.label.name: row for row in found.comparison}
        assert len(rows) == 5
        torn += found.drops.get("samples_torn", 0)
        samples += found.totals.samples
        misses += [(threads, name, row) for name, row in rows.items() if not row.agrees]
    # Of 20 cases, each with a chance of one in a hundred, as many as four miss in one run of 30,000.
    assert len(misses) <= 3, misses
    # What a look cannot put together is counted, and is a sample of its span.
    assert torn <= max(4, 0.005 * samples), (torn, samples)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="on one processor nothing runs while the sampler looks")
def test_generators_below_spans_have_their_share(run_program: Run, tmp_path: Path) -> None:
    """A generator's step takes as long as the plain function `leaf`, and as much of the sampled processor time.

    Who reads frames again until they fit together sees half of the steps: at the second look, what the step's consumer
    does next. So does, on 3.11, who reads the state half a microsecond before the C frame that it names. The program
    runs until the sampler has looked 8,000 times while it was running: then some 500 looks are of `leaf`, and the ratio
    is within 8 % two times of three, for looks that do not come evenly.
    """
    keys = "imports=false,collections=false,interval=100us"
    own, looks, unsure = Counter[str](), 0, 0
    for run in range(20):
        folder = tmp_path / str(run)
        done = run_program("generators.py", "1000", timeout=300, PROF=f"samples,{folder},,,{keys}")
        assert done.returncode == 0, done.stderr
        (found,) = captured(folder)
        looks += found.totals.samples - found.totals.idle
        unsure += found.totals.partial + found.totals.unplaced
        for name in ("leaf", "steps", "steps_below"):
            own[name] += found.of(f"generators.{name}").sampled_cpu_self_ns or 0
        if looks > 8_000:
            break
    assert all(0.75 < own[name] / own["leaf"] < 1.33 for name in ("steps", "steps_below")), (own, looks, unsure)
    assert unsure < 0.02 * looks, (unsure, looks)


# ---- robust ----------------------------------------------------------------------------------------------------------


def test_a_program_that_limits_the_size_of_files(run_program: Run, tmp_path: Path) -> None:
    """The sampler copies through a file of its own in memory: the limit does not end the program, and samples go on."""
    done = run_program("limited.py", PROF=f"samples,{tmp_path},,,interval=1ms")
    assert (done.returncode, done.stdout) == (0, "limited\n"), done.stderr
    (found,) = captured(tmp_path)
    assert sum(line.samples for line in found.lines if line.label.name.startswith("limited.py:1")) > 150
    assert found.totals.partial + found.totals.unplaced <= 2


def captured(folder: Path) -> list[Samples]:
    return [Samples(path) for path in sorted(folder.glob("*.capture"))]


@pytest.mark.parametrize("malloc", ["default", "debug"])
def test_churning_code_objects_and_dying_threads(run_program: Run, tmp_path: Path, malloc: str) -> None:
    done = run_program("sampled.py", "churn", "2", PROF="time+samples,,,,interval=50us", PYTHONMALLOC=malloc)
    assert (done.returncode, done.stdout) == (0, "churned\n"), done.stderr
    (found,) = captured(tmp_path)
    assert found.totals.samples > 2000
    assert found.drops.get("samples_torn", 0) <= max(2, 0.002 * found.totals.samples)
    for function in found.functions:
        name = function.label.name
        # Each made function calls itself by its number, and its file is of that number.
        if made := re.search(r"\bmade_(\d+)", name):
            assert function.label.file == f"<made {made[1]}>", name


def test_frames_that_are_written_over(sampled: Callable[..., Samples]) -> None:
    """A frame that is gone names as its caller whatever number lies there: also one that addresses run over with."""
    import ctypes

    def main() -> None:
        frame = ctypes.c_uint64.from_address(id(sys._getframe()) + 3 * 8).value  # PyFrameObject.f_frame
        previous = ctypes.c_uint64.from_address(frame + quirks.FRAME_PREVIOUS)
        caller = previous.value
        for low in range(8, 128, 8):
            previous.value = 2**64 - low
            end = time.perf_counter() + 0.01
            while time.perf_counter() < end:
                pass
            previous.value = caller

    found = sampled(main, modes="samples", keys=",interval=100us")
    assert found.totals.partial > 100, (found.totals, found.drops)
    # The function itself is known; its callers are not, and none is made up.
    alone = sum(n[0] for path, n in found.stacks.items() if path and path[0].endswith("_written_over.main"))
    assert 100 < alone <= found.totals.partial


def test_switches_all_the_time(run_program: Run, tmp_path: Path) -> None:
    done = run_program("sampled.py", "switches", "1", PROF="time+samples,,,,interval=100us")
    assert (done.returncode, done.stdout) == (0, "switched\n"), done.stderr
    (found,) = captured(tmp_path)
    assert found.drops.get("samples_torn", 0) <= max(2, 0.001 * found.totals.samples)
    assert found.totals.samples > 1000


def test_a_forked_child_has_its_own_sampler(run_program: Run, tmp_path: Path) -> None:
    done = run_program("sampled.py", "fork", PROF="time+samples")
    assert (done.returncode, done.stdout) == (0, "0\n"), done.stderr
    parent, child = sorted(captured(tmp_path), key=lambda c: "sampled.in_child" in {f.label.name for f in c.functions})
    assert (parent.of("sampled.forks").samples_self or 0) > 50
    assert (child.of("sampled.in_child").samples_self or 0) > 50
    assert "sampled.in_parent_thread" not in {f.label.name for f in child.functions}


def test_forks_from_threads_do_not_hang(run_program: Run, tmp_path: Path) -> None:
    done = run_program("sampled.py", "forks", "40", PROF="samples,,,,interval=50us", timeout=120)
    assert (done.returncode, done.stdout) == (0, "forked\n"), done.stderr


def test_a_child_ends_with_its_last_thread(run_program: Run) -> None:
    """The sampler does not keep a process alive, however seldom it looks."""
    done = run_program("sampled.py", "fork in a thread", PROF="samples,,,,interval=30s")
    assert (done.returncode, done.stdout) == (0, "child ended with 0\n"), done.stderr


@pytest.mark.parametrize("how", ["frames=false", "seccomp"])
def test_spans_alone(run_program: Run, tmp_path: Path, how: str) -> None:
    """Where the system forbids reading memory so, or frames are not wanted, samples are of spans, and say so."""
    keys = ",frames=false" if how != "seccomp" else ""
    done = run_program("sampled.py", how, PROF=f"time+samples,,,,imports=false,collections=false{keys}")
    assert done.returncode == 0, done.stderr
    if done.stdout == "no seccomp\n":
        pytest.skip("seccomp filters cannot be installed here")
    (found,) = captured(tmp_path)
    assert not found.totals.frames
    assert found.totals.why.startswith("the system does not let" if how == "seccomp" else "it was asked for")
    assert {len(path) for path in found.stacks} <= {0, 1, 2}
    assert (found.of("sampled.spins").samples_self or 0) > 50
    command = [sys.executable, "-m", "prof", "report", "--full", str(next(tmp_path.glob("*.capture")))]
    report = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "! samples are of spans alone, without lines: " in report


def test_from_start_up_through_shutdown(run_program: Run, tmp_path: Path) -> None:
    done = run_program("sampled.py", "shutdown", PROF="samples,,,,interval=200us")
    assert (done.returncode, done.stdout) == (0, "at exit\n"), done.stderr
    (found,) = captured(tmp_path)
    assert any("sampled.at_exit" in path for path in found.stacks)
    assert any("sampled.late_daemon" in path for path in found.stacks)


def test_killed(run_program: Run, tmp_path: Path) -> None:
    done = run_program("sampled.py", "killed", PROF="time+samples")
    assert done.returncode == -9
    (found,) = captured(tmp_path)
    assert (found.of("sampled.spins").samples_self or 0) > 50


def test_input_and_output(sampled: Callable[..., Samples], tmp_path: Path) -> None:
    """Bytes go to the span that reads or writes them, as far as two samples apart tell."""
    from prof import profiled

    @profiled
    def writes() -> None:
        with open(tmp_path / "big", "wb", buffering=0) as file:
            for _ in range(50):
                file.write(bytes(100_000))
                time.sleep(0.004)

    @profiled
    def reads() -> None:
        with open(tmp_path / "big", "rb", buffering=0) as file:
            for _ in range(50):
                file.read(100_000)
                time.sleep(0.004)

    found = sampled(lambda: (writes(), reads()))
    written, read = (
        found.of(f"{__name__}.test_input_and_output.writes"),
        found.of(f"{__name__}.test_input_and_output.reads"),
    )
    assert written.written_bytes_self is not None and read.read_bytes_self is not None
    assert 4_700_000 <= written.written_bytes_self <= 5_004_096  # and what else the thread wrote meanwhile
    assert 4_700_000 <= read.read_bytes_self <= 5_000_000
    assert (written.switches_self or 0) >= 45
    first, last = found.process[0], found.process[-1]
    assert 4_500_000 <= last.written_bytes - first.written_bytes <= 5_100_000
    assert 4_700_000 <= last.read_bytes - first.read_bytes <= 5_100_000
    assert last.waits - first.waits >= 80
    # Where there are no counters, the reason is known; where there are, something was counted.
    assert bool(found.totals.why_counters) != bool(written.instructions_self)


def test_nothing_is_left(record: Recorder, sampled: Callable[..., Samples]) -> None:
    before = threading.Thread._set_native_id  # type: ignore[attr-defined]
    tasks = len(list(Path("/proc/self/task").iterdir()))
    for _ in range(3):
        sampled(lambda: time.sleep(0.01))
    assert threading.Thread._set_native_id is before  # type: ignore[attr-defined]
    assert len(list(Path("/proc/self/task").iterdir())) == tasks


def test_all_modes_share_their_stacks(run_program: Run, tmp_path: Path) -> None:
    done = run_program("sampled.py", "busy", PROF="all,,,,imports=false,collections=false")
    assert done.returncode == 0, done.stderr
    (recorded,) = (Recorded(path) for path in tmp_path.glob("*.capture"))
    assert {"time", "memory", "samples"} <= set(recorded.meta["modes"])
    assert {p.stem.partition("-")[2].partition("-")[2].partition("-")[2] for p in tmp_path.glob("*.folded")} >= {
        "time",
        "memory-summary",
        "samples",
    }


def test_samples_without_room_are_counted(run_program: Run, tmp_path: Path) -> None:
    done = run_program("sampled.py", "full", PROF="time+samples,,,,interval=50us")
    assert done.returncode == 0, done.stderr
    (found,) = captured(tmp_path)
    assert found.drops["samples_lost"] > 10
