"""Pictures, and files for other tools. A format of `prof export` is a file that registers here."""

from __future__ import annotations

from prof.tools.exporters import (
    callgrind,
    chrome,
    collapsed,
    cpuprofile,
    csv,
    gecko,
    perfetto,
    pprof,
    pstats,
    session_json,
    speedscope,
    stacks_json,
)
from prof.tools.exporters.export import Export

_ALL = (
    speedscope, chrome, perfetto, pprof, callgrind, pstats, gecko, cpuprofile, collapsed, csv, stacks_json,
    session_json,
)  # fmt: skip
# By name, for `prof export --format`.
EXPORTS: dict[str, Export] = {each.EXPORT.name: each.EXPORT for each in _ALL}
