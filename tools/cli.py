"""The `prof` command."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from prof.errors import ProfError
from prof.tools.commands import diff, flamegraph, folded, inspect, report

COMMANDS = (report, diff, flamegraph, folded, inspect)
INTERRUPTED = 130


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="prof", description="Reads what a profiled program recorded.")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `prof` and returns its exit status: 0, or what `ProfError.exit_status` says."""
    args = parser().parse_args(argv)
    try:
        status: int = args.run(args)
        sys.stdout.flush()
        return status
    except ProfError as error:
        print(f"prof: {error}", file=sys.stderr)
        return error.exit_status
    except BrokenPipeError:
        # The reader went away, as `head` does. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
