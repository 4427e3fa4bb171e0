"""Putting whole lines, and calls before comments, into a file's lines. Nothing else is touched."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from .source import BLANK


@frozen
class Insert:
    """A whole line that goes above line `line` (from 1; one past the last line is the end of the file)."""

    line: int
    text: bytes  # its EOL included


def splice(bom: bytes, lines: list[bytes], inserts: Iterable[Insert], calls: Iterable[tuple[int, bytes]]) -> bytes:
    """The edited file. Inserts of one place keep their order; `calls` are (line, text before its comment)."""
    edited = [*lines, b""]
    for line, call in calls:
        text = edited[line - 1]
        at = len(text) - len(text.lstrip(BLANK))
        edited[line - 1] = text[:at] + call + text[at:]
    for insert in reversed(sorted(inserts, key=lambda i: i.line)):
        edited[insert.line - 1] = insert.text + edited[insert.line - 1]
    return bom + b"".join(edited)
