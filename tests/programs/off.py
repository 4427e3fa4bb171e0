"""Tells what `import prof` loads and does without PROF."""

import json
import sys

before = set(sys.modules)
from prof import end, profile, profiled  # noqa: E402


def f():
    return 1


code = f.__code__
same = profiled(f) is f and profiled("time", name="x")(f) is f
profile("a")
with profile("b"):
    end("a")
    end("never")
loaded = {name for name in set(sys.modules) - before if name.partition(".")[0] == "prof"}
heavy = set(sys.modules) & {"cffi", "_cffi_backend", "attr", "attrs", "psutil", "prof._core", "inspect", "dataclasses"}
print(
    json.dumps(
        {
            "modules": sorted(loaded),
            "heavy": sorted(heavy),
            "same": same,
            "code": f.__code__ is code,
            "sections": True,
        }
    )
)
