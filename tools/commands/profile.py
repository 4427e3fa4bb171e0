"""`prof profile`, which is also `prof-profile`: captures on an interactive terminal."""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path
from typing import Any

from prof.errors import UsageError
from prof.tools.commands.arguments import command
from prof.tools.commands.extras import need

EXAMPLES = """
prof profile                                the captures here; Enter opens one, ? helps on every screen
prof profile runs/                          those in that folder
prof profile app.capture                    this one
prof profile old.capture new.capture        both in the list: mark them with Space, and d compares them
"""
STATUS = """
exit status: 0 you have left it; 2 the terminal is too small or none, or textual is not installed; 3 no capture there
"""


def add(commands: Any) -> None:
    """Declares the subcommand."""
    parser = command(commands, "profile", EXAMPLES)
    parser.epilog = f"{STATUS}\n{parser.epilog}"
    parser.add_argument(
        "captures", nargs="*", metavar="CAPTURE|DIR", help="captures, or a folder of them (default: this folder)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand."""
    need("textual", "tui", "prof profile")
    from prof.tools.tui.app import Application, Captures, no_terminal, too_small
    from prof.tools.tui.profile import Profile
    from textual.screen import Screen

    paths = [Path(each) for each in args.captures or (".",)]
    if len(paths) > 1 and any(path.is_dir() for path in paths):
        raise UsageError("either one folder, or captures")
    if paths[0].is_dir():
        first: Screen[None] = Captures(paths[0])
    elif len(paths) > 1:
        first = Captures(Path(os.path.commonpath([path.absolute().parent for path in paths])), paths)
    else:
        first = Profile(paths)
    if why := no_terminal() or too_small(shutil.get_terminal_size()):
        raise UsageError(why)
    Application(lambda: first).run()
    return 0
