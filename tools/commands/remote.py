"""A process that runs already, and what it is asked: what `attach`, `detach`, `snapshot` and `dump` share."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from prof.errors import InputError, UsageError

# A process that waits in C answers when it runs Python again.
PATIENCE = 10.0
_REFUSED = {
    "no such process": "there is no such process",
    "remote debugging is not enabled": "remote debugging is switched off in it, by PYTHON_DISABLE_REMOTE_DEBUG or -X",
}


def add_pid(parser: argparse.ArgumentParser) -> None:
    """The positional argument PID."""
    parser.add_argument("pid", metavar="PID", type=_pid, help="a process that runs Python, of this version")


def _pid(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 2**31:
        raise argparse.ArgumentTypeError(f"{text!r} is not a process id")
    return int(text)


def check(pid: int) -> None:
    """Raises InputError, with the cause, for a process that cannot be asked, and UsageError where none can be."""
    if not hasattr(sys, "remote_exec"):
        version = ".".join(map(str, sys.version_info[:2]))
        raise UsageError(
            f"attaching needs CPython 3.14 or later, and this is {version}: begin the program with PROF or prof run"
        )
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


def ask(pid: int, question: str, patience: float = PATIENCE, **words: str) -> dict[str, Any]:
    """What the process answers. Raises InputError where it cannot, with its reason."""
    check(pid)
    with tempfile.TemporaryDirectory(prefix="prof-") as folder:
        reply = Path(folder) / "reply"
        # Its own search path may not lead to this installation, or lead to another module of that name.
        text = (
            "def _ask():\n"
            "    import json\n"
            "    try:\n"
            "        from prof.instrument.attached import answer\n"
            "    except Exception as error:\n"
            f"        with open({str(reply) + '.part'!r}, 'w') as file:\n"
            "            file.write(json.dumps({'error': 'prof is not installed in its environment: ' + str(error)}))\n"
            "        import os\n"
            f"        os.rename({str(reply) + '.part'!r}, {str(reply)!r})\n"
            "    else:\n"
            f"        answer({question!r}, {str(reply)!r}, **{words!r})\n"
            "_ask()\n"
            "del _ask\n"
        )
        script = Path(folder) / "question.py"
        script.write_text(text, encoding="utf-8")
        try:
            remote_exec: Any = getattr(sys, "remote_exec")  # noqa: B009  # 3.14 on
            remote_exec(pid, str(script))
        except (OSError, RuntimeError) as error:
            raise InputError(f"process {pid} cannot be asked: {_reason(pid, error)}") from None
        found = _await(pid, reply, patience)
    if "error" in found:
        raise InputError(f"process {pid}: {found['error']}")
    return found


def _await(pid: int, reply: Path, patience: float) -> dict[str, Any]:
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if reply.exists():
            found: dict[str, Any] = json.loads(reply.read_text(encoding="utf-8"))
            return found
        if not os.path.exists(f"/proc/{pid}") and os.path.exists("/proc/self"):
            raise InputError(f"process {pid} has ended")
        time.sleep(0.005)
    why = "its main thread waits in C, and answers when it runs Python again"
    raise InputError(f"process {pid} has not answered in {patience:g} s: {why}")


def _reason(pid: int, error: Exception) -> str:
    text = " ".join(str(error).split())
    for words, reason in _REFUSED.items():
        if words in text.lower():
            return reason
    if isinstance(error, PermissionError):
        return f"the system forbids it; see kernel.yama.ptrace_scope ({text})"
    if "version" in text.lower():
        return f"its Python is of another version ({text})"
    return text or f"{type(error).__name__}: it may not be a Python of this version"
