"""Lines of the source, of all modes brought together: what each executed beside what it allocated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING

from attrs import Factory, frozen
from prof.capture import Capture, Function, Label, Line, Tree
from prof.counted import Code, Site

if TYPE_CHECKING:
    from prof.tools.analysis.view import View


@frozen
class SourceLine:
    """A line in a function, by its qualified name, without the module. None is what was not recorded there."""

    file: str
    line: int
    function: str
    record: Line | None
    """What the tree holds of it."""
    executed: Site | None
    """What the counters in the bytecode say of it."""
    total: Mapping[str, int] = Factory(dict)
    """What samples found of it and of what it called, by column of the tree."""


def place_words(file: str, line: int) -> str:
    """`file.py:42`, with the folder where the file's name says nothing."""
    path = PurePath(file)
    folder = f"{path.parent.name}/" if path.stem.startswith("__") and path.parent.name else ""
    return f"{folder}{path.name}:{line}"


def place(label: Label) -> str:
    """Likewise, of the label of a line."""
    path = PurePath(label.file)
    alone = path.stem.startswith("__") and path.parent.name and "/" not in label.name
    return f"{path.parent.name}/{label.name}" if alone else label.name


class Names:
    """Functions by file and qualified name: which are the same to a mode that names them so, and where they begin.

    They are those with a label, and `codes`, which modes have met.
    """

    def __init__(self, functions: Sequence[Function], codes: Iterable[Code]) -> None:
        self._modules: dict[str, list[str]] = {}
        self._begins: dict[tuple[str, str], tuple[str, int]] = {}
        for label in (f.label for f in functions if f.label.kind == "function"):
            modules = self._modules.setdefault(label.file, [])
            if label.module not in modules:
                modules.append(label.module)
            self._add(label.name, label.file, label.line)
        for code in codes:
            self._add(code.name, code.file, code.line)

    def _add(self, name: str, file: str, line: int) -> None:
        self._begins.setdefault((file, self.qualified(name, file)), (name, line))

    def qualified(self, name: str, file: str) -> str:
        """A name without its module: `Cart.total` of `shop.Cart.total`."""
        for module in self._modules.get(file, ()):
            if name.startswith(module + "."):
                return name[len(module) + 1 :]
        return name

    def begins(self, function: str, file: str) -> tuple[str, int]:
        """The whole name of a function, and the line it begins at; the qualified name and 0 where that is not known."""
        return self._begins.get((file, function), (function, 0))

    def of_code(self, code: Code) -> str:
        """The qualified name of a code object."""
        return self.qualified(code.name, code.file)


def names_of(tree: Tree, functions: Sequence[Function], modes: Iterable[type[View]]) -> Names:
    """The names of a capture's functions, and of the code objects that the modes know of."""
    return Names(functions, (code for mode in modes for code in mode.codes(tree)))


def merged(
    capture: Capture, tree: Tree, names: Names, modes: Sequence[type[View]], apart: bool = False
) -> Iterator[SourceLine]:
    """The lines: those of the tree, in the order of the modes that they have something of, then those that were only
    executed, then those that only called.

    `apart` tells the operations of a line by category.
    """
    executed: dict[tuple[str, int, str], Site] = {}
    for site in (site for mode in modes for site in mode.sites(tree, apart)):
        key = (site.code.file, site.line, names.of_code(site.code))
        executed[key] = site if key not in executed else executed[key].plus(site)
    totals = {key: total for mode in modes for key, total in mode.line_totals(capture, tree).items()}
    met: set[int] = set()
    for line in (line for mode in modes for line in mode.line_records(capture, tree)):
        if line.label.index not in met:
            met.add(line.label.index)
            key = (line.label.file, line.label.line, line.label.module)
            total = totals.pop((*key[:2], key[2].replace("<locals>.", "")), {})
            yield SourceLine(*key, line, executed.pop(key, None), total)
    for key, site in executed.items():
        yield SourceLine(*key, None, site, totals.pop(key, {}))
    for key, total in totals.items():
        yield SourceLine(*key, None, None, total)
