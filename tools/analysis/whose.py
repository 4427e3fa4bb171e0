"""Whose a function is: the user's own, of a library, of the standard library, an import, a garbage collection.

A function is the user's own unless its file is installed or the standard library's. `[tool.prof.report]` of
pyproject.toml may say otherwise: `own` and `libraries` are lists of patterns of names, such as `vendored.*`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib.util import find_spec
from pathlib import PurePath

from attrs import Factory, define
from prof import pyproject
from prof.capture import Label
from prof.errors import UsageError

_INSTALLED = re.compile(r"[/\\](?:site|dist)-packages[/\\](?P<name>[^/\\]+)")
_STANDARD = re.compile(
    r"[/\\]lib[/\\](?:python|pypy)\d+\.\d+[/\\](?:lib-dynload[/\\])?(?P<name>[^/\\]+)|^<frozen (?P<frozen>[\w.]+)>"
)

OWN, IMPORTS, COLLECTIONS, UNREAD = "", "imports", "garbage collections", "callers not read"
PROFILER = "prof"
# Of these, people need not be told that no function of theirs called them.
UNCALLED = frozenset((IMPORTS, COLLECTIONS, UNREAD))
_RULES = ("own", "libraries")
_KINDS = {"import": IMPORTS, "gc": COLLECTIONS, "profiler": "the profiler"}


@define
class Whose:
    """Tells functions apart, by these rules; `own` is stronger."""

    own: Sequence[str] = ()
    libraries: Sequence[str] = ()
    _known: dict[int, str] = Factory(dict)

    def library(self, label: Label) -> str:
        """The package that a function is of; empty for one of the user's own."""
        found = self._known.get(label.index)
        if found is None:
            found = self._known[label.index] = self._library(label)
        return found

    def _library(self, label: Label) -> str:
        if label.kind in _KINDS:
            return _KINDS[label.kind]
        if label.name == f"({UNREAD})":  # whose stack had changed before it was read whole
            return UNREAD
        if _matches(label.name, self.own):
            return OWN
        if found := self.library_of(label.file):
            return found
        return label.name.partition(".")[0] if _matches(label.name, self.libraries) else OWN

    def collapsed(self, label: Label) -> tuple[str, str]:
        """What a frame is called that stands for all functions of the same library, and the folder that they are in;
        of the user's own, the package, and none."""
        library = self.library(label)
        if not library:
            named = PurePath(label.file).stem if label.kind == "line" else label.module or label.name
            return named.partition(".")[0], ""
        found = _INSTALLED.search(label.file) or _STANDARD.search(label.file)
        return library, label.file[: found.end()] if found else ""

    @staticmethod
    def library_of(file: str) -> str:
        """The package that a file is of, as far as its path says; empty for one of the user's own."""
        if found := _INSTALLED.search(file):
            return PurePath(found["name"]).stem
        if file.startswith(_ours()):
            return PROFILER
        if found := _STANDARD.search(file):
            return PurePath(found["name"] or found["frozen"].partition(".")[0]).stem
        return OWN

    def standard(self, label: Label) -> bool:
        """Whether a function is of the standard library."""
        return self.is_standard(label.file)

    @staticmethod
    def is_standard(file: str) -> bool:
        """Whether a file is of the standard library, as far as its path says."""
        return not _INSTALLED.search(file) and bool(_STANDARD.search(file))


def ruled() -> Whose:
    """By the rules of the project that the working directory is in. Raises UsageError for rules that say nothing, and
    InputError for a file that is no TOML."""
    for path, table in pyproject.tables("report", ""):
        where = f"{path}: {pyproject.REPORT}"
        if not isinstance(table, dict):
            raise UsageError(f"{where} must be a table")
        for key, patterns in table.items():
            if key not in _RULES:
                raise UsageError(f"{where} has no {key!r}; known: {', '.join(_RULES)}")
            if not isinstance(patterns, list) or not all(isinstance(each, str) for each in patterns):
                raise UsageError(f"{where} {key} must be a list of patterns of names, such as 'vendored.*'")
        return Whose(**table)
    return Whose()


@lru_cache(1)
def _ours() -> tuple[str, ...]:
    """The folders of this package: an editable installation has them elsewhere."""
    specs = map(find_spec, ("prof", "prof.instrument", "prof.tools"))
    return tuple(f"{folder}{os.sep}" for spec in specs if spec for folder in spec.submodule_search_locations or ())


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
