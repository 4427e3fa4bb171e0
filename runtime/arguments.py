"""What a call was called with, in a line: for the slowest calls, where `args=repr` asks for it."""

from __future__ import annotations

import reprlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

MOST = 200
"""Characters, of all arguments together."""


class _Short(reprlib.Repr):
    """Bounded `repr()`, which counts those that raise."""

    failed = 0

    def repr_instance(self, value: object, level: int) -> str:
        try:
            text = repr(value)
        except Exception as error:
            self.failed += 1
            return f"<repr() of a {type(value).__name__} raised {type(error).__name__}>"
        return text if len(text) <= self.maxother else f"{text[: self.maxother - 1]}…"


def shown(frame: FrameType) -> tuple[str, int]:
    """`a=1, b='x', *args=(2,), **kwargs={}`, of the values that parameters have now; and how many `repr()` raised."""
    short = _Short()
    short.maxlevel = 2
    short.maxstring = short.maxother = short.maxlong = 60
    code, values = frame.f_code, frame.f_locals
    plain = code.co_argcount + code.co_kwonlyargcount
    starred = [mark for mark, flag in (("*", 0x04), ("**", 0x08)) if code.co_flags & flag]
    marks = [""] * plain + starred
    named = zip(marks, code.co_varnames[: len(marks)], strict=True)
    text = ", ".join(f"{mark}{name}={short.repr(values[name])}" for mark, name in named if name in values)
    return text if len(text) <= MOST else f"{text[: MOST - 1]}…", short.failed
