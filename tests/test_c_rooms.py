"""Who may include whom in csrc/: a file includes its own room and those below it, and nothing else of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

CSRC = Path(__file__).parents[1] / "csrc"

# From below: each room, and the rooms that its files may include. "format" are the files at the top of csrc/, which are
# the contract with readers and C callers; "python" those at the top of csrc/python/ that its rooms share.
MAY_INCLUDE: dict[str, set[str]] = {
    "format": set(),
    "read": {"format"},  # the reader never sees the recorder
    "export": set(),
    "core": {"format"},
    "modes/memory": {"format", "core"},
    "modes/ops": {"format", "core"},
    "modes/samples": {"format", "core"},
    "recorder": {"format", "core", "modes/memory"},  # what C callers say
    "api": {"format", "core", "recorder"},  # and what they are given
    "python/version": set(),
    "python": {"format", "core", "python/version"},
    "python/bytecode": {"format", "python", "python/version"},
    "python/ops": {"format", "core", "modes/ops", "python", "python/version", "python/bytecode"},
    "python/introspection": {"format", "core", "python", "python/version", "python/bytecode", "python/ops"},
    "python/spans": {
        *("format", "core", "modes/samples", "recorder", "python", "python/version"),
        *("python/bytecode", "python/ops", "python/introspection"),
    },
    "python/memory": {"format", "core", "modes/memory", "python", "python/version", "python/bytecode", "python/spans"},
    "python/samples": {"format", "core", "modes/samples", "python", "python/version", "python/bytecode"},
    "python/standby": {"format", "core", "modes/samples", "python", "python/version", "python/bytecode"},
}

# The module's definition takes the methods of all rooms together.
TOP = "python/control.c"


def _room(path: str) -> str:
    folder = path.rpartition("/")[0]
    return folder or "format"


def _includes(path: Path) -> Iterator[str]:
    """The files of ours that it includes, from csrc/."""
    for name in re.findall(r'^\s*#\s*include "([^"]+)"', path.read_text("utf-8"), re.MULTILINE):
        for found in (path.parent / name, CSRC / name):
            if found.exists():
                yield str(found.relative_to(CSRC))
                break


def _wrong(root: Path) -> list[str]:
    return [
        f"{name} includes {included}"
        for path in sorted([*root.rglob("*.c"), *root.rglob("*.h")])
        if (name := str(path.relative_to(root))) != TOP
        for included in _includes(path)
        if _room(included) not in {_room(name), *MAY_INCLUDE[_room(name)]}
    ]


def test_rooms_include_those_below_them() -> None:
    assert _wrong(CSRC) == []


def test_the_rules_have_no_circle() -> None:
    below: dict[str, int] = {}
    for room, rooms in MAY_INCLUDE.items():
        assert rooms <= below.keys(), room
        below[room] = 1 + max((below[each] for each in rooms), default=0)


def test_every_room_has_its_rule() -> None:
    rooms = {_room(str(path.relative_to(CSRC))) for path in CSRC.rglob("*.[ch]")}
    assert rooms == MAY_INCLUDE.keys()


def test_another_room_is_named_by_its_path_from_csrc() -> None:
    up = [str(path.relative_to(CSRC)) for path in CSRC.rglob("*.[ch]") if '#include "..' in path.read_text("utf-8")]
    assert up == []
