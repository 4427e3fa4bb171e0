"""This interpreter's instructions as the bytecode engine wants them: tables by opcode, from the `opcode` module."""

from __future__ import annotations

import opcode
from opcode import opmap

# As in csrc/python/rewrite.h: enum prof_instruction_kind.
FORWARD, BACKWARD, RETURN, YIELD, RESUME, EXTENDED = range(1, 7)

# In the order that `configure` takes them.
OPERATIONS = (
    "LOAD_CONST",
    "EXTENDED_ARG",
    "UNARY_INVERT",
    "UNARY_NEGATIVE",
    "POP_TOP",
    "SEND",
    "RERAISE",
    "JUMP_FORWARD",
)


def kinds() -> bytes:
    """256 bytes: what each opcode is to the engine."""
    table = bytearray(256)
    for op in opcode.hasjrel:
        if op < 256:
            table[op] = BACKWARD if "BACKWARD" in opcode.opname[op] else FORWARD
    special = {
        "RETURN_VALUE": RETURN,
        "RETURN_CONST": RETURN,
        "YIELD_VALUE": YIELD,
        "RESUME": RESUME,
        "EXTENDED_ARG": EXTENDED,
    }
    for name, kind in special.items():
        if name in opmap:
            table[opmap[name]] = kind
    return bytes(table)


def caches() -> bytes:
    """256 bytes: inline cache units behind each opcode. By name since 3.13, by number before."""
    entries = opcode._inline_cache_entries  # type: ignore[attr-defined]
    table = bytearray(256)
    for name, op in opmap.items():
        if op < 256:
            table[op] = entries.get(name, 0) if isinstance(entries, dict) else entries[op]
    return bytes(table)


def operations() -> bytes:
    """The opcodes that the engine writes or looks for."""
    return bytes(opmap[name] for name in OPERATIONS)
