"""Where results go: standard output or a file, with colour only on a terminal."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from prof.folded import replacing
from prof.text import shown
from prof.tools.screen.tables import Line

PIPED_WIDTH = 100
BATCH = 1024
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
    """Characters a line may have."""
    if not sys.stdout.isatty():
        return PIPED_WIDTH
    return max(60, shutil.get_terminal_size((PIPED_WIDTH, 24)).columns)


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


def coloured(path: str | None) -> bool:
    """Whether what is written to `path` goes to a terminal that shows colours."""
    return path in (None, STDOUT) and sys.stdout.isatty() and "NO_COLOR" not in os.environ


def plain_text(lines: Iterable[Line]) -> Iterator[str]:
    """Styled lines as text, without their styles, a line at a time."""
    # What is from a capture is printable; a path that the user gave may hold anything, and a terminal would obey it.
    for line in lines:
        text = line[0][0] if len(line) == 1 else "".join([text for text, _ in line])
        yield (text if text.isprintable() else shown(text)) + "\n"


def write_lines(lines: Iterable[Line], path: str | None) -> None:
    """Writes styled lines: in colour on a terminal, plain elsewhere."""
    if coloured(path):
        _write_colours([(shown(text), style) for text, style in line] for line in lines)
    else:
        write(plain_text(lines), path)


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
