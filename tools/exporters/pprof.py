"""For `go tool pprof` and what else reads its files: gzipped protocol buffers of profile.proto.

The encoding is a few lines; a library that generates code for it would be the heaviest dependency there is.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence

from prof.capture import Capture, Label
from prof.modes import Measure
from prof.tools.exporters.export import UNITS, Export, Stacks, stacks

# Fields of the message Profile, by number.
_SAMPLE_TYPE, _SAMPLE, _LOCATION, _FUNCTION, _STRINGS, _TIME, _DURATION = 1, 2, 4, 5, 6, 9, 10
_PERIOD_TYPE, _PERIOD, _DEFAULT = 11, 12, 14


def varint(number: int) -> bytes:
    """A number as protocol buffers have it: seven bits a byte, the lowest first."""
    number &= 2**64 - 1
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def scalar(field: int, number: int) -> bytes:
    """A field that is a number; nothing for zero, which is what it is without."""
    return varint(field << 3) + varint(number) if number else b""


def packed(field: int, numbers: Iterable[int]) -> bytes:
    """A field that is a list of numbers."""
    return text(field, b"".join(map(varint, numbers)))


def text(field: int, content: bytes) -> bytes:
    """A field that is a text or a message."""
    return varint(field << 3 | 2) + varint(len(content)) + content


class _Tables:
    """Texts, functions and locations, each once."""

    def __init__(self) -> None:
        self.strings: dict[str, int] = {"": 0}
        self._functions: dict[tuple[str, str], int] = {}
        self.locations: dict[tuple[int, int], int] = {}
        self.written = bytearray()
        """The messages of functions and locations that are not yet written."""

    def string(self, words: str) -> int:
        return self.strings.setdefault(words, len(self.strings))

    def _function(self, name: str, file: str, line: int) -> int:
        key = name, file
        if key not in self._functions:
            self._functions[key] = number = len(self._functions) + 1
            fields = ((1, number), (2, self.string(name)), (3, self.string(name)), (4, self.string(file)), (5, line))
            self.written += text(_FUNCTION, b"".join(scalar(*each) for each in fields))
        return self._functions[key]

    def location(self, label: Label, line: int = 0) -> int:
        """Of a function, at one of its lines."""
        of_line = label.kind == "line"
        name = label.module or label.name if of_line else label.name
        function = self._function(name, label.file, 0 if of_line else label.line)
        key = function, line or label.line
        if key not in self.locations:
            self.locations[key] = number = len(self.locations) + 1
            at = scalar(1, function) + scalar(2, key[1])
            self.written += text(_LOCATION, scalar(1, number) + text(4, at))
        return self.locations[key]


def render(capture: Capture, measures: Sequence[Measure]) -> Iterator[bytes]:
    """A sample for each stack, with a value for each measure; parts of the compressed file."""
    pack = zlib.compressobj(6, wbits=31)
    tables, ordered = _Tables(), list(measures)

    def types(field: int, measure: Measure) -> bytes:
        unit = tables.string(UNITS.get(measure.unit, "count"))
        return text(field, scalar(1, tables.string(measure.name)) + scalar(2, unit))

    for measure in ordered:
        yield pack.compress(types(_SAMPLE_TYPE, measure))
    for of in stacks(capture, measures):
        places = [ordered.index(measure) for measure in of.measures]
        for node, amounts in of.rows():
            values = [0] * len(ordered)
            for place, amount in zip(places, amounts, strict=True):
                values[place] = amount
            sample = text(_SAMPLE, packed(1, _locations(of, node, tables)) + packed(2, values))
            yield pack.compress(bytes(tables.written) + sample)
            tables.written.clear()
    yield pack.compress(scalar(_TIME, capture.start_unix_ns) + scalar(_DURATION, capture.duration_ns))
    if capture.interval_ns:
        yield pack.compress(
            text(_PERIOD_TYPE, scalar(1, tables.string("wall")) + scalar(2, tables.string("nanoseconds")))
        )
        yield pack.compress(scalar(_PERIOD, capture.interval_ns))
    if ordered:
        yield pack.compress(scalar(_DEFAULT, tables.string(ordered[0].name)))
    yield pack.compress(b"".join(text(_STRINGS, words.encode("utf-8", "replace")) for words in tables.strings))
    yield pack.flush()


def _locations(of: Stacks, node: int, tables: _Tables) -> list[int]:
    """The innermost first. A line of the function above it is where that function is."""
    path = of.path(node)
    labels = [of.label(each) for each in path]
    last = labels[-1]
    if last.kind == "line" and len(labels) > 1:
        above = labels[-2]
        if above.file == last.file and above.name.endswith(last.module):
            labels.pop()
            return [tables.location(above, last.line), *(tables.location(label) for label in reversed(labels[:-1]))]
    return [tables.location(label) for label in reversed(labels)]


EXPORT = Export("pprof", ".pb.gz", "`go tool pprof`, and what reads its files", render)
