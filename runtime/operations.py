"""What operations are called in the reports: their categories, and operators. Which instruction is which operation, and
where its name is, stands in `csrc/python/version/opcodes.def`."""

from __future__ import annotations

import opcode
import sys

from prof._core import ffi, lib
from prof.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def _categories() -> Iterator[str]:
    number = 1
    while (name := lib.prof_py_category(number)) != ffi.NULL:
        yield ffi.string(name).decode()
        number += 1


CATEGORIES = tuple(_categories())


def tables() -> tuple[tuple[str, ...], ...]:
    """The names that arguments stand for: in the order of `enum prof_name_source` of csrc/python/ops/code.h, from
    PROF_NAME_BINARY_OPERATOR on."""
    # A subscript (from 3.14 on) has no operator's name.
    binary = tuple(
        "" if name == "NB_SUBSCR" else symbol
        for name, symbol in getattr(opcode, "_nb_ops", ())  # without it operators are counted, and have no names
    )
    return binary, tuple(opcode.cmp_op), ("is", "is not"), ("in", "not in")


def mask(track: tuple[str, ...]) -> int:
    """A bit for each of these categories, by its number; for none named, of all."""
    return sum(1 << CATEGORIES.index(name) + 1 for name in track or CATEGORIES)


def weights_of(path: str) -> dict[tuple[str, int], bytes]:
    """How often control took each edge in an earlier capture; UsageError where it says nothing of this interpreter."""
    from prof.capture import open_capture

    with open_capture(path) as capture:
        version = str(capture.meta.get("python", "")).split(".")[:2]
        found = capture.tree().operations
        if capture.meta.get("engine") == "monitoring":
            raise UsageError(f"profile={path}: recorded by engine=monitoring, which does not count where control went")
        if found is None:
            raise UsageError(f"profile={path}: the capture has no operations; record it with PROF=ops")
        if version != sys.version.split(".")[:2]:
            raise UsageError(f"profile={path}: recorded by Python {'.'.join(version)}, whose bytecode is another")
        return found.edge_weights()
