"""What a recording may be told: the one list of names, and the one grammar of their values.

PROF says them as `MODES[,DIR][,LOG][,DETAIL][,key=value…]`; `[tool.prof.record]` of pyproject.toml, the flags of
commands and `prof.ProfilerConfig` say them by name. Of several sources the strongest holds: see `settled`.
"""

from __future__ import annotations

import os

from prof.errors import NotMeantError, UsageError
from prof.modes import MODES, Mode, parse_modes
from prof.values import values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

LOGS = ("none", "quiet", "announce")
CLOCKS = ("wall", "cpu", "monotonic")
KEEPS = ("first", "last")
SIZES = {"kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}
LEAST_TRACE, MOST_TRACE = 64 << 10, 16 << 30
LARGEST_COUNT = 1_000_000_000
MOST_SLOWEST = 100
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
    slowest: int = 5
    """Calls of each function and section that are kept one by one, the slowest; 0 none."""
    args: bool = False
    """Whether these are kept with their arguments, by `repr()`."""
    min: int = 0
    """Nanoseconds: functions and sections of which no call took as long are charged to their callers in reports."""
    trace: int = 0
    """Bytes of the capture for spans as they went, of all threads together; 0: none are kept."""
    keep: str = ""
    """`first` or `last`: which are kept when there is no more room. Empty: the last for `dump`, else the first."""
    dump: tuple[tuple[str, int], ...] = ()
    """What has the running capture copied: `longer` with ns, `exception`, `signal` with its number."""
    dump_function: str = ""
    """The functions and sections of which the first two are asked, by glob; empty: all."""
    track: tuple[str, ...] = ()
    """The categories of operations that are counted; empty: all."""
    max_samples: int = 0
    """Samples that are taken at most, of all threads together; 0: as many as there are."""


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


def _duration(text: str, what: str) -> int:
    unit = next((unit for unit in UNITS if text.endswith(unit)), "")
    number = text.removesuffix(unit)
    whole, point, part = number.partition(".")
    if not unit or not _digits(whole, 9) or (point and not _digits(part, 9)):
        raise UsageError(f"{text!r} is not {what} such as 100us, 1ms or 0.5s")
    return round(float(number) * UNITS[unit])


def _shortest(text: str) -> int:
    return 0 if text == "0" else _duration(text, "a duration")


def _interval(text: str) -> int:
    interval = _duration(text, "an interval")
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
        raise UsageError(f"{text!r} is in a home directory that is not known")
    return expanded


def _trace(text: str) -> int:
    unit = next((unit for unit in SIZES if text.endswith(unit)), "")
    number = text.removesuffix(unit)
    size = int(number) * SIZES[unit] if unit and _digits(number, 7) else 0
    if not LEAST_TRACE <= size <= MOST_TRACE:
        raise UsageError(f"{text!r} is not a size such as 500kB, 64MB or 1GB, from 64kB to 16GB")
    return size


def _dump(text: str) -> tuple[tuple[str, int], ...]:
    found: dict[str, int] = {}
    for part in text.split("+"):
        kind, _, name = part.partition(":")
        if part == "exception":
            key, value = part, 1
        elif kind == "signal":
            key, value = kind, _signal(name)
        elif part[:1].isdigit():
            key, value = "longer", _duration(part, "a duration")
        else:
            raise UsageError(f"{part!r} is none of: a duration such as 200ms, exception, signal:USR2, joined by '+'")
        if found.setdefault(key, value) != value:
            raise UsageError(f"{text!r} has two of one kind")
    return tuple(found.items())


def _signal(name: str) -> int:
    import signal

    full = name if name.startswith("SIG") else f"SIG{name}"
    free = ("SIGUSR1", "SIGUSR2", "SIGHUP", "SIGQUIT", "SIGWINCH", "SIGURG", "SIGIO")
    if full not in free:
        raise UsageError(f"{name!r} is none of the signals {', '.join(each.removeprefix('SIG') for each in free)}")
    return int(signal.Signals[full])


def _glob(text: str) -> str:
    if not text:
        raise UsageError("'' is no pattern such as app.handle or 'app.*'")
    return text


def _slowest(text: str) -> int:
    if text == "0":
        return 0
    number = _count(text)
    if number > MOST_SLOWEST:
        raise UsageError(f"{text!r} is more than {MOST_SLOWEST}")
    return number


def _args(text: str) -> bool:
    if text not in ("none", "repr"):
        raise UsageError(f"{text!r} is neither none nor repr")
    return text == "repr"


def _types(text: str) -> int:
    return 0 if text == "0" else -1 if text == "all" else _count(text)


def _track(text: str) -> tuple[str, ...]:
    from prof.operations import CATEGORIES

    wanted = text.split("+") if text else []
    if unknown := [name for name in wanted if name not in CATEGORIES]:
        raise UsageError(f"no operations {unknown[0]!r}; known: {', '.join(CATEGORIES)}, joined by '+'")
    return tuple(wanted)


KEYS: dict[str, Callable[[str], Any]] = {
    "mode": _mode,
    "argv": _flag,
    "clock": _choice(CLOCKS),
    "depth": _count,
    "nodes": _count,
    "engine": _choice(ENGINES),
    "min": _shortest,
    "slowest": _slowest,
    "args": _args,
    "trace": _trace,
    "keep": _choice(KEEPS),
    "dump": _dump,
    "dump_function": _glob,
    "types": _types,
    "profile": str,
    "track": _track,
    "interval": _interval,
    "frames": _flag,
    "max_samples": _count,
    "imports": _flag,
    "collections": _flag,
    "process": _flag,
}
# In PROF these stand first, in this order, without their names.
PLACES: dict[str, Callable[[str], Any]] = {
    "modes": parse_modes,
    "output": _directory,
    "log": _choice(LOGS),
    "detail": _flag,
}
NAMES: dict[str, Callable[[str], Any]] = PLACES | KEYS
"""All that can be said, and what reads it."""
_FIELDS = {"output": "directory"}  # of `Settings`, where they are called otherwise
_IN_PROF = {"modes": "MODES", "output": "DIR", "log": "LOG", "detail": "DETAIL"}


@values
class Said:
    """What one source says: texts by name. What `words` makes of both stands before the text of a mistake."""

    texts: Mapping[str, str]
    words: Callable[[str, str], str]


def check_name(name: str, words: str = "") -> None:
    """Raises UsageError for a name that there is not, with the nearest one and all that there are."""
    if name in NAMES:
        return
    from difflib import get_close_matches

    near = get_close_matches(name, NAMES, 1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise UsageError(f"{words}unknown key {name!r}{hint}; known: {', '.join(NAMES)}")


def in_prof(text: str) -> Said:
    """What a value of PROF says. Raises UsageError where it is not of the grammar."""
    fields = [field.strip() for field in text.split(",")]
    positional = [field for field in fields if "=" not in field]
    if fields[0].partition("=")[0] not in NAMES:
        parse_modes(fields[0] or "none")  # first: where it names none of ours, the rest is not for us
    if len(positional) > len(PLACES):
        raise UsageError(f"{positional[len(PLACES)]!r}: expected MODES,DIR,LOG,DETAIL and then key=value")
    if fields[: len(positional)] != positional:
        raise UsageError(f"{text!r}: key=value fields stand behind MODES,DIR,LOG,DETAIL")
    texts = {name: field for name, field in zip(PLACES, positional, strict=False) if field}
    placed = frozenset(texts)
    for field in fields[len(positional) :]:
        name, _, value = field.partition("=")
        check_name(name)
        texts[name] = value

    def words(name: str, value: str) -> str:
        return f"{name}={value}: " if name not in placed else f"field {_IN_PROF[name]}: " if name != "modes" else ""

    return Said(texts, words)


def _refusal(name: str, value: object, modes: tuple[Mode, ...]) -> str:
    """Why a setting says nothing beside these modes; empty where it does."""
    if name == "detail" and value and not any(mode.has_detail for mode in modes):
        return "'true' asks for memory detail, and no mode given records memory"
    return next((mode.keys_words for mode in MODES.values() if name in mode.keys and mode not in modes), "")


def read(said: Said, name: str) -> Any:
    """A value that a source says, read. Raises UsageError, with the source's words before it."""
    text = said.texts[name]
    try:
        return NAMES[name](text)
    except NotMeantError:
        raise
    except UsageError as error:
        raise UsageError(f"{said.words(name, text)}{error}") from None


def counts(said: Said, name: str, modes: tuple[Mode, ...]) -> bool:
    """Whether what it says is of a mode that is recorded, or of none. Raises UsageError for a mistake in it."""
    return not _refusal(name, read(said, name), modes)


def settled(said: Sequence[Said]) -> Settings:
    """The settings that several sources lead to, the strongest first. Raises UsageError for the first mistake.

    What is of a mode that is not recorded is a mistake; in a weaker source than the one that says the modes, it is
    passed over.
    """
    decides = next((number for number, each in enumerate(said) if "modes" in each.texts), len(said))
    modes = read(said[decides], "modes") if decides < len(said) else ()
    found: dict[str, Any] = {}
    for number, each in enumerate(said):
        for name in each.texts:
            value = read(each, name)
            why = _refusal(name, value, modes)
            if why and number <= decides:
                raise UsageError(f"{each.words(name, each.texts[name])}{why}")
            if not why:
                found.setdefault(_FIELDS.get(name, name), value)
    settings = Settings(**found)
    _check_trace(settings)
    return settings


def _check_trace(settings: Settings) -> None:
    """Raises UsageError for what contradicts itself about spans as they go."""
    if settings.trace and settings.clock == "cpu":
        raise UsageError("trace= needs one clock for all threads, and clock=cpu has one for each: leave out either")
    if settings.keep and not settings.trace:
        raise UsageError(f"keep={settings.keep} says which spans trace= keeps, which is not given: as in trace=64MB")
    if settings.dump and not settings.trace:
        raise UsageError("dump= writes what trace= has kept, which is not given: as in trace=64MB")
    if settings.dump_function and not {"longer", "exception"} & dict(settings.dump).keys():
        raise UsageError("dump_function= says of what dump= holds, which has no duration and no exception")


def parse(text: str) -> Settings:
    """Reads a PROF value; raises UsageError with one line that names the field and what is known."""
    return settled([in_prof(text)])


def text_of(texts: Mapping[str, str]) -> str:
    """The value of PROF that says these. Raises UsageError for a text that cannot stand there."""
    for name, text in texts.items():
        check_name(name)
        if "," in text or text != text.strip() or (name in PLACES and "=" in text):
            raise UsageError(f"{name}={text!r} cannot be said in PROF, whose fields are set apart by commas")
    places = [texts.get(name, "") for name in PLACES]
    while len(places) > 1 and not places[-1]:
        places.pop()
    return ",".join([*places, *(f"{name}={texts[name]}" for name in KEYS if name in texts)])


def environment(text: str) -> Settings:
    """What PROF says, above what pyproject.toml does."""
    from prof import pyproject

    return settled([in_prof(text), *pyproject.said()])
