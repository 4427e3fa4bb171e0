"""What a comparison is of, as command lines name it: captures of before and of after, and what is written of them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import frozen
from prof.capture import captures_in
from prof.errors import InputError, UsageError
from prof.modes import MEASURES
from prof.runs import runs_of
from prof.tools.analysis.difference import Difference, Input, Opener
from prof.tools.analysis.frames_beside import beside, common
from prof.tools.analysis.gate import Verdict
from prof.tools.commands import BETWEEN
from prof.tools.commands.arguments import find_captures, named_measure, natural, opened
from prof.tools.commands.filtering import Filters
from prof.tools.exporters.flamegraph import NOMINAL_WIDTH, Picture
from prof.tools.exporters.flamegraph_diff import svg_beside
from prof.tools.reports import diff_html, diff_json, diff_junit, diff_markdown, diff_text
from prof.tools.screen.output import width, write, write_lines

BROKEN = 1
FORMATS = {
    "text": "text for people",
    "json": "JSON for tools",
    "markdown": "tables for pull requests, the lines at fault first",
    "html": "a page with flame graphs of both, side by side",
    "svg": "a differential flame graph",
}


def inputs(words: Sequence[str], filters: Filters | None = None) -> tuple[Input, Input]:
    """The two sides, read through `filters`: of two words, one each, and a folder is the newest run in it; with `--`
    between them, several each, and a folder is all runs in it."""
    opener = _opener(filters or Filters())
    if BETWEEN not in words:
        if len(words) != 2:
            number = f"{len(words)} captures" if len(words) > 1 else "one capture"
            raise UsageError(f"{number}: give two, or put -- between those of before and those of after")
        before, after = words
        return _one(before, opener), _one(after, opener)
    cut = words.index(BETWEEN)
    sides = words[:cut], words[cut + 1 :]
    if BETWEEN in sides[1]:
        raise UsageError("-- stands once, between the captures of before and those of after")
    for side, where in zip(sides, ("before", "behind"), strict=True):
        if not side:
            raise UsageError(f"no captures {where} --: it stands between those of before and those of after")
    return _several(sides[0], opener), _several(sides[1], opener)


def _opener(filters: Filters) -> Opener:
    return lambda paths: opened(paths, filters, strict=True)


def _one(word: str, opener: Opener) -> Input:
    found = find_captures([word])
    if found.notes:
        raise InputError(found.notes[0])
    return Input(word, [found.paths], opener)


def _several(words: Sequence[str], opener: Opener) -> Input:
    paths: list[Path] = []
    for word in words:
        paths += [path for _, path in sorted(captures_in(word))] if os.path.isdir(word) else [Path(word)]
    title = words[0] if len(words) == 1 else f"{words[0]} and {len(words) - 1:,} more"
    different = {os.path.realpath(path): path for path in paths}
    return Input(title, runs_of(list(different.values())), opener)


# ---- what is written of them ----


@frozen
class Wanted:
    """How the comparison is to be laid out."""

    format: str
    limit: int
    output: str | None
    junit: str | None
    sides: tuple[Input, Input]
    measure: str | None = None
    """What a picture is of; None: the first that both sides have."""


def add_result(parser: argparse.ArgumentParser) -> None:
    """The options that say what is held against the difference."""
    parser.add_argument(
        "--fail-on", action="append", default=[], metavar="RULE", help="exit status 1 if a count rises; may be repeated"
    )
    parser.add_argument(
        "--precision", type=_part, default=0.05, metavar="P%",
        help="a difference that is worth the name, in %% of the value (default: 5%%)",
    )  # fmt: skip
    parser.add_argument("--limit", type=natural, default=20, metavar="N", help="rows a table; 0: all (default: 20)")
    parser.add_argument("--junit", metavar="FILE", help="write the rules as test cases as well, for CI systems")


def _part(text: str) -> float:
    try:
        part = float(text.removesuffix("%")) / 100
    except ValueError:
        part = 0.0
    if not 0 < part < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0% and 100%")
    return part


def check_outputs(outputs: Sequence[str | None], sides: Sequence[Input]) -> None:
    """Raises UsageError where a result would replace one of the captures that it is of."""
    captures = {os.path.realpath(path) for side in sides for run in side.runs for path in run}
    for each in outputs:
        if each and each != "-" and os.path.realpath(each) in captures:
            raise UsageError(f"{each} is one of the captures that are compared: nothing is written over it")


def write_difference(difference: Difference, verdicts: Sequence[Verdict], wanted: Wanted) -> None:
    """Writes the report, and the rules' results where they are wanted."""
    if wanted.format == "json":
        write(diff_json.render(difference, verdicts), wanted.output)
    elif wanted.format == "markdown":
        write(diff_markdown.render(difference, verdicts, wanted.limit), wanted.output)
    elif wanted.format == "text":
        write_lines(diff_text.lines(difference, verdicts, wanted.limit, width()), wanted.output)
    else:
        _write_picture(difference, verdicts, wanted)
    if wanted.junit:
        write(diff_junit.render(difference, verdicts), wanted.junit)


def _write_picture(difference: Difference, verdicts: Sequence[Verdict], wanted: Wanted) -> None:
    """All runs of a side as one are what is drawn, divided by their number."""
    first, second = ([path for run in side.runs for path in run] for side in wanted.sides)
    with wanted.sides[0].open(first) as before, wanted.sides[1].open(second) as after:
        measures = common(before, after, list(MEASURES.values()))
        if wanted.measure is not None:
            measure = named_measure(wanted.measure)
            if measure not in measures:
                has = ", ".join(each.name for each in measures) or "nothing"
                raise UsageError(f"--measure {wanted.measure}: both sides have {has}")
            measures = [measure]
        if wanted.format == "html":
            write(diff_html.render(difference, verdicts, (before, after), measures, wanted.limit), wanted.output)
            return
        if not measures:
            raise UsageError("the two sides have no measure in common that could be drawn")
        runs = difference.runs
        frames = beside((before, runs[0]), (after, runs[1]), measures[0], 0.1 / NOMINAL_WIDTH)
        title = f"{difference.before.path} → {difference.after.path}: {measures[0].title}"
        write(svg_beside(frames, Picture(title)), wanted.output)


def status(verdicts: Sequence[Verdict], after: Any) -> int:
    """The exit status, with a line on standard error that says why it is not 0."""
    broken = [verdict.rule.text for verdict in verdicts if verdict.broken]
    if broken:
        print(f"prof: {after} breaks {len(broken)} of {len(verdicts)} rules: {', '.join(broken)}", file=sys.stderr)
    return BROKEN if broken else 0
