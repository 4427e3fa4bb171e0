"""What `prof mcp` answers: text of so many tokens at most, from captures in one folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from attrs import define
from prof.capture import captures_in, open_capture
from prof.errors import InputError, UsageError
from prof.modes import MODES
from prof.tools.analysis.difference import compare
from prof.tools.analysis.report import Report, analyse
from prof.tools.analysis.told import LEAST
from prof.tools.analysis.whose import ruled
from prof.tools.commands.arguments import find_captures
from prof.tools.commands.sides import inputs
from prof.tools.modes import VIEWS, comparable
from prof.tools.reports import diff_text
from prof.tools.reports.asked import format_of, made
from prof.tools.reports.listing import listing_lines
from prof.tools.screen.output import plain_text
from prof.tools.screen.tokens import Room
from prof.tools.screen.units import duration, many, shorten_end, size

BUDGET, FEWEST, MOST = 2000, 2 * LEAST, 20_000
"""Tokens of an answer unless something is asked for, at least and at most."""
SECONDS, LONGEST = 60, 600
"""How long a program may run unless something is asked for, and at most."""
_WIDTH, _SAID = 140, 2000  # of lines; characters of what a program said
_LAST = 100  # bytes kept for what is said of lines that were left out
FORMAT = "markdown"


@define
class Answers:
    """Answers about the captures below `folder`. `anywhere` lets paths lead out of it.

    All raise ProfError for what cannot be answered.
    """

    folder: Path
    anywhere: bool = False

    def path(self, given: str) -> Path:
        """A path of the user's, where links lead. Raises UsageError for one outside of the folder."""
        if "\0" in given:
            raise UsageError("a path has no NUL")
        found = Path(os.path.realpath(self.folder / given))
        if not self.anywhere and not found.is_relative_to(os.path.realpath(self.folder)):
            raise UsageError(f"{given} is not below {self.folder}: prof mcp --anywhere allows that")
        return found

    # ---- captures ----

    def captures(self, folder: str = ".", budget: int = BUDGET) -> str:
        """The captures in a folder, the newest first."""
        return _within(self._captures(self.path(folder)), budget)

    def _captures(self, folder: Path) -> Iterator[str]:
        for modified, path in sorted(captures_in(folder), reverse=True):
            when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(modified / 1e9))
            name = path.relative_to(self.folder) if path.is_relative_to(self.folder) else path
            try:
                with open_capture(path) as capture:
                    modes, argv = "+".join(capture.mode_names), capture.command
                    took = duration(capture.duration_ns)
                    yield f"{name}  {when}  {took}  {modes}  {size(capture.size)}  {shorten_end(argv, 60)}\n"
            except InputError as error:
                yield f"{name}  {when}  cannot be read: {error}\n"

    def _report(self, capture: str, answer: Callable[[Report], str]) -> str:
        """What is answered from one capture, or from the newest run in a folder; empty is this folder."""
        found = find_captures([str(self.path(capture or "."))])
        with found.open() as opened:
            return answer(analyse(opened, tuple(VIEWS.values()), found.note, whose=ruled()))

    # ---- one capture ----

    def findings(self, capture: str = "", smaller: str = "", budget: int = BUDGET) -> str:
        """`smaller` is a capture of the same program with a smaller input."""
        budget = _asked(budget)
        if not smaller:
            return self._report(capture, lambda report: _markdown(report, budget))

        def compared(report: Report) -> str:
            def answer(other: Report) -> str:
                report.smaller = other
                return _markdown(report, budget)

            return self._report(smaller, answer)

        return self._report(capture, compared)

    def function(self, name: str, capture: str = "", budget: int = BUDGET) -> str:
        """Who calls a function, and what it calls: each with half of the budget."""
        half = _asked(budget) // 2
        parts = ("callers", "callees")
        return self._report(capture, lambda report: "".join(_markdown(report, half, each, name) for each in parts))

    def line(self, file: str, line: int, around: int = 5, capture: str = "", budget: int = BUDGET) -> str:
        """Lines of a source file with what they did in the margin."""
        self.path(file)

        def answer(report: Report) -> str:
            listing = report.listing(file)
            self.path(str(listing.path))
            rows = list(listing_lines(listing, report.note, styled=False))
            first = len(rows) - len(listing.columns[-1].cells)
            begin, end = max(0, line - 1 - around), line + around
            return _within(plain_text([*rows[:first], *rows[first + begin : first + end]]), budget)

        return self._report(capture, answer)

    # ---- two ----

    def diff(self, before: str, after: str, budget: int = BUDGET) -> str:
        """What two captures count differently, exactly."""
        sides = inputs([str(self.path(each)) for each in (before, after)])
        difference = compare(*sides, comparable())
        return _within(plain_text(diff_text.lines(difference, [], 0, _WIDTH)), budget)

    # ---- a recording ----

    def run(self, arguments: Sequence[str], modes: str = "all", seconds: int = SECONDS, budget: int = BUDGET) -> str:
        """Records a program, as `prof run`; what it said, and the findings."""
        command = [sys.executable, "-m", "prof", "run", "--modes", modes, *_detail(modes), *self._program(arguments)]
        budget = _asked(budget)
        if not 0 < seconds <= LONGEST:
            raise UsageError(f"seconds: from 1 to {LONGEST}")
        before = self._there()
        with subprocess.Popen(
            command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as child:  # fmt: skip
            try:
                said = child.communicate(timeout=seconds)[0]
                how = f"it ended with status {child.returncode}"
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)  # with all that it began
                said = child.communicate()[0]
                how = f"it was killed after {many(seconds, 'second')}"
        written = sorted(self._there() - before)
        text = said.decode("utf-8", "replace")[-_SAID:]
        if not written:
            raise UsageError(f"nothing was recorded: {how}; it said: {text}")
        third = budget // 3
        names = [str(path.relative_to(self.folder)) for path in written]
        head = f"{how}; recorded: {json.dumps(names)}\nIt said:\n{text}\n"
        return _lines(head.splitlines(keepends=True), third) + self.findings(
            names[0] if len(names) == 1 else "", budget=budget - third
        )

    def _program(self, arguments: Sequence[str]) -> list[str]:
        """The program and its arguments; of options of `prof run` none."""
        if not arguments or (arguments[0].startswith("-") and arguments[:1] != ["-m"]):
            raise UsageError('arguments: ["script.py", …] or ["-m", "module", …]')
        if arguments[0] != "-m":
            self.path(arguments[0])
        return list(arguments)

    def _there(self) -> set[Path]:
        return set(self.folder.glob("*.capture"))


def _detail(modes: str) -> list[str]:
    """The option that has blocks followed, if one of the modes can."""
    words = set(modes.split("+"))
    able = [mode for mode in MODES.values() if mode.has_detail]
    return ["--detail"] if any(words & {"all", mode.name, *mode.aliases} for mode in able) else []


def _asked(budget: int) -> int:
    """Raises UsageError for a budget that is too small or too large."""
    if not FEWEST <= budget <= MOST:
        raise UsageError(f"budget: from {FEWEST} to {MOST} tokens")
    return budget


def _markdown(report: Report, budget: int, part: str = "", name: str = "") -> str:
    return "".join(made(report, format_of(FORMAT), budget=budget, part=part, name=name).render(report))


def _within(lines: Iterable[str], budget: int) -> str:
    return _lines(lines, _asked(budget))


def _lines(lines: Iterable[str], budget: int) -> str:
    """As many lines as there is room for, and how many were left out."""
    room = Room(budget)
    room.left -= _LAST
    kept: list[str] = []
    left_out = 0
    for line in lines:
        if left_out or not room.take(line):
            left_out += 1
        else:
            kept.append(line)
    return "".join(kept) + (f"{left_out:,} lines were left out: ask with a larger budget\n" if left_out else "")
