"""Source files as they were recorded: read back, without what was inserted, and checked against what ran."""

from __future__ import annotations

import io
import os
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path

from attrs import field, frozen
from prof.capture import Capture
from prof.counted import Operation, Operations, Site
from prof.errors import InputError
from prof.lines import inserted_lines
from prof.tools.archive import member

# What instrumenting inserts reads these: the source may be without it by now.
_INSERTED = frozenset(f"{alias}{name}" for alias in ("", "_prof_") for name in ("profiled", "profile", "end"))
_READ = (("local",), ("global",), ("closure",))


@frozen
class Source:
    """A file's lines, without those that were inserted, as UTF-8: that is what columns count. It was read at `path`."""

    path: Path
    lines: tuple[bytes, ...]
    newer: bool
    """Modified after the recording began."""

    def text(self, line: int, end_line: int, columns: tuple[int, int]) -> str:
        """A range of the source in one line; empty where the file has no such range."""
        if not 0 < line <= end_line <= len(self.lines):
            return ""
        part = list(self.lines[line - 1 : end_line])
        part[-1] = part[-1][: columns[1]]
        part[0] = part[0][columns[0] :]
        return " ".join(filter(None, (each.decode("utf-8", "replace").strip() for each in part)))

    def line(self, number: int) -> str:
        """A line, without its indent; empty where the file has none."""
        return self.lines[number - 1].decode("utf-8", "replace").strip() if 0 < number <= len(self.lines) else ""

    def disagrees(self, operations: Iterable[Operation]) -> bool:
        """Whether a variable that was read is not where it was read."""
        return any(_is_plain_read(o) and not self._names(o) for o in operations)

    def _names(self, o: Operation) -> bool:
        text = self.text(o.line, o.line, o.columns or (0, 0))
        # A private name is mangled: the class's name comes first.
        return bool(text) and (o.name == text or (text.startswith("__") and o.name.endswith(text)))


def _is_plain_read(o: Operation) -> bool:
    """A name in the source, and not the compiler's own."""
    return (
        o.access == "read"
        and not o.second
        and o.columns is not None
        and o.line == o.end_line
        and o.categories[:1] in _READ
        and o.name.isidentifier()
        and not o.name.startswith("__")
        and o.name not in _INSERTED
    )


def _contents(file: Path) -> tuple[bytes, int]:
    """A file's bytes, and when it was modified; of a file in an archive, the archive."""
    inside = member(file)
    if inside is not None:
        return inside.raw, inside.modified_ns
    with open(file, "rb") as opened:
        return opened.read(), os.fstat(opened.fileno()).st_mtime_ns


def read_source(file: Path, since_ns: int) -> Source:
    """Reads a source file; `since_ns` (of the epoch) is when the recording began. Raises InputError, with its name."""
    try:
        raw, modified = _contents(file)
        encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
        lines = io.StringIO(raw.decode(encoding), newline=None).read().split("\n")
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from error
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        raise InputError(f"{file} cannot be read: it is not in its encoding ({error})") from error
    if lines and not lines[-1]:
        lines.pop()
    inserted = inserted_lines(raw)
    kept = [text.encode("utf-8", "replace") for number, text in enumerate(lines, 1) if number not in inserted]
    return Source(file, tuple(kept), modified > since_ns)


def operations_in(operations: Operations, file: str) -> Iterator[Operation]:
    """What ran in a file, instruction by instruction."""
    for code in operations.codes():
        if code.file == file:
            yield from operations.of_code(code)


@frozen
class Sources:
    """The files of a capture, read when they are asked for. None for one that is not there, or has changed since."""

    capture: Capture
    operations: Operations
    _read: dict[str, Source | None] = field(factory=dict)

    def get(self, file: str) -> Source | None:
        """The file of that name, as recorded."""
        if file not in self._read:
            self._read[file] = self._find(file)
        return self._read[file]

    def text(self, site: Site) -> str:
        """The text of an expression or a branch; empty where the source is not at hand."""
        source = self.get(site.code.file)
        return source.text(site.line, site.end_line, site.columns) if source is not None else ""

    def line(self, site: Site) -> str:
        """The text of a line; empty where the source is not at hand."""
        source = self.get(site.code.file)
        return source.line(site.line) if source is not None else ""

    def _find(self, file: str) -> Source | None:
        try:
            source = read_source(recorded_path(self.capture, file), self.capture.start_unix_ns)
        except InputError:
            return None
        changed = source.newer and source.disagrees(operations_in(self.operations, file))
        return None if changed else source


def recorded_path(capture: Capture, file: str) -> Path:
    """Where a file of the capture was: a relative name is of the directory that the program ran in."""
    return Path(str(capture.meta.get("cwd") or ""), file)
