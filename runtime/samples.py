"""The samples mode: where every thread is, at each interval, as a thread of the C core sees it from outside.

It takes no lock of the interpreter's and sends no signal. What it cannot read it counts.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

from prof._core import lib
from prof.errors import UsageError
from prof.host import program_name

if TYPE_CHECKING:
    from prof.settings import Settings

# `Thread._set_native_id` as it was, and ours while it is in its place.
_original: Any = None
_naming: Any = None


def start(settings: Settings) -> None:
    """Begins sampling. UsageError where that is not possible."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    file = os.fsencode(main) if isinstance(main, str) else b""
    name = program_name().encode(errors="backslashreplace")
    error = lib.prof_py_samples_start(settings.interval, file, name, settings.frames)
    if error:
        raise UsageError(f"mode 'samples' cannot begin: {errno.errorcode.get(error, error)}")
    for thread in threading.enumerate():
        _tell(thread)
    _install()


def stop() -> None:
    """Ends sampling, after a last sample of each thread."""
    lib.prof_own_begin()
    try:
        lib.prof_py_samples_stop()
        _remove()
    finally:
        lib.prof_own_end()


def _tell(thread: threading.Thread) -> None:
    """Names a thread for the sampler: a name is in the interpreter's own structures, which it does not read."""
    try:
        if thread.native_id is not None:
            lib.prof_py_samples_name(thread.native_id, str(thread.name).encode(errors="backslashreplace"))
    except Exception:  # of a subclass: the program's thread must start as it would without us
        pass


def _install() -> None:
    """Has each thread that begins tell its name. It calls this before anything of the program's."""
    global _original, _naming
    kind: Any = threading.Thread
    original = getattr(kind, "_set_native_id", None)
    if original is None:
        return

    def naming(thread: threading.Thread) -> None:
        original(thread)
        _tell(thread)

    _original, _naming = original, naming
    kind._set_native_id = naming


def _remove() -> None:
    global _original, _naming
    kind: Any = threading.Thread
    if _naming is not None and kind._set_native_id is _naming:
        kind._set_native_id = _original
    _original = _naming = None
