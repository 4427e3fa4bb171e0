"""prof: exact spans, recorded side by side with what else a mode knows, by a program that marks itself.

    from prof import profiled, profile, end

    @profiled
    def load(path):
        profile("parse")
        ...
        end("parse")

`PROF=time python app.py` records; without PROF the markers do nothing, and this module is all that is loaded.
"""

from __future__ import annotations

# As type checkers know it; `typing` itself takes longer to import than all of this.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from prof.configuration import ProfilerConfig as ProfilerConfig
    from prof.contexts import context as context
    from prof.markers import dump as dump
    from prof.markers import enable_profiling as enable_profiling
    from prof.markers import end as end
    from prof.markers import profile as profile
    from prof.markers import profiled as profiled
    from prof.markers import snapshot as snapshot
    from prof.profiler import Collector as Collector
    from prof.profiler import Profiler as Profiler
    from prof.profiler import block as block
    from prof.tools.integrations.asgi import asgi as asgi
    from prof.tools.integrations.ipython import load_ipython_extension as load_ipython_extension
    from prof.tools.integrations.ipython import unload_ipython_extension as unload_ipython_extension
    from prof.tools.integrations.wsgi import wsgi as wsgi

__version__ = "0.1.0"
__all__ = [
    "Collector", "Profiler", "ProfilerConfig", "block", "context", "dump",
    "enable_profiling", "end", "profile", "profiled", "snapshot",
]  # fmt: skip
_MARKERS = ("dump", "enable_profiling", "end", "profile", "profiled", "snapshot")
# Where the others are: a program that asks for none of them does without what these modules import.
_OTHERS = {
    "Collector": "profiler", "Profiler": "profiler", "ProfilerConfig": "configuration", "block": "profiler",
    "context": "contexts",
}  # fmt: skip
# What other tools load by these names: web servers' middleware, and IPython's `%load_ext prof`.
_OTHERS |= {"asgi": "tools.integrations.asgi", "wsgi": "tools.integrations.wsgi"}
_OTHERS |= dict.fromkeys(("load_ipython_extension", "unload_ipython_extension"), "tools.integrations.ipython")


def __getattr__(name: str) -> Any:
    # The first marker a program asks for starts the recording that PROF asks for. Tools that read captures import this
    # package too and ask for none, so that PROF in a shell does not make them record themselves.
    if name not in __all__ and name not in _OTHERS:
        raise AttributeError(f"module 'prof' has no attribute {name!r}")
    from prof import markers

    markers.start_if_asked()
    for each in _MARKERS:
        globals()[each] = getattr(markers, each)
    if name in _OTHERS:
        globals()[name] = getattr(__import__(f"prof.{_OTHERS[name]}", fromlist=[name]), name)
    return globals()[name]
