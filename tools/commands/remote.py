"""A process that runs already, and what it is asked: what `attach`, `detach`, `snapshot` and `dump` share.

It runs a file that is left for it, and writes its answer beside that. CPython from 3.14 on has a way to ask for it; a
process that records or is on standby has one of its own (csrc/python/standby).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from prof._core import ffi, lib
from prof.errors import InputError

# A process that waits in C answers when it runs Python again. After a second people are told that it does.
PATIENCE = 10.0
_SECOND = 1.0
_WAITS = "it waits in C, and answers when it runs Python again"
_REFUSED = {
    "no such process": "there is no such process",
    "remote debugging is not enabled": "remote debugging is switched off in it, by PYTHON_DISABLE_REMOTE_DEBUG or -X",
}
BEGIN = "begin the program with PROF=standby or prof run --standby"

_LEFT = ".left"  # a file beside the question: the folder is the process's to take away

# What the process runs. Whoever renames the file first has it: the process, or the one who asked and asks no more. Its
# own search path may not lead to this installation, or lead to another module of that name.
_TEXT = """
def _ask(script, reply, question, words):
    import os
    try:
        os.rename(script, script + ".taken")
    except OSError:
        return
    try:
        from prof.instrument.attached import answer
    except Exception as error:
        import json
        with open(reply + ".part", "w") as file:
            file.write(json.dumps({{"error": "prof is not installed in its environment: " + str(error)}}))
        os.rename(reply + ".part", reply)
    else:
        answer(question, reply, **words)
_ask({script!r}, {reply!r}, {question!r}, {words!r})
del _ask
"""


def add_pid(parser: argparse.ArgumentParser) -> None:
    """The positional argument PID."""
    parser.add_argument("pid", metavar="PID", type=_pid, help="a process that runs Python, of this version")


def _pid(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 2**31:
        raise argparse.ArgumentTypeError(f"{text!r} is not a process id")
    return int(text)


def check(pid: int) -> None:
    """Raises InputError, with the cause, for a process that cannot be asked."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        raise InputError(f"process {pid}: there is no such process") from None
    except PermissionError:
        raise InputError(f"process {pid} is another user's: ask as that user, or as root") from None
    if pid == os.getpid():
        raise InputError(f"process {pid} is this command")
    try:
        own, other = (os.readlink(f"/proc/{each}/ns/mnt") for each in ("self", pid))
    except OSError:
        return  # the system does not say; whatever is wrong comes out below
    if own != other:
        raise InputError(
            f"process {pid} runs in a container, with files of its own: use a prof that is installed in there"
        )


def standby(pid: int) -> int | None:
    """Where in its memory a process keeps what it can be asked by; None where it is not on standby and does not record.
    Raises InputError where its memory cannot be read."""
    cookie = bytes(ffi.buffer(lib.prof_py_standby_cookie(), 16)) if lib.prof_py_standby_cookie() else b""
    try:
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as file:
            rows = [line.split(None, 5) for line in file]
        # Its own data, in the mapping of the library's file.
        found = [row for row in rows if len(row) == 6 and row[1].startswith("rw") and "/_core." in row[5]]
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            for row in found if cookie else ():
                begin, end = (int(each, 16) for each in row[0].split("-"))
                memory.seek(begin)
                data = memory.read(end - begin)
                at = data.find(cookie)
                if at >= 0:
                    known = ffi.from_buffer("unsigned char[]", data[at:])
                    return begin + at if lib.prof_py_standby_begun(known, len(known)) else None
    except FileNotFoundError:
        raise InputError(f"process {pid} has ended") from None
    except PermissionError as error:
        raise InputError(f"process {pid}: {_forbidden(error)}") from None
    except OSError:
        return None  # of a process that is ending, or has no memory of its own
    return None


def ask(pid: int, question: str, patience: float = PATIENCE, **words: str) -> dict[str, Any]:
    """What the process answers. Raises InputError where it cannot, with its reason."""
    check(pid)
    folder = tempfile.mkdtemp(prefix="prof-")
    script, reply = os.path.join(folder, "question.py"), os.path.join(folder, "reply")
    try:
        Path(script).write_text(_TEXT.format(script=script, reply=reply, question=question, words=words), "utf-8")
        _give(pid, folder, script)
        way = _send(pid, script)
        try:
            found = _await(pid, Path(reply), patience, way)
        except BaseException:
            if not _withdrawn(script, way):
                # It has begun to answer, and must not be left with half of it.
                found = _await(pid, Path(reply), patience, way)
                if question == "begin" and "error" not in found:
                    ask(pid, "end")
            raise
    finally:
        if not os.path.exists(script + _LEFT):
            shutil.rmtree(folder, ignore_errors=True)
    if "error" in found:
        raise InputError(f"process {pid}: {found['error']}")
    return found


def _give(pid: int, *paths: str) -> None:
    """Root's questions to others' processes are files of these others."""
    owner = os.stat(f"/proc/{pid}") if os.path.exists(f"/proc/{pid}") else None
    if owner is not None and os.geteuid() == 0 and owner.st_uid != 0:
        for path in paths:
            os.chown(path, owner.st_uid, owner.st_gid)


class _ByInterpreter:
    """Asks through `sys.remote_exec`, once."""

    def __init__(self, pid: int, script: str) -> None:
        self.pid = pid
        remote_exec: Any = getattr(sys, "remote_exec")  # noqa: B009  # 3.14 on
        remote_exec(pid, script)

    def again(self) -> None:
        """The interpreter's main thread has been told."""

    def withdraw(self, script: str) -> None:
        """The interpreter will look for the file, and complain to the program's users if there is none. So there is one
        that takes itself away."""
        if os.path.exists(f"/proc/{self.pid}"):
            text = f"__import__('shutil').rmtree({os.path.dirname(script)!r}, ignore_errors=True)\n"
            Path(script + _LEFT).touch()
            Path(script).write_text(text, "utf-8")
            _give(self.pid, script, script + _LEFT)


class _ByStandby:
    """Asks through what the process has at hand."""

    def __init__(self, pid: int, at: int, script: str) -> None:
        self.pid, self.at, self.script = pid, at, script
        self.again()

    def again(self) -> None:
        """A thread that has begun since it was asked has not been told."""
        why = ffi.new("char[512]")
        if lib.prof_py_ask(self.pid, self.at, os.fsencode(self.script), why, len(why)):
            raise InputError(f"process {self.pid}: {ffi.string(why).decode(errors='replace')}")

    def withdraw(self, script: str) -> None:
        """Its call will find no question."""
        lib.prof_py_withdraw(self.pid, self.at)


def _send(pid: int, script: str) -> _ByInterpreter | _ByStandby:
    reason = ""
    if hasattr(sys, "remote_exec"):
        try:
            return _ByInterpreter(pid, script)
        except (OSError, RuntimeError) as error:
            reason = _reason(pid, error)
    at = standby(pid)
    if at is not None:
        return _ByStandby(pid, at, script)
    if not reason:
        raise InputError(f"process {pid} is not on standby, which it must be before CPython 3.14: {BEGIN}")
    raise InputError(f"process {pid} cannot be asked: {reason}")


def _withdrawn(script: str, way: _ByInterpreter | _ByStandby) -> bool:
    try:
        os.rename(script, script + ".withdrawn")
    except OSError:
        return False
    way.withdraw(script)
    return True


def _await(pid: int, reply: Path, patience: float, way: _ByInterpreter | _ByStandby) -> dict[str, Any]:
    begun = told = time.monotonic()
    while (now := time.monotonic()) < begun + patience:
        if reply.exists():
            found: dict[str, Any] = json.loads(reply.read_text(encoding="utf-8"))
            return found
        if not os.path.exists(f"/proc/{pid}") and os.path.exists("/proc/self"):
            raise InputError(f"process {pid} has ended")
        if now > told + _SECOND:
            if told == begun:
                print(f"prof: process {pid} has not answered yet: {_WAITS}; Ctrl-C to give up", file=sys.stderr)
            told = now
            way.again()
        time.sleep(0.005)
    raise InputError(f"process {pid} has not answered in {patience:g} s: {_WAITS}")


def _reason(pid: int, error: Exception) -> str:
    text = " ".join(str(error).split())
    for words, reason in _REFUSED.items():
        if words in text.lower():
            return reason
    if isinstance(error, PermissionError):
        return _forbidden(error)
    if "version" in text.lower():
        return f"its Python is of another version ({text})"
    return text or f"{type(error).__name__}: it may not be a Python of this version"


def _forbidden(error: Exception) -> str:
    return f"the system forbids it; see kernel.yama.ptrace_scope ({' '.join(str(error).split())})"
