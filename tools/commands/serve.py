"""`prof serve`: a folder's captures for a browser on this machine."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from prof.errors import InputError
from prof.tools.commands.arguments import command

EXAMPLES = """
prof serve                                  the captures here; prints the address, Ctrl-C ends it
prof serve runs/ --port 8765 --open         those in that folder, in the browser at once
"""
STATUS = """
exit status: 0 you have ended it; 2 the port is taken; 3 there is no such folder
"""


def add(commands: Any) -> None:
    """Declares the subcommand."""
    parser = command(commands, "serve", EXAMPLES)
    parser.epilog = f"{STATUS}\n{parser.epilog}"
    parser.add_argument("folder", nargs="?", default=".", metavar="DIR", help="a folder (default: this one)")
    parser.add_argument("--port", type=_port, default=0, metavar="N", help="default: one that is free")
    parser.add_argument("--open", action="store_true", help="open it in the browser")
    parser.set_defaults(run=run)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand."""
    from prof.tools.serve.server import Server

    folder = Path(args.folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder")
    with suppress(KeyboardInterrupt), Server(folder, args.port) as server:
        print(server.address, flush=True)
        print("prof: for this machine alone, and whoever has the address; Ctrl-C ends it", file=sys.stderr)
        if args.open:
            import webbrowser

            webbrowser.open(server.address)
        server.serve_forever()
    return 0
