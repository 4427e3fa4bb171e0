"""Where results go: standard output or a file, with colour only on a terminal."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import IO

from prof.folded import replacing
from prof.text import shown
from prof.tools.screen.tables import NO_LIMIT, Line

NARROWEST = 60
BATCH = 1024
# Keeps colours, and ends by itself where all of it fits the screen.
PAGER = ("less", "-FRX")
STDOUT = "-"
# What tables call a style, in rich's words. Each mode adds its own, by its name.
STYLES = {
    "heading": "bold",
    "title": "dim",
    "change": "bold cyan",
    "lead": "bold magenta",
    "name": "green",
    "dim": "dim",
    "warning": "yellow",
}


def width() -> int:
    """Characters a line may have: those of the terminal. Elsewhere, what COLUMNS says; without that there is no limit,
    and no name is cut."""
    if not sys.stdout.isatty() and not os.environ.get("COLUMNS", "").isdecimal():
        return NO_LIMIT
    return max(NARROWEST, shutil.get_terminal_size((100, 24)).columns)


def write(parts: Iterable[str], path: str | None, like: Sequence[Path] = ()) -> None:
    """Writes text, in parts, to a file (replaced in one step) or to standard output: `-`, or None.

    `like` is for `replacing`.
    """
    if path is None or path == STDOUT:
        parts = iter(parts)
        # In batches, since a report may have a million parts. The first ones are written at once.
        size = 1
        while batch := list(islice(parts, size)):
            sys.stdout.write("".join(batch))
            size = min(2 * size, BATCH)
        sys.stdout.flush()
        return
    with replacing(path, like) as descriptor, os.fdopen(descriptor, "w", encoding="utf-8", closefd=False) as file:
        for part in parts:
            file.write(part)


def terminal(path: str | None) -> bool:
    """Whether what is written to `path` goes to a terminal."""
    return path in (None, STDOUT) and sys.stdout.isatty()


def coloured(path: str | None) -> bool:
    """Whether it is one that shows colours."""
    return terminal(path) and "NO_COLOR" not in os.environ


def plain_text(lines: Iterable[Line]) -> Iterator[str]:
    """Styled lines as text, without their styles, a line at a time."""
    # What is from a capture is printable; a path that the user gave may hold anything, and a terminal would obey it.
    for line in lines:
        text = line[0][0] if len(line) == 1 else "".join([text for text, _ in line])
        yield (text if text.isprintable() else shown(text)) + "\n"


def write_lines(lines: Iterable[Line], path: str | None, paged: bool = False) -> None:
    """Writes styled lines: in colour on a terminal, plain elsewhere; on a terminal by way of the pager, if `paged`."""
    command = _pager() if paged and terminal(path) else ()
    if command:
        with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as pager:
            assert pager.stdin is not None
            with suppress(BrokenPipeError), pager.stdin as file:  # who has seen enough leaves
                _write_terminal(lines, coloured(path), file)
    elif terminal(path):
        _write_terminal(lines, coloured(path), sys.stdout)
    else:
        write(plain_text(lines), path)


def _pager() -> Sequence[str]:
    """The user's own, or `less`; nothing where there is none."""
    command = shlex.split(os.environ["PAGER"]) if os.environ.get("PAGER") else PAGER
    return command if command and command[0] != "cat" and shutil.which(command[0]) else ()


def _write_terminal(lines: Iterable[Line], colours: bool, file: IO[str]) -> None:
    if colours:
        _write_colours(([(shown(text), style) for text, style in line] for line in lines), file)
    else:
        file.writelines(plain_text(lines))


def _write_colours(lines: Iterable[Line], file: IO[str]) -> None:
    # Only here: importing rich takes longer than most reports.
    from rich.console import Console
    from rich.text import Text

    console = Console(file=file, force_terminal=True, highlight=False, markup=False, emoji=False)
    for line in lines:
        text = Text(no_wrap=True, overflow="ignore")
        for part, style in line:
            text.append(part, STYLES.get(style, ""))
        console.print(text, soft_wrap=True)
