"""A module `prof` of the project's own, which hides the profiler's from the files that would import it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.machinery import all_suffixes

import prof.errors
from prof.errors import UsageError

_OURS = os.path.dirname(os.path.realpath(str(prof.errors.__file__)))


def check(files: Iterable[str], named: Iterable[str] = ()) -> None:
    """Raises `UsageError` if a folder from which one of `files` may be run holds another `prof`.

    Those are the folder of a file, or the one above its topmost package; the folders `named`; the current one; and
    `src` below these two.
    """
    folders = {os.path.dirname(os.path.abspath(file)) for file in files}
    starts = [os.getcwd(), *(above_packages(os.path.abspath(n)) for n in named if os.path.isdir(n))]
    roots = {*map(above_packages, folders), *starts, *(os.path.join(s, "src") for s in starts)}
    for root in sorted(roots):
        for found in _modules(root):
            raise UsageError(
                f"{os.path.relpath(found)} is a module prof of the project's own and would hide the profiler's; "
                "nothing was edited: rename it, or leave out what is run from its folder (--exclude)"
            )


def above_packages(folder: str) -> str:
    """The folder from which the modules in `folder` are imported."""
    while os.path.exists(os.path.join(folder, "__init__.py")) and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
    return folder


def _modules(root: str) -> Iterator[str]:
    """What `import prof` finds in `root`, unless it is the profiler."""
    package = os.path.join(root, "prof")
    for suffix in all_suffixes():
        if os.path.exists(package + suffix):
            yield package + suffix
    # Another installation of the profiler: this one's, or that of the environment that is edited.
    if os.path.realpath(package) == _OURS or os.path.exists(os.path.join(package, "_probes.pyi")):
        return
    # An editable installation is found by a hook, and comes after folders without `__init__`, too.
    editable = os.path.basename(_OURS) != "prof"
    if any(os.path.exists(os.path.join(package, "__init__" + s)) for s in all_suffixes()) or (
        editable and os.path.isdir(package)
    ):
        yield package


@cache
def compiler(folder: str) -> tuple[str, str]:
    """The build file above `folder`, and the compiler that turns its Python into C according to it; empty for none."""
    while True:
        for name in ("pyproject.toml", "setup.py", "setup.cfg"):
            path = os.path.join(folder, name)
            try:
                with open(path, encoding="utf-8", errors="replace") as f:
                    text = f.read()
            except OSError:
                continue
            if "mypyc" in text:
                return path, "mypyc"
            # Most projects give it only .pyx files, which are not ours.
            if "cythonize" in text and any(q in text for q in ('.py"', ".py'")):
                return path, "Cython"
        if os.path.dirname(folder) == folder:
            return "", ""
        folder = os.path.dirname(folder)
