"""`prof mcp`: answers a coding agent's questions about captures, over the Model Context Protocol."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prof.errors import InputError, ProfError, UsageError
from prof.tools.commands.arguments import command

EXAMPLES = """
prof mcp                       answers about the captures in this folder and below it, on standard input and output
prof mcp ~/project             about those there
prof mcp --no-run              without the tool that runs programs
claude mcp add prof -- prof mcp
"""
MISSING = "prof mcp needs the package mcp, version 2 or later: pip install 'prof-instrument[mcp]'"
INSTRUCTIONS = """\
prof records Python programs exactly: calls, operations, allocations and waits are counted, times are measured and
sampled. Begin with `run` (or with captures that are there: `captures`), then `findings`: places in the source, the one
that matters most first, each with its numbers, how sure they are, and a command that shows more. Look closer with
`function` and `line`. After a change, `run` again and prove it with `diff`, whose counts are exact."""

CAPTURE = "`capture` is a .capture file, or a folder: the newest run in it; empty: here."
SMALLER = "`smaller` is one of the same program with a smaller input: then what grows faster than the input is named."
LIMITS = "`budget`: tokens that the answer may take, 3 bytes each."
RUN = """\
Runs a Python program and records it into the folder; answers what it said, and the findings. `arguments`:
["script.py", …] or ["-m", "module", …]. `modes`: all, or some of them, such as time+samples. It is killed after
`seconds`."""


def add(commands: Any) -> None:
    """Declares the subcommand."""
    parser = command(commands, "mcp", EXAMPLES)
    parser.add_argument("folder", nargs="?", default=".", metavar="FOLDER", help="where captures are (default: here)")
    parser.add_argument("--anywhere", action="store_true", help="paths may lead out of the folder")
    parser.add_argument("--no-run", action="store_true", help="offer nothing that runs a program or writes a file")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand, until the client leaves."""
    if not os.path.isdir(args.folder):
        raise InputError(f"{args.folder}: no such folder")
    server(Path(args.folder), args.anywhere, not args.no_run).run("stdio")
    return 0


def server(folder: Path, anywhere: bool = False, runs: bool = True) -> Any:
    """The server, with its tools. Raises UsageError where the package is missing."""
    try:
        from mcp.server import MCPServer
        from mcp.server.mcpserver.exceptions import ToolError
        from mcp.types import ToolAnnotations
    except ImportError as error:
        raise UsageError(MISSING) from error
    from prof.tools.commands.answers import BUDGET, SECONDS, Answers

    answers = Answers(Path(os.path.realpath(folder)), anywhere)
    made = MCPServer("prof", instructions=INSTRUCTIONS, log_level="ERROR")

    def tool(description: str, reads: bool = True) -> Callable[[Callable[..., str]], Any]:
        hints = ToolAnnotations(read_only_hint=reads, destructive_hint=not reads, open_world_hint=not reads)
        return made.tool(description=f"{description} {LIMITS}", annotations=hints, structured_output=False)

    def told(answer: Callable[..., str], *arguments: Any) -> str:
        try:
            return answer(*arguments)
        except (ProfError, OSError) as error:
            raise ToolError(str(error)) from error

    @tool("The captures in a folder, the newest first: file, when, how long, modes, size, command.")
    def captures(folder: str = ".", budget: int = BUDGET) -> str:
        return told(answers.captures, folder, budget)

    @tool(f"Places in the source, the one that matters most first, with numbers, and how sure. {CAPTURE} {SMALLER}")
    def findings(capture: str = "", smaller: str = "", budget: int = BUDGET) -> str:
        return told(answers.findings, capture, smaller, budget)

    @tool(f"Who calls a function, and what it calls. `name` is its name, or the end of it: `Cart.total`. {CAPTURE}")
    def function(name: str, capture: str = "", budget: int = BUDGET) -> str:
        return told(answers.function, name, capture, budget)

    @tool(f"A line of source and those around it, with how often each ran, operations, bytes, samples. {CAPTURE}")
    def line(file: str, line: int, around: int = 5, capture: str = "", budget: int = BUDGET) -> str:
        return told(answers.line, file, line, around, capture, budget)

    @tool("What two captures count differently, exactly: operations, allocations and calls by function and line.")
    def diff(before: str, after: str, budget: int = BUDGET) -> str:
        return told(answers.diff, before, after, budget)

    def run(arguments: list[str], modes: str = "all", seconds: int = SECONDS, budget: int = BUDGET) -> str:
        return told(answers.run, arguments, modes, seconds, budget)

    if runs:
        tool(RUN, reads=False)(run)
    return made
