"""Which files a call means: paths walked, globs matched, and what is never touched."""

from __future__ import annotations

import os
import sysconfig
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import prof.errors
from attrs import Factory, define, frozen
from prof.errors import InputError

from .settings import Settings, load

SUFFIXES = (".py", ".pyw")
# Folders below a named path that hold no source of the project's own. Naming one of them walks it.
_CACHES = {"__pycache__", "__pypackages__", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
_OTHERS = {".venv", ".tox", ".nox", ".eggs", "node_modules", "site-packages", "dist-packages"}
SKIPPED = frozenset({".git", ".hg", ".svn"} | _CACHES | _OTHERS)
_STDLIB = tuple({os.path.realpath(sysconfig.get_paths()[k]) + os.sep for k in ("stdlib", "platstdlib")})
_PACKAGES = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_OURSELVES = tuple(os.path.dirname(os.path.realpath(str(f))) + os.sep for f in (prof.errors.__file__, __file__))


@frozen
class Selection:
    """What a call selects: globs from the command line, and whether the standard library may be touched."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    stdlib: bool = False


@frozen
class Target:
    """One file to edit: `path` as a person would name it, `real` where its bytes are."""

    path: str
    real: str
    settings: Settings


@define
class Found:
    """The files to edit, each once, and how many were left out for which reason."""

    targets: list[Target] = Factory(list)
    left_out: Counter[str] = Factory(Counter)


def find(paths: Sequence[str], selection: Selection) -> Found:
    """Walk `paths` in the given order, folders sorted. Raises `InputError` for a path that does not exist.

    A symbolic link named as a path stands for the file or folder it leads to, and stays a link. Links met
    while walking are left out: what they lead to may lie outside what was named.
    """
    found = Found()
    seen: set[str] = set()
    for path in paths:
        if not os.path.exists(path):
            raise InputError(f"{path}: no such file or folder")
        base = os.path.abspath(path)
        if os.path.isdir(path):
            settings, entries, base_of_globs = load(Path(base)), walk(path, found.left_out), base
        else:
            settings, entries, base_of_globs = load(Path(base).parent), iter([path]), os.path.dirname(base)
        for entry in entries:
            real = os.path.realpath(entry)
            if real in seen:
                continue
            seen.add(real)
            reason = _left_out(os.path.abspath(entry), real, base_of_globs, settings, selection)
            if reason:
                found.left_out[reason] += 1
            else:
                found.targets.append(Target(entry, real, settings))
    return found


def walk(root: str, left_out: Counter[str]) -> Iterator[str]:
    """The Python files below a folder, sorted, links and folders of others left out."""
    for folder, names, files in os.walk(root):
        names[:] = sorted(n for n in names if not _skip_folder(folder, n))
        for name in sorted(files):
            if not name.endswith((*SUFFIXES, ".pyi")):
                continue
            path = os.path.join(folder, name)
            if os.path.islink(path):
                left_out["symbolic link"] += 1
            else:
                yield path


def _skip_folder(folder: str, name: str) -> bool:
    path = os.path.join(folder, name)
    if name in SKIPPED or os.path.exists(os.path.join(path, "pyvenv.cfg")):
        return True
    # Where environments and setuptools' copies live, unless somebody's package is called that.
    return name in ("venv", "build") and not os.path.exists(os.path.join(path, "__init__.py"))


def _left_out(path: str, real: str, base: str, settings: Settings, selection: Selection) -> str:
    """Why a file is not edited; empty if it is."""
    if path.endswith(".pyi"):
        return ".pyi"
    if real.startswith(_OURSELVES):
        return "profiler"
    if real.startswith(_STDLIB) and not selection.stdlib and not any(p in real for p in _PACKAGES):
        return "standard library"
    for root, include, exclude in (
        (base, selection.include, selection.exclude),
        (str(settings.root), settings.include, settings.exclude),
    ):
        relative = os.path.relpath(path, root).replace(os.sep, "/")
        if (include and not matches(relative, include)) or matches(relative, exclude):
            return "excluded"
    return ""


def matches(relative: str, globs: Iterable[str]) -> bool:
    """Whether a relative path matches a glob: as a whole, as something in a matching folder, or, for a glob
    without a slash, by any one of its parts."""
    parts = relative.split("/")
    for glob in globs:
        glob = glob.removeprefix("./").rstrip("/")
        if fnmatchcase(relative, glob) or fnmatchcase(relative, glob + "/*"):
            return True
        if "/" not in glob and any(fnmatchcase(p, glob) for p in parts):
            return True
    return False
