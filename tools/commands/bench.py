"""`prof bench`: runs commands in turns, records each run, and says how long they take, and what differs."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prof.errors import InputError, OutputError, UsageError
from prof.runs import runs_of
from prof.tools.analysis.bench import Bench, Contender
from prof.tools.analysis.difference import Difference, Input, compare
from prof.tools.analysis.gate import Verdict, judge, parse_rule
from prof.tools.commands import BETWEEN
from prof.tools.commands.arguments import command, natural
from prof.tools.commands.choosing import add_choice, add_recording, recording
from prof.tools.commands.run import environment
from prof.tools.commands.running import Kept, run_once
from prof.tools.commands.sides import add_result, status
from prof.tools.modes import comparable
from prof.tools.reports import bench_json, bench_text, diff_junit, diff_text
from prof.tools.screen.output import width, write, write_lines

EXAMPLES = """
prof bench -- python app.py                         how long it takes, until that is known to 1 %, 20 runs at most
prof bench -n 30 -- python app.py --vs -- python app.py --fast
prof bench --in old -- python app.py --vs --in new -- python app.py        the same program in two folders
prof bench --modes none -- ./any-program            by the clock alone, without recording
prof bench --modes ops+memory -n 3 --fail-on 'ops>1%' -- python old.py --vs -- python new.py
prof diff bench-20261128-101500/a -- bench-20261128-101500/b     the captures of a bench, again
"""
STATUS = """
exit status: 0 done, 1 a rule was broken, 2 the call was wrong, 3 a run failed, or recorded nothing, 4 its folder cannot
             be written, 130 interrupted: what was run until then is reported and kept
"""
SIDES = ("a", "b")
VS = "--vs"
INTERRUPTED = 130


def add(commands: Any) -> None:
    """Declares the subcommand."""
    parser = command(commands, "bench", EXAMPLES)
    parser.usage = "prof bench [options] -- COMMAND [args ...] [--vs [--in DIR] -- COMMAND [args ...]]"
    parser.epilog = f"{STATUS}\n{parser.epilog}"
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="what is run, as of a shell")
    parser.add_argument(
        "-n", "--runs", type=natural, default=20, metavar="N", help="runs of each, at most (default: 20)"
    )
    parser.add_argument(
        "--least", type=natural, default=5, metavar="N", help="runs of each, at least (default: 5, or what -n says)"
    )
    parser.add_argument(
        "--until", type=_percentage, default=0.01, metavar="P%",
        help="stop when the time is known to this, or the difference is (default: 1%%; 0: all N runs)",
    )  # fmt: skip
    parser.add_argument(
        "--warmup", type=natural, default=1, metavar="N", help="runs before, which count nothing (default: 1)"
    )
    parser.add_argument("--in", dest="folder", metavar="DIR", help="the folder that the command runs in")
    parser.add_argument("--as-it-is", action="store_true", help="give no probes: the program records itself")
    add_result(parser)
    parser.add_argument("--format", choices=("text", "json"), default="text", help="for people or for tools")
    parser.add_argument("-o", "--result", metavar="FILE", help="where to write the report (default: standard output)")
    add_choice(parser, "command")
    add_recording(parser)
    parser.set_defaults(run=run)


def _percentage(text: str) -> float:
    try:
        part = float(text.removesuffix("%")) / 100
    except ValueError:
        part = -1.0
    if not 0 <= part < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0% and 100%")
    return part


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand."""
    rules = [parse_rule(text, comparable()) for text in args.fail_on]
    if not args.runs:
        raise UsageError("-n 0 runs nothing")
    contenders = _contenders(args.words, args.folder)
    if rules and len(contenders) < 2:
        raise UsageError("--fail-on compares two commands: --vs -- COMMAND")
    folder = _folder(args.output) if args.modes != "none" else None
    kept = [Kept(folder / side) for side in SIDES[: len(contenders)]] if folder is not None else []
    bench = Bench(contenders)
    interrupted = _run(args, bench, kept)
    difference: Difference | None = None
    if len(kept) > 1 and all(bench.runs):
        before, after = (
            Input(str(_shown(each.folder)), runs_of(sorted(each.folder.glob("*.capture")))) for each in kept
        )
        difference = compare(before, after, comparable(), precision=args.precision)
    verdicts = list(judge(difference, rules)) if difference is not None else []
    _write(args, bench, difference, verdicts, folder)
    return INTERRUPTED if interrupted else status(verdicts, "the second command")


def _shown(folder: Path) -> Path:
    """A folder as people name it from here."""
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder


# ---- what is run ----


def _contenders(words: Sequence[str], folder: str | None) -> list[Contender]:
    """The commands: behind the first `--`, and behind that of each `--vs`."""
    if words[:1] != [BETWEEN]:
        raise UsageError("which command? prof bench [options] -- COMMAND [args ...]")
    first, rest = _until_vs(words[1:])
    found = [_contender(first, folder)]
    while rest:
        options, rest = rest[1:], []
        if BETWEEN not in options:
            raise UsageError("--vs: which command? --vs -- COMMAND [args ...]")
        cut = options.index(BETWEEN)
        parser = argparse.ArgumentParser("prof bench ... --vs", add_help=False)
        parser.add_argument("--in", dest="folder")
        named = parser.parse_args(options[:cut])
        words, rest = _until_vs(options[cut + 1 :])
        found.append(_contender(words, named.folder if named.folder is not None else folder))
    if len(found) > len(SIDES):
        raise UsageError(f"{len(found)} commands: two can be compared")
    return found


def _until_vs(words: Sequence[str]) -> tuple[list[str], list[str]]:
    cut = words.index(VS) if VS in words else len(words)
    return ["--" if word == BETWEEN else word for word in words[:cut]], list(words[cut:])


def _contender(words: Sequence[str], folder: str | None) -> Contender:
    if not words:
        raise UsageError("which command? prof bench [options] -- COMMAND [args ...]")
    if folder is not None and not os.path.isdir(folder):
        raise InputError(f"{folder}: no such folder")
    return Contender(tuple(words), folder)


def _folder(given: str | None) -> Path:
    """A new folder, or an empty one: no captures of before are taken for those of now."""
    folder = Path(given or time.strftime("bench-%Y%m%d-%H%M%S"))
    try:
        if folder.is_dir() and any(folder.iterdir()):
            raise UsageError(f"{folder} is not empty: nothing is written over what is there")
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made: {error.strerror}") from error
    return folder.resolve()


def _environment(args: argparse.Namespace, each: Contender, kept: Kept | None) -> dict[str, str]:
    """What the command runs with: nothing of ours where it is not recorded."""
    if kept is None:
        return {name: value for name, value in os.environ.items() if name != "PROF"}
    args.output = str(kept.now)
    asked, _ = recording(args)
    if args.as_it_is or Path(each.words[0]).name == "prof":
        return {**os.environ, "PROF": asked}
    return environment(args, asked, os.path.abspath(each.folder or "."))


def _run(args: argparse.Namespace, bench: Bench, kept: Sequence[Kept]) -> bool:
    """Runs the commands in turns, every other round the other way round; whether it was interrupted."""
    keepers: list[Kept | None] = [*kept] or [None] * len(bench.contenders)
    environments = [_environment(args, *each) for each in zip(bench.contenders, keepers, strict=True)]
    least = max(2, args.least) if args.until else args.runs
    progress = sys.stderr.isatty()
    try:
        for _ in range(args.warmup):
            for each in bench.contenders:
                run_once(each, _environment(args, each, None))
        for number in range(args.runs):
            indexes = range(len(bench.contenders))
            for index in indexes if number % 2 == 0 else reversed(indexes):
                _run_kept(bench, index, environments[index], keepers[index])
            if progress:
                print(f"\rprof: {number + 1} of {args.runs} runs ", end="", file=sys.stderr, flush=True)
            if number + 1 >= least and args.until and bench.precise(args.until):
                break
    except KeyboardInterrupt:
        return True
    finally:
        if progress:
            print(file=sys.stderr)
    return False


def _run_kept(bench: Bench, index: int, environment: dict[str, str], kept: Kept | None) -> None:
    if kept is not None:
        kept.begin()
    found = run_once(bench.contenders[index], environment)
    if kept is not None:
        kept.end(bench.contenders[index])
    bench.runs[index].append(found)


# ---- what is said ----


def _write(
    args: argparse.Namespace,
    bench: Bench,
    difference: Difference | None,
    verdicts: Sequence[Verdict],
    folder: Path | None,
) -> None:
    kept = str(_shown(folder)) if folder is not None else ""
    if args.format == "json":
        write(bench_json.render(bench, difference, verdicts, kept, args.precision), args.result)
    else:
        write_lines(bench_text.lines(bench, kept, width(), args.precision), args.result)
        if difference is not None:
            write_lines(diff_text.lines(difference, verdicts, args.limit, width()), args.result)
    if args.junit and difference is not None:
        write(diff_junit.render(difference, verdicts), args.junit)
