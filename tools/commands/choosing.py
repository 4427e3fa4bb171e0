"""What the commands share that record: the options that say what is recorded, and how."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from prof.errors import NotMeantError, UsageError
from prof.markers import STANDBY
from prof.settings import NAMES, Said, Settings, counts, in_prof, settled, text_of

DEFAULT_MODES = "time+samples"
# What stands before others of PROF's names in `--help`, with words of its own; these are called as there.
_WORDS = {
    "modes": ("--modes", "MODES", f"time, memory, ops, samples, both, all (default: {DEFAULT_MODES})"),
    "output": ("--out", "DIR", "where the capture is written (default: this folder)"),
    "interval": ("--interval", "TIME", "from one sample to the next (default: 1ms)"),
}


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
    how = parser.add_argument_group("how (these count more than PROF, and PROF more than [tool.prof.record])")
    how.add_argument(
        "--detail", action="store_const", const="true", help="memory by block: live, at the peak, never freed"
    )
    for name in [*_WORDS, *(name for name in NAMES if name not in _WORDS and name != "detail")]:
        option, metavar, words = _WORDS.get(name, (_option(name), "VALUE", f"as {name}= of PROF"))
        how.add_argument(option, dest=name, metavar=metavar, help=words)


def _option(name: str) -> str:
    return _WORDS[name][0] if name in _WORDS else f"--{name.replace('_', '-')}"


def recording(args: argparse.Namespace, weaker: Sequence[Said] = ()) -> tuple[str, Settings]:
    """The value of PROF that says what the options and PROF say, and the settings that it leads to. `weaker` sources
    are left to whoever begins the recording. Raises UsageError for a mistake in any."""
    texts = {name: value for name in NAMES if (value := getattr(args, name)) is not None}
    asked = _in_environment()
    default = Said({"modes": DEFAULT_MODES}, lambda name, value: "")
    found = settled([Said(texts, lambda name, value: f"{_option(name)} {value}: "), asked, *weaker, default])
    if not found.modes:
        raise UsageError("--modes none records nothing")
    texts.setdefault("modes", "+".join(mode.name for mode in found.modes))
    for name, text in asked.texts.items():
        if counts(asked, name, found.modes):
            texts.setdefault(name, text)
    return text_of(texts), found


def _in_environment() -> Said:
    """What PROF says; nothing where it is another program's, or says to wait."""
    text = os.environ.get("PROF")
    try:
        return in_prof(text if text and text != STANDBY else ",")
    except NotMeantError:
        return Said({}, lambda name, value: "")


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
