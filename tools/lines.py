"""A line in a function, and where what it holds belongs."""

from __future__ import annotations

from pathlib import PurePath

from attrs import frozen
from prof.capture import Label, Line, Tree
from prof.counted import Site


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


def place(label: Label) -> str:
    """`file.py:42`, with the folder where the file's name says nothing."""
    path = PurePath(label.file)
    alone = path.stem.startswith("__") and path.parent.name and "/" not in label.name
    return f"{path.parent.name}/{label.name}" if alone else label.name


def own_value(tree: Tree, column: str, node: int) -> int:
    """What a node holds itself: with what the lines directly below it hold, and of a span all of its frames."""
    total, span = tree.inclusive(column), not tree.line[node]
    below = sum(
        total[child] for child in tree.children(node) if tree.line[child] == 0 or (not span and tree.line[child] == 2)
    )
    return int(total[node] - below)
