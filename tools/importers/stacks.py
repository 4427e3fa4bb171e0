"""Stack JSON, as `prof export --format stacks-json` writes it: its samples. `prof analyze` shows all of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from prof._core import lib
from prof.tools.analysis.stack_profile import parsed
from prof.tools.importers.profile import Profile

_LINE = re.compile(r"(?P<file>.+\.py):(?P<line>\d+)")


def read(path: Path, document: dict[str, Any]) -> Profile:
    """Stacks that have samples. Raises InputError."""
    profile = Profile("stack JSON")
    profile.modes.add("samples")
    for stack in parsed(path, document).stacks:
        if not stack.samples or not stack.frames:
            continue
        line = _LINE.fullmatch(stack.frames[0])
        node = 0
        for name in reversed(stack.frames[1:] if line else stack.frames):
            node = profile.child(node, profile.label(lib.PROF_FUNCTION, name))
        if line:
            node = profile.of_line(node, line["file"], int(line["line"]))
        profile.add(node, "samples", samples=stack.samples)
    profile.notes.append("bytes and instructions of stack JSON are shown by `prof analyze`")
    return profile
