"""The one door from the runtime to the reports: what a program asks of its own recording while it runs.

A recording does without all of `prof.tools`, and so does a program that asks for nothing. `tests/test_rooms.py` lets
this file alone import of it, and only when it is called.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prof._core import ffi, lib
from prof.capture import Capture, open_capture
from prof.errors import InputError, UsageError
from prof.made import made
from prof.own_imports import own_imports, own_work

if TYPE_CHECKING:
    from prof.tools.analysis.report import Report as Report

_ATTEMPTS = 5


def snapshot(path: Path) -> Report:
    """The report of the running recording as it stands: of a copy, which stays as it is. It is called `path`."""
    with own_work():
        return _report(_copied(path), "(while it was recorded)")


def finished(path: Path) -> Report:
    """The report of a capture."""
    return _report(open_capture(path), f"({path.name})")


def copy_to(path: Path) -> None:
    """Writes the running recording as it stands to the file `path`. Raises UsageError where nothing is recorded."""
    with own_work(), _copied(path) as capture:
        path.write_bytes(capture.image())


def _copied(path: Path) -> Capture:
    """A copy of the running capture. Where a thread without the global lock was writing, another one is made."""
    for attempt in range(_ATTEMPTS):
        try:
            capture = _copy(path)
            capture.tree()
        except InputError:
            if attempt + 1 == _ATTEMPTS:
                raise
        else:
            break
    return capture


def _copy(path: Path) -> Capture:
    size = ffi.new("uint64_t *")
    data = lib.prof_py_copy(size)
    if data == ffi.NULL:
        raise UsageError("nothing is recorded: there is no snapshot")
    return Capture(path, made(path, lib.prof_reader_close, lib.prof_reader_open_image, data, size[0]))


def _report(capture: Capture, note: str) -> Report:
    with own_imports():
        from prof.tools.analysis.report import analyse
        from prof.tools.analysis.whose import ruled
        from prof.tools.modes import VIEWS

    return analyse(capture, tuple(VIEWS.values()), note, whose=ruled())


def check_format(name: str) -> None:
    """Raises UsageError for a format that there is not."""
    with own_imports():
        from prof.tools.reports.asked import format_of

    format_of(name)


def rendered(report: Report, name: str, **wanted: Any) -> str:
    """A report in the format of that name; `wanted` as `prof report` has them. Raises UsageError for one that there is
    not."""
    with own_imports():
        from prof.tools.reports.asked import format_of, made

    return "".join(made(report, format_of(name), **wanted).render(report))


def written(path: Path, name: str) -> str:
    """Writes the report of a capture beside it, with the permissions that the capture has; returns its path."""
    with own_imports():
        from prof.folded import beside
        from prof.tools.reports.asked import format_of, made
        from prof.tools.screen.output import write

    kind = format_of(name)
    report = finished(path)
    with report.capture:
        to = os.fspath(beside(path, kind.suffix))
        write(made(report, kind).render(report), to, report.capture.files)
    return to
