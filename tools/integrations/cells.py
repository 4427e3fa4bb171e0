"""The cells of a notebook as functions: each is called by its number, as `In [3]`, and so are those that it defines."""

from __future__ import annotations

import gc
import linecache
import os
import tempfile
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from attrs import frozen
from prof import engine as engines
from prof.configuration import ProfilerConfig
from prof.own_imports import own_imports, own_work
from prof.profiler import Profiler
from prof.tools.integrations.chosen import Chosen, Names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from prof.tools.analysis.report import Report
    from prof.tools.integrations.chosen import Choice

MAIN = "__main__"


def called(number: int | str) -> str:
    """What a cell is called, as in front of it."""
    return f"In [{number}]"


@frozen
class Asked:
    """What a magic's options lead to: a value of PROF, and what is chosen."""

    config: ProfilerConfig
    choice: Choice

    @property
    def names(self) -> Names:
        """Which functions of cells get probes: cells are the project's, and the module `__main__`."""
        place = os.path.join(self.choice.roots[0], "cells")
        return self.choice.function(MAIN, place) if self.choice.module(MAIN, place) else lambda name: False


@frozen
class Cells:
    """The cells that a shell has run, by the file names under which they were compiled."""

    compiler: Any

    def name(self, file: str) -> str:
        """`In [3]`; empty for what is no cell."""
        try:
            found = self.compiler.format_code_name(file)
        except Exception:  # of a shell's own
            return ""
        label, name = found or ("", "")
        return called(name.partition("[")[2].rstrip("]")) if label == "Cell" else ""

    def functions(self) -> list[FunctionType]:
        """Those that cells have defined and that are still there."""
        return [
            each
            for each in gc.get_objects()
            if type(each) is FunctionType and not each.__code__.co_name.startswith("<") and self.name(_file(each))
        ]


def _file(function: FunctionType) -> str:
    return function.__code__.co_filename


class CellRecording:
    """A cell that is being recorded, from here on. `code` is called with each piece of it that is about to run.

    Raises ProfError where it cannot be recorded, with nothing begun.
    """

    def __init__(self, cells: Cells, asked: Asked, number: int) -> None:
        self.cells, self.asked, self.number = cells, asked, number
        self._files: dict[str, str] = {}
        self._chosen = Chosen(asked.choice)
        self._profiler = Profiler(_with_folder(asked.config)).start(
            f"cell-{number}", quiet=True
        )  # a name that shells take
        try:
            with own_work(), own_imports():
                self._attach()
        except BaseException:
            self.end()
            raise

    def _attach(self) -> None:
        engine, names = engines.running().engine, self.asked.names
        self._chosen.attach(engine)
        for function in self.cells.functions():
            name = self._files[_file(function)] = self.cells.name(_file(function))
            self._chosen.attach_function(engine, function, name, names)

    @property
    def joined(self) -> Path | None:
        """The capture of the recording that runs already; None where this one is the cell's own."""
        return next(iter(self._profiler.sessions.values())) if self._profiler.joined else None

    def code(self, code: CodeType) -> CodeType:
        """A piece of the cell, with probes."""
        own = self._files[code.co_filename] = called(self.number)
        with own_work(), own_imports():
            return self._chosen.attach_code(engines.running().engine, code, own, own, self.asked.names)

    def shown(self, value: object, show: Callable[[object], None]) -> None:
        """Displays a result, which is IPython's work and not the cell's: reports show its time apart."""
        with self._profiler.span(f"Out [{self.number}]", "display"):
            show(value)

    def end(self) -> Path | None:
        """Ends the recording; the capture. Functions have the code that they had."""
        try:
            files = self._profiler.stop()
        finally:
            self._chosen.detach()
        for path in files:
            if path.suffix == ".folded":
                path.unlink(missing_ok=True)
        return next((path for path in files if path.suffix == ".capture"), None)

    def report(self, path: Path) -> Report:
        """The report, in which files of cells are called as these are. Close its capture when it has been laid out."""
        from prof.capture import open_capture
        from prof.tools.analysis.report import analyse
        from prof.tools.modes import VIEWS

        capture = open_capture(path)
        capture.narrow()  # the kernel's own threads are nothing of the cell's
        capture.call_files(self._files, _sources(self._files))
        return analyse(capture, tuple(VIEWS.values()), f"({path})")


def _sources(files: Mapping[str, str]) -> dict[str, str]:
    """The source of each cell, by what it is called; of one that has several files, the longest."""
    found: dict[str, str] = {}
    for file, name in files.items():
        text = "".join(linecache.getlines(file))
        found[name] = max(found.get(name, ""), text, key=len)
    return found


def _with_folder(config: ProfilerConfig) -> ProfilerConfig:
    """Without a folder that anybody names, captures go where they end with the kernel."""
    if config.settings("none").directory:
        return config
    return ProfilerConfig(**(config.given() | {"output": _folder()}))


_own: list[Any] = []


def _folder() -> str:
    """Where captures go unless something is said: they end with the kernel."""
    if not _own or not os.path.isdir(_own[0].name):
        _own[:] = [tempfile.TemporaryDirectory(prefix="prof-cells-", ignore_cleanup_errors=True)]
    return str(_own[0].name)
