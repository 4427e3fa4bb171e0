"""Filters: what of a capture is left to read. docs/filters.md is the manual, `csrc/read/filter.c` has the passes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import translate
from typing import TYPE_CHECKING, Any

from attrs import fields, frozen
from prof._core import ffi, lib
from prof.errors import UsageError
from prof.made import made
from prof.modes import recorded_measures
from prof.tree import NO_LABEL, ROOT, Tree

if TYPE_CHECKING:
    from prof.capture import Capture
    from prof.records import Label

_BITS = {"keep": lib.PROF_READER_KEEP, "drop": lib.PROF_READER_DROP, "focus": lib.PROF_READER_FOCUS}


@frozen
class Filter:
    """Patterns, and what is done with the stacks that have a match. Stacks are a context with those around it."""

    keep: Sequence[str] = ()
    """Only stacks with a match of any of these are left."""
    drop: Sequence[str] = ()
    """No stack with a match of any of these is left."""
    focus: Sequence[str] = ()
    """Only stacks with a match are left, and they begin with the outermost one."""
    collapse: Sequence[str] = ()
    """Matches of one library that follow each other become one frame, with the library's name."""
    thread: Sequence[str] = ()
    """Only threads of these names or native identifiers."""
    task: Sequence[str] = ()
    """Only tasks of these names, in what is kept by task."""
    min: float = 0.0
    """Contexts with less than so many percent of every measure are charged to their callers."""
    merge_recursion: bool = False
    """A function below itself is the one above."""

    @property
    def leaves_out(self) -> bool:
        """Whether anything can be missing afterwards."""
        return bool(self.keep or self.drop or self.focus or self.thread)

    @property
    def of_stacks(self) -> bool:
        """Whether it changes trees."""
        return bool(self.keep or self.drop or self.focus or self.collapse or self.min or self.merge_recursion)

    def words(self) -> str:
        """The options that say this."""
        found = []
        for field in fields(Filter):
            value, option = getattr(self, field.name), f"--{field.name.replace('_', '-')}"
            if isinstance(value, float):
                found += [f"{option} {value:g}"] if value else []
            elif isinstance(value, bool):
                found += [option] if value else []
            else:
                found += [f"{option} '{pattern}'" for pattern in value]
        return " ".join(found)


def matcher(patterns: Sequence[str]) -> Callable[[Label], bool]:
    """Whether a label is a match: its name or the end of it, its module or a package around that, its file, the end of
    its path, or a folder in it. Of lines, also the function that they are in; of imports, the module."""
    pattern = "|".join(translate(each) for each in patterns)
    whole = re.compile(pattern)
    paths = re.compile("|".join(translate(each) for p in patterns for each in (f"*/{p}", f"*/{p}/*", f"{p}/*")))

    def matches(label: Label) -> bool:
        dotted = {label.name, label.module, *_ends(label.name), *_packages(label.module)}
        if label.kind == "line":
            dotted.update(_ends(label.module))
        elif label.kind == "import":
            module = label.name.removeprefix("import ")
            dotted.update((module, *_packages(module)))
        if any(whole.match(name) for name in dotted):
            return True
        return bool(label.file and (whole.match(label.file) or paths.match(label.file)))

    return matches


def threads_chosen(capture: Capture, patterns: Sequence[str]) -> list[bool]:
    """By thread of a capture, whether its name or native identifier is a match. Raises UsageError where none is."""
    whole = re.compile("|".join(map(translate, patterns)))
    found = [bool(whole.match(thread.name) or whole.match(str(thread.native_id))) for thread in capture.threads]
    if not any(found):
        names = ", ".join(dict.fromkeys(thread.name or str(thread.native_id) for thread in capture.threads))
        raise UsageError(f"--thread: {capture.path} has no such thread; it has: {names or 'none'}")
    return found


def task_chosen(capture: Capture) -> Callable[[str], bool]:
    """Whether a task's name is a match; all are, where tasks are not filtered."""
    patterns = capture.chosen[0].task if capture.chosen else ()
    if not patterns:
        return lambda task: True
    whole = re.compile("|".join(map(translate, patterns)))
    return lambda task: bool(whole.match(task))


def _ends(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[first:]) for first in range(1, len(parts))]


def _packages(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:last]) for last in range(1, len(parts))]


class Applied:
    """A filter of one capture. `library` names the library that a function is of, and its file or folder."""

    def __init__(self, capture: Capture, filter: Filter, library: Callable[[Label], tuple[str, str]]) -> None:
        self.filter = filter
        self._capture = capture
        matches = {name: matcher(patterns) for name in _BITS if (patterns := getattr(filter, name))}
        labels = [capture.label(index) for index in range(capture.label_count)]
        bits = [sum(_BITS[name] for name, match in matches.items() if match(label)) for label in labels]
        for name in matches:
            if name != "drop" and not any(bit & _BITS[name] for bit in bits):
                wanted = " or ".join(map(repr, getattr(filter, name)))
                raise UsageError(f"--{name}: no function, module or file in {capture.path} is {wanted}")
        libraries = self._libraries(labels, library)
        self._match = ffi.new("uint8_t[]", [*bits, *([0] * 2 * len(set(libraries.values())))])
        self._wanted = sum(_BITS[name] for name in matches)
        self._instead: Any = ffi.NULL
        if libraries:
            self._instead = ffi.new("uint32_t[]", [NO_LABEL] * capture.label_count)
            for index, first in libraries.items():
                self._instead[index] = first

    def _libraries(self, labels: Sequence[Label], library: Callable[[Label], tuple[str, str]]) -> dict[int, int]:
        """By label that is collapsed, the first of the two labels of its library."""
        if not self.filter.collapse:
            return {}
        matches = matcher(self.filter.collapse)
        found, first = {}, {}
        for label in labels:
            if matches(label):
                name, file = library(label)
                if name not in first:
                    first[name] = self._capture.add_library(name, file)
                found[label.index] = first[name]
        return found

    def tree(self, tree: Tree, stacks: Tree | None) -> Tree:
        """What is left of a tree without operations yet; `stacks` are what is left of its whole stacks."""
        return self._made(tree, ffi.NULL, stacks)

    def without_small(self, tree: Tree) -> Tree:
        """A tree with what is smaller than the least charged to callers."""
        if not self.filter.min:
            return tree
        small = ffi.new("uint8_t[]", b"\1" * tree.count)
        for _, measure in recorded_measures(self._capture):
            whole = tree.inclusive(measure.column)[ROOT]
            for node in tree.select(measure.column, -int(-whole * self.filter.min // 100)) if whole else ():
                small[node] = 0
        return self._made(tree, small, None, only_small=True)

    def _made(self, tree: Tree, small: Any, stacks: Tree | None, only_small: bool = False) -> Tree:
        filter = ffi.new("prof_reader_filter *")
        filter.match, filter.small = self._match, small
        if not only_small:
            filter.wanted, filter.instead = self._wanted, self._instead
            filter.merge_recursion = self.filter.merge_recursion
        free, make = lib.prof_reader_tree_free, lib.prof_reader_tree_filter
        above = ffi.NULL if stacks is None else stacks._pointer
        pointer = made(self._capture.path, free, make, tree._reader, tree._pointer, filter, above)
        return Tree(pointer, tree._reader, tree.unfiltered)
