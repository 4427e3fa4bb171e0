"""What is asked of a report, made the options of a format: by `prof report`, and by a program of its own recording."""

from __future__ import annotations

from collections.abc import Sequence

from prof.errors import UsageError
from prof.tools.analysis.options import Options
from prof.tools.analysis.report import Report
from prof.tools.analysis.told import LEAST
from prof.tools.modes import SORTS, TREE_COLUMNS
from prof.tools.reports import FORMATS, Format

PARTS = ("callers", "callees", "tree", "source")
WIDTH = 100


def format_of(name: str) -> type[Format]:
    """The format of that name. Raises UsageError, which lists them."""
    if name not in FORMATS:
        raise UsageError(f"no format {name!r}; known: {', '.join(FORMATS)}")
    return FORMATS[name]


def made(
    report: Report,
    kind: type[Format],
    *,
    sort: str | None = None,
    limit: int | None = None,
    depth: int | None = None,
    min_percent: float | None = None,
    part: str = "",
    name: str = "",
    lines: bool = False,
    width: int = WIDTH,
    full: bool = False,
    show: Sequence[str] = (),
    own: bool = False,
    libraries: bool = False,
    imports: bool = False,
    idle: bool = False,
    budget: int | None = None,
) -> Format:
    """The format, told what is wanted; where nothing is, what it has for that. `part` is one of `PARTS`, of `name`.

    Raises UsageError for what the format does not show, and for an order by what was not recorded.
    """
    if part and part not in PARTS:
        raise UsageError(f"no part {part!r} of a report; known: {', '.join(PARTS)}")
    for option in filter(None, (part, "lines" if lines else "", "show" if show else "")):
        if option not in kind.parts:
            able = " or ".join(name for name, each in FORMATS.items() if option in each.parts)
            raise UsageError(f"--{option} is of --format {able}: {kind.why_whole}")
    if budget is not None and not kind.budgeted:
        able = " or ".join(name for name, each in FORMATS.items() if each.budgeted)
        raise UsageError(f"--budget is of --format {able}")
    if budget is not None and budget < LEAST:
        raise UsageError(f"--budget {budget}: {LEAST} tokens are the least that say anything")
    return kind(
        Options(
            sort=SORTS[_sort(report, sort, lines)],
            limit=kind.limit if limit is None else limit,
            few=kind.few if limit is None else limit,
            depth=kind.depth if depth is None else depth,
            min_percent=kind.min_percent if min_percent is None else min_percent,
            width=width,
            lines=lines,
            part=part,
            name=name,
            full=full or lines or depth is not None or min_percent is not None,  # which only the call tree heeds
            fits=limit is None,
            show=show,
            own=own,
            libraries=libraries,
            imports=imports,
            idle=idle,
            budget=budget or 0,
        )
    )


def _sort(report: Report, asked: str | None, lines: bool) -> str:
    """The order that was asked for, or the capture's first. Raises UsageError when the capture has no such figures."""
    capture = report.capture
    has = [name for name, sort in SORTS.items() if capture.recorded(sort.column)]
    with_lines = [n for n in has if SORTS[n].column in TREE_COLUMNS and not TREE_COLUMNS[SORTS[n].column].time]
    if lines and not with_lines:
        raise UsageError(f"{capture.path} was recorded without memory and samples: it has no lines")
    if asked is None:
        firsts = [name for view in report.summary.views for name in list(view.sorts)[:1]]
        return (with_lines if lines else [*firsts, "calls"])[0]
    if asked not in has:
        raise UsageError(f"{capture.path} was recorded without {asked}; it has: {', '.join(has)}")
    return asked
