"""The `prof` command."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from prof.commandline import finish
from prof.tools.commands import diff, flamegraph, folded, inspect, report

COMMANDS = (report, diff, flamegraph, folded, inspect)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="prof", description="Reads what a profiled program recorded.")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `prof` and returns its exit status."""
    args = parser().parse_args(argv)
    return finish("prof", lambda: int(args.run(args)))
