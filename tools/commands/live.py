"""`prof live`: what a running program does now, read from its capture by this process."""

from __future__ import annotations

import argparse
import math
import os
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from prof.errors import InputError, OutputError, UsageError
from prof.tools.analysis.fate import fate
from prof.tools.commands.arguments import command, natural
from prof.tools.commands.dump import tasks, threads
from prof.tools.commands.remote import ask, check
from prof.tools.live import lines
from prof.tools.live.threads import recorded_into
from prof.tools.live.watch import Interval, Target, Watch, words_of

EXAMPLES = """
prof live 4711                              a process that records: begun by prof run, PROF=… or prof attach
prof live                                   the newest run here, with all its processes
prof live app.capture | tee live.txt        a line an interval
prof live 4711 --json --interval 5 -n 12    an object of JSON every five seconds, for a minute
"""
STATUS = """
exit status: 0 the program has ended, or you have seen enough; 2 the call was wrong, or the terminal is too small;
3 nothing is recorded there, or it cannot be read
"""


def add(commands: Any) -> None:
    """Declares the subcommand."""
    parser = command(commands, "live", EXAMPLES)
    parser.epilog = f"{STATUS}\n{parser.epilog}"
    parser.add_argument(
        "target", nargs="?", default=".", metavar="PID|DIR|CAPTURE",
        help="a process that records, the newest run in a folder, or a capture (default: this folder)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="an object of JSON an interval")
    parser.add_argument("--lines", action="store_true", help="a line an interval, on a terminal, too")
    parser.add_argument("--interval", type=_seconds, default=1.0, metavar="S", help="seconds (default: 1)")
    parser.add_argument("-n", type=natural, default=0, metavar="N", help="end after so many intervals (default: never)")
    parser.add_argument(
        "--window", type=_seconds, default=5.0, metavar="S", help="seconds that functions are summed over (default: 5)"
    )
    parser.set_defaults(run=run)


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not (math.isfinite(number) and 0.05 <= number <= 86_400):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0.05 on")
    return number


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand."""
    watch = Watch(Target(_target(args.target)), threads, tasks, args.window)
    try:
        with suppress(KeyboardInterrupt):
            _view(watch, args)
    finally:
        last = watch.newest.capture if watch.has_read else None
        name, state = (last.path, fate(last)) if last is not None else ("", "")
        watch.close()
    if state not in ("running", "recording"):
        print(f"prof: {name}: {words_of(state)}; prof report {name}", file=sys.stderr)
    return 0


def _target(given: str) -> Path:
    if given.isdecimal() and not os.path.exists(given):
        pid = int(given)
        if not 0 < pid < 2**31:
            raise UsageError(f"{given!r} is not a process id")
        check(pid)
        return recorded_into(pid)
    return Path(given)


def _view(watch: Watch, args: argparse.Namespace) -> None:
    if args.json or args.lines or not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        _write(watch, args)
    else:
        _show(watch, args)


def _write(watch: Watch, args: argparse.Namespace) -> None:
    form: Callable[[Interval], str] = lines.document if args.json else lines.text
    for number, now in enumerate(watch.intervals(args.interval, _wait), 1):
        print(form(now), flush=True)
        if number == args.n:
            return


def _wait(seconds: float) -> bool:
    time.sleep(seconds)
    return True


def _show(watch: Watch, args: argparse.Namespace) -> None:
    from prof.tools.live import screen

    def intervals(wait: Callable[[float], bool]) -> Any:
        for number, now in enumerate(watch.intervals(args.interval, wait), 1):
            yield now
            if number == args.n:
                return

    screen.show(screen.Screen(lambda: _keep(watch), lambda: _end(watch)), intervals)


def _keep(watch: Watch) -> str:
    """Copies the captures as they are now. The name says that they are no captures of a run."""
    stamp = time.strftime("%H%M%S")
    made = []
    try:
        for path in watch.newest.paths:
            copy = path.with_name(f"{path.name.removesuffix('.capture')}.{stamp}.snapshot")
            shutil.copyfile(path, copy)
            shutil.copymode(path, copy)
            made.append(copy.name)
    except OSError as error:
        return f"not copied: {error.strerror}"
    return f"copied: prof report {' '.join(made)}"


def _end(watch: Watch) -> str:
    """Ends the recordings of those processes that go on."""
    capture = watch.newest.capture
    said = []
    for pid in [process.pid for process in capture.processes] or [capture.pid]:
        try:
            ask(pid, "end")
            said.append(f"process {pid} records no more")
        except (InputError, OutputError) as error:
            said.append(str(error))
    return "; ".join(said)
