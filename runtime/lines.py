"""What was inserted into instrumented source: a thin face over `csrc/core/lines.c` and `csrc/core/sources.c`."""

from __future__ import annotations

from prof._core import ffi, lib


def digest(text: bytes) -> tuple[int, int]:
    """Bytes and a hash of a source's lines, without those that were inserted: what a capture has of it."""
    found = lib.prof_source_digest_of(text, len(text))
    return found.size, found.hash


def inserted_lines(text: bytes) -> frozenset[int]:
    """The lines of a source file, from 1, that instrumenting put in whole; those below them count without them."""
    count = lib.prof_lines_inserted(text, len(text), ffi.NULL, 0)
    numbers = ffi.new("uint32_t[]", max(1, count))
    lib.prof_lines_inserted(text, len(text), numbers, count)
    return frozenset(ffi.unpack(numbers, count))
