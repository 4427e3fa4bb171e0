"""Lines of the source as it was before `prof-instrument`: whole inserted lines are known by their tag."""

from __future__ import annotations

from bisect import bisect_left

TAG = b"# prof:auto"

# Line numbers (1-based, ascending) of the inserted lines of each file. Files without are in here too.
_inserted: dict[str, list[int]] = {}


def inserted_lines(file: str) -> list[int]:
    """Numbers of the lines that `prof-instrument` put into `file`; empty for a file that cannot be read."""
    if file not in _inserted:
        try:
            with open(file, "rb") as source:
                text = source.read()
        except (OSError, ValueError):
            text = b""
        numbers = []
        if TAG in text:
            # As the compiler counts them: \r\n, \r and \n each end a line, and nothing else does.
            lines = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
            numbers = [number for number, line in enumerate(lines, 1) if _is_inserted(line)]
        _inserted[file] = numbers
    return _inserted[file]


def _is_inserted(line: bytes) -> bool:
    code, tag, _ = line.partition(TAG)
    return bool(tag) and code.strip().startswith((b"@", b"from prof import", b"profile(", b"end(", b"_prof_"))


def original_line(file: str, line: int) -> int:
    """The number that `line` of the instrumented `file` has in the original."""
    numbers = inserted_lines(file)
    return line - bisect_left(numbers, line) if numbers else line
