"""Lines of all modes, brought together: what each executed beside what it allocated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import frozen
from prof.capture import Capture, Function, Line, Tree
from prof.counted import Code, Site


@frozen
class SourceLine:
    """A line in a function, by its qualified name, without the module. None is what was not recorded there."""

    file: str
    line: int
    function: str
    memory: Line | None
    executed: Site | None


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
        for code in tree.operations.codes() if tree.operations is not None else ():
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
    """The lines: those that allocated, most bytes first, then the others, most operations first.

    `apart` tells the operations of a line by category.
    """
    executed: dict[tuple[str, int, str], Site] = {}
    if tree.operations is not None:
        for site in tree.operations.sites("line", apart=apart)[0]:
            key = (site.code.file, site.line, names.of_code(site.code))
            executed[key] = site if key not in executed else executed[key].plus(site)
    sampled = [line for line in capture.lines(tree, "samples") if not line.alloc_count]
    for line in [*capture.lines(tree), *sampled]:
        key = (line.label.file, line.label.line, line.label.module)
        yield SourceLine(*key, line, executed.pop(key, None))
    for key, site in executed.items():
        yield SourceLine(*key, None, site)
