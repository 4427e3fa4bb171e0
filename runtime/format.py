"""What a capture file may hold, in words: read from the C headers, where each fact stands once.

A name of a label's kind, a clock or a chunk is its constant in `csrc/format.h` without the prefix: `PROF_CLOCK_TSC` is
"tsc". Numbers are `lib.PROF_...`; rows that C wrote are unpacked as their declaration says.
"""

from __future__ import annotations

from struct import Struct

from prof._core import ffi, lib

_CODES = {"uint8_t": "B", "uint16_t": "H", "uint32_t": "I", "uint64_t": "Q", "double": "d"}


def names(enum: str, prefix: str, unknown: str = "?") -> tuple[str, ...]:
    """The names of an enum's values, by value; `unknown` where it has none."""
    found = {number: name for number, name in ffi.typeof(f"enum {enum}").elements.items() if name.startswith(prefix)}
    return tuple(found.get(number, unknown).removeprefix(prefix).lower() for number in range(max(found) + 1))


def name_of(number: int, known: tuple[str, ...]) -> str:
    """The name of a number that a file may have from a later version; then that of 0."""
    return known[number] if number < len(known) else known[0]


def row_of(struct: str) -> Struct:
    """What unpacks the rows of a table that C wrote: the fields of a struct, its arrays spread out, without gaps."""
    declared = ffi.typeof(struct)
    code, end = "=", 0
    for _, field in declared.fields:
        item, number = (field.type.item, field.type.length) if field.type.kind == "array" else (field.type, 1)
        assert field.offset == end, f"{struct}: a gap"
        code += _CODES[item.cname] * number
        end += ffi.sizeof(field.type)
    assert end == ffi.sizeof(declared), f"{struct}: a gap at its end"
    return Struct(code)


KINDS = names("prof_label_kind", "PROF_", "other")
CLOCKS = names("prof_clock_kind", "PROF_CLOCK_", "unknown")
CHUNKS = names("prof_chunk_type", "PROF_CHUNK_")
ACCESSES = ("", *names("prof_access", "PROF_ACCESS_")[1:])
DROPS = names("prof_drop", "PROF_DROP_")[: lib.PROF_DROP_COUNT]


def drop_words(key: str, count: int) -> str:
    """What that many drops of a kind are, to be read behind the number; of a kind that is not known, just that."""
    if key not in DROPS:
        return f"event{'s' * (count != 1)} of kind {key}"
    words: bytes = ffi.string(lib.prof_drop_text(DROPS.index(key), count == 1))
    return words.decode()
