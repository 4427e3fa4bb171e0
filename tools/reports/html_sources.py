"""The source that the page has: whole files, of the user's own first, and the text of lines in others.

Nothing is shown of a file that is not what the capture says it held.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prof.capture import Capture
from prof.text import printable
from prof.tools.analysis.source_files import Sources
from prof.tools.analysis.source_lines import SourceLine

# Characters: of all files together, of one, and of the texts of single lines; a line is cut there.
MOST, MOST_OF_FILE, MOST_OF_LINES, MOST_OF_LINE = 400_000, 200_000, 200_000, 300


def _text(line: bytes) -> str:
    return printable(line.decode("utf-8", "replace").expandtabs().replace("\f", " "))[:MOST_OF_LINE]


def document(capture: Capture, lines: Sequence[SourceLine], files: Sequence[str], own: set[str]) -> dict[str, Any]:
    """Files with figures as far as there is room, in this order but those in `own` first; texts of lines elsewhere.

    `left` are the files that were not put in although their source is at hand: for want of room.
    """
    sources = Sources(capture)
    found: dict[str, list[str]] = {}
    room, left = MOST, 0
    for file in sorted(files, key=lambda file: file not in own):
        if left and file not in own:
            break
        source = sources.get(file) if room else None
        if source is None:
            continue
        texts = [_text(line).rstrip() for line in source.lines]
        size = sum(map(len, texts)) + len(texts)
        if size > min(room, MOST_OF_FILE):
            left += 1
            continue
        room -= size
        found[file] = texts
    return {
        "files": [{"file": file, "lines": texts} for file, texts in found.items()],
        "left": left,
        "texts": _texts(sources, lines, found),
    }


def _texts(sources: Sources, lines: Sequence[SourceLine], whole: dict[str, list[str]]) -> list[str]:
    """A text for each line, up to the last that has one; empty for those in files that are there as a whole."""
    texts, room = [], MOST_OF_LINES
    for line in lines:
        if room <= 0:
            break
        text = "" if line.file in whole else sources.line_of(line.file, line.line)[:MOST_OF_LINE]
        room -= len(text)
        texts.append(text)
    return texts
