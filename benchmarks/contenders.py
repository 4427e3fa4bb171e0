"""Who is measured: the plain program, this project, and the peers that are installed, each behind the same face.

A `Contender` runs a program in this process. A `Sampler` runs a script in a process of its own and returns samples.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import CodeType
from typing import Any, Protocol

from attrs import frozen

# Events that VizTracer keeps. No run here makes as many, so that none is measured overwriting its own buffer.
ENTRIES = 2_000_000

MODULES = {
    "cProfile": "cProfile", "VizTracer": "viztracer", "trace0": "trace0", "profiling.sampling": "profiling.sampling"
}  # fmt: skip
NEEDS = {"trace0": (3, 13), "profiling.sampling": (3, 15)}


class Contender(Protocol):
    """One way to run a program."""

    name: str

    def load(self, code: CodeType) -> dict[str, Any]:
        """A namespace of its own in which the module's code has run: no two contenders share caches."""

    def recording(self) -> AbstractContextManager[Any]:
        """What is on while a run is timed."""


def execute(code: CodeType) -> dict[str, Any]:
    """The namespace of a module's code."""
    namespace: dict[str, Any] = {"__name__": "program"}
    exec(code, namespace)
    return namespace


class Plain:
    """The program by itself."""

    name = "plain"

    def load(self, code: CodeType) -> dict[str, Any]:
        return execute(code)

    def recording(self) -> AbstractContextManager[Any]:
        return nullcontext()


class Prof:
    """This project, every function with probes. `recorded()` must be on around all rounds."""

    name = "prof"

    def load(self, code: CodeType) -> dict[str, Any]:
        from prof import _probes  # type: ignore[attr-defined]

        return execute(_probes.probe_code(code, "program", True))

    def recording(self) -> AbstractContextManager[Any]:
        return nullcontext()


class CProfile:
    """cProfile as it comes."""

    name = "cProfile"

    def load(self, code: CodeType) -> dict[str, Any]:
        return execute(code)

    def recording(self) -> AbstractContextManager[Any]:
        import cProfile

        return cProfile.Profile()


class VizTracer:
    """VizTracer as it comes, except for a buffer that holds each run."""

    name = "VizTracer"

    def __init__(self) -> None:
        import viztracer

        self.tracer = viztracer.VizTracer(verbose=0, tracer_entries=ENTRIES)

    def load(self, code: CodeType) -> dict[str, Any]:
        return execute(code)

    @contextmanager
    def recording(self) -> Iterator[None]:
        self.tracer.start()
        try:
            yield
        finally:
            self.tracer.stop()
            self.tracer.clear()


class Trace0:
    """trace0 as it comes; its file is written in the background, as always, and closed after the time is taken."""

    name = "trace0"

    def __init__(self, directory: Path) -> None:
        import trace0

        self.make = trace0.Tracer
        self.path = str(directory / "trace.pb")

    def load(self, code: CodeType) -> dict[str, Any]:
        return execute(code)

    def recording(self) -> AbstractContextManager[Any]:
        tracer: AbstractContextManager[Any] = self.make(self.path)
        return tracer


def missing(peer: str) -> str:
    """Why a peer cannot be measured here; empty when it can."""
    needs = NEEDS.get(peer, (3,))
    if sys.version_info < needs:
        return f"{peer} needs Python {'.'.join(map(str, needs))}"
    return "" if importlib.util.find_spec(MODULES[peer]) is not None else f"{peer} is not installed"


def present(directory: Path) -> list[Contender]:
    """All contenders that can run here. `directory` takes what they write."""
    found: list[Contender] = [Plain(), Prof(), CProfile()]
    if not missing("VizTracer"):
        found.append(VizTracer())
    if not missing("trace0"):
        found.append(Trace0(directory))
    return found


@contextmanager
def recorded() -> Iterator[Path]:
    """A recording of this project around the block, and a directory that goes with it."""
    import prof

    # On disk, not in the working directory: the core maps its capture file, and a memory file system if there is one
    # would flatter it.
    with tempfile.TemporaryDirectory(prefix="prof-bench-") as directory:
        said = io.StringIO()
        with contextlib.redirect_stderr(said), prof.enable_profiling(f"time,{directory}"):
            yield Path(directory)


def environment() -> dict[str, str]:
    """The environment for subprocesses: this one, without a wish to record and with one order of sets."""
    kept = {name: value for name, value in os.environ.items() if name != "PROF"}
    return kept | {"PYTHONHASHSEED": "0"}


# ---- samplers --------------------------------------------------------------------------------------------------------


# What a script's stacks have where no function of its own runs.
OUTSIDE = ("", "<module>")


@frozen
class Sampled:
    """What a sampler found in a run of a script."""

    functions: Mapping[str, float]
    """What samples stand for, by the innermost function of the script's own on the stack: a qualified name."""
    samples: int
    squares: float
    """The sum of the squares of what each sample stands for."""
    said: Counter[str]
    """How many of its samples the sampler itself says are lost or in doubt, by what it says."""


class Sampler(Protocol):
    """One way to sample a script."""

    name: str

    def sample(self, script: Path, arguments: list[str], interval_us: int, folder: Path) -> Sampled:
        """Runs the script in its folder; `folder` is empty and takes what is written. RuntimeError: it failed."""


class ProfSampler:
    """This project, `PROF=samples`. The script has a marked function; those below it and other threads' have no marks.

    A sample stands for the nanoseconds since the thread's last, as in the reports.
    """

    name = "ours"

    def sample(self, script: Path, arguments: list[str], interval_us: int, folder: Path) -> Sampled:
        settings = f"samples,{folder},,,imports=false,collections=false,interval={interval_us}us"
        execute_script([sys.executable, str(script), *arguments], script.parent, PROF=settings)
        return self._read(next(folder.glob("*.capture")), script.stem)

    def _read(self, file: Path, module: str) -> Sampled:
        from prof.capture import open_capture

        found, samples, squares = Counter[str](), 0, 0.0
        with open_capture(file) as capture:
            tree, own = capture.tree(), {0: ""}
            columns = [tree.column(name) for name in ("sampled_ns", "samples", "sampled_square")]
            for node in range(1, tree.count):  # callers come before what they call
                label = capture.label(tree.label[node])
                mine = label.kind != "line" and label.name.startswith(f"{module}.")
                own[node] = label.name.removeprefix(f"{module}.") if mine else own[tree.parent[node]]
                if own[node] not in OUTSIDE:
                    found[own[node]] += columns[0][node]
                    samples += columns[1][node]
                    squares += columns[2][node] * 1e6  # of microseconds
            totals = capture.sampler(tree)
            said = Counter({drop.words: drop.count for drop in capture.drops})
        assert totals is not None
        return Sampled(found, samples, squares, said + Counter({"unsure": totals.partial}))


class CPythonSampler:
    """CPython's own sampler, of all threads. `options` are those of its command."""

    def __init__(self, name: str, *options: str) -> None:
        self.name, self.options = name, options

    def sample(self, script: Path, arguments: list[str], interval_us: int, folder: Path) -> Sampled:
        file = folder / "stacks.txt"
        rate = str(round(1e6 / interval_us))
        command = ["-m", "profiling.sampling", "run", "--all-threads", "--collapsed", *self.options]
        output = execute_script(
            [sys.executable, *command, "-r", rate, "-o", str(file), str(script), *arguments], script.parent
        )
        found = Counter[str]()
        for line in file.read_text().splitlines():
            stack, _, count = line.rpartition(" ")
            frames = [frame.rpartition(":")[0].rpartition(":") for frame in stack.split(";")[1:]]
            own = [name for file_name, _, name in frames if file_name == script.name and name not in OUTSIDE]
            if own:
                found[own[-1]] += int(count)
        return Sampled(found, found.total(), found.total(), self._said(output))

    @staticmethod
    def _said(output: str) -> Counter[str]:
        samples, percent = (
            re.search(pattern, output) for pattern in (r"Captured (\d+) sample", r"Error rate: ([\d.]+)")
        )
        if samples is None or percent is None:
            raise RuntimeError(f"profiling.sampling said {output!r}")
        missed = re.search(r"missed (\d+) samples", output)
        failed = round(int(samples[1]) * float(percent[1]) / 100)
        return Counter({"samples that failed": failed, "missed": int(missed[1]) if missed else 0})


def execute_script(command: list[str], folder: Path, **variables: str) -> str:
    """What the command says on standard output; RuntimeError with its last words if it fails."""
    done = subprocess.run(command, cwd=folder, env=environment() | variables, capture_output=True, text=True)
    if done.returncode:
        last = ((done.stderr or done.stdout).strip().splitlines() or ["nothing"])[-1]
        raise RuntimeError(f"{' '.join(command[1:4])} ended with status {done.returncode}: {last}")
    return done.stdout


def samplers() -> list[Sampler]:
    """Those that are compared: `missing("profiling.sampling")` says whether they can be."""
    return [ProfSampler(), CPythonSampler("CPython"), CPythonSampler("CPython --blocking", "--blocking")]
