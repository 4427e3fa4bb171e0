"""The session: one recording from start to stop, what it installs, and the files it leaves.

A marker in any package starts it, and a program waits until it has begun. So nothing is imported here that is not
needed to begin and to end: no `pathlib`, `json`, `typing` or `attrs`, and nothing of what reports read captures with.
What is written at the end is loaded before the program runs, which may go into a chroot or change its search path.
"""

from __future__ import annotations

import atexit
import errno
import os
import sys
import time

from prof import engine as engines
from prof import host, lost, markers, modes, plain_json, process
from prof._core import ffi, lib
from prof.ambient import Ambient
from prof.cost import measure_probe_cost
from prof.debuglog import DebugLog
from prof.errors import NotMeantError, OutputError, ProfError, UsageError
from prof.messages import say
from prof.own_imports import own_work
from prof.settings import Settings, environment, parse
from prof.unrecorded import sentences

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from types import FunctionType
    from typing import Any

    from prof.flight import Flight

# 0 lets the core choose between the counter and the system's clock.
_CLOCKS = {"wall": 0, "monotonic": lib.PROF_CLOCK_MONOTONIC, "cpu": lib.PROF_CLOCK_CPU}

# Of more calling contexts than this, folded text (a line each, with all its ancestors) is not written unasked.
MOST_STACKS = 200_000

# Bytes of a capture without its spans as they went.
LARGEST = 8 << 30

_current: Session | None = None
_hooked = False


class Session:
    """A running recording. `start` makes it; `stop` ends it once and returns the files."""

    def __init__(self, settings: Settings, text: str, title: str = "") -> None:
        self.settings = settings
        self.text = text
        self.pid = os.getpid()
        self.name = host.program_name()
        self.title = title or self.name
        self.log = DebugLog(None)
        self.ambient: Ambient | None = None
        self.engine: engines.Engine | None = None
        self.started: list[modes.Mode] = []
        self.quiet = False
        """Whether somebody else says what was written."""
        self.joined: list[Any] = [markers]
        self.flight: Flight | None = None

    def open(self, child: bool = False) -> None:
        """Creates the capture and begins recording; ProfError when that is not possible, with nothing installed."""
        probes = engines.load(self.name)
        self.engine = engines.choose(self.settings.engine, probes)
        try:
            for mode in self.settings.modes:
                if mode.prepare is not None:
                    mode.prepare(self.settings, self.engine, probes)
            self.asked = self._asked()
            if self.settings.process:
                process.load()
            probes.record("timed" in self.asked, "counting" in self.asked, self.settings.types)
            self.base = self._create(child)
        except ProfError as error:
            probes.record(True, False)
            self.engine.close()
            raise self._noted(error) from None
        try:
            with own_work():
                self._install(probes, child)
            lib.prof_trace_begin()
            self._begin_flight(probes)
        except ProfError as error:
            self._close()
            raise self._noted(error) from None
        if self.engine.note and not child:  # its parent has said so
            say(self.engine.note)

    def _install(self, probes: Any, child: bool) -> None:
        """Puts into the interpreter what records, once the capture is there."""
        assert self.engine is not None
        if self.settings.log != "none":
            self.log = DebugLog(f"{self.base}.log")
        self._describe()
        lost.probes, lost.main_name = probes, self.name
        for each in self.joined:
            each._attach = self.attach
        if not child:
            lib.prof_set_probe_cost(int(measure_probe_cost(self.engine) * 1000))
        self.ambient = Ambient(probes, self.settings.imports, self.settings.collections)
        self.log.write(f"recording {self.text!r} of {self.name} with engine {self.engine.name}")
        for function, wanted, name in engines.functions_marked_before():
            self.attach(function, wanted, name)
        for mode in self.settings.modes if not child else ():  # a child's functions have what its parent's got
            if mode.attach is not None:
                mode.attach(self.engine, probes)
        for mode in self.settings.modes:
            if mode.start is not None:
                self.started.append(mode)
                mode.start(self.settings)

    def _begin_flight(self, probes: Any) -> None:
        if self.settings.trace:
            from prof.flight import Flight

            self.flight = Flight(self, probes)
            self.flight.begin()

    def _noted(self, error: ProfError) -> ProfError:
        """The error, with what is to be said of the engine in the same line."""
        assert self.engine is not None
        return UsageError(f"{self.engine.note}; {error}") if self.engine.note else error

    def _asked(self) -> dict[str, int]:
        """What the modes ask of the C core, together."""
        found: dict[str, int] = {}
        for mode in self.settings.modes:
            found |= mode.asks(self.settings) if mode.asks is not None else {}
        return found

    def _create(self, child: bool) -> str:
        """Opens the capture under the first free name; returns the name without its suffix."""
        directory = self.settings.directory
        try:
            directory = os.path.abspath(directory)  # the program may change its own
            os.makedirs(directory, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make directory {directory}: {error.strerror}") from None
        config = ffi.new("prof_config *")
        config.clock = _CLOCKS[self.settings.clock]
        config.depth = self.settings.depth
        config.max_nodes = self.settings.nodes
        config.interval_ns = self.asked.get("interval_ns", 0)
        config.modes = sum(mode.bit for mode in self.settings.modes)
        config.file_mode = self.settings.mode
        config.least_ns = self.settings.min
        config.max_samples = self.settings.max_samples
        config.trace_bytes = self.settings.trace
        config.trace_later = True  # what our own beginning calls is not the program's
        config.trace_last = (self.settings.keep or ("last" if self.settings.dump else "first")) == "last"
        config.long_ns = dict(self.settings.dump).get("longer", 0)
        config.max_bytes = self.settings.trace + LARGEST if self.settings.trace > 0 else 0
        config.slowest = self.settings.slowest if "timed" in self.asked else 0
        why = ffi.new("char[512]")
        stem = os.path.join(directory, f"{host.file_name(self.title)}-{time.strftime('%Y%m%d-%H%M%S')}")
        one_of_many = child or host.spawned() or host.forked()
        names = [f"{stem}-{self.pid}"] if one_of_many else [stem, f"{stem}-{self.pid}"]
        names += [f"{stem}-{self.pid}-{n}" for n in range(2, 100)]
        for name in names:
            path = f"{name}.capture"
            if not lib.prof_py_open(os.fsencode(path), config, why, len(why)):
                return name
            if not os.path.lexists(path):
                break
        raise OutputError(ffi.string(why).decode(errors="replace"))

    def _describe(self) -> None:
        """Writes what the capture says of itself."""
        assert self.engine is not None
        meta = host.described(self.settings.argv) | {
            "modes": [mode.name for mode in self.settings.modes],
            "engine": self.engine.name,
            "clock": self.settings.clock,
            "detail": self.settings.detail,
            "settings": self.text,
        }
        meta["name"] = self.title
        for mode in self.settings.modes:
            meta |= mode.describes(self.settings) if mode.describes is not None else {}
        if self.settings.process:
            meta["process"] = {"start": process.read()}
        self._write_meta(meta)

    def _write_meta(self, meta: dict[str, Any]) -> None:
        """What is written last holds."""
        self.meta = meta
        text = plain_json.dumps(meta).encode()
        lib.prof_set_meta(text, len(text))

    def _describe_end(self) -> None:
        """Writes what is known at the end, and says what was marked and not recorded."""
        found = lost.unrecorded()
        for line in sentences(found):
            say(line)
        more: dict[str, Any] = {"unrecorded": found} if found else {}
        if self.settings.process:
            with own_work():
                more["process"] = self.meta["process"] | {"end": process.read()}
        if more:
            self._write_meta(self.meta | more)

    def attach(self, function: FunctionType, wanted: tuple[str, ...], name: str | None) -> None:
        """Gives a marked function its spans, unless its markers leave out all modes of the session."""
        assert self.engine is not None
        recorded = modes.records(wanted, self.settings.modes)
        if recorded:
            order = self.engine.attach(function, name, modes.left_out(wanted))
            if order == engines.FIRST or (order and lost.followed):
                lost.watch(function, wanted, name)
        if not recorded or not self.engine.lasting:
            markers.remember(function, wanted, name)

    def join(self, other: Any) -> None:
        """Another copy of `prof.markers`, of a program that imports everything afresh, records here as well."""
        self.joined.append(other)
        other._attach = self.attach

    def stop(self) -> list[Path]:
        """Ends the recording, writes the folded files, says so on stderr, and returns what was written."""
        from pathlib import Path

        return [Path(file) for file in self.end()]

    def end(self) -> list[str]:
        """The same; the paths as text."""
        return self._write() if self._leave() else []

    def discard(self) -> None:
        """Ends the recording and leaves no file."""
        if self._leave():
            self.log.write("discarded")
            try:
                os.unlink(f"{self.base}.capture")
            except OSError:
                pass  # somebody else was faster

    def _leave(self) -> bool:
        """Ends the recording, if it runs."""
        global _current
        running: Session | None = engines.running()
        if self.pid != os.getpid() or running is not self:
            return False
        _current = None
        engines.set_running(None)
        engines.probes().stop_with(None)
        self._close()
        return True

    def _close(self) -> None:
        """Takes everything out of the interpreter that this session put in, and ends the capture."""
        for each in self.joined:
            each._attach = None
        if self.flight is not None:
            self.flight.end()
        for mode in reversed(self.started):
            if mode.stop is not None:
                mode.stop()
        if self.ambient is not None:
            self.ambient.remove()
        self._describe_end()
        lib.prof_py_close()
        if self.engine is not None:
            engines.load(self.name).record(True, False)
            self.engine.close()

    def _measures(self) -> list[modes.Measure]:
        """What is written at exit."""
        wanted = ("always", "detail") if self.settings.detail else ("always",)
        return [m for mode in self.settings.modes for m in mode.measures if m.written in wanted]

    def _write(self) -> list[str]:
        path = f"{self.base}.capture"
        files: list[str] = []
        notes = []
        if lib.prof_full():
            reason = lib.prof_full()
            text = "it is no longer where it was made" if reason == errno.ESTALE else os.strerror(reason)
            notes.append(f"incomplete, it could not grow: {text}")
        try:
            from prof.folded import write_all

            stacks = write_all(path, self._measures(), MOST_STACKS, files)
            if stacks > MOST_STACKS:
                notes.append(f"without folded files: {stacks:,} stacks are much text (prof folded writes them)")
        except (ProfError, OSError, ImportError, MemoryError) as error:
            notes.append(f"without all its folded files: {error}")
        files.append(path)
        self.log.write(f"wrote {', '.join(files)}")
        if self.settings.log == "announce" and self.log.path is not None:
            files.append(self.log.path)
        written = ", ".join(shown(each) for each in files)
        noted = "".join(f" ({note})" for note in notes)
        if not self.quiet:
            say(f"wrote {written}{noted}; look at it with: prof report {shown(path)}")
        return files


def shown(path: str) -> str:
    """The path as people would type it from here."""
    folder = os.path.join(host.directory(), "")
    return path.removeprefix(folder) if folder.startswith("/") else path


def start(text: str) -> Session | None:
    """Begins the recording that `text` (a PROF value) asks for; None when it asks for no mode, or when one runs
    already, which then goes on.

    Raises UsageError for a mistake in it and OutputError where the capture cannot be written.
    """
    return begin(parse(text), text)


def begin(settings: Settings, text: str, child: bool = False, title: str = "") -> Session | None:
    """The same of a value that has been read. Every error is one of what cannot be had here."""
    global _current, _hooked
    if not settings.modes:
        return None
    running = engines.running()
    if running is not None and running.pid == os.getpid():
        running.join(markers)
        return None
    _load_end()
    session = Session(settings, text, title)
    session.open(child)
    _current = session
    engines.set_running(session)
    engines.probes().stop_with(end)
    if not _hooked:
        os.register_at_fork(after_in_child=_after_fork)
        engines.probes().begin_child_with(begin_child)
        _hooked = True
    return session


def begin_attached(text: str) -> Session:
    """Begins a recording in a process that runs already, which ends with it if not before. Raises what `start` does."""
    session = begin(parse(text), text)
    if session is None:
        raise UsageError("nothing to record, or it records already")
    session.quiet = True
    session._write_meta(session.meta | {"attached": True})
    atexit.unregister(end)
    atexit.register(end)
    return session


def _load_end() -> None:
    """Imports what the end of the recording needs. At the end itself a program may have gone into a chroot, changed its
    search path or been interrupted: an import then fails, or makes Python forget that it was Ctrl-C."""
    try:
        import prof.folded  # noqa: F401
    except (ImportError, AttributeError):
        pass  # a package that these import is marked itself, and is only just being imported


def start_from_environment() -> None:
    """Begins what PROF asks for, and stops it at exit.

    A mistake in PROF is one line, and ends the program with its status. Nothing else does: where the recording cannot
    begin, that is one line too, and the program goes on without it.
    """
    text = os.environ["PROF"]
    try:
        settings = environment(text)
    except NotMeantError as error:
        say(f"PROF={text}: {error}; the program runs unrecorded")
        return
    except UsageError as error:
        say(f"PROF={text}: {error}")
        sys.exit(error.exit_status)
    except ProfError as error:
        say(f"PROF={text}: not recorded: {error}")
        return
    try:
        session = begin(settings, text)
    except ProfError as error:
        say(f"PROF={text}: not recorded: {error}")
        return
    if session is not None:
        atexit.register(end)
        if host.spawned():
            _stop_with_multiprocessing()


def end() -> list[str]:
    """Ends the current recording, if there is one, as `stop` does; the paths as text."""
    session: Session | None = _current
    if session is None:
        return []
    try:
        return session.end()
    except Exception as error:
        say(f"the recording's end failed, the capture is {session.base}.capture: {_in_short(error)}")
        return []


def stop() -> list[Path]:
    """Ends the current recording, if there is one. Never raises: it runs at the program's end."""
    from pathlib import Path

    return [Path(file) for file in end()]


def _in_short(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def snapshot() -> Path | None:
    """The capture that is being written, with a fresh heartbeat; None when nothing records."""
    running = engines.running()
    if running is None:
        return None
    lib.prof_heartbeat()
    lib.prof_py_count_live()
    from pathlib import Path

    return Path(f"{running.base}.capture")


def dump(reason: str) -> Path | None:
    """Writes a copy of the running capture; None where that is not recorded with `trace=`, or could not be written."""
    running: Session | None = engines.running()
    if running is None or running.flight is None:
        return None
    path = running.flight.dump(reason)
    if path is None:
        return None
    from pathlib import Path

    return Path(path)


# ---- children -------------------------------------------------------------------------------------------------------


def _after_fork() -> None:
    """A child lets go of its parent's recording. Its own begins with its first span event (csrc/python/spans/child.c),
    so that one which only runs another program leaves no file. A mode that records outside of spans begins at once."""
    parent = _let_go()
    if parent is None:
        return
    _stop_with_multiprocessing()
    # Monitoring has no probes in the code that could wait.
    without_spans = any(mode.without_spans for mode in parent.settings.modes)
    at_once = without_spans or isinstance(parent.engine, engines.Monitoring)
    if at_once and not host.in_subprocess():
        _begin(parent)


def _let_go() -> Session | None:
    global _current
    parent, _current = _current, None
    if parent is not None:
        engines.set_running(None)
        for each in parent.joined:
            each._attach = None
        for mode in reversed(parent.started):
            if mode.forget is not None:
                mode.forget()
        if isinstance(parent.engine, engines.Monitoring):
            parent.engine.close()
        _waiting.append(parent)
    return parent


_waiting: list[Session] = []


def begin_child() -> None:
    """A child's first span event. One that was forked in C, behind Python's back, has not been told that it is one."""
    if _current is not None and _current.pid != os.getpid():
        _let_go()
    if _waiting:
        _begin(_waiting[-1])


def _begin(parent: Session) -> None:
    """Records this child as its parent was recorded, from the spans that were open at the fork."""
    _waiting.clear()
    if parent.ambient is not None:
        parent.ambient.remove()
    try:
        begin(parent.settings, parent.text, child=True, title=parent.title)
    except Exception as error:
        say(f"child {os.getpid()} is not recorded: {error if isinstance(error, ProfError) else _in_short(error)}")


class _Process:
    """Stands for this process in multiprocessing's registry, which refers to what it holds weakly."""


_this_process = _Process()


def _stop_with_multiprocessing() -> None:
    """multiprocessing's children leave by os._exit(), after running its own finalizers instead of atexit's."""
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.register_after_fork(
            _this_process, _stop_at_finalize
        )  # finalizers of before are dropped when a child begins


def _stop_at_finalize(process: Any) -> None:
    from multiprocessing.util import Finalize

    Finalize(None, end, exitpriority=-1000)
