"""The modes, each in one row: what it is called, what it measures, what it writes. A new mode is a new row."""

from __future__ import annotations

from dataclasses import dataclass

from prof._core import lib
from prof.errors import NotMeantError, UsageError


@dataclass(frozen=True, slots=True)
class Measure:
    """One number of each stack: what a folded file holds and a flame graph draws."""

    name: str
    """Of the folded file: `<base>-<name>.folded`."""
    unit: str
    """`ns`, `B`, or empty for a count."""
    column: str
    """Field of a merged tree node."""
    title: str
    """For people."""
    written: str = "always"
    """At exit: `always`, in `detail` only, or on `request` (`prof folded --mode`)."""


@dataclass(frozen=True, slots=True)
class Mode:
    """One thing that is recorded."""

    name: str
    bit: int
    """Its bit in the capture header's `modes`."""
    measures: tuple[Measure, ...]
    module: str | None = None
    """Has `start(settings)` and `stop()`, for a mode that installs something; None for one that lives on the probes."""


TIME = Mode("time", lib.PROF_MODE_TIME, (Measure("time", "ns", "self_ns", "time"),))
MEMORY = Mode(
    "memory",
    lib.PROF_MODE_MEMORY,
    (
        Measure("memory-summary", "B", "alloc_bytes", "bytes allocated"),
        Measure("memory-detail", "B", "peak_bytes", "bytes held at the peak", "detail"),
        Measure("memory-count", "", "alloc_count", "allocations", "request"),
        Measure("memory-live", "B", "live_bytes", "bytes still held at the end", "request"),
    ),
    "prof.memory",
)

OPS = Mode("ops", lib.PROF_MODE_OPS, (Measure("ops", "", "ops", "operations"),))

SAMPLES = Mode(
    "samples",
    lib.PROF_MODE_SAMPLES,
    (
        Measure("samples", "", "samples", "samples"),
        Measure("samples-cpu", "", "cpu_samples", "samples on a processor", "request"),
        Measure("samples-wall", "ns", "sampled_ns", "time by samples", "request"),
        Measure("samples-cpu-time", "ns", "sampled_cpu_ns", "processor time by samples", "request"),
        Measure("samples-gil-wait", "", "wait_samples", "samples waiting for the GIL", "request"),
    ),
    "prof.samples",
)

MODES: dict[str, Mode] = {mode.name: mode for mode in (TIME, MEMORY, OPS, SAMPLES)}
MEASURES: dict[str, Measure] = {m.name: m for mode in MODES.values() for m in mode.measures}


def _what_freezers_look_for() -> None:
    """Never called: what is imported by its name or by C alone. PyInstaller and its like look for import statements."""
    import _cffi_backend  # noqa: F401
    from prof import memory, samples  # noqa: F401


# Names that stand for several modes. `all` is whatever this version has.
ALIASES: dict[str, tuple[str, ...]] = {"both": ("time", "memory"), "all": tuple(MODES), "none": ()}

# What `@profiled(...)` may narrow a function to, beside the modes themselves.
MARKERS: dict[str, str] = {"mem_summary": "memory", "mem_detail": "memory"}


def known() -> str:
    """The modes and aliases of this version, for messages."""
    usable = [name for name, members in ALIASES.items() if all(member in MODES for member in members)]
    return ", ".join([*MODES, *usable])


def parse_modes(text: str) -> tuple[Mode, ...]:
    """The modes that `text` names, joined by `+`; raises UsageError for one that is not known."""
    names: list[str] = []
    for part in text.split("+"):
        names.extend(ALIASES.get(part.strip(), (part.strip(),)))
    for name in names:
        if name not in MODES:
            kind = UsageError if any(each in MODES for each in names) else NotMeantError
            raise kind(f"unknown mode {name!r}; known: {known()}, joined by '+'")
    return tuple(mode for name, mode in MODES.items() if name in names)


def check_markers(names: tuple[object, ...]) -> None:
    """Raises UsageError unless each of `names` may be given to `@profiled`."""
    choices = [*MODES, *MARKERS, "both"]
    for name in names:
        if name not in choices:
            raise UsageError(f"@profiled: unknown mode {name!r}; known: {', '.join(choices)}")


def _members(markers: tuple[str, ...]) -> set[str]:
    """The modes that a function's markers name."""
    return {member for name in markers for member in ALIASES.get(name, (MARKERS.get(name, name),))}


def records(markers: tuple[str, ...], modes: tuple[Mode, ...]) -> bool:
    """Whether a function marked with `markers` is recorded at all by a session of these modes."""
    return not markers or any(mode.name in _members(markers) for mode in modes)


NO_TIME: int = lib.PROF_LABEL_NO_TIME
NO_MEMORY: int = lib.PROF_LABEL_NO_MEMORY
NO_DETAIL: int = lib.PROF_LABEL_NO_DETAIL
NO_OPS: int = lib.PROF_LABEL_NO_OPS


def kept(flags: int) -> tuple[str, ...]:
    """Markers that leave out what `flags` say, as `left_out` has them."""
    if not flags:
        return ()
    names = ["mem_summary"] if flags & NO_DETAIL else [] if flags & NO_MEMORY else ["memory"]
    names += [] if flags & NO_TIME else ["time"]
    return (*names, "samples") if flags & NO_OPS else (*names, "samples", "ops")


def left_out(markers: tuple[str, ...]) -> int:
    """What a function's markers leave out of a session that records it, as flags of its label.

    A function without time is still on the stack, with the time it takes; one without memory leaves what it allocates
    to the nearest caller that records memory; one without detail counts its blocks and does not follow them.
    """
    if not markers:
        return 0
    members = _members(markers)
    flags = NO_TIME if "time" not in members else 0
    flags |= NO_OPS if "ops" not in members else 0
    if "memory" not in members:
        return flags | NO_MEMORY
    return flags if {"memory", "mem_detail", "both"} & set(markers) else flags | NO_DETAIL
