"""The `prof` command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from prof.commandline import finish
from prof.tools.commands import BETWEEN, COMMANDS, SIDED

EPILOG = """\
examples:
  prof run app.py             record it, without editing anything
  prof attach 4711 --for 10s  record a process that runs already
  prof report                 where it went, of the newest capture here
  prof flamegraph             the same as a picture; prints its path
  prof report --format html   all modes side by side on one page; prints its path
  prof help                   which command answers which question
  prof COMMAND --help         more examples, and every option

exit status:
  0  done
  1  the answer is no: a rule of `prof diff --fail-on` is broken
  2  wrong call
  3  input unusable: no such file, no capture, a truncated one
  4  output unwritable: no permission, disk full
  130  interrupted
"""


class _Version(argparse.Action):
    """Asks for the version only when the user does."""

    def __init__(self, **more: Any) -> None:
        super().__init__(nargs=0, help="show the version and exit", **more)

    def __call__(self, parser: argparse.ArgumentParser, *_: object, **__: object) -> None:
        from importlib import metadata  # takes longer to import than all of this command

        print(f"prof {metadata.version('prof-instrument')}")
        parser.exit()


def parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """The command line, with all of the options of the command that `argv` names and no more than the others' names."""
    top = argparse.ArgumentParser(
        prog="prof",
        description="Record programs, and read what they recorded.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("-V", "--version", action=_Version)
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    named = next((each for each in argv if not each.startswith("-")), "")
    for command, summary in COMMANDS.items():
        if command == named:
            import_module(f"prof.tools.commands.{command}").add(commands)
        else:
            commands.add_parser(command, help=summary)
    return top


def parsed(words: Sequence[str]) -> argparse.Namespace:
    """The arguments. Of commands with two sides, options may stand between what these are."""
    known = parser(words)
    sided = next((each for each in words if not each.startswith("-")), "") in SIDED
    if sided:
        words = [BETWEEN if word == "--" else word for word in words]
    args, more = known.parse_known_args(words)
    if more and not (sided and hasattr(args, "captures") and not any(word.startswith("-") for word in more)):
        known.error(f"unrecognized arguments: {' '.join(more).replace(BETWEEN, '--')}")
    if more:
        args.captures += more
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `prof` and returns its exit status."""

    def work() -> int:
        words = list(sys.argv[1:] if argv is None else argv)
        args = parsed(words)
        return int(args.run(args))

    return finish("prof", work)


def profile_main() -> int:
    """Runs `prof-profile`, which is `prof profile`, and returns its exit status."""
    return main(["profile", *sys.argv[1:]])
