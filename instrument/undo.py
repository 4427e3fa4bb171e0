"""Taking every edit out again: the original bytes, or the user's later version without the edits, or a
refusal.

Three ways, each tried when the one before did not give bytes with the recorded hash: by text alone (nothing
is decoded or parsed); by text, but only on the lines that the parsed tree knows as code, so that a tag inside
a string literal is safe; and, where the file was edited since, the same without the hash, provided that the
two parsed trees differ by our nodes and nothing else.
"""

from __future__ import annotations

import ast
import re
from codecs import BOM_UTF8
from collections.abc import Iterator

from attrs import frozen

from . import tagged, tags
from .names import occurrences
from .refusal import Refusal
from .source import EOLS, parse, split

_LEFT = re.compile(tags.TAG + rb"[ \t]*\Z")


@frozen
class Undone:
    """`data` without edits. `edited`: it is not the recorded original, because the file was edited since."""

    data: bytes
    edits: int = 0
    edited: bool = False


def undo(data: bytes) -> Undone:
    """Undo what `instrument` did to a file. Raises `Refusal`. A file without edits comes back as it is."""
    if tags.TAG not in data:
        return Undone(data)
    for header in _headers(data):
        for parts in (_parts, _mixed_parts):
            original = _by_text(data, header, parts(data, header["eol"]))
            if original is not None and tags.digest(original) == header["b"]:
                return Undone(original, int(header["n"]))
    return _by_tree(data)


def _headers(data: bytes) -> Iterator[re.Match[bytes]]:
    """Every line that reads like a header, with luck only one."""
    at = data.find(tags.TAG + b" n=")
    while at >= 0:
        begin = max(data.rfind(b"\n", 0, at), data.rfind(b"\r", 0, at)) + 1
        if begin == 0 and data.startswith(BOM_UTF8):
            begin = len(BOM_UTF8)
        header = tags.HEADER.match(data, begin)
        if header is not None:
            yield header
        at = data.find(tags.TAG + b" n=", at + 1)


def _by_text(data: bytes, header: re.Match[bytes], split: tuple[list[bytes], set[bytes]]) -> bytes | None:
    """`data` without our lines, given how they split it; None where a tagged line holds something else."""
    parts, ours = split
    if not all(tags.ADDED.fullmatch(line) for line in ours):
        return None
    parts[0] = data[: header.start()] + parts[0][header.end() :]
    rest = b"".join(parts)
    # The header counts all edits: the ones that were not lines are calls before comments.
    return rest if int(header["n"]) == len(parts) - 1 else tags.MARKER.sub(b"", rest)


def _parts(data: bytes, eol: bytes) -> tuple[list[bytes], set[bytes]]:
    """What is between the lines that end in the tag and `eol`; and these lines, each text once."""
    parts = data.split(tags.LINE + eol)
    end = eol[-1:]
    ours = set()
    for i in range(len(parts) - 1):
        part = parts[i]
        cut = part.rfind(end) + 1
        parts[i] = part[:cut]
        ours.add(part[cut:])
    return parts, ours


def _mixed_parts(data: bytes, _: bytes) -> tuple[list[bytes], set[bytes]]:
    """The same for lines that end in the tag and any EOL."""
    parts = re.split(tags.LINE + rb"(?:\r\n|\r|\n)", data)
    ours = set()
    for i in range(len(parts) - 1):
        part = parts[i]
        cut = max(part.rfind(b"\n"), part.rfind(b"\r")) + 1
        parts[i] = part[:cut]
        ours.add(part[cut:])
    return parts, ours


def _by_tree(data: bytes) -> Undone:
    """Undo what is code. The recorded original, or a later version of it that differs by nothing but our
    nodes."""
    try:
        tree = parse(data)
    except Refusal as e:
        raise Refusal(e.line, f"carries the tag of an instrumented file, but {e.reason}") from None
    bom, lines = split(data)
    found = tagged.find(tree, lines)
    if not found.whole and not found.calls:
        return Undone(data)
    header = tags.COUNTS.search(lines[found.header - 1]) if found.header else None
    if header is None and not found.whole:
        return Undone(data)  # calls written by hand before such comments
    edits = len(found.whole) + len(found.calls) - (header is not None)
    kept = [
        _without_call(line) if n in found.calls else line for n, line in enumerate(lines, 1) if n not in found.whole
    ]
    undone = bom + b"".join(kept)
    if header is not None and tags.digest(undone) == header["b"]:
        return Undone(undone, edits)
    _check_edited(tree, found, undone, kept, _provided(lines[found.header - 1]) if header else set())
    return Undone(undone, edits, edited=True)


def _without_call(line: bytes) -> bytes:
    return tags.MARKER.sub(b"", line, count=1)


def _check_edited(tree: ast.Module, found: tagged.Tagged, undone: bytes, kept: list[bytes], provided: set[str]) -> None:
    """Raises `Refusal` unless `undone` is the edited file without our nodes, and runs without our header."""
    try:
        after = parse(undone)
    except Refusal as e:
        raise Refusal(e.line, f"edited since it was instrumented; without the edits it {e.reason}") from None
    tagged.strip(tree, found)
    if not tagged.same(tree, after):
        raise Refusal(0, "edited since it was instrumented, in a way that leaves more than our lines to undo")
    inside = tagged.in_strings(after)
    for number, line in enumerate(kept, 1):
        if tags.TAG in line and number not in inside and _LEFT.search(line.rstrip(EOLS)):
            raise Refusal(
                number, "edited since it was instrumented: the tag is on a line that is not as it was written"
            )
    unbound = _unbound(after, provided)
    if unbound:
        raise Refusal(unbound, "edited since it was instrumented: this line uses a name that our header provides")


def _provided(header: bytes) -> set[str]:
    """The names that the file has through its header."""
    text = header.partition(tags.TAG)[0].strip()
    if text.startswith(b"if"):
        return {tags.PROFILED, tags.PRIVATE}
    return {name.decode() for name in re.findall(rb"\w+(?=[ \t)]*(?:,|\Z))", text)}


def _unbound(tree: ast.Module, names: set[str]) -> int:
    """The first line that reads one of `names`, when nothing in the file binds it; else 0."""
    bound, reads = occurrences(tree)
    return min((line for name, line in reads.items() if name in names and name not in bound), default=0)
