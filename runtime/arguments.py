"""What a call was called with, in a line: for the slowest calls, where `args=repr` asks for it."""

from __future__ import annotations

import reprlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

MOST = 200
"""Characters, of all arguments together."""

_short = reprlib.Repr()
_short.maxlevel = 2
_short.maxstring = _short.maxother = _short.maxlong = 60


def shown(frame: FrameType) -> str:
    """`a=1, b='x', *args=(2,), **kwargs={}`, of the values that the parameters have now. Raises what a `repr()` raises."""
    code, values = frame.f_code, frame.f_locals
    plain = code.co_argcount + code.co_kwonlyargcount
    starred = [mark for mark, flag in (("*", 0x04), ("**", 0x08)) if code.co_flags & flag]
    names = code.co_varnames[: plain + len(starred)]
    marks = [""] * plain + starred
    each = [
        f"{mark}{name}={_short.repr(values[name])}" for mark, name in zip(marks, names, strict=True) if name in values
    ]
    text = ", ".join(each)
    return text if len(text) <= MOST else f"{text[: MOST - 1]}…"
