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

from prof import pyproject
from prof.errors import InputError, UsageError
from prof.markers import STANDBY
from prof.tools.commands.arguments import command
from prof.tools.commands.choosing import add_choice, add_recording, choice, recording

EXAMPLES = """
prof run app.py --verbose                     its own functions: those of its project; --verbose is the program's
prof run --modes all -m package.module        time, memory, operations and samples
prof run --report app.py                      the report follows when the program ends
prof run --instrument 'jinja2.*' app.py       a library's functions, instead of the project's
prof run --project --instrument 'jinja2.*' --instrument '!jinja2.ext' app.py
prof run -t package.module:Class.method app.py
prof run --all -m pytest tests                the project's functions and those of all that is installed
prof run --standby server.py                  nothing, until: prof attach PID
"""
# Signals that people and supervisors send; the program's own status then is this command's.
_PASSED_ON = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGCONT")


def add(commands: Any) -> None:
    """Declares the subcommand."""
    parser = command(commands, "run", EXAMPLES)
    parser.usage = "prof run [options] SCRIPT [args ...] | -m MODULE [args ...] | -c CODE [args ...]"
    parser.add_argument("program", nargs=argparse.REMAINDER, metavar="SCRIPT", help="a script, and its arguments")
    parser.add_argument("-m", dest="module", nargs=argparse.REMAINDER, metavar="MODULE", help="a module, as of python")
    parser.add_argument(
        "-c", dest="code", nargs=argparse.REMAINDER, metavar="CODE", help="a program text, as of python"
    )
    parser.add_argument(
        "--standby", action="store_true", help="record nothing until prof attach asks for it, which costs nothing"
    )
    add_choice(parser, "script")
    add_recording(parser)
    after = parser.add_argument_group("when it has ended")
    after.add_argument("--report", action="store_true", help="print the report")
    after.add_argument("--open", action="store_true", help="show the page in a browser")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand."""
    words, folder = _program(args)
    if sys.flags.ignore_environment:
        raise UsageError("python -E and -I keep the recording, which is asked for in the environment, from the program")
    if args.standby and (args.report or args.open):
        raise UsageError("--standby records nothing that --report or --open could show")
    asked, settings = recording(args, pyproject.said(folder))
    variables = environment(args, STANDBY if args.standby else asked, folder)
    command = [sys.executable, *_interpreter_options(), *words]
    sys.stdout.flush()
    if not (args.report or args.open):
        os.execve(sys.executable, command, variables)
    before = _captures(settings.directory)
    status = _wait(command, variables)
    _show(args, sorted(_captures(settings.directory) - before))
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


def environment(args: argparse.Namespace, asked: str, folder: str) -> dict[str, str]:
    """What Python has to find in its environment to record as `asked`, which is a value of PROF, what options of
    `add_choice` choose; `folder` is where the project is looked for."""
    from prof.instrument import choice as choices

    begin = str(Path(choices.__file__).with_name("begin"))
    path = os.environ.get("PYTHONPATH")
    return {
        **os.environ,
        "PROF": asked,
        choices.VARIABLE: choice(args, [choices.project(folder)], first=True),
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
        main(["report", "--no-pager", *paths])
    if args.open:
        import webbrowser

        page = captures[0].with_suffix(".html")
        if main(["report", "--format", "html", "-o", str(page), *paths]) == 0:
            webbrowser.open(page.resolve().as_uri())
