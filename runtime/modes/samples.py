"""The samples mode: where every thread is, at each interval, as a thread of the C core sees it from outside.

It takes no lock of the interpreter's and sends no signal. What it cannot read it counts.
"""

from __future__ import annotations

import errno
import os
import sys

from prof._core import lib
from prof.errors import UsageError
from prof.host import program_name
from prof.modes.mode import Measure, Mode
from prof.own_imports import own_work

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from typing import Any

    from prof.settings import Settings

# `Thread`, its `_set_native_id` as it was, and ours while it is in its place.
_kind: Any = None
_original: Any = None
_naming: Any = None


def start(settings: Settings) -> None:
    """Begins sampling. UsageError where that is not possible."""
    import threading  # a recording without samples does without it

    main = getattr(sys.modules.get("__main__"), "__file__", None)
    file = os.fsencode(main) if isinstance(main, str) else b""
    name = program_name().encode(errors="backslashreplace")
    error = lib.prof_py_samples_start(settings.interval, file, name, settings.frames)
    if error:
        raise UsageError(f"mode 'samples' cannot begin: {errno.errorcode.get(error, error)}")
    for thread in threading.enumerate():
        _tell(thread)
    _install(threading.Thread)


def stop() -> None:
    """Ends sampling, after a last sample of each thread."""
    with own_work():
        lib.prof_py_samples_stop()
        _remove()


def _tell(thread: threading.Thread) -> None:
    """Names a thread for the sampler: a name is in the interpreter's own structures, which it does not read."""
    try:
        if thread.native_id is not None:
            lib.prof_py_samples_name(thread.native_id, str(thread.name).encode(errors="backslashreplace"))
    except Exception:  # of a subclass: the program's thread must start as it would without us
        pass


def forget() -> None:
    """Takes the parent's naming out of a forked child, whose own recording puts its own there."""
    _remove()


def _install(kind: Any) -> None:
    """Has each thread that begins tell its name. It calls this before anything of the program's."""
    global _kind, _original, _naming
    original = getattr(kind, "_set_native_id", None)
    if original is None:
        return

    def naming(thread: threading.Thread) -> None:
        original(thread)
        _tell(thread)

    _kind, _original, _naming = kind, original, naming
    kind._set_native_id = naming


def _remove() -> None:
    global _kind, _original, _naming
    if _naming is not None and _kind._set_native_id is _naming:
        _kind._set_native_id = _original
    _kind = _original = _naming = None


def asks(settings: Settings) -> dict[str, int]:
    """An interval between samples, which the capture says as well."""
    return {"interval_ns": settings.interval}


MODE = Mode(
    "samples",
    lib.PROF_MODE_SAMPLES,
    (
        Measure("samples", "", "samples", "samples"),
        Measure("samples-cpu", "", "cpu_samples", "samples on a CPU", "request"),
        Measure("samples-wall", "ns", "sampled_ns", "time by samples", "request"),
        Measure("samples-cpu-time", "ns", "sampled_cpu_ns", "processor time by samples", "request"),
        Measure("samples-gil-wait", "", "wait_samples", "samples waiting for the GIL", "request"),
    ),
    keys=("interval", "frames", "max_samples"),
    keys_words="it is about samples, and no mode given records them",
    asks=asks,
    start=start,
    stop=stop,
    forget=forget,
    without_spans=True,
)
