"""The table that people read."""

from __future__ import annotations

from benchmarks.figures import Figure, Result, number

HEADINGS = ("figure", "measured", "spread", "must", "aim", "verdict")


def cells(figure: Figure, result: Result) -> tuple[str, ...]:
    """One line of the table."""
    if result.value is None:
        measured = spread = "-"
    else:
        measured = f"{number(result.value)}{figure.unit}"
        spread = "" if result.low is None or result.high is None else f"{number(result.low)}..{number(result.high)}"
    bounds = figure.bound(figure.must), figure.bound(figure.aim)
    return (figure.title, measured, spread, *bounds, figure.verdict(result.value))


def aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """Lines of the rows, of which the first are headings."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    text = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    text.insert(1, "-|-".join("-" * width for width in widths))
    return text


def table(lines: list[tuple[Figure, Result]], notes: bool) -> str:
    """The table; below it, if `notes`, what belongs to each figure, and in any case what was not measured: a line for
    each reason."""
    text = aligned([HEADINGS, *(cells(figure, result) for figure, result in lines)])
    missing: dict[str, list[str]] = {}
    for figure, result in lines:
        if result.value is None:
            missing.setdefault(result.note, []).append(figure.name)
        elif result.note and notes:
            text.append(f"  {figure.name}: {result.note}")
    text += [f"  {', '.join(names)}: {note}" for note, names in missing.items()]
    if notes:
        text += [f"\n{result.detail}" for _, result in lines if result.detail]
    return "\n".join(text)
