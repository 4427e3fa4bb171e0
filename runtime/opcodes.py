"""This interpreter's instructions as the bytecode engine wants them: tables by opcode, from the `opcode` module."""

from __future__ import annotations

import opcode
from opcode import opmap

# As in csrc/python/rewrite.h: enum prof_instruction_kind.
FORWARD, BACKWARD, RETURN, YIELD, RESUME = range(1, 6)

# As in csrc/python/flow.h: enum prof_flow_kind.
(
    FLOW_JUMP,
    FLOW_BRANCH,
    FLOW_FOR,
    FLOW_SEND,
    FLOW_RETURN,
    FLOW_YIELD,
    FLOW_RAISE,
    FLOW_RERAISE,
    FLOW_RESUME,
    FLOW_END_FOR,
) = range(1, 11)

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
    "COPY",
    "SWAP",
    "DELETE_SUBSCR",
    "JUMP_BACKWARD_NO_INTERRUPT",
    "STORE_SUBSCR",
)

_FLOWS = {
    "FOR_ITER": FLOW_FOR,
    "SEND": FLOW_SEND,
    "RETURN_VALUE": FLOW_RETURN,
    "RETURN_CONST": FLOW_RETURN,
    "YIELD_VALUE": FLOW_YIELD,
    "RAISE_VARARGS": FLOW_RAISE,
    "RERAISE": FLOW_RERAISE,
    "RESUME": FLOW_RESUME,
    "END_FOR": FLOW_END_FOR,
}


def _table(values: dict[str, int]) -> bytes:
    """256 bytes, from values by name; names that this interpreter does not have are left out."""
    table = bytearray(256)
    for name, value in values.items():
        if opmap.get(name, 256) < 256:
            table[opmap[name]] = value
    return bytes(table)


def _jumps() -> list[str]:
    return [opcode.opname[op] for op in opcode.hasjrel if op < 256]


def kinds() -> bytes:
    """256 bytes: what each opcode is to the engine."""
    found = {name: BACKWARD if "BACKWARD" in name else FORWARD for name in _jumps()}
    special = {
        "RETURN_VALUE": RETURN,
        "RETURN_CONST": RETURN,
        "YIELD_VALUE": YIELD,
        "RESUME": RESUME,
    }
    return _table(found | special)


def flows() -> bytes:
    """256 bytes: where control goes behind each opcode."""
    return _table({name: FLOW_BRANCH if "_IF_" in name else FLOW_JUMP for name in _jumps()} | _FLOWS)


def forward() -> bytes:
    """256 bytes: of each conditional jump backwards the opcode of the same jump forwards; of others themselves."""
    table = bytearray(range(256))
    for name, op in opmap.items():
        if "BACKWARD_IF" in name:
            table[op] = opmap[name.replace("BACKWARD", "FORWARD")]
    return bytes(table)


def caches() -> bytes:
    """256 bytes: inline cache units behind each opcode. By name since 3.13, by number before."""
    entries = opcode._inline_cache_entries  # type: ignore[attr-defined]
    if isinstance(entries, dict):
        return _table(entries)
    return _table({name: entries[op] for name, op in opmap.items() if op < 256})


def operations() -> bytes:
    """The opcodes that the engine writes or looks for."""
    return bytes(opmap[name] for name in OPERATIONS)
