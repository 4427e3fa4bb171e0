"""`prof run`: a program that is recorded without being edited."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from prof.errors import InputError, UsageError
from prof.settings import LOGS, parse
from prof.tools.commands.arguments import command

DEFAULT_MODES = "time+samples"
EXAMPLES = """
prof run app.py --verbose                     its own functions: those of its project; --verbose is the program's
prof run --modes all -m package.module        time, memory, operations and samples
prof run --report app.py                      the report follows when the program ends
prof run --instrument 'jinja2.*' app.py       a library's functions, instead of the project's
prof run --project --instrument 'jinja2.*' --instrument '!jinja2.ext' app.py
prof run -t package.module:Class.method app.py
prof run --all -m pytest tests                the project's functions and those of all that is installed
"""
# Signals that people and supervisors send; the program's own status then is this command's.
_PASSED_ON = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGCONT")
_OPTIONS = ("mode", "argv", "clock", "depth", "nodes", "engine", "types", "profile", "frames", "imports", "collections")


def add(commands: Any) -> None:
    """Declares the subcommand."""
    parser = command(commands, "run", EXAMPLES)
    parser.usage = "prof run [options] SCRIPT [args ...] | -m MODULE [args ...] | -c CODE [args ...]"
    parser.add_argument("program", nargs=argparse.REMAINDER, metavar="SCRIPT", help="a script, and its arguments")
    parser.add_argument("-m", dest="module", nargs=argparse.REMAINDER, metavar="MODULE", help="a module, as of python")
    parser.add_argument(
        "-c", dest="code", nargs=argparse.REMAINDER, metavar="CODE", help="a program text, as of python"
    )
    chosen = parser.add_argument_group("what is recorded (default: the functions of the script's project)")
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
    how = parser.add_argument_group("how (as in PROF, which counts where an option is not given)")
    how.add_argument(
        "--modes", metavar="MODES", help=f"time, memory, ops, samples, both, all (default: {DEFAULT_MODES})"
    )
    how.add_argument("--out", metavar="DIR", help="where the capture is written (default: this folder)")
    how.add_argument("--detail", action="store_true", help="memory by block: what is live, at the peak, never freed")
    how.add_argument("--interval", metavar="TIME", help="from one sample to the next (default: 1ms)")
    how.add_argument("--log", choices=LOGS, help="a debug log of the profiler")
    for key in _OPTIONS:
        how.add_argument(f"--{key}", metavar="VALUE", help=f"as {key}= of PROF")
    after = parser.add_argument_group("when it has ended")
    after.add_argument("--report", action="store_true", help="print the report")
    after.add_argument("--open", action="store_true", help="show the page in a browser")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand."""
    words, folder = _program(args)
    if sys.flags.ignore_environment:
        raise UsageError("python -E and -I keep the recording, which is asked for in the environment, from the program")
    recording = _recording(args, os.environ.get("PROF", ""))
    environment = _environment(args, recording, folder)
    command = [sys.executable, *_interpreter_options(), *words]
    sys.stdout.flush()
    if not (args.report or args.open):
        os.execve(sys.executable, command, environment)
    before = _captures(parse(recording).directory)
    status = _wait(command, environment)
    _show(args, sorted(_captures(parse(recording).directory) - before))
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status


def _program(args: argparse.Namespace) -> tuple[list[str], str]:
    """The program as Python's command line has it, and the folder that its project is looked for from."""
    if args.module is not None:
        name = args.module[0] if args.module else ""
        if not name:
            raise UsageError("-m: which module?")
        return ["-m", *args.module], _module_folder(name)
    if args.code is not None:
        if not args.code:
            raise UsageError("-c: which program text?")
        return ["-c", *args.code], os.getcwd()
    words = args.program[1:] if args.program[:1] == ["--"] else args.program
    if not words:
        raise UsageError("which program? prof run SCRIPT, prof run -m MODULE or prof run -c CODE")
    script = words[0]
    if not os.path.exists(script):
        raise InputError(f"{script}: no such file")
    if os.path.isdir(script) and not os.path.exists(os.path.join(script, "__main__.py")):
        raise InputError(f"{script}: a folder without __main__.py")
    if not os.access(script, os.R_OK):
        raise InputError(f"{script}: cannot be read")
    folder = os.path.realpath(script if os.path.isdir(script) else os.path.dirname(os.path.abspath(script)))
    # What an installation puts beside its python: the program is the project's in which it is begun.
    installed = folder == os.path.realpath(os.path.join(sys.prefix, "bin"))
    return list(words), os.getcwd() if installed else folder


def _module_folder(name: str) -> str:
    """The folder that a module's project is looked for from: where it lies, unless it is installed."""
    top = name.partition(".")[0]
    spec = PathFinder.find_spec(top, [os.getcwd(), *sys.path])
    if spec is None:
        import importlib.util

        spec = importlib.util.find_spec(top)  # of an editable installation
    if spec is None:
        raise InputError(f"no module named {top!r} here or in {sys.prefix}")
    places = [spec.origin] if spec.origin else list(spec.submodule_search_locations or ())
    place = os.path.realpath(places[0]) if places and places[0] else ""
    installed = f"{os.sep}site-packages{os.sep}" in place or place.startswith(os.path.dirname(os.__file__) + os.sep)
    if not os.path.exists(place) or installed:
        return os.getcwd()
    return os.path.dirname(os.path.dirname(place) if os.path.basename(place).startswith("__init__.") else place)


def _recording(args: argparse.Namespace, asked: str) -> str:
    """The value of PROF: what the options say, and what it says already. Raises UsageError for a mistake in them."""
    fields = [field.strip() for field in asked.split(",")]
    given = [field for field in fields if "=" not in field]
    modes, out, log, detail = [*given, "", "", "", ""][:4]
    if modes and not _is_ours(modes):
        modes, out, log, detail, fields = "", "", "", "", []
    keys = dict(field.split("=", 1) for field in fields if "=" in field)
    keys |= {key: value for key in (*_OPTIONS, "interval") if (value := getattr(args, key)) is not None}
    if args.out is not None and "," in args.out:
        raise UsageError(f"--out {args.out}: a folder's name with a comma cannot be asked for in PROF")
    row = [args.modes or modes or DEFAULT_MODES, args.out or out, args.log or log, "true" if args.detail else detail]
    text = ",".join([*row, *(f"{key}={value}" for key, value in keys.items())])
    if not parse(text).modes:
        raise UsageError("--modes none records nothing: run the program without prof run")
    return text


def _is_ours(modes: str) -> bool:
    """Whether a value of PROF is for this profiler."""
    from prof.modes import ALIASES, MODES

    return any(part.strip() in MODES or part.strip() in ALIASES for part in modes.split("+"))


def _environment(args: argparse.Namespace, recording: str, folder: str) -> dict[str, str]:
    from prof.instrument import choice, loaded, sections, settings

    root = choice.project(folder)
    kinds = [kind.strip() for kind in args.sections.split(",")] if args.sections else []
    for kind in kinds:
        if kind not in sections.KINDS:
            raise UsageError(f"--sections {kind!r}: not one of {', '.join(sections.KINDS)}")
    found = settings.load(Path(root))
    chosen = choice.Choice(
        roots=[root],
        patterns=args.instrument,
        targets=args.target,
        sections=kinds or sorted(found.sections),
        hints=loaded.hints(found.rules),
        installed=args.all,
        standard=args.stdlib,
        project=args.project or args.all or args.stdlib,
        first=True,
    )
    begin = str(Path(choice.__file__).with_name("begin"))
    path = os.environ.get("PYTHONPATH")
    return {
        **os.environ,
        "PROF": recording,
        choice.VARIABLE: chosen.text(),
        "PYTHONPATH": os.pathsep.join([begin, path] if path else [begin]),
    }


def _interpreter_options() -> list[str]:
    """What this Python was given before `-m prof` or its script: the program's gets them, too."""
    own = list(sys.orig_argv[1:])
    end = len(own) - len(sys.argv)
    if end > 0 and own[end - 1 : end] == ["-m"]:
        end -= 1
    return own[: max(end, 0)]


def _wait(command: list[str], environment: Mapping[str, str]) -> int:
    """Runs the program to its end; its exit status, or the negative number of the signal that ended it."""
    with subprocess.Popen(command, env=environment) as child:

        def pass_on(number: int, _: object) -> None:
            child.send_signal(number)

        for name in _PASSED_ON:
            signal.signal(getattr(signal, name), pass_on)
        # Of the terminal, which sends them to the program as well.
        for number in (signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)
        return child.wait()


def _captures(folder: str) -> set[Path]:
    return set(Path(folder or ".").glob("*.capture"))


def _show(args: argparse.Namespace, captures: list[Path]) -> None:
    if not captures:
        print("prof: nothing was recorded", file=sys.stderr)
        return
    from prof.tools.cli import main

    signal.signal(signal.SIGINT, signal.default_int_handler)
    paths = [str(path) for path in captures]
    if args.report:
        main(["report", *paths])
    if args.open:
        import webbrowser

        page = captures[0].with_suffix(".html")
        if main(["report", "--format", "html", "-o", str(page), *paths]) == 0:
            webbrowser.open(page.resolve().as_uri())
