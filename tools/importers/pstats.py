"""What cProfile writes: functions with their callers. Read without `marshal`, which must not be given just any file."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import Factory, define
from prof._core import lib
from prof.errors import InputError
from prof.tools.importers.profile import Profile, shared

Key = tuple[str, int, str]
# Stacks with a smaller part of everything are not told apart.
_LEAST = 1 / 20_000
_END = object()


def is_like(data: bytes) -> bool:
    """Whether a file begins as a marshalled dictionary with a tuple as its first key."""
    return len(data) > 2 and data[0] & 0x7F == ord("{") and data[1] & 0x7F in b"()0"


class _Reader:
    """The kinds of values that cProfile writes, of CPython's Python/marshal.c."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at, self._known = data, 0, list[Any]()

    def _take(self, form: str) -> Any:
        return struct.unpack(form, self._bytes(struct.calcsize(form)))[0]

    def _bytes(self, size: int) -> bytes:
        found = self._data[self._at : self._at + size]
        if size < 0 or len(found) != size:
            raise ValueError("it ends too early")
        self._at += size
        return found

    def value(self, depth: int = 0) -> Any:
        """The next value."""
        if depth > 20:
            raise ValueError("values lie too deep in each other")
        kind = self._take("<B")
        at = len(self._known)
        if kind & 0x80:  # it may be named later
            self._known.append(None)
        found = self._value(chr(kind & 0x7F), depth)
        if kind & 0x80:
            self._known[at] = found
        return found

    def _value(self, kind: str, depth: int) -> Any:
        if kind in "NTF0":
            return {"N": None, "T": True, "F": False, "0": _END}[kind]
        if kind == "i":
            return self._take("<i")
        if kind == "g":
            return self._take("<d")
        if kind == "l":
            return self._long()
        if kind in "zZ":
            return self._bytes(self._take("<B")).decode("ascii")
        if kind in "aAut":
            return self._bytes(self._take("<i")).decode("utf-8", "replace")
        if kind in "()":
            size = self._take("<B" if kind == ")" else "<i")
            return tuple(self.value(depth + 1) for _ in range(size))
        if kind == "{":
            return dict(self._items(depth))
        if kind == "r":
            return self._known[self._take("<I")]
        raise ValueError(f"a value of kind {kind!r}")

    def _long(self) -> int:
        size = self._take("<i")
        digits = struct.unpack(f"<{abs(size)}H", self._bytes(2 * abs(size)))
        found: int = sum(digit << 15 * place for place, digit in enumerate(digits))
        return -found if size < 0 else found

    def _items(self, depth: int) -> Iterator[tuple[Any, Any]]:
        while (key := self.value(depth + 1)) is not _END:
            yield key, self.value(depth + 1)


@define
class _Function:
    calls: int
    own: int
    total: int
    callers: dict[Key, float]
    """By caller, the time that it and what it called took for it; or, of all that took none, the calls."""
    callees: list[Key] = Factory(list)
    contexts: list[tuple[int, float]] = Factory(list)
    """Where it stands in the tree, and which part of it."""


def read(path: Path, data: bytes) -> Profile:
    """Functions in stacks, as far as callers tell. Raises InputError."""
    try:
        functions = {key: _function(*row) for key, row in _Reader(data).value().items() if _check(key)}
    except (ValueError, TypeError, IndexError, struct.error, AttributeError, MemoryError, OverflowError) as error:
        raise InputError(f"{path} is damaged: it is not what cProfile writes ({error})") from None
    profile = Profile("cProfile")
    for key, function in functions.items():
        function.callers = {caller: part for caller, part in function.callers.items() if caller in functions}
        for caller in function.callers:
            functions[caller].callees.append(key)
    _unfold(profile, functions)
    for function in functions.values():
        parts = [part for _, part in function.contexts]
        for (node, _), own, calls in zip(
            function.contexts, shared(function.own, parts), shared(function.calls, parts), strict=True
        ):
            profile.add(node, "time", self_ns=own, calls=calls)
    profile.notes.append(
        "cProfile keeps callers, and no stacks: self times and calls are exact, of totals and stacks a function's part"
        " in each is estimated by its callers"
    )
    return profile


def _check(key: Any) -> bool:
    file, line, name = key
    return isinstance(file, str) and isinstance(line, int) and isinstance(name, str)


def _function(primitive: int, calls: int, own: float, total: float, callers: dict[Key, Any]) -> _Function:
    times = {caller: row[3] if isinstance(row, tuple) else 0.0 for caller, row in callers.items()}
    if not sum(times.values()):
        times = {caller: float(row[0] if isinstance(row, tuple) else row) for caller, row in callers.items()}
    return _Function(int(calls), round(own * 1e9), round(total * 1e9), times)


def _unfold(profile: Profile, functions: dict[Key, _Function]) -> None:
    """Makes contexts from functions that nobody called downwards, and of what only calls itself."""
    whole = sum(function.own for function in functions.values()) or 1
    roots = [key for key, each in functions.items() if not set(each.callers) - {key}]
    for key in [*roots, *functions]:
        if not functions[key].contexts:
            _descend(profile, functions, key, whole)


def _descend(profile: Profile, functions: dict[Key, _Function], root: Key, whole: int) -> None:
    waiting: list[tuple[Key, int, float, frozenset[Key]]] = [(root, 0, 1.0, frozenset())]
    while waiting:
        key, above, part, path = waiting.pop()
        function = functions[key]
        file, line, name = key
        node = profile.child(above, profile.label(lib.PROF_FUNCTION, name, "" if file == "~" else file, line))
        function.contexts.append((node, part))
        path |= {key}
        for callee in function.callees:
            callers = functions[callee].callers
            others = sum(value for caller, value in callers.items() if caller != callee)
            below = part * (callers[key] / others if others else 1.0)
            if callee not in path and (
                below * functions[callee].total >= whole * _LEAST or not functions[callee].contexts
            ):
                waiting.append((callee, node, below, path))
