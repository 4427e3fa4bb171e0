"""`prof snapshot`: what a process has recorded so far."""

from __future__ import annotations

import argparse
from typing import Any

from prof.tools.commands.arguments import command
from prof.tools.commands.remote import add_pid, ask

EXAMPLES = """
prof report $(prof snapshot 4711)             the report of a process that goes on recording
"""


def add(commands: Any) -> None:
    """Declares the subcommand."""
    parser = command(commands, "snapshot", EXAMPLES)
    add_pid(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand."""
    print(ask(args.pid, "snapshot")["capture"])
    return 0
