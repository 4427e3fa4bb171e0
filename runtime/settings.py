"""What PROF says: `MODES[,DIR][,LOG][,DETAIL][,key=value…]`. Empty fields keep their defaults."""

from __future__ import annotations

import os

from prof.errors import UsageError
from prof.modes import MODES, Mode, parse_modes
from prof.values import replaced, values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

LOGS = ("none", "quiet", "announce")
CLOCKS = ("wall", "cpu", "monotonic")
LARGEST_COUNT = 1_000_000_000
ENGINES = ("auto", "bytecode", "monitoring")
UNITS = {"us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
SHORTEST_INTERVAL, LONGEST_INTERVAL = 50_000, 60_000_000_000  # ns


@values
class Settings:
    """One recording's settings."""

    modes: tuple[Mode, ...] = ()
    directory: str = ""
    """Where files are written; made if it does not exist. Empty is the working directory."""
    log: str = "none"
    """Debug log of the profiler itself: `none`, `quiet` (written), `announce` (written and named at exit)."""
    detail: bool = False
    """Whether the memory mode follows each block until it is freed."""
    mode: int = 0o600
    """Permissions of the files that are written."""
    argv: bool = True
    """Whether the capture holds the program's arguments."""
    clock: str = "wall"
    """`wall`, `cpu` (processor time of the thread) or `monotonic` (wall, by the system's clock)."""
    depth: int = 1000
    """Calls nested deeper fold into an outer call of the same function."""
    nodes: int = 4_000_000
    """Calling contexts kept apart; more fold into outer ones. 128 bytes of file each."""
    engine: str = "auto"
    """`bytecode` probes, `monitoring` events, or the first where it is validated (`auto`)."""
    types: int = 20
    """Executions of each instruction of which the operations mode notes the operands' types; 0 none, -1 all."""
    profile: str | None = None
    """An earlier capture with operations: counters are placed where control seldom went then."""
    interval: int = 1_000_000
    """Nanoseconds from one sample of each thread to the next."""
    frames: bool = True
    """Whether samples look below the spans, at functions that are not marked."""
    imports: bool = True
    """Whether module imports are spans."""
    collections: bool = True
    """Whether garbage collections are spans."""
    process: bool = False
    """Whether the capture says what the process took, at the recording's beginning and end: `prof.process`."""


def _choice(choices: tuple[str, ...]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise UsageError(f"{text!r} is not one of {', '.join(choices)}")
        return text

    return parse


# In the place of `re`, which takes milliseconds to import.
def _digits(text: str, most: int) -> bool:
    return len(text) <= most and text.isascii() and text.isdigit()


def _count(text: str) -> int:
    unit = text[-1:] if text[-1:] in ("k", "M") else ""
    number = text.removesuffix(unit)
    count = int(number) * {"": 1, "k": 1_000, "M": 1_000_000}[unit] if _digits(number, 10) else 0
    if not 0 < count <= LARGEST_COUNT:
        raise UsageError(f"{text!r} is not a count such as 500, 20k or 4M, from 1 to 1000M")
    return count


def _interval(text: str) -> int:
    unit = next((unit for unit in UNITS if text.endswith(unit)), "")
    number = text.removesuffix(unit)
    whole, point, part = number.partition(".")
    if not unit or not _digits(whole, 9) or (point and not _digits(part, 9)):
        raise UsageError(f"{text!r} is not an interval such as 100us, 1ms or 0.5s")
    interval = round(float(number) * UNITS[unit])
    if not SHORTEST_INTERVAL <= interval <= LONGEST_INTERVAL:
        raise UsageError(f"{text!r} is not from 50us to 60s")
    return interval


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise UsageError(f"{text!r} is neither true nor false")
    return text == "true"


def _mode(text: str) -> int:
    known = _digits(text, 4) and len(text) >= 3 and text[:-3] in ("", "0") and not set(text) & {"8", "9"}
    if not known or not int(text, 8) & 0o200:
        raise UsageError(f"{text!r} is no file mode such as 600, 640 or 644, with which its owner can write")
    return int(text, 8)


def _directory(text: str) -> str:
    expanded = os.path.expanduser(text)
    if expanded.startswith("~"):
        raise UsageError(f"field DIR: {text!r} is in a home directory that is not known")
    return expanded


def _types(text: str) -> int:
    return 0 if text == "0" else -1 if text == "all" else _count(text)


KEYS: dict[str, Callable[[str], Any]] = {
    "mode": _mode,
    "argv": _flag,
    "clock": _choice(CLOCKS),
    "depth": _count,
    "nodes": _count,
    "engine": _choice(ENGINES),
    "types": _types,
    "profile": str,
    "interval": _interval,
    "frames": _flag,
    "imports": _flag,
    "collections": _flag,
    "process": _flag,
}


def _check_needed(key: str, modes: tuple[Mode, ...]) -> None:
    """Raises UsageError for a key that says nothing without a mode that is not there."""
    for mode in MODES.values():
        if key in mode.keys and mode not in modes:
            raise UsageError(mode.keys_words)


def _detail(text: str, modes: tuple[Mode, ...]) -> bool:
    if text not in ("true", "false"):
        raise UsageError(f"field DETAIL: {text!r} is neither true nor false")
    if text == "true" and not any(mode.has_detail for mode in modes):
        raise UsageError("field DETAIL: 'true' asks for memory detail, and no mode given records memory")
    return text == "true"


def parse(text: str) -> Settings:
    """Reads a PROF value; raises UsageError with one line that names the field and what is known."""
    fields = [field.strip() for field in text.split(",")]
    modes = parse_modes(fields[0] or "none")  # first: where it names none of ours, the rest is not for us
    positional = [field for field in fields if "=" not in field]
    if positional and len(positional) > 4:
        raise UsageError(f"{positional[4]!r}: expected MODES,DIR,LOG,DETAIL and then key=value")
    if fields and fields[: len(positional)] != positional:
        raise UsageError(f"{text!r}: key=value fields stand behind MODES,DIR,LOG,DETAIL")
    _, directory, log, detail = [*positional, "", "", "", ""][:4]
    settings = Settings(modes=modes)
    if directory:
        settings = replaced(settings, directory=_directory(directory))
    if log:
        if log not in LOGS:
            raise UsageError(f"field LOG: {log!r} is not one of {', '.join(LOGS)}")
        settings = replaced(settings, log=log)
    if detail:
        settings = replaced(settings, detail=_detail(detail, settings.modes))
    for field in fields[len(positional) :]:
        key, _, value = field.partition("=")
        if key not in KEYS:
            raise UsageError(f"unknown key {key!r}; known: {', '.join(KEYS)}")
        try:
            settings = replaced(settings, **{key: KEYS[key](value)})
            _check_needed(key, settings.modes)
        except UsageError as error:
            raise UsageError(f"{key}={value}: {error}") from None
    return settings
