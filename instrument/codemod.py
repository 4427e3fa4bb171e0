"""Instrumenting and uninstrumenting one file's bytes: the one truth behind commands and codemods."""

from __future__ import annotations

import re
from collections import Counter

from attrs import Factory, frozen

from . import markers, tagged
from .plan import Options, Plan, make
from .refusal import Refusal
from .source import check_compiles, parse, split
from .splice import splice
from .undo import undo

# Files in encodings whose bytes below 128 need not be ASCII are checked on the tree. They declare them.
_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)", re.M)
DEFAULTS = Options()
_PLAIN = (b"utf-8", b"utf8", b"latin-1", b"iso-8859-1", b"ascii", b"us-ascii")


@frozen
class Result:
    """A file's new bytes, equal to the old ones when there was nothing to do, and what to say about it.

    `refused` and `warnings` are markers, as (line, reason); a whole file is refused by an exception.
    """

    data: bytes
    functions: int = 0
    sections: int = 0
    skipped: Counter[str] = Factory(Counter)
    refused: tuple[tuple[int, str], ...] = ()
    warnings: tuple[tuple[int, str], ...] = ()
    edited: bool = False


def instrument(source: bytes, options: Options = DEFAULTS) -> Result:
    """Put `@profiled` on the functions of a file, and its markers and sections into calls.

    A file instrumented before is undone first, so that what was added since is found and options can change.
    The result is known to compile and to come back byte for byte. Raises `Refusal`.
    """
    undone = undo(source)
    original = undone.data
    if b"def" not in original and not any(h in original for h in markers.HINTS):
        return Result(original)
    plan = make(original, options)
    if not plan.inserts:
        return Result(original, skipped=plan.skipped, refused=plan.refused, warnings=plan.warnings)
    data = splice(plan.bom, plan.lines, plan.inserts, plan.calls)
    _verify(original, data, plan)
    return Result(data, plan.functions, plan.sections, plan.skipped, plan.refused, plan.warnings)


def uninstrument(source: bytes) -> Result:
    """The file without edits; `edited` if it was edited since, and is not the recorded original.

    Raises `Refusal`.
    """
    undone = undo(source)
    return Result(undone.data, functions=undone.edits, edited=undone.edited)


def _verify(original: bytes, data: bytes, plan: Plan) -> None:
    try:
        check_compiles(data)
    except Refusal:
        check_compiles(original)  # says what is wrong, and on which line, in the user's own file
        raise Refusal(0, "would not compile with our lines in it") from None
    if not _comes_back(original, data):
        raise Refusal(0, "could not be brought back byte for byte: text in it looks like our lines")
    if plan.calls or plan.sections or _odd_encoding(original):
        tree = parse(data)
        faithful = tagged.strip(tree, tagged.find(tree, split(data)[1]))
        if not faithful or not tagged.same(tree, plan.tree):
            raise Refusal(0, "would not mean the same with our lines in it")


def _comes_back(original: bytes, data: bytes) -> bool:
    try:
        return undo(data).data == original
    except Refusal:
        return False


def _odd_encoding(source: bytes) -> bool:
    cookie = _COOKIE.search(b"\n".join(source[:4096].splitlines()[:2]))
    return cookie is not None and cookie[1].lower().replace(b"_", b"-") not in _PLAIN
