"""Where results go: standard output or a file, with colour and a spinner only on a terminal."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from prof.folded import replacing
from prof.text import shown
from prof.tools.table import Line

PIPED_WIDTH = 100
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
PATIENCE_SECONDS = 2.0


def width() -> int:
    """Characters a line may have."""
    if not sys.stdout.isatty():
        return PIPED_WIDTH
    return max(60, shutil.get_terminal_size((PIPED_WIDTH, 24)).columns)


def write(parts: Iterable[str], path: str | None, like: Sequence[Path] = ()) -> None:
    """Writes text, in parts, to a file (replaced in one step) or to standard output: `-`, or None.

    `like` is for `replacing`.
    """
    if path is None or path == STDOUT:
        for part in parts:
            sys.stdout.write(part)
        sys.stdout.flush()
        return
    with replacing(path, like) as descriptor, os.fdopen(descriptor, "w", encoding="utf-8", closefd=False) as file:
        for part in parts:
            file.write(part)


def write_lines(lines: Iterable[Line], path: str | None) -> None:
    """Writes styled lines: in colour on a terminal, plain elsewhere."""
    # What is from a capture is printable; a path that the user gave may hold anything, and a terminal would obey it.
    lines = ([(shown(text), style) for text, style in line] for line in lines)
    if path in (None, STDOUT) and sys.stdout.isatty() and "NO_COLOR" not in os.environ:
        _write_colours(lines)
    else:
        write(("".join(text for text, _ in line) + "\n" for line in lines), path)


def _write_colours(lines: Iterable[Line]) -> None:
    # Only here: importing rich takes longer than most reports.
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, markup=False, emoji=False)
    for line in lines:
        text = Text(no_wrap=True, overflow="ignore")
        for part, style in line:
            text.append(part, STYLES.get(style, ""))
        console.print(text, soft_wrap=True)


@contextmanager
def working(what: str) -> Iterator[None]:
    """Shows a spinner on a terminal's standard error once the block has taken two seconds."""
    if not sys.stderr.isatty():
        yield
        return
    done = threading.Event()
    spinner = threading.Thread(target=_spin, args=(what, done), daemon=True)
    spinner.start()
    try:
        yield
    finally:
        done.set()
        spinner.join()


@contextmanager
def writing(path: str | None) -> Iterator[None]:
    """`working`, where the result goes to a file: what comes out on a terminal, or in a pager, tells its progress."""
    if path in (None, STDOUT) and not (sys.stderr.isatty() and stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)):
        yield
        return
    with working("Writing" if path in (None, STDOUT) else f"Writing {path}"):
        yield


def _spin(what: str, done: threading.Event) -> None:
    if done.wait(PATIENCE_SECONDS):
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        done.wait()
