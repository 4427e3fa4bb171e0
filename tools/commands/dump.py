"""`prof dump`: where every thread of a process is now, with its open spans, and its asyncio tasks.

It is read from outside: the process may hang.
"""

from __future__ import annotations

import argparse
import os
from importlib import import_module
from typing import Any

from prof._core import ffi, lib
from prof.errors import InputError
from prof.text import shown
from prof.tools.commands.arguments import command
from prof.tools.commands.remote import BEGIN, add_pid, check, standby
from prof.tools.live.threads import Span, Thread, of_thread
from prof.tools.screen.units import duration

EXAMPLES = """
prof dump 4711                                stacks of every thread, innermost call first
"""
# Bits of a thread's status, as far as the interpreter has them.
_BITS = {"THREAD_STATUS_HAS_GIL": "has the GIL", "THREAD_STATUS_GIL_REQUESTED": "waits for the GIL"}
_ROOM = 8192  # rows of frames and spans


def add(commands: Any) -> None:
    """Declares the subcommand."""
    parser = command(commands, "dump", EXAMPLES)
    add_pid(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand."""
    check(args.pid)
    lines: list[str] = []
    for thread in threads(args.pid):
        lines += ["", _heading(args.pid, thread), *thread.frames]
        lines += ["  open spans:", *map(_open, thread.spans)] if thread.spans else []
    found = tasks(args.pid)
    lines += ["", *found[:1], *(f"  {line}" for line in found[1:])] if found else []
    print("\n".join([f"process {args.pid}: {_command(args.pid)}", *lines]))
    return 0


def threads(pid: int) -> list[Thread]:
    """The threads of a process now. By the interpreter's own reader where there is one, else by ours; open spans always
    by ours."""
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
    rows = [thread for each in found for thread in getattr(each, "threads", [each]) if thread.thread_id]
    return [_joined(remote, row, ours.get(row.thread_id, Thread(row.thread_id))) for row in rows]


def _joined(remote: Any, thread: Any, ours: Thread) -> Thread:
    """A thread as the interpreter's reader and ours have it: that of 3.14 loses what called a generator from C, and
    does not say who has the lock."""
    state = [words for bit, words in _BITS.items() if getattr(thread, "status", 0) & getattr(remote, bit, 0)]
    frames = [_frame(each) for each in thread.frame_info]
    if len(ours.frames) >= len(frames):
        state = list(dict.fromkeys([*state, *ours.state]))
    holds = ours.holds or "has the GIL" in state
    return Thread(thread.thread_id, state, max(frames, ours.frames, key=len), ours.spans, holds)


def _seen(pid: int, at: int) -> list[Thread]:
    """What our own reader sees."""
    rows, why = ffi.new("prof_py_seen[]", _ROOM), ffi.new("char[512]")
    count = lib.prof_py_look(pid, at, rows, _ROOM, why, len(why))
    if count < 0:
        raise InputError(f"process {pid}: {ffi.string(why).decode(errors='replace')}")
    found: list[Thread] = []
    for row in (rows[i] for i in range(count)):
        name, file = (ffi.string(text).decode(errors="replace") for text in (row.name, row.file))
        if row.kind == lib.PROF_PY_SEEN_THREAD:
            state = [words for is_so, words in ((row.holds, "has the GIL"), (row.cut, "not all of it seen")) if is_so]
            found.append(Thread(row.thread, state, holds=bool(row.holds)))
        elif row.kind == lib.PROF_PY_SEEN_FRAME:
            found[-1].frames.append(_place(name, file, row.line))
        else:
            found[-1].spans.append(Span(name, file, row.line, row.ns))
    return found


def _open(span: Span) -> str:
    since = f", open for {duration(span.ns)}" if span.ns else ""
    return f"  {_place(span.name, span.file, span.line)}{since}"


def _command(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return shown(os.fsdecode(file.read().rstrip(b"\0").replace(b"\0", b" ")))
    except OSError:
        return "?"


def _heading(pid: int, thread: Thread) -> str:
    now = of_thread(pid, thread.id)
    processor = f"{duration(now.cpu_ns)} of processor time" if now.state else ""
    return f"thread {thread.id} {now.name}: {', '.join(filter(None, [now.state, *thread.state, processor]))}"


def _frame(frame: Any) -> str:
    where = getattr(frame, "location", None)
    line = getattr(where, "lineno", None) or getattr(frame, "lineno", None)
    return _place(frame.funcname, frame.filename, line or 0)


def _place(name: str, file: str, line: int) -> str:
    return shown(f"  {name}" + (f"  {file}:{line}" if file else ""))


def tasks(pid: int) -> list[str]:
    """Who awaits whom, as the standard library draws it, below a heading; nothing of a program without tasks."""
    try:
        tools: Any = import_module("asyncio.tools")
        trees = tools.build_async_tree(tools.get_all_awaited_by(pid))
    except (ImportError, AttributeError, RuntimeError, OSError, SystemExit):
        return []
    except Exception as error:  # tasks that await each other in a circle
        return [f"tasks: {error}"]
    return ["tasks:", *(shown(line) for tree in trees for line in tree)] if trees else []
