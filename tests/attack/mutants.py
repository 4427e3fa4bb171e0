"""Damaged captures: what bad disks, cut copies and ill will make of real ones. They keep
enough of the format to be read far.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator

from attrs import frozen

HEADER, HEAD, END = 4096, 64, 32
STRINGS, META = 1, 5
TEXTS = (
    b"\0", b"\xff\xfe", b"\x1b[31m", b"</script>", b"{", b"}", b"[", b'"', b"1e999", b"-1", b"null", b"NaN", b"\n",
    b";", b"9" * 40, b"\xed\xa0\x80", "\u202e".encode(), b"true", b"/dev/zero", b"/dev/stdin",
)  # fmt: skip


@frozen
class Chunk:
    """Where a chunk's head begins, its bytes, those used, its type and the bytes of a record."""

    at: int
    size: int
    used: int
    type: int
    record: int

    def place(self, draw: random.Random) -> int:
        """An offset of something in it."""
        return self.at + HEAD + draw.randrange(max(1, self.used))

    def reference(self, draw: random.Random) -> int:
        """A reference to a record in it."""
        step = self.record if self.record > 1 else 8
        return (self.at + HEAD + draw.randrange(self.used // step + 1) * step) // 8


def chunks(raw: bytes) -> list[Chunk]:
    """The chunks of a capture that is whole."""
    (end,) = struct.unpack_from("=Q", raw, END)
    at, found = HEADER, []
    while at + HEAD <= min(end, len(raw)):
        kind, record, size, used = struct.unpack_from("=IIQQ", raw, at)
        found.append(Chunk(at, size, used, kind, record))
        at += size
    return found


@frozen
class Mutator:
    """Makes mutants of captures."""

    captures: list[bytes]
    draw: random.Random

    def mutant(self) -> bytes:
        """One of them, damaged."""
        whole = self.draw.choice(self.captures)
        raw = bytearray(whole)
        self.draw.choice(DAMAGES)(self, raw, chunks(whole))
        return bytes(raw)

    def _place(self, raw: bytearray, parts: list[Chunk], step: int) -> int:
        draw = self.draw
        part = draw.choice(parts)
        at = draw.choice((draw.randrange(448), part.at + draw.randrange(HEAD), *(part.place(draw) for _ in range(5))))
        return min(len(raw) - 8, at) // step * step

    def _value(self, raw: bytearray, parts: list[Chunk]) -> int:
        draw, words = self.draw, len(raw) // 8
        edges = (0, 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1, words, draw.randrange(words), draw.randrange(256))
        return draw.choice((*edges, 1 << draw.randrange(64), draw.choice(parts).reference(draw)))

    def bits(self, raw: bytearray, parts: list[Chunk]) -> None:
        for _ in range(self.draw.randrange(1, 9)):
            raw[self._place(raw, parts, 1)] ^= 1 << self.draw.randrange(8)

    def words(self, raw: bytearray, parts: list[Chunk]) -> None:
        for _ in range(self.draw.randrange(1, 5)):
            struct.pack_into("=I", raw, self._place(raw, parts, 4), self._value(raw, parts) & 0xFFFFFFFF)

    def long_words(self, raw: bytearray, parts: list[Chunk]) -> None:
        for _ in range(self.draw.randrange(1, 5)):
            struct.pack_into("=Q", raw, self._place(raw, parts, 8), self._value(raw, parts))

    def cut(self, raw: bytearray, parts: list[Chunk]) -> None:
        del raw[self.draw.choice((self.draw.choice(parts).at, self.draw.randrange(len(raw)))) :]
        if len(raw) >= HEADER and self.draw.random() < 0.8:
            struct.pack_into("=Q", raw, END, len(raw))
            struct.pack_into("=I", raw, 20, self.draw.choice((1, 2, 3)))

    def spliced(self, raw: bytearray, parts: list[Chunk]) -> None:
        other = self.draw.choice(self.captures)
        raw[self.draw.choice(parts).at :] = other[self.draw.choice(chunks(other)).at :]
        struct.pack_into("=Q", raw, END, len(raw))

    def texts(self, raw: bytearray, parts: list[Chunk]) -> None:
        written = [part for part in parts if part.type in (STRINGS, META)]
        for _ in range(self.draw.randrange(1, 6) if written else 0):
            at, text = self.draw.choice(written).place(self.draw), self.draw.choice(TEXTS)
            raw[at : at + len(text)] = text

    def references(self, raw: bytearray, parts: list[Chunk]) -> None:
        """Cycles, and records of the wrong kind."""
        for _ in range(self.draw.randrange(1, 7)):
            part = self.draw.choice(parts)
            to = self.draw.choice(self.draw.choice(((part,), parts)))
            struct.pack_into("=I", raw, min(len(raw) - 8, part.place(self.draw)) // 4 * 4, to.reference(self.draw))

    def copied(self, raw: bytearray, parts: list[Chunk]) -> None:
        """Records over others."""
        for _ in range(self.draw.randrange(1, 4)):
            from_, to = self.draw.choice(parts), self.draw.choice(parts)
            length = from_.record if 8 < from_.record < 4096 else 8 * self.draw.randrange(1, 17)
            part = raw[from_.place(self.draw) :][:length]
            at = min(len(raw) - len(part), to.place(self.draw))
            raw[at : at + len(part)] = part

    def heads(self, raw: bytearray, parts: list[Chunk]) -> None:
        part = self.draw.choice(parts)
        at, size = self.draw.choice(((0, 4), (4, 4), (8, 8), (16, 8), (24, 4)))
        near = self.draw.choice((part.size, part.used, part.record, part.type)) + 8 * self.draw.randrange(-8, 9)
        value = self.draw.choice((self._value(raw, parts), max(0, near), self.draw.randrange(30)))
        struct.pack_into("=I" if size == 4 else "=Q", raw, part.at + at, value & (1 << 8 * size) - 1)


DAMAGES: tuple[Callable[[Mutator, bytearray, list[Chunk]], None], ...] = (
    Mutator.bits, Mutator.words, Mutator.long_words, Mutator.cut, Mutator.spliced, Mutator.texts, Mutator.references,
    Mutator.copied, Mutator.heads,
)  # fmt: skip


def mutants(captures: list[bytes], count: int, seed: int) -> Iterator[bytes]:
    """So many mutants, the same ones each time."""
    mutator = Mutator(captures, random.Random(seed))
    return (mutator.mutant() for _ in range(count))
