"""Who is measured: the plain program, this project, and the peers that are installed, each behind the same face."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import CodeType
from typing import Any, Protocol

# Events that VizTracer keeps. No run here makes as many, so that none is measured overwriting its own buffer.
ENTRIES = 2_000_000

MODULES = {"cProfile": "cProfile", "VizTracer": "viztracer", "trace0": "trace0"}


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
    if importlib.util.find_spec(MODULES[peer]) is not None:
        return ""
    if peer == "trace0" and sys.version_info < (3, 13):
        return "trace0 needs Python 3.13"
    return f"{peer} is not installed"


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
