"""Source bytes seen as CPython sees them: lines, line starts, indents, parsed trees, decoded text."""

from __future__ import annotations

import ast
import tokenize
import warnings
from codecs import BOM_UTF8

from .refusal import Refusal

BLANK = b" \t\f"
EOLS = b"\r\n"
# What parsing and compiling a file somebody wrote can raise: NUL bytes, bad cookies, absurd nesting.
_FAILURES = (SyntaxError, ValueError, LookupError, RecursionError, MemoryError, OverflowError)


def _checked(source: bytes, flags: int) -> object:
    # Invalid escapes in the user's file warn at each parse; under `-W error` they would even raise.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return compile(source, "<source>", "exec", flags, dont_inherit=True)
        except _FAILURES as e:
            line = (e.lineno or 0) if isinstance(e, SyntaxError) else 0
            message = e.msg if isinstance(e, SyntaxError) else str(e) or "too deeply nested"
            raise Refusal(line, f"does not compile: {message}") from None


def parse(source: bytes) -> ast.Module:
    """The tree of `source`. Raises `Refusal` with the line and the interpreter's own words."""
    tree = _checked(source, ast.PyCF_ONLY_AST)
    assert isinstance(tree, ast.Module)
    return tree


def check_compiles(source: bytes) -> None:
    """Raises `Refusal` unless the running interpreter would run this file."""
    _checked(source, 0)


def split(source: bytes) -> tuple[bytes, list[bytes]]:
    """The BOM, or nothing, and the lines with their EOLs, numbered as CPython numbers them.

    `bytes.splitlines` breaks at CR, LF and CRLF and nowhere else, which is the tokenizer's own rule.
    """
    bom = BOM_UTF8 if source.startswith(BOM_UTF8) else b""
    return bom, source[len(bom) :].splitlines(keepends=True)


def leading(line: bytes) -> bytes:
    """The blanks a line begins with, form feeds included."""
    return line[: len(line) - len(line.lstrip(BLANK))]


def indent(line: bytes) -> bytes:
    """The indentation that counts: a form feed starts the column over."""
    return leading(line).rpartition(b"\f")[2]


def eol(lines: list[bytes], number: int) -> bytes:
    """The EOL of line `number` (from 1); without one, that of the line above; without any, LF."""
    for line in (lines[number - 1], lines[number - 2] if number > 1 else b""):
        end = line[len(line.rstrip(EOLS)) :]
        if end:
            return b"\r\n" if end.endswith(b"\r\n") else end[-1:]
    return b"\n"


def logical_start(lines: list[bytes], number: int) -> int:
    """Where the statement on line `number` really begins: lone backslashes above it are part of it."""
    while number > 1 and lines[number - 2].strip(BLANK + EOLS) == b"\\":
        number -= 1
    return number


def continues(line: bytes) -> bool:
    """Whether a line may go on below: it ends in a backslash. True of some comments too."""
    return line.rstrip(EOLS).endswith(b"\\")


def text_of(source: bytes) -> str:
    """The decoded source with LF line ends. Raises `Refusal` where cookie and bytes disagree."""
    try:
        # By line: a file of lone CRs would look like one line to a stream.
        encoding, _ = tokenize.detect_encoding(iter(source.splitlines(keepends=True)).__next__)
        text = source.decode(encoding)
    except (SyntaxError, ValueError, LookupError) as e:
        raise Refusal(0, f"cannot be decoded: {e}") from None
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
