"""For KCachegrind, QCachegrind and callgrind_annotate: https://valgrind.org/docs/manual/cl-format.html"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import Factory, define
from prof.capture import NO_LABEL, ROOT, Capture, Label, Tree
from prof.modes import Measure
from prof.tools.exporters.export import Export, stacks


@define
class _Function:
    """What a function took itself, by event; and what its calls of others did, by callee."""

    own: list[int]
    calls: dict[int, list[int]] = Factory(dict)
    """The number of calls, then the amounts."""


def render(capture: Capture, measures: Sequence[Measure]) -> Iterator[bytes]:
    """Functions with their calls, an event for each measure. Of recursion, the outermost call has what it took."""
    found = stacks(capture, measures)
    names = [measure.name.replace("-", "_") for each in found for measure in each.measures]
    functions: dict[int, _Function] = {}
    first = 0
    for each in found:
        _add(each.tree, each.measures, functions, first, len(names))
        first += len(each.measures)
    yield f"# callgrind format\nversion: 1\ncreator: prof-instrument\ncmd: {_line(capture.path.name)}\n".encode()
    yield f"positions: line\nevents: {' '.join(names)}\n".encode()
    for index, function in functions.items():
        yield "".join(_function(capture, index, function)).encode("utf-8", "replace")


def _add(tree: Tree, measures: Sequence[Measure], functions: dict[int, _Function], first: int, width: int) -> None:
    """Adds a tree's figures; `first` is where its measures stand among all."""
    own = [tree.column(measure.column) for measure in measures]
    total = [tree.inclusive(measure.column) for measure in measures]
    active: dict[tuple[int, int], int] = {}  # of a call, where its outermost one ends
    for node in range(1, tree.count):
        label = tree.label[node]
        if label == NO_LABEL or tree.line[node] == 1:
            continue
        amounts = functions.setdefault(label, _Function([0] * width)).own
        for at, column in enumerate(own, first):
            amounts[at] += column[node] + _of_lines(tree, column, node)
        above = _above(tree, node)
        if above is None:
            continue
        call = functions.setdefault(above, _Function([0] * width)).calls.setdefault(label, [0] * (1 + width))
        call[0] += tree.calls[node] or 1
        if node >= active.get((above, label), 0):
            active[above, label] = tree.end[node]
            for at, column in enumerate(total, 1 + first):
                call[at] += column[node]


def _above(tree: Tree, node: int) -> int | None:
    """The label of the function around."""
    node = tree.parent[node]
    return None if node == ROOT or tree.label[node] == NO_LABEL else tree.label[node]


def _of_lines(tree: Tree, column: memoryview, node: int) -> int:
    """What the lines directly below hold: it is the function's own."""
    return sum(column[child] for child in tree.children(node) if tree.line[child] == 1)


def _function(capture: Capture, index: int, function: _Function) -> Iterator[str]:
    label = capture.label(index)
    yield f"\n{_named(label, '')}"
    yield f"{label.line} {' '.join(map(str, function.own))}\n"
    for callee, (calls, *amounts) in function.calls.items():
        to = capture.label(callee)
        yield f"{_named(to, 'c')}calls={calls} {to.line}\n{label.line} {' '.join(map(str, amounts))}\n"


def _named(label: Label, kind: str) -> str:
    return f"{kind}fl={_line(label.file) or '???'}\n{kind}fn={_line(label.name)}\n"


def _line(words: str) -> str:
    """A name, in one line."""
    return words.replace("\n", " ").replace("\r", " ")


EXPORT = Export("callgrind", ".callgrind", "KCachegrind and callgrind_annotate", render)
