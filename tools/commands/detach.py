"""`prof detach`: ends the recording of a process that goes on."""

from __future__ import annotations

import argparse
from typing import Any

from prof.tools.commands.arguments import command
from prof.tools.commands.remote import add_pid, ask

EXAMPLES = """
prof detach 4711                              prints what it has written
"""


def add(commands: Any) -> None:
    """Declares the subcommand."""
    parser = command(commands, "detach", EXAMPLES)
    add_pid(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand."""
    print("\n".join(ask(args.pid, "end")["files"]))
    return 0
