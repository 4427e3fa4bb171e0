"""`prof interactive`: a prompt that answers about stack JSON, or a capture with samples; questions may be piped."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from attrs import frozen
from prof.errors import ProfError, UsageError
from prof.tools.analysis.stack_profile import StackProfile, Sums
from prof.tools.commands import analyze
from prof.tools.commands.arguments import add_captures, command
from prof.tools.commands.filtering import add_filters, filters_of
from prof.tools.screen.output import STDOUT, terminal, width, write, write_lines
from prof.tools.screen.tables import Column, Line, fitting, plain, table
from prof.tools.screen.units import count, percent

EXAMPLES = """
prof interactive                              the newest run here: help lists what can be asked
prof interactive app.stacks.json              what prof export --format stacks-json wrote
echo 'callers parse' | prof interactive app.capture
"""
PROMPT = "prof> "
_ROWS = 20


@frozen
class Question:
    """One that can be asked. `answer` gets the profile and the words behind the name."""

    words: str
    """Its arguments."""
    help: str
    answer: Callable[[StackProfile, list[str]], Iterator[Line]]


def add(commands: Any) -> None:
    """Declares the subcommand."""
    parser = command(commands, "interactive", EXAMPLES)
    parser.epilog = f"questions:\n{_listed()}\n\n{parser.epilog}"
    add_captures(parser, ".capture files with samples, read as one, or a file of stack JSON")
    add_filters(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand: until the input ends, or `quit`."""
    profile = analyze.read_stacks(args.captures, filters_of(args))
    asks = sys.stdin.isatty() and terminal(STDOUT)
    if asks:
        print(f"{count(profile.samples)} samples in {count(len(profile.stacks))} stacks; help lists what can be asked")
    while (line := _next(asks)) is not None and line.strip() not in ("quit", "exit"):
        try:
            write_lines(answer(profile, line), None)
        except ProfError as error:
            print(f"prof: {error}", file=sys.stderr)
        sys.stdout.flush()
    return 0


def _next(asks: bool) -> str | None:
    """The next question; None at the end."""
    if not asks:
        return sys.stdin.readline() or None
    try:
        import readline  # noqa: F401  # what is typed can be edited, where there is one
    except ImportError:
        pass
    try:
        return input(PROMPT)
    except EOFError:
        print()
        return None


def answer(profile: StackProfile, line: str) -> Iterator[Line]:
    """Answers one question; nothing to an empty line. Raises UsageError for one that is not known."""
    try:
        name, *words = shlex.split(line) or [""]
    except ValueError as error:
        raise UsageError(f"{line.strip()!r}: {error}") from None
    if not name:
        return iter(())
    if name not in QUESTIONS:
        near = get_close_matches(name, QUESTIONS, 1)
        raise UsageError(f"{name!r} is no question; {f'did you mean {near[0]}? ' if near else ''}help lists them")
    return QUESTIONS[name].answer(profile, words)


def _rows(words: list[str]) -> int:
    if len(words) > 1 or (words and not words[0].isdecimal()):
        raise UsageError(f"{' '.join(words)!r} is no number of rows")
    return int(words[0]) if words else _ROWS


def _function(profile: StackProfile, words: list[str]) -> Sums:
    """The function of that name, or the largest whose name is a match or ends so. Raises UsageError."""
    if len(words) != 1:
        raise UsageError("which function? callers NAME, with its name, the end of it, or a pattern")
    functions = profile.functions()
    name = words[0]
    found = functions.get(name) or next(
        (sums for each, sums in functions.items() if fnmatchcase(each, name) or each.endswith(f".{name}")), None
    )
    if found is None:
        near = get_close_matches(name, functions, 1)
        raise UsageError(f"no function {name!r} was met{f'; did you mean {near[0]}?' if near else ''}")
    return found


def _top(profile: StackProfile, words: list[str]) -> Iterator[Line]:
    rows = sorted(profile.functions().values(), key=lambda sums: -sums.own)
    return analyze.functions([sums for sums in rows if sums.own], profile, _rows(words))


def _one(profile: StackProfile, words: list[str]) -> Iterator[Line]:
    sums = _function(profile, words)
    yield from analyze.functions([sums], profile, 1)
    yield from _neighbours(sums, sums.callers, "callers")
    yield from _neighbours(sums, sums.callees, "callees")


def _callers(profile: StackProfile, words: list[str]) -> Iterator[Line]:
    sums = _function(profile, words)
    return _neighbours(sums, sums.callers, "callers")


def _callees(profile: StackProfile, words: list[str]) -> Iterator[Line]:
    sums = _function(profile, words)
    return _neighbours(sums, sums.callees, "callees")


def _neighbours(sums: Sums, found: Counter[str], what: str) -> Iterator[Line]:
    yield plain()
    yield [(f"{what.capitalize()} of {sums.name}", "heading"), ("" if found else "  none", "dim")]
    rows = found.most_common()
    columns = [
        Column("samples", [count(n) for _, n in rows]),
        Column("%", [percent(n, sums.samples) for _, n in rows]),
        Column("function", [name for name, _ in rows], "name", left=True, stretch=True),
    ]
    if rows:
        yield plain()
        yield from table(fitting(columns, width()), width())


def _write_folded(profile: StackProfile, words: list[str]) -> Iterator[Line]:
    if len(words) != 1:
        raise UsageError("which file? folded FILE")
    write(profile.folded(), words[0])
    yield plain(words[0])


def _help(profile: StackProfile, words: list[str]) -> Iterator[Line]:
    yield from (plain(line) for line in _listed().splitlines())


def _listed() -> str:
    return "\n".join(f"  {name + ' ' + each.words:<18} {each.help}" for name, each in QUESTIONS.items())


QUESTIONS = {
    "summary": Question("[N]", "all of it, N rows a table", lambda p, words: analyze.summary(p, _rows(words))),
    "top": Question("[N]", "functions by their own samples", _top),
    "paths": Question("[N]", "stacks by samples", lambda p, words: analyze.paths(p, _rows(words))),
    "memory": Question("[N]", "stacks by bytes", lambda p, words: analyze.by_memory(p, _rows(words))),
    "instructions": Question(
        "[N]", "stacks by instructions", lambda p, words: analyze.by_instructions(p, _rows(words))
    ),
    "function": Question("NAME", "one function, its callers and callees", _one),
    "callers": Question("NAME", "who calls it", _callers),
    "callees": Question("NAME", "what it calls", _callees),
    "folded": Question("FILE", "writes folded stacks, for prof flamegraph and flamegraph.pl", _write_folded),
    "help": Question("", "this list", _help),
    "quit": Question("", "ends, as does the end of the input", lambda p, words: iter(())),
}
