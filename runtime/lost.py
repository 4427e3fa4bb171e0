"""Marks that would be lost in silence: of functions that run as other code by now, and of what is no Python function.

A decorator above `@profiled` may compile its function anew (`typeguard`), or give it other code. Where the marked
function is let go for its copy, the copy gets the mark; whoever runs without one when the recording ends is named.
"""

from __future__ import annotations

import gc
import sys
from _weakref import ref

from prof import markers
from prof.own_imports import own_work
from prof.unrecorded import NO_FUNCTION, OTHER_CODE, counted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FunctionType
    from typing import Any
else:
    FunctionType = type(lambda: None)

# Marked functions that are remembered, and young objects that are searched for the copy of one.
_MOST_MARKS = 100_000
_MOST_YOUNG = 50_000

_KINDS = 0x2AC  # co_flags: *args, **kwargs, generator, coroutine, asynchronous generator

# The C callables, and what functions of `__main__` go by: of the recording that runs.
probes: Any = None
main_name = ""
# Likenesses of marked functions whose copies got their marks: these may be made again and again.
followed: set[tuple[Any, ...]] = set()
# (module, *_likeness) of a marked function, and its code with probes; None: it is gone, and has run.
_codes: dict[tuple[Any, ...], ref[CodeType] | None] = {}
_watches: dict[int, _Watch] = {}
_following = False


class _Watch(ref["FunctionType"]):
    """The first marked function of a code object, until it is gone."""

    __slots__ = ("code", "key", "modes", "name", "origin")

    code: ref[CodeType]
    key: int
    modes: tuple[str, ...]
    name: str | None
    origin: tuple[Any, ...]
    """Its key in `_codes`."""

    @property
    def likeness(self) -> tuple[Any, ...]:
        """What its copies have in common with it."""
        return self.origin[1:]


def watch(function: FunctionType, modes: tuple[str, ...], name: str | None) -> None:
    """Remembers a marked function: the first of its code, or one of those whose copies are `followed`."""
    likeness = _likeness(function)
    key = (_module(function), *likeness)
    if _following or len(_codes) >= _MOST_MARKS or (key in _codes and likeness not in followed):
        return
    mark = _Watch(function, _gone)
    mark.key = id(mark)
    mark.origin = key
    mark.code = ref(function.__code__)
    mark.modes = modes
    mark.name = name
    _watches[mark.key] = mark
    _codes[key] = mark.code


def _likeness(function: FunctionType) -> tuple[Any, ...]:
    """What a copy has in common with the function it was made from."""
    code = function.__code__
    arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return function.__qualname__, arguments, code.co_flags & _KINDS


def _module(function: FunctionType) -> str:
    return function.__module__ if type(function.__module__) is str else "<unknown>"


def _gone(mark: ref[FunctionType]) -> None:
    """A marked function is no more. If it never ran, a copy that has just been made in its place gets its mark."""
    assert isinstance(mark, _Watch)
    if probes.completed is None:  # the interpreter is at its end, and takes modules apart
        return
    _watches.pop(mark.key, None)
    code = mark.code()
    ran = code is not None and probes.completed(code)
    if ran:
        _codes[mark.origin] = None
    if markers._attach is None or gc.get_count()[0] > _MOST_YOUNG:
        return
    if not ran or mark.likeness in followed:
        with own_work():
            try:
                _follow(mark)
            except Exception:  # in the middle of the program, which may have taken apart what imports need
                pass


def _follow(mark: _Watch) -> None:
    global _following
    _following, likeness = True, mark.likeness
    try:
        for each in gc.get_objects(generation=0):
            if type(each) is not FunctionType or each.__qualname__ != likeness[0]:
                continue
            if _likeness(each) == likeness and markers._attach is not None and not probes.has_span(each.__code__):
                followed.add(likeness)
                # Its code may have been compiled outside its class or function, and does not know its whole name.
                markers._attach(each, mark.modes, mark.name or _full_name(each))
    finally:
        _following = False


def _full_name(function: FunctionType) -> str:
    module = _module(function)
    module = main_name if module in ("__main__", "__mp_main__") else module
    return f"{module}.{function.__qualname__}".replace("<locals>.", "")


def unrecorded() -> dict[str, dict[str, Any]]:
    """The marks without effect, for the capture; see `prof.unrecorded`."""
    kinds = {OTHER_CODE: _other_code(), NO_FUNCTION: sorted(set(markers._hollow))}
    return {kind: counted(names) for kind, names in kinds.items() if names}


def _other_code() -> list[str]:
    """Functions made from a marked one that never ran, which have no probes."""
    codes = {key: ref_of() for key, ref_of in _codes.items() if ref_of is not None}
    idle = {key: code for key, code in codes.items() if code is None or not probes.completed(code)}
    names = {key[1] for key in idle}
    found = set()
    for each in gc.get_objects() if idle else ():
        if type(each) is not FunctionType or each.__qualname__ not in names or probes.has_span(each.__code__):
            continue
        key = (_module(each), *_likeness(each))
        if key in idle and _is_from(each.__code__, idle[key]):
            found.add(_full_name(each))
    return sorted(found)


def _is_from(code: CodeType, marked: CodeType | None) -> bool:
    """Whether it can have been made from the source of the marked code: in one file, the same lines."""
    if marked is None or code.co_filename != marked.co_filename:
        return True
    lines = [line for _, _, line in marked.co_lines() if line]
    return marked.co_firstlineno <= code.co_firstlineno <= max(lines, default=marked.co_firstlineno)


def described(target: object) -> str:
    """A marked object without a name of its own: its type, and where it was marked."""
    frame = sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).partition(".")[0] == "prof":
        frame = frame.f_back
    return f"{type(target).__name__} at {frame.f_code.co_filename}:{frame.f_lineno}"
