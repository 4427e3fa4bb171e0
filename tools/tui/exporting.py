"""Files that are written from the terminal: reports, and what other tools read."""

from __future__ import annotations

import os
from pathlib import Path

from prof.folded import beside, replacing
from prof.modes import recorded_measures
from prof.tools.analysis.report import Report
from prof.tools.exporters import EXPORTS
from prof.tools.reports import FORMATS
from prof.tools.reports.asked import made
from prof.tools.screen.output import write
from prof.tools.tui.parts import Wish


def choices() -> dict[str, str]:
    """What can be written, each with its words."""
    reports = {name: f"{name}: {each.words}" for name, each in FORMATS.items()}
    return {**reports, **{name: f"{name}: {each.words}" for name, each in EXPORTS.items()}}


def export(report: Report, name: str, wish: Wish) -> Path:
    """Writes a file beside the capture and returns its path. Raises OutputError and UsageError."""
    capture = report.capture
    if name in FORMATS:
        kind = FORMATS[name]
        path = beside(capture.path, kind.suffix)
        form = made(
            report, kind, full=True, own=wish.own, libraries=wish.libraries, imports=wish.imports, idle=wish.idle
        )
        write(form.render(report), str(path), capture.files)
        return path
    kind_of = EXPORTS[name]
    path = beside(capture.path, kind_of.suffix)
    measures = [measure for _, measure in recorded_measures(capture)]
    with replacing(path, capture.files) as descriptor, os.fdopen(descriptor, "wb", closefd=False) as file:
        file.writelines(kind_of.render(capture, measures))
    return path
