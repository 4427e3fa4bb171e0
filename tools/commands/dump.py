"""`prof dump`: where every thread of a process is now, with its open spans, and its asyncio tasks.

It is read from outside: the process may hang.
"""

from __future__ import annotations

import argparse
import os
from importlib import import_module
from typing import Any

from attrs import Factory, define
from prof._core import ffi, lib
from prof.errors import InputError
from prof.text import shown
from prof.tools.commands.arguments import command
from prof.tools.commands.remote import BEGIN, add_pid, check, standby
from prof.tools.screen.units import duration

EXAMPLES = """
prof dump 4711                                stacks of every thread, innermost call first
"""
# Bits of a thread's status, as far as the interpreter has them.
_BITS = {"THREAD_STATUS_HAS_GIL": "has the GIL", "THREAD_STATUS_GIL_REQUESTED": "waits for the GIL"}
# Of /proc/PID/task/TID/stat.
_STATES = {"R": "running", "S": "waiting", "D": "waiting for a device", "T": "stopped", "t": "traced", "Z": "ended"}
_TICKS = os.sysconf("SC_CLK_TCK")
_ROOM = 8192  # rows of frames and spans


@define
class _Thread:
    """A thread: what the interpreter says of it, its frames and its open spans, the innermost first."""

    id: int
    state: list[str] = Factory(list)
    frames: list[str] = Factory(list)
    spans: list[str] = Factory(list)


def add(commands: Any) -> None:
    """Declares the subcommand."""
    parser = command(commands, "dump", EXAMPLES)
    add_pid(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand."""
    check(args.pid)
    threads = _threads(args.pid)
    lines: list[str] = []
    for thread in threads:
        lines += ["", _heading(args.pid, thread), *thread.frames]
        lines += ["  open spans:", *thread.spans] if thread.spans else []
    print("\n".join([f"process {args.pid}: {_command(args.pid)}", *lines, *_tasks(args.pid)]))
    return 0


def _threads(pid: int) -> list[_Thread]:
    """By the interpreter's own reader where there is one, else by ours; open spans always by ours."""
    at = standby(pid)
    seen = _seen(pid, at) if at is not None else []
    try:
        remote: Any = import_module("_remote_debugging")  # 3.14 on
    except ImportError:
        if at is None:
            raise InputError(
                f"process {pid} is not on standby and does not record, as it must before CPython 3.14: {BEGIN}"
            ) from None
        return seen
    ours = {thread.id: thread for thread in seen}
    try:
        found = remote.RemoteUnwinder(pid, all_threads=True).get_stack_trace()
    except PermissionError as error:
        raise InputError(f"process {pid}: the system forbids it; see kernel.yama.ptrace_scope ({error})") from None
    except (OSError, RuntimeError) as error:
        if seen:
            return seen
        raise InputError(f"process {pid} cannot be read, it may be no Python of this version: {error}") from None
    threads = [thread for each in found for thread in getattr(each, "threads", [each]) if thread.thread_id]
    return [_joined(remote, thread, ours.get(thread.thread_id, _Thread(thread.thread_id, []))) for thread in threads]


def _joined(remote: Any, thread: Any, ours: _Thread) -> _Thread:
    """A thread as the interpreter's reader and ours have it: that of 3.14 loses what called a generator from C, and
    does not say who has the lock."""
    state = [words for bit, words in _BITS.items() if getattr(thread, "status", 0) & getattr(remote, bit, 0)]
    frames = [_frame(each) for each in thread.frame_info]
    if len(ours.frames) >= len(frames):
        state = list(dict.fromkeys([*state, *ours.state]))
    return _Thread(thread.thread_id, state, max(frames, ours.frames, key=len), ours.spans)


def _seen(pid: int, at: int) -> list[_Thread]:
    """What our own reader sees."""
    rows, why = ffi.new("prof_py_seen[]", _ROOM), ffi.new("char[512]")
    count = lib.prof_py_look(pid, at, rows, _ROOM, why, len(why))
    if count < 0:
        raise InputError(f"process {pid}: {ffi.string(why).decode(errors='replace')}")
    threads: list[_Thread] = []
    for row in (rows[i] for i in range(count)):
        name, file = (ffi.string(text).decode(errors="replace") for text in (row.name, row.file))
        if row.kind == lib.PROF_PY_SEEN_THREAD:
            state = [words for is_so, words in ((row.holds, "has the GIL"), (row.cut, "not all of it seen")) if is_so]
            threads.append(_Thread(row.thread, state))
        elif row.kind == lib.PROF_PY_SEEN_FRAME:
            threads[-1].frames.append(_place(name, file, row.line))
        else:
            since = f", open for {duration(row.ns)}" if row.ns else ""
            threads[-1].spans.append(f"  {_place(name, file, row.line)}{since}")
    return threads


def _command(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return shown(os.fsdecode(file.read().rstrip(b"\0").replace(b"\0", b" ")))
    except OSError:
        return "?"


def _heading(pid: int, thread: _Thread) -> str:
    name, state, processor = "", "", ""
    try:
        with open(f"/proc/{pid}/task/{thread.id}/stat", encoding="utf-8", errors="replace") as file:
            name, _, rest = file.read().partition("(")[2].rpartition(")")
        fields = rest.split()
        state = _STATES.get(fields[0], fields[0])
        processor = f"{duration((int(fields[11]) + int(fields[12])) * 1_000_000_000 // _TICKS)} of processor time"
    except (OSError, IndexError, ValueError):
        pass  # it has ended since
    return f"thread {thread.id} {shown(name)}: {', '.join(filter(None, [state, *thread.state, processor]))}"


def _frame(frame: Any) -> str:
    where = getattr(frame, "location", None)
    line = getattr(where, "lineno", None) or getattr(frame, "lineno", None)
    return _place(frame.funcname, frame.filename, line or 0)


def _place(name: str, file: str, line: int) -> str:
    return shown(f"  {name}" + (f"  {file}:{line}" if file else ""))


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
