"""What instrumented source loads in its first line: puts `profiled` into the builtins, and starts what PROF asks for.

The source itself binds no name, so that lists of its names (`dir()`, star imports, registries) are as they were.
"""

from __future__ import annotations

import builtins

from prof.markers import profiled as profiled
from prof.markers import start_if_asked

# Before the start, which may import instrumented source itself. The second name is for source with a `profiled` of its
# own.
vars(builtins).update(profiled=profiled, __profiled__=profiled)
start_if_asked()
