"""How functions are observed: by probes in their bytecode, or by `sys.monitoring` where the bytecode is not known.

An engine gives a function its spans (`attach`) and can let go of the interpreter again (`close`).
"""

from __future__ import annotations

import gc
import sys
from _weakref import ref

from prof import markers, opcodes
from prof._core import ffi, lib
from prof.errors import UsageError

# As type checkers know it; `typing` and `types` take too long to import.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FunctionType
    from typing import Any, Protocol

    Wanted = Callable[[CodeType], bool] | None  # which functions; None: all
else:
    FunctionType = type(lambda: None)
    Protocol = object

# None on 3.11: lib.PROF_QUIRK_MONITORING.
_monitoring: Any = getattr(sys, "monitoring", None)


LATER, FIRST = 1, 2  # as `_probes.probe` returns them


class Engine(Protocol):
    """What a session asks of either way to observe functions."""

    name: str
    lasting: bool
    """Whether what `attach` did to a function serves the recordings after this one too."""
    note: str
    """Why it is not the one that `auto` prefers; empty where it is, or was asked for."""

    def attach(self, function: FunctionType, name: str | None = None, flags: int = 0) -> int:
        """FIRST if it is the first function of its code to be observed, LATER if not; 0 if it was observed already."""

    def attach_module(self, code: CodeType, module: str, wanted: Wanted) -> CodeType:
        """A module's code in which the functions that are `wanted` are observed."""
        ...

    def attach_script(self, code: CodeType, module: str, wanted: Wanted, edited: CodeType) -> None:
        """The same of code that the interpreter is about to run, in place; `edited` has the functions that it gets."""

    def attach_tree(self, function: FunctionType, wanted: Wanted) -> None:
        """Observes a function, and those that are defined inside it."""

    def count_operations(self) -> str:
        """Before the first `attach`: what is attached has its operations counted, too. What is to be said of how."""

    def close(self) -> None: ...


_probes: Any = None


def probes() -> Any:
    """The module of C callables: one for the process, whatever the program does to `sys.modules`."""
    global _probes
    why = ffi.new("char[256]")
    if lib.prof_py_init(why, len(why)):
        raise UsageError(f"the C core does not start: {ffi.string(why).decode()}")
    from prof import _probes as found

    _probes = found
    return found


def load(main_name: str) -> Any:
    """The same, told of this interpreter's instructions. `main_name` is what functions of `__main__` go by."""
    found = probes()
    found.configure(opcodes.numbers(), opcodes.caches(), main_name)
    return found


def running() -> Any:
    """The session that records, of whichever copy of this package began it; None without one."""
    return getattr(_probes or probes(), "session", None)


def set_running(session: Any) -> None:
    """Notes who records, where every copy of this package finds it."""
    probes().session = session


class Bytecode:
    """Probes in the code itself: no hook, no tool id, no cost in functions that are not marked."""

    name = "bytecode"
    lasting = True
    note = ""

    def __init__(self, probes: Any) -> None:
        self._probes = probes
        self._probe: Any = probes.probe

    def attach(self, function: FunctionType, name: str | None = None, flags: int = 0) -> int:
        found: int = self._probe(function, name, flags)
        return found

    def attach_module(self, code: CodeType, module: str, wanted: Wanted) -> CodeType:
        made: CodeType = self._probes.probe_code(code, module, False, True, wanted)
        return made

    def attach_script(self, code: CodeType, module: str, wanted: Wanted, edited: CodeType) -> None:
        probed = self._probes.probe_code(edited, module, False, True, wanted)
        self._probes.replace_functions_of(code, probed)

    def attach_tree(self, function: FunctionType, wanted: Wanted) -> None:
        if not self._probes.is_probed(function.__code__):
            code = self._probes.probe_code(function.__code__, function.__module__, False, False, wanted)
            if code is not function.__code__:
                function.__code__ = code

    def count_operations(self) -> str:
        """Counters are among the probes that the C core gives to code while they are asked for."""
        return ""

    def close(self) -> None:
        """Probes stay in the code, where they do nothing until the next recording."""


class Monitoring:
    """Local events of `sys.monitoring`, with a tool id that nobody uses. Python 3.12 and later."""

    name = "monitoring"
    lasting = False
    note = ""

    def __init__(self, probes: Any) -> None:
        self._probes = probes
        self._codes: dict[int, ref[CodeType]] = {}
        self._within: dict[int, ref[CodeType]] = {}  # lambdas and the like, of which only operations are counted
        monitoring = _monitoring
        for tool in (4, 3, 0, 1, 2, 5):
            if monitoring.get_tool(tool) is None:
                break
        else:
            raise UsageError("engine=monitoring: all tool ids of sys.monitoring are taken by other tools")
        self.tool = tool
        monitoring.use_tool_id(tool, "prof")
        event = monitoring.events
        callbacks = {
            event.PY_START: probes.on_start,
            event.PY_RESUME: probes.on_resume,
            event.PY_THROW: probes.on_throw,
            event.PY_RETURN: probes.on_return,
            event.PY_UNWIND: probes.on_unwind,
            event.PY_YIELD: probes.on_yield,
        }
        self._callbacks = tuple(callbacks)
        for each, callback in callbacks.items():
            monitoring.register_callback(tool, each, callback)
        self._local = event.PY_START | event.PY_RESUME | event.PY_RETURN | event.PY_YIELD
        ends = event.PY_THROW | event.PY_UNWIND
        try:
            monitoring.set_local_events(tool, choose.__code__, ends)
            monitoring.set_local_events(tool, choose.__code__, 0)
            self._local |= ends
        except ValueError:  # before 3.15 these come for all code or none, and what is not marked is let pass
            monitoring.set_events(tool, ends)
        self._counting = 0

    def count_operations(self) -> str:
        event = _monitoring.events
        # Until 3.13 one event tells of both ways out of a branch. Only the way that jumps is counted.
        jumped = getattr(event, "BRANCH_RIGHT", event.BRANCH)
        callbacks = {event.INSTRUCTION: self._probes.on_instruction, jumped: self._probes.on_branch}
        for each, callback in callbacks.items():
            _monitoring.register_callback(self.tool, each, callback)
        self._callbacks += tuple(callbacks)
        self._counting = event.INSTRUCTION | jumped
        return "operations are counted by an event each: exact, many times slower, without the types of operands"

    def attach(self, function: FunctionType, name: str | None = None, flags: int = 0) -> int:
        found = self._attach(function.__code__, function.__module__ or "<unknown>", name, flags)
        if found is None:  # it has probes, of an earlier recording
            found = self._probes.probe(function, name, flags)
        return found

    def attach_module(self, code: CodeType, module: str, wanted: Wanted) -> CodeType:
        for each in code.co_consts:
            if type(each) is type(code):
                self._attach_code(each, module, wanted)
        return code

    def attach_script(self, code: CodeType, module: str, wanted: Wanted, edited: CodeType) -> None:
        if edited is not code:
            self._probes.replace_functions_of(code, edited)
        self.attach_module(code, module, wanted)

    def attach_tree(self, function: FunctionType, wanted: Wanted) -> None:
        self._attach_code(function.__code__, function.__module__, wanted)

    def _attach_code(self, code: CodeType, module: str, wanted: Wanted) -> None:
        if code.co_flags & markers.OPTIMIZED and not code.co_name.startswith("<") and (wanted is None or wanted(code)):
            self._attach(code, module, None, 0)
        self.attach_module(code, module, wanted)

    def _attach(self, code: CodeType, module: str, name: str | None, flags: int) -> int | None:
        """As `attach`; None for code that has probes."""
        if not self._probes.watch(code, module, name, flags):
            return None
        known = id(code) in self._codes
        counted = self._probes.count_watched(code, module) if self._counting else []
        self._listen(self._codes, code, self._local | (self._counting if counted else 0))
        for each in counted[1:]:
            begins = _monitoring.events.PY_START | _monitoring.events.PY_RESUME
            self._listen(self._within, each, self._counting | begins)
        return LATER if known else FIRST

    def _listen(self, codes: dict[int, ref[CodeType]], code: CodeType, events: int) -> None:
        """All at once: the interpreter forgets who asked first for INSTRUCTION events of code that has some already."""
        _monitoring.set_local_events(self.tool, code, events)
        key = id(code)
        codes[key] = ref(code, lambda _: codes.pop(key, None))

    def close(self) -> None:
        for reference in [*self._codes.values(), *self._within.values()]:
            code = reference()
            if code is not None:
                _monitoring.set_local_events(self.tool, code, 0)
        _monitoring.set_events(self.tool, 0)
        for event in self._callbacks:
            _monitoring.register_callback(self.tool, event, None)
        _monitoring.free_tool_id(self.tool)


def choose(wanted: str, probes: Any) -> Engine:
    """The engine called `wanted`, or for `auto` the first that this interpreter allows; UsageError for none."""
    validated = bool(lib.prof_py_validated())
    version = f"{sys.implementation.name} {sys.version_info.major}.{sys.version_info.minor}"
    if lib.PROF_QUIRK_RUNS_WITHOUT_LOCK:
        raise UsageError(f"this {version} is free-threaded, and what is recorded relies on the global lock")
    unknown = ", ".join(probes.unknown_opcodes())
    moved = moved_frames()
    if wanted == "bytecode" and unknown:
        raise UsageError(f"engine=bytecode: this {version} has opcodes that are not known: {unknown}")
    if wanted == "bytecode" and moved:
        raise UsageError(f"engine=bytecode: {moved}")
    if wanted == "bytecode" and not validated:
        raise UsageError(f"engine=bytecode: not validated on {version}; engine=monitoring works from 3.12 on")
    if wanted == "monitoring" and not lib.PROF_QUIRK_MONITORING:
        raise UsageError(f"engine=monitoring: {version} has no sys.monitoring; it came with 3.12")
    if wanted == "monitoring" or not validated:
        if not lib.PROF_QUIRK_MONITORING:
            if moved:
                raise UsageError(moved)
            raise UsageError(f"this {version} has opcodes that are not known ({unknown}), and no sys.monitoring")
        engine = Monitoring(probes)
        if unknown and wanted != "monitoring":
            known = "engine=monitoring, bytecode is left alone"
            engine.note = f"this {version} has opcodes that are not known ({unknown}): {known}"
        elif moved and wanted != "monitoring":
            engine.note = f"{moved}; engine=monitoring, bytecode is left alone"
        return engine
    return Bytecode(probes)


def moved_frames() -> str:
    """What to say where the interpreter's frames are not those that the core was compiled for; empty where they are."""
    if lib.prof_py_layout_agrees():
        return ""
    which = f"{sys.implementation.name} {'.'.join(map(str, sys.version_info[:3]))}"
    return f"the frames of this {which} are not those that prof was compiled for: install it anew from source"


def functions_without_counters(probes: Any) -> list[FunctionType]:
    """Functions that got their probes for a recording without operations."""
    return [f for f in gc.get_objects() if type(f) is FunctionType and probes.lacks_counters(f.__code__)]


def functions_marked_before() -> list[tuple[FunctionType, tuple[str, ...], str | None]]:
    """Functions that `@profiled` saw while nothing recorded, as far as they still exist; forgets the marks."""
    marked = dict(markers._marked)
    markers._marked.clear()
    if not marked:
        return []
    found = []
    for each in gc.get_objects():
        if type(each) is FunctionType and id(each.__code__) in marked:
            mark = marked[id(each.__code__)]
            found.append((each, mark.modes, mark.name))
    for mark in marked.values():
        function = mark.function()
        if function is not None and id(function.__code__) not in marked:
            found.append((function, mark.modes, mark.name))
    return found
