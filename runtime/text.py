"""Text of captures as people may see it: a thin face over `csrc/read/text.c`."""

from __future__ import annotations

from typing import Any

from prof._core import ffi, lib


def printable(text: str) -> str:
    """The text, with what a terminal, a browser or an editor would obey or hide written as `\\x1b` or `\\u202e`."""
    return shown(text) if not text or not text.isspace() else _escaped(text)


def shown(text: str) -> str:
    """As `printable`, of text that may well be nothing but blanks."""
    return text if text.isprintable() else _escaped(text)


def _escaped(text: str) -> str:
    raw = text.encode("utf-8", "surrogatepass")
    out = ffi.new("char[]", 4 * len(raw) + 8)
    escaped: bytes = ffi.unpack(out, lib.prof_reader_escape(raw, len(raw), out))
    return escaped.decode()


def decoded(text: Any) -> str:
    """A `prof_reader_text`, printable."""
    raw = bytes(ffi.buffer(text.text, text.length)) if text.length else b""
    try:
        return printable(raw.decode())
    except UnicodeDecodeError:
        return printable(raw.decode("utf-8", "backslashreplace"))


def printable_json(value: Any) -> Any:
    """Parsed JSON with all of its text printable."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [printable_json(item) for item in value]
    if isinstance(value, dict):
        return {printable(key): printable_json(item) for key, item in value.items()}
    return value
