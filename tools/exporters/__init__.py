"""Pictures, and files for other tools. A format of `prof export` is a file that registers here."""

from __future__ import annotations

from prof.tools.exporters import (
    callgrind,
    collapsed,
    cpuprofile,
    csv,
    gecko,
    pprof,
    pstats,
    session_json,
    speedscope,
    stacks_json,
)
from prof.tools.exporters.export import Export

_ALL = (speedscope, pprof, callgrind, pstats, gecko, cpuprofile, collapsed, csv, stacks_json, session_json)
# By name, for `prof export --format`.
EXPORTS: dict[str, Export] = {each.EXPORT.name: each.EXPORT for each in _ALL}
