"""What each instruction is to the reports: operations by category, and the name it works on.

Counts are of operations, which are the same on every version as far as the interpreter allows it: PRECALL and CALL are
one call, an instruction for two variables is two accesses, RETURN_CONST is a constant and a return; what only moves the
stack, such as COPY, CACHE or a jump that always jumps, is none.
"""

from __future__ import annotations

import dis
import opcode
import platform
import sys
from opcode import opmap
from pathlib import Path

from prof.errors import UsageError

CATEGORIES = (
    "arithmetic",
    "comparison",
    "identity",
    "branch",
    "attribute",
    "subscript",
    "call",
    "build",
    "format",
    "local",
    "global",
    "closure",
    "iteration",
    "unpack",
    "generator",
    "exception",
    "import",
    "define",
    "const",
    "return",
)

# What the instructions of each category are; those of another version are simply not there.
_MEMBERS = {
    "arithmetic": "BINARY_OP UNARY_NEGATIVE UNARY_INVERT UNARY_POSITIVE",
    "comparison": "COMPARE_OP MATCH_CLASS MATCH_KEYS MATCH_MAPPING MATCH_SEQUENCE GET_LEN",
    "identity": "IS_OP CONTAINS_OP",
    "branch": "UNARY_NOT JUMP_IF_FALSE_OR_POP JUMP_IF_TRUE_OR_POP POP_JUMP_IF_FALSE POP_JUMP_IF_TRUE POP_JUMP_IF_NONE "
    "POP_JUMP_IF_NOT_NONE POP_JUMP_FORWARD_IF_FALSE POP_JUMP_FORWARD_IF_TRUE POP_JUMP_FORWARD_IF_NONE "
    "POP_JUMP_FORWARD_IF_NOT_NONE POP_JUMP_BACKWARD_IF_FALSE POP_JUMP_BACKWARD_IF_TRUE POP_JUMP_BACKWARD_IF_NONE "
    "POP_JUMP_BACKWARD_IF_NOT_NONE",
    "attribute": "LOAD_ATTR LOAD_METHOD LOAD_SUPER_ATTR STORE_ATTR DELETE_ATTR",
    "subscript": "BINARY_SUBSCR STORE_SUBSCR DELETE_SUBSCR BINARY_SLICE STORE_SLICE",
    "call": "CALL_FUNCTION_EX CALL_KW " + ("PRECALL" if "PRECALL" in opmap else "CALL"),
    "build": "BUILD_CONST_KEY_MAP BUILD_LIST BUILD_MAP BUILD_SET BUILD_SLICE BUILD_TUPLE LIST_APPEND LIST_EXTEND "
    "LIST_TO_TUPLE MAP_ADD SET_ADD SET_UPDATE DICT_MERGE DICT_UPDATE",
    "format": "FORMAT_VALUE FORMAT_SIMPLE FORMAT_WITH_SPEC CONVERT_VALUE BUILD_STRING",
    "local": "LOAD_FAST LOAD_FAST_CHECK STORE_FAST DELETE_FAST",
    "global": "LOAD_GLOBAL STORE_GLOBAL DELETE_GLOBAL LOAD_NAME STORE_NAME DELETE_NAME LOAD_FROM_DICT_OR_GLOBALS",
    "closure": "LOAD_DEREF STORE_DEREF DELETE_DEREF LOAD_CLASSDEREF LOAD_FROM_DICT_OR_DEREF",
    "iteration": "GET_ITER FOR_ITER",
    "unpack": "UNPACK_EX UNPACK_SEQUENCE",
    "generator": "YIELD_VALUE SEND GET_AWAITABLE GET_YIELD_FROM_ITER GET_AITER GET_ANEXT END_ASYNC_FOR",
    "exception": "RAISE_VARARGS RERAISE PUSH_EXC_INFO POP_EXCEPT CHECK_EXC_MATCH CHECK_EG_MATCH PREP_RERAISE_STAR "
    "CLEANUP_THROW LOAD_ASSERTION_ERROR BEFORE_WITH BEFORE_ASYNC_WITH WITH_EXCEPT_START CALL_INTRINSIC_2",
    "import": "IMPORT_NAME IMPORT_FROM IMPORT_STAR",
    "define": "MAKE_FUNCTION LOAD_BUILD_CLASS SETUP_ANNOTATIONS",
    "const": "LOAD_CONST",
    "return": "RETURN_VALUE",
}
_TWO = {
    "RETURN_CONST": ("const", "return"),
    "LOAD_FAST_LOAD_FAST": ("local", "local"),
    "STORE_FAST_LOAD_FAST": ("local", "local"),
    "STORE_FAST_STORE_FAST": ("local", "local"),
}
# CALL_INTRINSIC_1 by its argument.
_INTRINSICS = ("", "call", "import", "", "", "arithmetic", "build", "define", "define", "define", "define", "define")
_BY_ARGUMENT = 255

# Instructions whose operands' types are sampled, and how many operands lie on top of the stack.
_ONE = "LOAD_ATTR LOAD_METHOD STORE_ATTR DELETE_ATTR UNARY_NEGATIVE UNARY_INVERT UNARY_NOT GET_ITER"
_PAIR = "BINARY_OP COMPARE_OP CONTAINS_OP BINARY_SUBSCR STORE_SUBSCR DELETE_SUBSCR"
_OPERANDS = dict.fromkeys(_ONE.split(), 1) | dict.fromkeys(_PAIR.split(), 2)

# As in csrc/python/count.h: enum prof_name_source, and in csrc/format.h: enum prof_access.
_LOCAL, _LOCALS, _NAME, _TABLE = 1, 2, 3, 4
_ACCESSES = {"LOAD": 1, "STORE": 2, "DELETE": 3, "IMPORT": 1}


def _category(name: str) -> int:
    return CATEGORIES.index(name) + 1 if name else 0


def tables() -> tuple[tuple[str, ...], ...]:
    """The names that arguments of BINARY_OP, COMPARE_OP, IS_OP and CONTAINS_OP stand for."""
    binary = tuple(symbol for _, symbol in opcode._nb_ops)  # type: ignore[attr-defined]
    return binary, tuple(dis.cmp_op), ("is", "is not"), ("in", "not in")


def _source(name: str) -> tuple[int, int]:
    """Where an instruction's name is, and how far its argument is shifted to the index there."""
    ordered = ("BINARY_OP", "COMPARE_OP", "IS_OP", "CONTAINS_OP")
    if name in ordered:
        compare = 5 if sys.version_info >= (3, 13) else 4 if sys.version_info >= (3, 12) else 0
        return _TABLE + ordered.index(name), compare if name == "COMPARE_OP" else 0
    if name in _TWO and "FAST" in name:
        return _LOCALS, 0
    op = opmap[name]
    if op in dis.haslocal or op in dis.hasfree:
        return _LOCAL, 0
    if op not in dis.hasname:
        return 0, 0
    twelve = sys.version_info >= (3, 12)
    shifts = {"LOAD_GLOBAL": 1, "LOAD_ATTR": 1 if twelve else 0, "LOAD_SUPER_ATTR": 2}
    return _NAME, shifts.get(name, 0)


def _accesses(name: str) -> tuple[int, int]:
    words = name.split("_")
    first = _ACCESSES.get(words[0], 0)
    return first, _ACCESSES[words[2]] if name in _TWO and "FAST" in name else 0


def traits() -> bytes:
    """Eight bytes for each opcode, as prof_trait of csrc/python/count.h."""
    table = bytearray(8 * 256)
    found = {member: (category, "") for category, members in _MEMBERS.items() for member in members.split()} | _TWO
    for name, (first, second) in found.items():
        if opmap.get(name, 256) < 256:  # above are pseudo-instructions
            row = (_category(first), _category(second), *_source(name), *_accesses(name), _OPERANDS.get(name, 0), 0)
            table[8 * opmap[name] : 8 * opmap[name] + 8] = bytes(row)
    if "CALL_INTRINSIC_1" in opmap:
        table[8 * opmap["CALL_INTRINSIC_1"]] = _BY_ARGUMENT
    return bytes(table)


def weights_of(path: Path) -> dict[tuple[str, int], bytes]:
    """How often control took each edge in an earlier capture; UsageError where it says nothing of this interpreter."""
    from prof.capture import open_capture

    with open_capture(path) as capture:
        version = str(capture.meta.get("python", "")).split(".")[:2]
        found = capture.tree().operations
        if found is None:
            raise UsageError(f"profile={path}: the capture has no operations; record it with PROF=ops")
        if version != platform.python_version().split(".")[:2]:
            raise UsageError(f"profile={path}: recorded by Python {'.'.join(version)}, whose bytecode is another")
        return found.edge_weights()


def intrinsics() -> bytes:
    """The categories of CALL_INTRINSIC_1, by its argument."""
    return bytes(_category(name) for name in _INTRINSICS)
