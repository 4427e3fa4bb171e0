"""`prof help`: which command answers a question, and what a column means."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from prof.errors import UsageError
from prof.tools.commands import COMMANDS
from prof.tools.commands.arguments import command
from prof.tools.screen.glossary import COLUMNS, QUESTIONS
from prof.tools.screen.output import width, write_lines
from prof.tools.screen.tables import Column, Line, plain, table

EXAMPLES = """
prof help                     questions, and the commands that answer them
prof help columns             what every column of the tables means
prof help self                what one of them means
"""
_WIDEST = 100


def add(commands: Any) -> None:
    """Declares the subcommand."""
    parser = command(commands, "help", EXAMPLES)
    parser.add_argument("topic", nargs="*", metavar="TOPIC", help="a column, `columns` for all, or a command")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand."""
    topic = " ".join(args.topic)
    if topic in COMMANDS:
        from prof.tools.cli import main

        return main([topic, "--help"])
    write_lines(_lines(topic, min(width(), _WIDEST)), None, paged=True)
    return 0


def _lines(topic: str, room: int) -> Iterator[Line]:
    if not topic:
        questions, answers = zip(*QUESTIONS, strict=True)
        columns = [
            Column("question", list(questions), left=True),
            Column("answer", list(answers), "name", left=True, stretch=True),
        ]
        yield from table(columns, room)
        yield plain()
        yield plain("What a column means: prof help columns. Every command has --help, with examples.", "dim")
    elif topic == "columns":
        for name in COLUMNS:
            yield from _meaning(name, room)
    elif found := next((name for name in COLUMNS if name.lower() == topic.lower()), None):
        yield from _meaning(found, room)
    else:
        like = get_close_matches(topic, [*COLUMNS, *COMMANDS, "columns"], 3)
        hint = f"did you mean {', '.join(like)}?" if like else "`prof help columns` has all columns"
        raise UsageError(f"no topic {topic!r}: {hint}")


def _meaning(name: str, room: int) -> Iterator[Line]:
    indent = max(map(len, COLUMNS)) + 2
    first, *others = textwrap.wrap(COLUMNS[name], max(30, room - indent))
    yield [(f"{name:<{indent}}", "name"), (first, "")]
    yield from (plain(" " * indent + other) for other in others)
