"""`prof analyze`: the hottest stacks of stack JSON, or of a capture with samples."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from prof.tools.analysis.plain_files import open_plain
from prof.tools.analysis.stack_profile import Stack, StackProfile, Sums, load, parsed
from prof.tools.commands.arguments import add_captures, add_output, command, find_captures, natural, say_notes
from prof.tools.commands.filtering import Filters, add_filters, filters_of
from prof.tools.exporters import stacks_json
from prof.tools.importers import is_of_another
from prof.tools.screen.output import width, write_lines
from prof.tools.screen.progress import working
from prof.tools.screen.tables import Column, Line, fitting, plain, table
from prof.tools.screen.units import count, many, percent, size

EXAMPLES = """
prof analyze                          the newest run here
prof analyze app.stacks.json          what prof export --format stacks-json wrote
prof analyze app.capture --limit 50 --focus handle
"""
_LIMIT = 20
_DEEP = 3  # callers that a path shows


def add(commands: Any) -> None:
    """Declares the subcommand."""
    parser = command(commands, "analyze", EXAMPLES)
    add_captures(parser, ".capture files with samples, read as one, or a file of stack JSON")
    parser.add_argument("--limit", type=natural, default=_LIMIT, metavar="N", help="rows a table; 0: all (default: 20)")
    add_filters(parser)
    add_output(parser, "-")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand."""
    profile = read_stacks(args.captures, filters_of(args))
    write_lines(summary(profile, args.limit), args.output)
    return 0


def read_stacks(given: Sequence[str], filters: Filters) -> StackProfile:
    """What arguments name, as stacks: stack JSON, a capture, several, or another tool's file. Raises InputError, and
    UsageError for one without samples."""
    found = find_captures(given)
    with working(f"Reading {found.title}"):
        if len(found.paths) == 1 and (profile := _stack_json(found.paths[0], filters)):
            return profile
        with found.open(filters) as capture:
            say_notes(capture)
            return parsed(capture.path, stacks_json.document(capture))


def _stack_json(path: Path, filters: Filters) -> StackProfile | None:
    """None for what is none. With filters it is read as a capture: that is what they are of."""
    with open_plain(path) as file:
        begin = file.read(4096)
        if filters != Filters() or not is_of_another(begin) or not begin.lstrip().startswith(b"{"):
            return None
        if b'"stacks"' not in begin and b'"total_samples"' not in begin:
            return None
        return load(path, begin + file.read())


def summary(profile: StackProfile, limit: int) -> Iterator[Line]:
    """The whole answer."""
    yield [("Summary", "heading")]
    yield plain()
    facts = {
        "Ran": f"{profile.elapsed:.3f} s",
        "Samples": count(profile.samples),
        "Stacks": count(len(profile.stacks)),
        "Instructions": count(profile.instructions) if profile.instructions else "not counted",
    }
    for title, text in facts.items():
        yield [(f"  {title:<14}", "title"), (text, "")]
    yield from paths(profile, limit)
    yield from functions(list(profile.functions().values()), profile, limit)
    yield from by_memory(profile, limit)
    yield from by_instructions(profile, limit)


def paths(profile: StackProfile, limit: int) -> Iterator[Line]:
    """Stacks by samples."""
    return _stacks(profile, "Hot paths", lambda stack: stack.samples, limit)


def by_memory(profile: StackProfile, limit: int) -> Iterator[Line]:
    """Stacks by bytes."""
    return _stacks(profile, "Memory", lambda stack: stack.memory, limit)


def by_instructions(profile: StackProfile, limit: int) -> Iterator[Line]:
    """Stacks by instructions."""
    return _stacks(profile, "Instructions", lambda stack: stack.instructions, limit)


def _stacks(profile: StackProfile, title: str, key: Callable[[Stack], int], limit: int) -> Iterator[Line]:
    every = profile.hottest(key)
    if not every:
        return
    shown = every[: limit or None]
    yield from _heading(title, len(shown), len(every), "stack")
    yield from _table(
        [
            Column("samples", [count(s.samples) for s in shown]),
            Column("%", [percent(s.samples, profile.samples) for s in shown]),
            Column("instructions", [count(s.instructions) if s.instructions else "-" for s in shown], rank=2),
            Column("memory", [_bytes(s.memory) for s in shown], rank=1),
            Column("function", [s.name for s in shown], "name", left=True),
            Column("called by", [_callers(s) for s in shown], "dim", left=True, stretch=True),
        ]
    )


def functions(rows: Sequence[Sums], profile: StackProfile, limit: int) -> Iterator[Line]:
    """Functions by samples, with what they called."""
    if not rows:
        return
    shown = rows[: limit or None]
    yield from _heading("Functions", len(shown), len(rows), "function")
    yield from _table(
        [
            Column("total", [count(f.samples) for f in shown]),
            Column("%", [percent(f.samples, profile.samples) for f in shown]),
            Column("self", [count(f.own) for f in shown]),
            Column("instructions", [count(f.instructions) if f.instructions else "-" for f in shown], rank=2),
            Column("memory", [_bytes(f.memory) for f in shown], rank=1),
            Column("function", [f.name for f in shown], "name", left=True, stretch=True),
        ]
    )


def _heading(title: str, shown: int, every: int, what: str) -> Iterator[Line]:
    yield plain()
    number = f"{shown} of {many(every, what)}" if shown < every else f"all {count(every)}"
    yield [(title, "heading"), (f"  {number}", "dim")]
    yield plain()


def _table(columns: list[Column]) -> Iterator[Line]:
    return table(fitting(columns, width()), width())


def _bytes(amount: int) -> str:
    return "-" if not amount else f"-{size(-amount)}" if amount < 0 else size(amount)


def _callers(stack: Stack) -> str:
    more = len(stack.frames) - 1 - _DEEP
    return " < ".join(stack.frames[1 : 1 + _DEEP]) + (f" < {more} more" if more > 0 else "")
