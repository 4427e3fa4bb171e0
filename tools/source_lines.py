"""Lines of all modes, brought together: what each executed beside what it allocated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prof.capture import Capture, Function, Tree
from prof.counted import Code, Site
from prof.tools.lines import SourceLine
from prof.tools.modes import VIEWS


class Names:
    """Functions by file and qualified name: which are the same to a mode that names them so, and where they begin."""

    def __init__(self, tree: Tree, functions: Sequence[Function]) -> None:
        self._modules: dict[str, list[str]] = {}
        self._begins: dict[tuple[str, str], tuple[str, int]] = {}
        for label in (f.label for f in functions if f.label.kind == "function"):
            modules = self._modules.setdefault(label.file, [])
            if label.module not in modules:
                modules.append(label.module)
            self._add(label.name, label.file, label.line)
        for code in (code for view in VIEWS.values() for code in view.codes(tree)):
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


def merged(capture: Capture, tree: Tree, names: Names, apart: bool = False) -> Iterator[SourceLine]:
    """The lines: those of the tree, in the order of the modes that they have something of, then those that were only
    executed.

    `apart` tells the operations of a line by category.
    """
    executed: dict[tuple[str, int, str], Site] = {}
    for site in (site for view in VIEWS.values() for site in view.sites(tree, apart)):
        key = (site.code.file, site.line, names.of_code(site.code))
        executed[key] = site if key not in executed else executed[key].plus(site)
    met: set[int] = set()
    for line in (line for view in VIEWS.values() for line in view.line_records(capture, tree)):
        if line.label.index not in met:
            met.add(line.label.index)
            key = (line.label.file, line.label.line, line.label.module)
            yield SourceLine(*key, line, executed.pop(key, None))
    for key, site in executed.items():
        yield SourceLine(*key, None, site)
