"""What a recording knows of the program and the process it runs in. Nothing here may fail, whatever became of them."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MOST_ANCESTORS = 64
_FORKED_WITHOUT_EXEC = 0x40  # PF_FORKNOEXEC of linux/sched.h, in the ninth field of /proc/PID/stat

# Names of files end at 255 bytes; a capture's has the time, the process, a number and a measure behind the program's.
LONGEST_NAME = 120


def program_name() -> str:
    """What files and `__main__` are called: the script's stem, the package for `-m`, else `python`."""
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name:
        name = spec.name.removesuffix(".__main__").rpartition(".")[2]
    else:
        first = str(sys.argv[0]) if getattr(sys, "argv", None) else ""
        if first == "-m" and "-m" in sys.orig_argv[:-1]:  # the package of the module is being imported
            module = sys.orig_argv[sys.orig_argv.index("-m") + 1]
            name = module.removesuffix(".__main__").rpartition(".")[2]
        else:
            name = os.path.splitext(os.path.basename(first))[0]
    return name if name and not name.startswith("-") else "python"


def file_name(name: str) -> str:
    """`name` for a file: no longer than a file's may be, and without what ends a path."""
    text = os.fsencode(name.replace("/", "_").replace("\0", "_"))[:LONGEST_NAME]
    return os.fsdecode(text)


def directory() -> str:
    """The working directory; empty where it is gone."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def spawned() -> bool:
    """Whether multiprocessing has started this process afresh, by spawn or forkserver."""
    process = sys.modules.get("multiprocessing.process")
    if process is None:
        return False
    # While the main module is imported, only the second is true.
    return process.parent_process() is not None or getattr(process.current_process(), "_inheriting", False)


def forked() -> bool:
    """Whether this process was forked and has gone on with its parent's program, as a server's workers do."""
    known = _process("self")
    return known is not None and known[2]


def _process(pid: int | str) -> tuple[int, int, bool] | None:
    """Of a process, its parent, when it began (clock ticks since the machine did) and whether it was forked and goes on
    with its parent's program; None where the system does not say."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return int(fields[1]), int(fields[19]), bool(int(fields[6]) & _FORKED_WITHOUT_EXEC)
    except (OSError, ValueError, IndexError):
        return None


def _same_program(pid: int, other: int) -> bool:
    try:
        return os.readlink(f"/proc/{pid}/exe") == os.readlink(f"/proc/{other}/exe")
    except OSError:
        return False


def lineage() -> dict[str, Any]:
    """Where this process comes from, so that readers find the captures of one run: `lineage`, it and its ancestors,
    and `family`, the one of them that all workers of a server or pool have in common, recorded or not. Each is a
    process id and when the process began, 0 where that is not known: a number is given again."""
    found: list[list[int]] = []
    forks: list[bool] = []
    pid = os.getpid()
    while pid > 0 and len(found) < _MOST_ANCESTORS and (known := _process(pid)) is not None:
        found.append([pid, known[1]])
        forks.append(known[2])
        pid = known[0]
    if not found:
        found, forks = [[os.getpid(), 0], [os.getppid(), 0]], [False, False]
    family, last = int(spawned()), len(found) - 1
    while family < last and forks[family] and _same_program(found[family][0], found[family + 1][0]):
        family += 1
    return {"lineage": found, "family": found[min(family, last)]}


def in_subprocess() -> bool:
    """Whether this child was forked by `subprocess`, and is about to become another program."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "_execute_child" and frame.f_globals.get("__name__") == "subprocess":
            return True
        frame = frame.f_back
    return False


def jit() -> bool:
    """Whether the interpreter compiles what runs often to machine code (from 3.14 on, where it was built with that)."""
    own: Any = getattr(sys, "_jit", None)
    return own is not None and own.is_enabled()


def described(argv: bool) -> dict[str, Any]:
    """What the capture says of the program's process; its arguments only if `argv`."""
    system = os.uname()
    try:
        libc = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        libc = ""
    found: dict[str, Any] = {
        "name": program_name(),
        "python": sys.version.split()[0],
        "implementation": sys.implementation.name,
        "build": sys.version,
        "platform": "-".join(filter(None, (system.sysname, system.release, system.machine, libc.replace(" ", "")))),
        "host": system.nodename,
        "cwd": directory(),
    }
    if jit():
        found["jit"] = True
    found |= lineage()
    if argv:
        found["argv"] = [str(each) for each in getattr(sys, "argv", ())]
    return found
