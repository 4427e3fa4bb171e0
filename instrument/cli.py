"""The commands `prof-instrument` and `prof-uninstrument`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from prof.commandline import INTERRUPTED, finish
from prof.errors import InputError, UsageError

from . import leftovers, report, sections, shadow
from .files import Found, Selection, find
from .plan import Options
from .refusal import Refusal
from .run import INSTRUMENT, UNINSTRUMENT, Outcome, Task, outcome, process_many, transform
from .settings import load

_STATUSES = """\
exit status:
  0  done (with --check: nothing to do)
  1  --check found files that would change, or a file or marker was refused (each is one line on stderr)
  2  wrong call, or a mistake in [tool.prof] of pyproject.toml
  3  input unusable: no such path, no Python file found
  4  output unwritable: no permission, disk full
"""

_INSTRUMENT_EPILOG = f"""\
examples:
  prof-instrument src/                       put @profiled on every function below src/
  prof-instrument --check src/               say which files would change, change none
  prof-instrument --diff app.py | less       show the edits
  prof-instrument --sections loops app.py    make every loop a section as well
  prof-instrument - < app.py > edited.py     from stdin to stdout
  PROF=both python app.py                    then record a run
  prof-uninstrument src/                     and put every byte back

`# profile! name` … `# end! name` comments become sections. Settings: [tool.prof] in pyproject.toml.
A symbolic link named as a path is followed and stays a link; links met in folders are left out.

{_STATUSES}"""

_UNINSTRUMENT_EPILOG = f"""\
examples:
  prof-uninstrument src/                     put back the bytes from before prof-instrument
  prof-uninstrument --check src/             fail if something is still instrumented (for a commit hook)
  prof-uninstrument - < edited.py > app.py   from stdin to stdout

A restored file has the hash that was recorded when it was instrumented. A file edited since keeps the edits
and loses our lines, if nothing else in its parsed tree differs; otherwise it is refused.

{_STATUSES}"""


def instrument_main(argv: Sequence[str] | None = None) -> int:
    """`prof-instrument`. Returns the exit status."""
    parser = _parser(
        "prof-instrument", "Edit Python source so that PROF=… can record it; reversible.", _INSTRUMENT_EPILOG
    )
    parser.add_argument(
        "--sections",
        action="append",
        default=[],
        metavar="KIND",
        help=f"make these blocks sections, comma-separated: {', '.join(sections.KINDS)}",
    )
    return _main(parser, INSTRUMENT, argv)


def uninstrument_main(argv: Sequence[str] | None = None) -> int:
    """`prof-uninstrument`. Returns the exit status."""
    parser = _parser("prof-uninstrument", "Undo prof-instrument, byte for byte.", _UNINSTRUMENT_EPILOG)
    return _main(parser, UNINSTRUMENT, argv)


def _parser(name: str, description: str, epilog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        name, description=description, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("paths", nargs="+", metavar="PATH", help="a file, a folder, or - for stdin to stdout")
    add("--check", action="store_true", help="write nothing; list the files that would change, exit 1 if any")
    add("--diff", action="store_true", help="write nothing; print a unified diff")
    add("--include", action="append", default=[], metavar="GLOB", help="only files that match (repeatable)")
    add(
        "--exclude",
        action="append",
        default=[],
        metavar="GLOB",
        help="no files that match, named ones neither",
    )
    add("--with-stdlib", action="store_true", help="do not leave out the running Python's standard library")
    add(
        "--jobs",
        "-j",
        type=_positive,
        metavar="N",
        help="processes (default: one per processor if many files)",
    )
    add("-q", "--quiet", action="store_true", help="no summary, no warnings, no bar; refusals remain")
    add("-v", "--verbose", action="store_true", help="a line for each file changed")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value


_positive.__name__ = "number of processes"  # what argparse calls the type in its message


def _main(parser: argparse.ArgumentParser, action: str, argv: Sequence[str] | None) -> int:
    def work() -> int:
        try:
            return _run(parser.parse_args(argv), action)
        except KeyboardInterrupt:
            print(f"{parser.prog}: interrupted; every file is whole, some may not be done", file=sys.stderr)
            return INTERRUPTED

    return finish(parser.prog, work)


def _run(args: argparse.Namespace, action: str) -> int:
    kinds = frozenset(k for given in getattr(args, "sections", []) for k in given.split(",") if k)
    unknown = kinds - set(sections.KINDS)
    if unknown:
        raise UsageError(f"--sections: {', '.join(sorted(unknown))} unknown; known: {', '.join(sections.KINDS)}")
    task = Task(action, kinds, write=not (args.check or args.diff), keep=args.diff)
    if "-" in args.paths:
        if len(args.paths) > 1:
            raise UsageError("- stands alone: stdin is one file")
        return _stdin(args, task)
    found = find(args.paths, Selection(tuple(args.include), tuple(args.exclude), args.with_stdlib))
    if not found.targets:
        raise InputError(f"no Python file to {action} in {', '.join(args.paths)}{_why(found)}")
    if action == INSTRUMENT:
        shadow.check([t.path for t in found.targets], args.paths)
        _warn_of_compilers(found, args)
    half = False
    for line, bad in leftovers.clear({os.path.dirname(t.real) for t in found.targets}) if task.write else ():
        print(f"prof-{action}: {line}", file=sys.stderr)
        half = half or bad
    totals = report.Totals()
    with report.Meter(len(found.targets), wanted=not args.quiet) as meter:
        for o in process_many(found.targets, task, args.jobs):
            totals.add(o)
            _say(o, args)
            meter.update(totals.files)
    if not args.quiet:
        line = report.summary(totals, found.left_out, action, task.write)
        # Where stdout carries the answer of --check or --diff, it carries nothing else.
        print(line, file=sys.stdout if task.write else sys.stderr)
    return _status(totals, args.check) or int(half)


# What to know of what is put in, by compiler.
_COMPILED = {
    "mypyc": "`__init__` is left alone there, and what is compiled is not recorded",
    "Cython": "what is compiled is not recorded",
}


def _warn_of_compilers(found: Found, args: argparse.Namespace) -> None:
    """One line for each build that compiles what is to be edited."""
    folders = {os.path.dirname(os.path.abspath(t.path)) for t in found.targets}
    for path, name in sorted(set(map(shadow.compiler, folders))):
        if name and not args.quiet:
            print(
                f"prof-instrument: warning: {os.path.relpath(path)} has {name} compile this project; "
                f"{_COMPILED[name]}: build from the source as it was, or --exclude those files",
                file=sys.stderr,
            )


def _why(found: Found) -> str:
    left = ", ".join(f"{reason} {n}" for reason, n in found.left_out.most_common())
    return f" (left out: {left})" if left else ""


def _say(o: Outcome, args: argparse.Namespace) -> None:
    for line in report.complaints(o, args.verbose, args.quiet):
        print(line, file=sys.stderr)
    if o.changed and args.diff:
        sys.stdout.buffer.write(report.diff(o.path, o.before, o.after))
    elif o.changed and args.check:
        print(o.path)


def _status(totals: report.Totals, check: bool) -> int:
    if totals.failed:
        return 4
    return 1 if totals.refused or (check and totals.changed) else 0


def _stdin(args: argparse.Namespace, task: Task) -> int:
    if task.action == INSTRUMENT:
        shadow.check([])
    data = sys.stdin.buffer.read()
    settings = load(Path.cwd())
    try:
        result = transform(data, task, Options(task.sections or settings.sections, settings.rules))
    except Refusal as e:
        o = Outcome("<stdin>", refused=((e.line, e.reason),))
    else:
        o = outcome("<stdin>", result, result.data != data, data, result.data)
        if task.write:
            sys.stdout.buffer.write(result.data)
    _say(o, args)
    totals = report.Totals()
    totals.add(o)
    return _status(totals, args.check)
