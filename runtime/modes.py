"""The modes, each in one row: what it is called, what it measures, what it writes. A new mode is a new row."""

from __future__ import annotations

from attrs import frozen

from prof.errors import UsageError


@frozen
class Mode:
    """One thing that is recorded."""

    name: str
    bit: int
    """Its bit in the capture header's `modes`."""
    unit: str
    """Of the numbers in its folded file."""
    column: str
    """Field of a merged tree node that its folded file holds."""
    title: str
    """For people."""


MODES: dict[str, Mode] = {
    mode.name: mode for mode in (Mode(name="time", bit=1, unit="ns", column="self_ns", title="self time"),)
}

# Names that stand for several modes. `all` is whatever this version has.
ALIASES: dict[str, tuple[str, ...]] = {"both": ("time", "memory"), "all": tuple(MODES), "none": ()}

# Of the design, and not in this version: named so that asking for them says so.
PLANNED = ("memory", "ops", "samples")

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
        if name in PLANNED:
            raise UsageError(f"mode {name!r} is not in this version; known: {known()}")
        if name not in MODES:
            raise UsageError(f"unknown mode {name!r}; known: {known()}, joined by '+'")
    return tuple(mode for name, mode in MODES.items() if name in names)


def check_markers(names: tuple[object, ...]) -> None:
    """Raises UsageError unless each of `names` may be given to `@profiled`."""
    choices = [*MODES, *PLANNED, *MARKERS, "both"]
    for name in names:
        if name not in choices:
            raise UsageError(f"@profiled: unknown mode {name!r}; known: {', '.join(choices)}")


def records(markers: tuple[str, ...], modes: tuple[Mode, ...]) -> bool:
    """Whether a function marked with `markers` is recorded at all by a session of these modes."""
    if not markers:
        return True
    wanted = {member for name in markers for member in ALIASES.get(name, (MARKERS.get(name, name),))}
    return any(mode.name in wanted for mode in modes)
