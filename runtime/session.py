"""The session: one recording from start to stop, what it installs, and the files it leaves.

A marker in any package starts it, and that may be one that reads captures: until it runs, nothing is imported but the
standard library.
"""

from __future__ import annotations

import atexit
import json
import os
import platform
import socket
import sys
import time
import warnings
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import Any

from prof import engine as engines
from prof import markers, modes
from prof._core import ffi, lib
from prof.ambient import Ambient
from prof.cost import measure_probe_cost
from prof.debuglog import DebugLog
from prof.errors import OutputError, ProfError, UsageError
from prof.settings import Settings, parse

# enum prof_clock_kind (csrc/format.h); 0 lets the core choose between the counter and the system's clock.
_CLOCKS = {"wall": 0, "monotonic": 2, "cpu": 3}

# Of more calling contexts than this, folded text (a line each, with all its ancestors) is not written unasked.
MOST_STACKS = 200_000

_current: Session | None = None
_fork_hook = False


def program_name() -> str:
    """What files and `__main__` are called: the script's stem, the package for `-m`, else `python`."""
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name:
        name = spec.name.removesuffix(".__main__").rpartition(".")[2]
    else:
        name = Path(sys.argv[0] if sys.argv and sys.argv[0] else "").stem
    return name if name and not name.startswith("-") else "python"


class Session:
    """A running recording. `start` makes it; `stop` ends it once and returns the files."""

    def __init__(self, settings: Settings, text: str) -> None:
        self.settings = settings
        self.text = text
        self.pid = os.getpid()
        self.name = program_name()
        self.log = DebugLog(None)
        self.ambient: Ambient | None = None
        self.engine: engines.Engine | None = None
        self.hooks: list[Any] = []

    def open(self, child: bool = False) -> None:
        """Creates the capture and begins recording; ProfError when that is not possible, with nothing installed."""
        probes = engines.load(self.name)
        self.engine = engines.choose(self.settings.engine, probes)
        counting = modes.OPS in self.settings.modes
        try:
            if counting:
                self._prepare_counting(probes)
            probes.record(modes.TIME in self.settings.modes, counting, self.settings.types)
            self.base = self._create(child)
        except ProfError:
            probes.record(True, False)
            self.engine.close()
            raise
        lib.prof_own_begin()
        if self.settings.log != "none":
            self.log = DebugLog(Path(f"{self.base}.log"))
        self._describe()
        markers._attach = self.attach
        if not child:
            lib.prof_set_probe_cost(int(measure_probe_cost(self.engine) * 1000))
        self.ambient = Ambient(probes, self.settings.imports, self.settings.collections)
        self.log.write(f"recording {self.text!r} of {self.name} with engine {self.engine.name}")
        for function, wanted, name in engines.functions_marked_before():
            self.attach(function, wanted, name)
        if counting:
            for function in engines.functions_without_counters(probes):
                self.engine.attach(function)
        try:
            for mode in self.settings.modes:
                if mode.module is not None:
                    self.hooks.append(import_module(mode.module))
                    self.hooks[-1].start(self.settings)
        except ProfError:
            lib.prof_own_end()
            self._close()
            raise
        lib.prof_own_end()

    def _prepare_counting(self, probes: Any) -> None:
        from prof import operations

        assert self.engine is not None
        if not self.engine.lasting:
            raise UsageError("mode 'ops' needs engine=bytecode: the counters stand in the bytecode")
        probes.describe(operations.traits(), operations.intrinsics(), operations.tables())
        profile = self.settings.profile
        probes.weigh(operations.weights_of(profile) if profile is not None else {})

    def _create(self, child: bool) -> str:
        """Opens the capture under the first free name; returns the name without its suffix."""
        directory = self.settings.directory
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make directory {directory}: {error.strerror}") from None
        config = ffi.new("prof_config *")
        config.clock = _CLOCKS[self.settings.clock]
        config.depth = self.settings.depth
        config.max_nodes = self.settings.nodes
        config.interval_ns = self.settings.interval if modes.SAMPLES in self.settings.modes else 0
        config.modes = sum(mode.bit for mode in self.settings.modes)
        why = ffi.new("char[512]")
        # Absolute: the program may change its directory.
        stem = str(directory.absolute() / f"{self.name}-{time.strftime('%Y%m%d-%H%M%S')}")
        names = [f"{stem}-{self.pid}"] if child or _spawned() else [stem, f"{stem}-{self.pid}"]
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
        meta = {
            "name": self.name,
            "python": platform.python_version(),
            "implementation": sys.implementation.name,
            "build": sys.version,
            "platform": platform.platform(),
            "host": socket.gethostname(),
            "argv": sys.argv,
            "cwd": os.getcwd(),
            "modes": [mode.name for mode in self.settings.modes],
            "engine": self.engine.name,
            "clock": self.settings.clock,
            "detail": self.settings.detail,
            "settings": self.text,
        }
        if modes.OPS in self.settings.modes:
            from prof.operations import CATEGORIES

            meta["categories"] = CATEGORIES
        text = json.dumps(meta).encode()
        lib.prof_set_meta(text, len(text))

    def attach(self, function: FunctionType, wanted: tuple[str, ...], name: str | None) -> None:
        """Gives a marked function its spans, unless its markers leave out all modes of the session."""
        assert self.engine is not None
        recorded = modes.records(wanted, self.settings.modes)
        if recorded:
            self.engine.attach(function, name, modes.left_out(wanted))
        if not recorded or not self.engine.lasting:
            markers.remember(function, wanted, name)

    def stop(self) -> list[Path]:
        """Ends the recording, writes the folded files, says so on stderr, and returns what was written."""
        global _current
        if _current is not self or self.pid != os.getpid():
            return []
        _current = None
        self._close()
        return self._write()

    def _close(self) -> None:
        """Takes everything out of the interpreter that this session put in, and ends the capture."""
        markers._attach = None
        for hook in reversed(self.hooks):
            hook.stop()
        if self.ambient is not None:
            self.ambient.remove()
        lib.prof_py_close()
        if self.engine is not None:
            engines.load(self.name).record(True, False)
            self.engine.close()

    def _measures(self) -> list[modes.Measure]:
        """What is written at exit."""
        wanted = ("always", "detail") if self.settings.detail else ("always",)
        return [m for mode in self.settings.modes for m in mode.measures if m.written in wanted]

    def _write(self) -> list[Path]:
        from prof.capture import open_capture
        from prof.folded import write_folded

        files = [Path(f"{self.base}.capture")]
        try:
            with open_capture(files[0]) as capture:
                tree = capture.tree()
                if tree.count > MOST_STACKS:
                    say(f"{tree.count:,} stacks are much text: for the folded files, prof folded {_shown(files[0])}")
                for measure in self._measures() if tree.count <= MOST_STACKS else ():
                    path = Path(f"{self.base}-{measure.name}.folded")
                    write_folded(capture, measure, path, tree)
                    files.insert(-1, path)
        except (ProfError, OSError) as error:
            say(f"{error} (the capture is {files[-1]})")
            return files
        self.log.write(f"wrote {', '.join(map(str, files))}")
        if self.settings.log == "announce" and self.log.path is not None:
            files.append(self.log.path)
        written = ", ".join(_shown(path) for path in files)
        say(f"wrote {written}; look at it with: prof report {_shown(Path(f'{self.base}.capture'))}")
        return files


def _shown(path: Path) -> str:
    """The path as people would type it from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def _spawned() -> bool:
    """Whether multiprocessing has started this process afresh, by spawn or forkserver."""
    process = sys.modules.get("multiprocessing.process")
    if process is None:
        return False
    # While the main module is imported, only the second is true.
    return process.parent_process() is not None or getattr(process.current_process(), "_inheriting", False)


def say(text: str) -> None:
    """One line on stderr, which may be gone at exit."""
    try:
        print(f"prof: {text}", file=sys.stderr, flush=True)
    except (OSError, ValueError, AttributeError):
        pass


def start(text: str, child: bool = False) -> Session | None:
    """Begins the recording that `text` (a PROF value) asks for; None when it asks for no mode.

    Raises UsageError for a mistake in it and OutputError where the capture cannot be written.
    """
    global _current, _fork_hook
    settings = parse(text)
    if not settings.modes:
        return None
    session = Session(settings, text)
    session.open(child)
    _current = session
    if not _fork_hook:
        os.register_at_fork(after_in_child=_after_fork)
        _fork_hook = True
    return session


def start_from_environment() -> None:
    """Begins what PROF asks for, and stops it at exit. A mistake is one line, and ends the program with its status."""
    try:
        session = start(os.environ["PROF"])
    except ProfError as error:
        say(f"PROF={os.environ['PROF']}: {error}")
        sys.exit(error.exit_status)
    if session is not None:
        atexit.register(stop)
        if _spawned():
            _stop_with_multiprocessing()


def stop() -> list[Path]:
    """Ends the current recording, if there is one."""
    return _current.stop() if _current is not None else []


def snapshot() -> Path | None:
    """The capture that is being written, with a fresh heartbeat; None when nothing records."""
    if _current is None:
        return None
    lib.prof_heartbeat()
    lib.prof_py_count_live()
    return Path(f"{_current.base}.capture")


def _after_fork() -> None:
    """A child records into files of its own, from the spans that were open at the fork."""
    global _current
    parent, _current = _current, None
    if parent is None:
        return
    markers._attach = None
    if parent.ambient is not None:
        parent.ambient.remove()
    if isinstance(parent.engine, engines.Monitoring):
        parent.engine.close()
    try:
        start(parent.text, child=True)
    except ProfError as error:
        say(f"child {os.getpid()} is not recorded: {error}")
        return
    _stop_with_multiprocessing()


def _stop_with_multiprocessing() -> None:
    """multiprocessing's children leave by os._exit(), after running its own finalizers instead of atexit's."""
    util = sys.modules.get("multiprocessing.util")
    if util is not None and _current is not None:
        util.register_after_fork(_current, _stop_at_finalize)  # finalizers of before are dropped when a child begins


def _stop_at_finalize(session: Any) -> None:
    from multiprocessing.util import Finalize

    Finalize(None, stop, exitpriority=-1000)


def warn_unmarkable(target: object) -> None:
    """Tells, once for each place, that `@profiled` found no Python function to mark."""
    warnings.warn(
        f"prof: @profiled on {type(target).__name__!r} object: no Python function in it, not recorded",
        RuntimeWarning,
        stacklevel=4,
    )
