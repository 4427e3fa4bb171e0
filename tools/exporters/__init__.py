"""Pictures, and files for other tools. A format of `prof export` is a file that registers here."""

from __future__ import annotations

from prof.tools.exporters import callgrind, chrome, perfetto, pprof, pstats, speedscope
from prof.tools.exporters.export import Export

_ALL = (speedscope.EXPORT, pprof.EXPORT, callgrind.EXPORT, pstats.EXPORT, chrome.EXPORT, perfetto.EXPORT)
# By name, for `prof export --format`.
EXPORTS: dict[str, Export] = {each.name: each for each in _ALL}
