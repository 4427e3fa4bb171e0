"""A command that is run to its end, and what that took."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter_ns
from typing import IO

from prof.errors import InputError, OutputError
from prof.tools.analysis.bench import Contender, Run

_GRACE = 2.0  # seconds that a command is given to end in order
_TAIL = 2000  # bytes of what it said


def run_once(contender: Contender, environment: Mapping[str, str]) -> Run:
    """Runs a command, without input, and with what it prints thrown away. Raises InputError, with the last line of what
    it said, where it cannot be run or its status is not 0."""
    with tempfile.TemporaryFile() as errors:
        begin = perf_counter_ns()
        try:
            child = subprocess.Popen(
                contender.words, env=environment, cwd=contender.folder,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
            )  # fmt: skip
        except OSError as error:
            raise InputError(f"{shlex.join(contender.words)} cannot be run: {error.strerror}") from error
        try:
            _, status, usage = os.wait4(child.pid, 0)
        except BaseException:
            _end(child)
            raise
        wall = perf_counter_ns() - begin
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise InputError(_failed(contender, child.returncode, errors))
    # Not its memory: Linux counts that of the process that began it, up to when the program takes its place.
    return Run(wall, round(1e9 * (usage.ru_utime + usage.ru_stime)))


def _end(child: subprocess.Popen[bytes]) -> None:
    """Ends a command that nobody waits for any longer. A terminal's Ctrl-C has told it already."""
    try:
        child.wait(_GRACE)
    except subprocess.TimeoutExpired:
        child.terminate()
        try:
            child.wait(_GRACE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _failed(contender: Contender, status: int, errors: IO[bytes]) -> str:
    how = f"status {status}" if status > 0 else f"signal {-status}"
    errors.seek(max(0, errors.seek(0, os.SEEK_END) - _TAIL))
    said = errors.read().decode("utf-8", "replace").strip().splitlines()
    return f"{shlex.join(contender.words)} ended with {how}" + (f": {said[-1]}" if said else "")


class Kept:
    """The captures of one command's runs: `folder` has those of runs that ended well, each behind its run's number."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = folder / "unfinished"
        """Where the run that goes on records."""
        self._number = 0

    def begin(self) -> None:
        self._number += 1
        try:
            self.now.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self.now} cannot be made: {error.strerror}") from error

    def end(self, contender: Contender) -> None:
        """Takes the captures of a run that has ended. Raises InputError where there are none."""
        captures = sorted(self.now.glob("*.capture"))
        if not captures:
            raise InputError(
                f"{shlex.join(contender.words)} recorded nothing: it runs no Python that has prof, or no function"
                " of its project (--modes none: by the clock alone)"
            )
        for path in captures:
            path.rename(self.folder / f"{self._number:03}-{path.name}")
        for other in self.now.iterdir():  # folded files, say
            other.rename(self.folder / f"{self._number:03}-{other.name}")
        self.now.rmdir()
