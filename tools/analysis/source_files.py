"""Source files as they were recorded: read back, without what was inserted, and checked against the capture.

A capture may come from anybody, and names any file. Nothing is opened but plain files, and nothing of one is shown
unless it is what the capture says it held; of a capture that does not say, only what the user names.
"""

from __future__ import annotations

import io
import os
import tokenize
from pathlib import Path

from attrs import field, frozen
from prof.capture import Capture, SourceFile
from prof.counted import Site
from prof.errors import InputError
from prof.lines import digest, inserted_lines
from prof.text import printable
from prof.tools.analysis.archive import member
from prof.tools.analysis.plain_files import open_plain

# An instrumented file may be so much larger than what is recorded of it, which is without the inserted lines.
_LARGER, _MORE = 8, 1 << 16


@frozen
class Source:
    """A file's lines, without those that were inserted, as UTF-8: that is what columns count. It was read at `path`."""

    path: Path
    lines: tuple[bytes, ...]
    verified: bool
    """Whether the capture says what it held; if not, it may have changed since."""

    def text(self, line: int, end_line: int, columns: tuple[int, int]) -> str:
        """A range of the source in one line; empty where the file has no such range."""
        if not 0 < line <= end_line <= len(self.lines):
            return ""
        part = list(self.lines[line - 1 : end_line])
        part[-1] = part[-1][: columns[1]]
        part[0] = part[0][columns[0] :]
        return printable(" ".join(filter(None, (each.decode("utf-8", "replace").strip() for each in part))))

    def line(self, number: int) -> str:
        """A line, without its indent; empty where the file has none."""
        return self.text(number, number, (0, len(self.lines[number - 1]))) if 0 < number <= len(self.lines) else ""


def _read_plain(path: Path, known: SourceFile | None) -> bytes:
    """The bytes of a plain file, or of one in an archive, that may be the known one. Raises InputError."""
    inside = member(path)
    if inside is not None:
        return inside
    with open_plain(path) as file:
        size = os.fstat(file.fileno()).st_size
        # One byte less where the last line has no end.
        if known is not None and not known.size - 1 <= size <= known.size * _LARGER + _MORE:
            raise InputError(_changed(path))
        return file.read(size)


def _changed(path: Path) -> str:
    return f"{path} has changed since it was recorded: go back to what it was then, or record again"


def read_source(path: Path, known: SourceFile | None) -> Source:
    """Reads a source file that should be as `known`, None where that is not known. Raises InputError, with its name."""
    try:
        raw = _read_plain(path, known)
        if known is not None and digest(raw) != (known.size, known.hash):
            raise InputError(_changed(path))
        encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
        lines = io.StringIO(raw.decode(encoding), newline=None).read().split("\n")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except (SyntaxError, UnicodeError, LookupError) as error:
        raise InputError(f"{path} cannot be read: it is not in its encoding ({error})") from error
    if lines and not lines[-1]:
        lines.pop()
    # Of a file in an archive the recording could not read which lines were inserted: there, it counts all.
    inserted = frozenset() if known is None and member(path) is not None else inserted_lines(raw)
    kept = [text.encode("utf-8", "replace") for number, text in enumerate(lines, 1) if number not in inserted]
    return Source(path, tuple(kept), known is not None)


def source_of_text(capture: Capture, file: str) -> Source:
    """The source of a file that is on no disk."""
    lines = capture.texts[file].splitlines()
    return Source(Path(file), tuple(line.encode("utf-8", "replace") for line in lines), verified=True)


@frozen
class Sources:
    """The files of a capture, read when they are asked for. None for one that is not there, that has changed since, or
    of which the capture does not say what it held."""

    capture: Capture
    unknown: set[str] = field(factory=set)
    """Of those asked for, files that the capture says nothing of."""
    _read: dict[str, Source | None] = field(factory=dict)
    _known: dict[str, SourceFile] = field(init=False)

    @_known.default
    def _recorded(self) -> dict[str, SourceFile]:
        return self.capture.sources

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
        """The text of a site's line."""
        return self.line_of(site.code.file, site.line)

    def line_of(self, file: str, number: int) -> str:
        """The text of a line; empty where the source is not at hand."""
        source = self.get(file)
        return source.line(number) if source is not None else ""

    def _find(self, file: str) -> Source | None:
        if not self.capture.shows_source:
            return None
        if file in self.capture.texts:
            return source_of_text(self.capture, file)
        known = self._known.get(file)
        if known is None:
            if not file.startswith("<"):  # like "<string>", which is no file
                self.unknown.add(file)
            return None
        try:
            return read_source(recorded_path(self.capture, known.path), known)
        except InputError:
            return None


def recorded_path(capture: Capture, file: str) -> Path:
    """Where a file of the capture was: a relative name is of the directory that the program ran in."""
    return Path(capture.directory, file)
