"""Begins `prof run` in every Python that has its variable. It is the first `sitecustomize` on the search path, and
hides none that the environment has of its own. A program may begin Pythons of any version, so it is written for all."""

import sys
from importlib import import_module

_here = __file__.rpartition("/")[0]
sys.path[:] = [entry for entry in sys.path if entry != _here]
_itself = sys.modules.pop("sitecustomize")  # Python 2 would take it apart as soon as nobody refers to it


def _begin():  # type: ignore[no-untyped-def]
    import os

    if "PROF_RUN" in os.environ:
        try:
            from prof.instrument.hook import install
        except Exception:  # an environment that has no profiler
            return
        install(os.environ)


try:
    import_module("sitecustomize")
except ImportError as _error:
    if getattr(_error, "name", "sitecustomize") != "sitecustomize":
        raise
    # The import that loads this file wants to find something there.
    sys.modules["sitecustomize"] = type("Nothing", (), {})  # type: ignore[assignment]
finally:
    _begin()  # type: ignore[no-untyped-call]
