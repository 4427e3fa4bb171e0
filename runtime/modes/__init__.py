"""The modes. Each is one file of this package, and registers here what it is called, measures, writes and does.

Nobody else names a mode: whoever needs one asks all that are registered. What the reports know of a mode is in its file
of `prof.tools.modes`.
"""

from __future__ import annotations

from prof.errors import NotMeantError, UsageError
from prof.modes import memory, ops, samples, time
from prof.modes.mode import Measure, Mode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prof.capture import Capture

__all__ = [
    "ALIASES", "MARKERS", "MEASURES", "MODES", "Measure", "Mode",
    "check_markers", "kept", "known", "left_out", "parse_modes", "recorded_measures", "records", "register",
]  # fmt: skip

MODES: dict[str, Mode] = {}
MEASURES: dict[str, Measure] = {}
# Names that stand for several modes. `all` is whatever this process has.
ALIASES: dict[str, tuple[str, ...]] = {"both": (), "all": (), "none": ()}
# What `@profiled(...)` may narrow a function to, beside the modes themselves.
MARKERS: dict[str, str] = {}


def register(mode: Mode) -> None:
    """Adds a mode, before anything is recorded or read. UsageError where its name or bit, or a name of its measures,
    is another's."""
    if mode.name in MODES or mode.name in ALIASES or mode.name in MARKERS:
        raise UsageError(f"mode {mode.name!r} is there already")
    if not mode.bit or any(other.bit & mode.bit for other in MODES.values()):
        raise UsageError(f"mode {mode.name!r}: the bit {mode.bit:#x} is another mode's")
    if taken := [measure.name for measure in mode.measures if measure.name in MEASURES]:
        raise UsageError(f"mode {mode.name!r}: the measure {taken[0]!r} is another mode's")
    MODES[mode.name] = mode
    MEASURES.update({measure.name: measure for measure in mode.measures})
    MARKERS.update({marker: mode.name for marker, _ in mode.markers})
    for alias in (*mode.aliases, "all"):
        ALIASES[alias] = (*ALIASES.get(alias, ()), mode.name)


# The order of the modes everywhere, unless a report has one of its own.
for _module in (time, memory, ops, samples):
    register(_module.MODE)


def _what_freezers_look_for() -> None:
    """Never called: what is imported by C alone. PyInstaller and its like look for import statements."""
    import _cffi_backend  # noqa: F401


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


def recorded_measures(capture: Capture) -> list[tuple[Mode, Measure]]:
    """The measures that a capture has figures of, in the order of the modes."""
    return [(mode, measure) for mode in MODES.values() for measure in mode.recorded_measures(capture)]


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


def kept(flags: int) -> tuple[str, ...]:
    """Markers that leave out what `flags` say, as `left_out` has them."""
    if not flags:
        return ()
    found = []
    for mode in MODES.values():
        if not flags & mode.without:
            found.append(next((marker for marker, less in mode.markers if less and flags & less), mode.name))
    return tuple(found)


def left_out(markers: tuple[str, ...]) -> int:
    """What a function's markers leave out of a session that records it, as flags of its label.

    A function without time is still on the stack, with the time it takes; one without memory leaves what it allocates
    to the nearest caller that records memory; one without detail counts its blocks and does not follow them.
    """
    if not markers:
        return 0
    flags, members = 0, _members(markers)
    for mode in MODES.values():
        if mode.name not in members:
            flags |= mode.without
        elif not any(mode.name in ALIASES.get(name, (name,)) for name in markers):
            less = [flag for marker, flag in mode.markers if marker in markers]
            flags |= 0 if 0 in less else sum(less)
    return flags
