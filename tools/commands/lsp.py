"""`prof lsp`: what an editor shows beside the source, of the newest capture."""

from __future__ import annotations

import argparse
import sys
from importlib import metadata
from typing import Any

from prof.errors import UsageError
from prof.tools.commands.arguments import command
from prof.tools.commands.extras import need

EXAMPLES = """
prof lsp                                    as an editor starts it: docs/editors.md has the settings
prof lsp --captures runs                    captures are in that folder of the workspace
"""


def add(commands: Any) -> None:
    """Declares the subcommand."""
    parser = command(commands, "lsp", EXAMPLES)
    parser.add_argument(
        "--captures", metavar="DIR", help="where captures are, from the workspace on (default: the workspace itself)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand."""
    need("pygls", "lsp", "prof lsp")
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("prof lsp speaks with an editor over its standard input and output: see docs/editors.md")
    from prof.tools.editor.server import serve

    serve(args.captures, metadata.version("prof-instrument")).start_io()
    return 0
