"""The markers: what a program's source is marked with. Loaded with or without PROF, so it imports nothing heavy.

Without a recording `profiled(f)` is `f`, untouched, and sections do nothing.
"""

from __future__ import annotations

import os
from _weakref import ref

# As type checkers know it; `typing` and `types` take longer to import than all of this.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import CodeType, FunctionType, TracebackType
    from typing import Any, TypeVar, overload

    T = TypeVar("T")
else:
    FunctionType = type(lambda: None)

    def overload(function):
        return function


# What `@profiled(...)` takes: the names that `prof.modes` knows, which is not loaded without a recording.
KNOWN = frozenset(("time", "memory", "ops", "samples", "both", "mem_summary", "mem_detail"))


OPTIMIZED = 1  # of co_flags: a function's, and not a class's or module's


class _Mark(ref["CodeType"]):
    """A marked function of which the code has no probes yet: what a recording that begins later has to know of it.

    It refers to the code weakly: a program that makes code for ever must not fill the memory.
    """

    __slots__ = ("function", "key", "modes", "name")

    def __new__(cls, function: FunctionType, modes: tuple[str, ...], name: str | None) -> _Mark:
        mark = super().__new__(cls, function.__code__, _forget)
        mark.key = id(function.__code__)
        mark.function = ref(function)
        mark.modes = modes
        mark.name = name
        return mark

    def __init__(self, *_: object) -> None:
        """All is done by `__new__`."""

    function: ref[FunctionType]
    key: int
    modes: tuple[str, ...]
    name: str | None


# By id of the code, of which many functions may have been made.
_marked: dict[int, _Mark] = {}

# What was marked without a Python function in it: told at the end of a recording.
_hollow: list[str] = []
MOST_HOLLOW = 1000

# The value of PROF with which nothing is recorded before `prof attach` asks for it.
STANDBY = "standby"

# Set by the session while it records: gives a function its probes.
_attach: Callable[[FunctionType, tuple[str, ...], str | None], None] | None = None

# Whether the recording that PROF asks for is on its way: what it imports may be marked itself.
_starting = False


class _NoSection:
    """What `profile()` returns when nothing records: a context manager that does nothing."""

    __slots__ = ()

    def __enter__(self) -> _NoSection:
        return self

    def __exit__(self, *exc: object) -> None:
        return None


_NO_SECTION = _NoSection()


def _mark(function: FunctionType, modes: tuple[str, ...], name: str | None) -> None:
    if _attach is not None:
        _attach(function, modes, name)
    else:
        remember(function, modes, name)


def remember(function: FunctionType, modes: tuple[str, ...], name: str | None) -> None:
    """Keeps a mark for the next recording to find."""
    key = id(function.__code__)
    if key not in _marked:
        _marked[key] = _Mark(function, modes, name)


def _forget(mark: ref[CodeType]) -> None:
    """A marked code is gone; its function may go on with another one, as `types.coroutine` gives it."""
    assert isinstance(mark, _Mark)
    if _marked.get(mark.key) is mark:
        del _marked[mark.key]
        function = mark.function()
        if function is not None:
            remember(function, mark.modes, mark.name)


def _is_itself(function: FunctionType) -> bool:
    """Whether it goes by the name of its own code: a wrapper goes by that of what it wraps."""
    return function.__qualname__ is function.__code__.co_qualname


def _mark_any(target: object, modes: tuple[str, ...], name: str | None) -> None:
    """Marks the functions that `target` is made of; of a class, each by its own name."""
    if type(target) is FunctionType and _is_itself(target):
        _mark(target, modes, name)
        return
    from prof import wrapped

    found = list(wrapped.functions(target))
    for each in found:
        _mark(each, modes, None if isinstance(target, type) else name)
    if isinstance(target, type):
        _hollow.extend(wrapped.hollow_members(target))
    elif not found:
        from prof import lost

        _hollow.append(lost.described(target))
    del _hollow[MOST_HOLLOW:]


@overload
def profiled(target: T, /) -> T: ...
@overload
def profiled(*modes: str, name: str | None = None) -> Callable[[T], T]: ...


def profiled(*args: Any, name: str | None = None) -> Any:
    """Marks a function for recording and returns that same function; as the innermost decorator, always.

    `@profiled`, `@profiled("time")`, `@profiled("time", name="load")`. The modes narrow what the session records for
    this function; they never widen it. Methods, generators, coroutines, properties and classes (each function in
    them) are marked alike. Raises `prof.errors.UsageError` for a mode that does not exist.
    """
    if len(args) == 1 and name is None and type(args[0]) is FunctionType and _is_itself(args[0]):
        _mark(args[0], (), None)
        return args[0]
    if len(args) == 1 and not isinstance(args[0], str):
        _mark_any(args[0], (), name)
        return args[0]
    if not KNOWN.issuperset(args):
        from prof.modes import check_markers

        check_markers(args)

    def mark(target: T) -> T:
        _mark_any(target, args, name)
        return target

    return mark


_NOT_A_DECORATOR = "profile(name): the section's name, a str; the decorator is called @profiled"


def profile(name: str) -> Any:
    """Opens the section `name`, until `end(name)` or, in a `with` statement, the end of its block.

    Sections nest, have children, and survive `await` and `yield` in a marked function. One left open is closed when its
    function returns, and counted.
    """
    if _attach is None:
        if not isinstance(name, str):
            raise TypeError(_NOT_A_DECORATOR)
        return _NO_SECTION
    return _begin(name, 1)


def end(name: str | None = None) -> None:
    """Ends the innermost open section called `name`, or the innermost at all.

    One that is not open, or not the innermost, is told once for each place in the source and counted.
    """
    if _attach is not None:
        _end(name, 1)


if not TYPE_CHECKING:
    # What instrumented source calls: it has only the one name, which is in the builtins.
    profiled.profile, profiled.end = profile, end


def _begin(name: str, depth: int) -> Any:
    from prof import _probes

    return _probes.profile(name, depth + 1)


def _end(name: str | None, depth: int) -> None:
    from prof import _probes

    _probes.end(name, depth + 1)


class enable_profiling:
    """A recording without the environment variable: `with enable_profiling("time"):` or `@enable_profiling("time")`.

    `settings` is what PROF would hold (`"time"`, `"time,out/"`). Functions marked before are found and recorded too.
    Where a recording is running already, it goes on and this does nothing. After the block, `files` lists what was
    written.
    """

    def __init__(self, settings: str = "time") -> None:
        self.settings = settings
        self.files: list[Path] = []
        self._session: Any = None

    def __enter__(self) -> enable_profiling:
        if _attach is None:
            from prof import session

            self._session = session.start(self.settings)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            self.files = self._session.stop()
            self._session = None

    def __call__(self, function: T) -> T:
        """The function, recorded while it runs: a generator or coroutine from its first step to its end."""
        from prof import enabled

        wrapper: T = enabled.enabled(function, lambda: enable_profiling(self.settings))
        return wrapper


def arrived(function: FunctionType, flags: int, name: str) -> None:
    """Marks a function that has come from another process by value; see `prof.travel`."""
    # Starts as asked. What is marked inside the function finds `profiled` in the builtins of this process, too.
    from prof import auto  # noqa: F401

    if _attach is not None:
        from prof.modes import kept

        _attach(function, kept(flags), name)


def snapshot() -> Path | None:
    """Brings the running recording's file up to date and returns its path, for `prof report`; None without one.

    Nothing is copied: the capture is the file that is being written.
    """
    if _attach is None:
        return None
    from prof import session

    return session.snapshot()


def dump(reason: str = "") -> Path | None:
    """Has the flight recorder write what it has as a capture of its own, whose path it returns; the program goes on.

    None, and nothing happens, without a recording with `trace=`, and where that has written enough. Never raises.
    """
    if _attach is None:
        return None
    from prof import session

    return session.dump(reason or "prof.dump()")


def start_if_asked() -> None:
    """Begins the recording that PROF asks for, once; a mistake in it ends the program with one line and its status."""
    global profile, end, _starting
    if not os.environ.get("PROF") or _attach is not None or _starting:
        return
    _starting = True
    try:
        _start()
    finally:
        _starting = False
    if _attach is not None:
        # The C callables themselves: no Python frame between the program and its sections.
        from prof import _probes

        profile, end = profiled.profile, profiled.end = _probes.profile, _probes.end


def _start() -> None:
    from prof.own_imports import own_imports

    try:
        with own_imports():
            if not _is_main_interpreter():
                raise ImportError("only the main interpreter of a process is recorded, and this is another one")
            if os.environ["PROF"] == STANDBY:
                from prof import standby

                standby.begin()
                return
            from prof import session

            session.start_from_environment()
    except Exception as error:
        # Whatever this interpreter, or what the program has made of it, is not fit for: the program itself must run.
        from prof.messages import say

        text = " ".join(str(error).split()) or "no reason given"
        kind = "" if isinstance(error, ImportError) else f"{type(error).__name__}: "
        import sys

        python = f"{sys.implementation.name} {sys.version_info.major}.{sys.version_info.minor}"
        say(f"wrote nothing, the program runs unrecorded on this {python}: {kind}{text}")


def _is_main_interpreter() -> bool:
    import sys

    before = set(sys.modules)
    try:
        for name in ("_interpreters", "_xxsubinterpreters"):  # of 3.13 and later, of 3.11 and 3.12
            try:
                module = __import__(name)
            except ImportError:
                continue
            return bool(module.get_current() == module.get_main())
        return True
    finally:
        for name in set(sys.modules) - before:
            del sys.modules[name]
