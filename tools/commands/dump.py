"""`prof dump`: where every thread of a process is now, and its asyncio tasks. Read from outside: it may hang."""

from __future__ import annotations

import argparse
import os
from importlib import import_module
from typing import Any

from prof.errors import InputError
from prof.text import shown
from prof.tools.commands.arguments import command
from prof.tools.commands.remote import add_pid, check

EXAMPLES = """
prof dump 4711                                stacks of every thread, innermost call first
"""
# Bits of a thread's status, as far as the interpreter has them.
_BITS = {"THREAD_STATUS_HAS_GIL": "has the GIL", "THREAD_STATUS_GIL_REQUESTED": "waits for the GIL"}
# Of /proc/PID/task/TID/stat.
_STATES = {"R": "running", "S": "waiting", "D": "waiting for a device", "T": "stopped", "t": "traced", "Z": "ended"}


def add(commands: Any) -> None:
    """Declares the subcommand."""
    parser = command(commands, "dump", EXAMPLES)
    add_pid(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand."""
    check(args.pid)
    remote: Any = import_module("_remote_debugging")

    try:
        found = remote.RemoteUnwinder(args.pid, all_threads=True).get_stack_trace()
    except PermissionError as error:
        raise InputError(f"process {args.pid}: the system forbids it; see kernel.yama.ptrace_scope ({error})") from None
    except (OSError, RuntimeError) as error:
        raise InputError(f"process {args.pid} cannot be read, it may be no Python of this version: {error}") from None
    threads = [thread for each in found for thread in getattr(each, "threads", [each])]
    lines: list[str] = []
    for thread in threads:
        if thread.thread_id:
            lines += ["", _heading(args.pid, thread, remote), *map(_frame, thread.frame_info)]
    print("\n".join([f"process {args.pid}: {_command(args.pid)}", *lines, *_tasks(args.pid)]))
    return 0


def _command(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return shown(os.fsdecode(file.read().rstrip(b"\0").replace(b"\0", b" ")))
    except OSError:
        return "?"


def _heading(pid: int, thread: Any, remote: Any) -> str:
    name, state = "", ""
    try:
        with open(f"/proc/{pid}/task/{thread.thread_id}/stat", encoding="utf-8", errors="replace") as file:
            name, _, rest = file.read().partition("(")[2].rpartition(")")
        state = _STATES.get(rest.split()[0], rest.split()[0])
    except (OSError, IndexError):
        pass  # it has ended since
    status = getattr(thread, "status", 0)
    more = [words for bit, words in _BITS.items() if status & getattr(remote, bit, 0)]
    return f"thread {thread.thread_id} {shown(name)}: {', '.join(filter(None, [state, *more]))}"


def _frame(frame: Any) -> str:
    where = getattr(frame, "location", None)
    line = getattr(where, "lineno", None) or getattr(frame, "lineno", 0)
    return shown(f"  {frame.funcname}  {frame.filename}:{line}")


def _tasks(pid: int) -> list[str]:
    """Who awaits whom, as the standard library draws it; nothing of a program without tasks."""
    try:
        tools: Any = import_module("asyncio.tools")
        trees = tools.build_async_tree(tools.get_all_awaited_by(pid))
    except (ImportError, AttributeError, RuntimeError, OSError, SystemExit):
        return []
    except Exception as error:  # tasks that await each other in a circle
        return ["", f"tasks: {error}"]
    return ["", "tasks:", *(shown(f"  {line}") for tree in trees for line in tree)] if trees else []
