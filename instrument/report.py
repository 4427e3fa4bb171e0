"""What a person reads: refusals, warnings, the list of --check, diffs, the progress bar, the summary line."""

from __future__ import annotations

import difflib
import sys
import time
from collections import Counter
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from attrs import Factory, define

from .run import INSTRUMENT, Outcome

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

# Work shorter than this many seconds shows no bar; a bar is redrawn at most every TICK seconds.
PATIENCE, TICK = 2.0, 0.1


@define
class Totals:
    """Sums over outcomes."""

    files: int = 0
    changed: int = 0
    already: int = 0
    functions: int = 0
    sections: int = 0
    refused: int = 0
    edited: int = 0
    failed: int = 0
    skipped: Counter[str] = Factory(Counter)

    def add(self, o: Outcome) -> None:
        """Count one outcome."""
        self.files += 1
        self.changed += o.changed
        if o.changed:
            self.functions += o.functions
            self.sections += o.sections
        self.already += not o.changed and o.functions + o.sections > 0
        self.refused += len(o.refused)
        self.edited += o.edited
        self.failed += o.failed
        self.skipped += o.skipped


def summary(totals: Totals, left_out: Counter[str], action: str, write: bool) -> str:
    """One line: `142 files: 1,903 functions instrumented, 12 skipped (overload 9, numba 3), 2 refused`."""
    would = "" if write else " would be"
    parts = []
    if action == INSTRUMENT:
        parts.append(f"{_many(totals.functions, 'function')}{would} instrumented")
        if totals.sections:
            parts.append(_many(totals.sections, "section"))
        if totals.already:
            parts.append(f"{_many(totals.already, 'file')} instrumented already")
        if totals.skipped:
            parts.append(f"{totals.skipped.total():,} skipped ({_each(totals.skipped)})")
    else:
        parts.append(f"{totals.changed:,}{would} restored")
        if totals.edited:
            parts.append(f"{totals.edited:,} of them edited since")
    if left_out:
        parts.append(f"{_many(left_out.total(), 'file')} left out ({_each(left_out)})")
    parts.append(f"{totals.refused:,} refused")
    return f"{_many(totals.files, 'file')}: {', '.join(parts)}"


def _many(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _each(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in counts.most_common())


def complaints(o: Outcome, verbose: bool, quiet: bool) -> list[str]:
    """One line for each refusal and warning, `path:line: reason`, ordered by line."""
    said = [(line, reason) for line, reason in o.refused]
    if not quiet:
        said += [(line, f"warning: {reason}") for line, reason in o.warnings]
    if o.edited and not quiet:
        said.append((0, "note: edited since it was instrumented; our lines are out, the edits stay"))
    lines = [f"{o.path}:{line}: {reason}" if line else f"{o.path}: {reason}" for line, reason in sorted(said)]
    if verbose and o.changed:
        lines.append(f"{o.path}: {_many(o.functions, 'function')}, {_many(o.sections, 'section')}")
    return lines


def diff(path: str, before: bytes, after: bytes) -> bytes:
    """A unified diff that `patch` and `git apply` take, whatever the encoding and line ends."""
    name = path.encode(errors="surrogateescape")
    lines = difflib.diff_bytes(
        difflib.unified_diff, before.splitlines(True), after.splitlines(True), b"a/" + name, b"b/" + name
    )
    return b"".join(x if x.endswith(b"\n") else x + b"\n\\ No newline at end of file\n" for x in lines)


class Meter:
    """A progress bar that appears when the work takes long, and only on a terminal."""

    def __init__(self, total: int, stream: TextIO = sys.stderr, wanted: bool = True) -> None:
        self._total = total
        self._started = self._drawn = time.monotonic()
        self._stream = stream
        self._wanted = wanted and stream.isatty()
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Meter:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, done: int) -> None:
        """Say that `done` files are done."""
        now = time.monotonic()
        if not self._wanted or now - self._started < PATIENCE or now - self._drawn < TICK:
            return
        self._drawn = now
        if self._bar is None:
            from rich.console import Console
            from rich.progress import Progress

            # No refresh thread: the process may still fork workers. Rich takes stdout over while a bar is
            # shown, which is right on a terminal but would send a pipe's content to the terminal too.
            self._bar = Progress(
                console=Console(file=self._stream),
                auto_refresh=False,
                transient=True,
                redirect_stdout=sys.stdout.isatty(),
            )
            self._bar.start()
            self._task = self._bar.add_task("files", total=self._total)
        assert self._task is not None
        self._bar.update(self._task, completed=done, refresh=True)
