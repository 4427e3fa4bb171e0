"""What the commands share that record: the options that say what is recorded, and how."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from prof.errors import UsageError
from prof.settings import LOGS, parse

DEFAULT_MODES = "time+samples"
# Keys of PROF that are options by the same name.
_KEYS = ("mode", "argv", "clock", "depth", "nodes", "engine", "types", "profile", "frames", "imports", "collections")


def add_choice(parser: argparse.ArgumentParser, whose: str) -> None:
    """The options that choose functions; `whose` project is recorded without them."""
    chosen = parser.add_argument_group(f"what is recorded (default: the functions of the {whose}'s project)")
    chosen.add_argument(
        "--instrument", action="append", default=[], metavar="PATTERN",
        help="modules, such as 'pkg.*'; '!pkg.tests.*' leaves out; of several, the last that fits decides",
    )  # fmt: skip
    chosen.add_argument(
        "-t", "--target", action="append", default=[], metavar="MODULE:FUNCTION",
        help="one function, one class with its methods, or one module",
    )  # fmt: skip
    chosen.add_argument("--project", action="store_true", help="the project's, beside what is named")
    chosen.add_argument("--all", action="store_true", help="the project's, and all that is installed")
    chosen.add_argument("--stdlib", action="store_true", help="the standard library's as well")
    chosen.add_argument(
        "--sections", metavar="KINDS", help="automatic sections: loops, paragraphs, or both with a comma between"
    )


def add_recording(parser: argparse.ArgumentParser) -> None:
    """The options that say what PROF says."""
    how = parser.add_argument_group("how (as in PROF, which counts where an option is not given)")
    how.add_argument(
        "--modes", metavar="MODES", help=f"time, memory, ops, samples, both, all (default: {DEFAULT_MODES})"
    )
    how.add_argument("--out", metavar="DIR", help="where the capture is written (default: this folder)")
    how.add_argument("--detail", action="store_true", help="memory by block: what is live, at the peak, never freed")
    how.add_argument("--interval", metavar="TIME", help="from one sample to the next (default: 1ms)")
    how.add_argument("--log", choices=LOGS, help="a debug log of the profiler")
    for key in _KEYS:
        how.add_argument(f"--{key}", metavar="VALUE", help=f"as {key}= of PROF")


def recording(args: argparse.Namespace, asked: str) -> str:
    """The value of PROF: what the options say, and what it says already. Raises UsageError for a mistake in them."""
    fields = [field.strip() for field in asked.split(",")]
    given = [field for field in fields if "=" not in field]
    modes, out, log, detail = [*given, "", "", "", ""][:4]
    if modes and not _is_ours(modes):
        modes, out, log, detail, fields = "", "", "", "", []
    keys = dict(field.split("=", 1) for field in fields if "=" in field)
    keys |= {key: value for key in (*_KEYS, "interval") if (value := getattr(args, key)) is not None}
    if args.out is not None and "," in args.out:
        raise UsageError(f"--out {args.out}: a folder's name with a comma cannot be asked for in PROF")
    row = [args.modes or modes or DEFAULT_MODES, args.out or out, args.log or log, "true" if args.detail else detail]
    text = ",".join([*row, *(f"{key}={value}" for key, value in keys.items())])
    if not parse(text).modes:
        raise UsageError("--modes none records nothing")
    return text


def _is_ours(modes: str) -> bool:
    """Whether a value of PROF is for this profiler."""
    from prof.modes import ALIASES, MODES

    return any(part.strip() in MODES or part.strip() in ALIASES for part in modes.split("+"))


def choice(args: argparse.Namespace, roots: Sequence[str], first: bool) -> str:
    """What is chosen, as `prof.instrument.choice.read` has it; `roots` are the projects."""
    from prof.instrument import choice as choices
    from prof.instrument import loaded, sections, settings

    kinds = [kind.strip() for kind in args.sections.split(",")] if args.sections else []
    for kind in kinds:
        if kind not in sections.KINDS:
            raise UsageError(f"--sections {kind!r}: not one of {', '.join(sections.KINDS)}")
    found = settings.load(Path(roots[0] if roots else os.getcwd()))
    return choices.Choice(
        roots=roots,
        patterns=args.instrument,
        targets=args.target,
        sections=kinds or sorted(found.sections),
        hints=loaded.hints(found.rules),
        installed=args.all,
        standard=args.stdlib,
        project=args.project or args.all or args.stdlib,
        first=first,
    ).text()
