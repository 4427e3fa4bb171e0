"""This interpreter's opcodes as its own `opcode` module tells of them. What a name means is in
`csrc/python/version/opcodes.def`."""

from __future__ import annotations

import opcode
from opcode import opmap


def numbers() -> dict[str, int]:
    """The number of each opcode, by name."""
    return dict(opmap)


def caches() -> bytes:
    """256 bytes: inline cache units behind each opcode. By name since 3.13, by number before; 0 where nobody says."""
    entries = getattr(opcode, "_inline_cache_entries", {})
    by_name = hasattr(entries, "items")
    table = bytearray(256)
    for name, op in opmap.items():
        if op < 256:  # above are pseudo-instructions
            table[op] = entries.get(name, 0) if by_name else entries[op]
    return bytes(table)
