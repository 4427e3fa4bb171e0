"""Frames to draw: what flame graphs show, from a capture's tree or from folded stacks."""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import evolve, field, frozen
from prof.capture import Capture, Tree
from prof.errors import InputError
from prof.modes import Measure
from prof.text import printable


@frozen
class FrameName:
    """What a frame is of. `kind` is one of `prof.capture.KINDS`; `module` decides its colour."""

    name: str
    kind: str
    module: str
    where: str = ""


@frozen
class Frames:
    """Frames as columns, a parent before its children; frame 0 is the root. Values are in `unit`.

    `counts` is empty where the source does not know them; `counted` is what they are of, one and many. `omitted`
    counts the frames too narrow to draw. `theme` is the name of a measure, which decides the colours, or empty.
    """

    unit: str
    names: list[FrameName]
    name: list[int] = field(factory=list)
    parent: list[int] = field(factory=list)
    total: list[int] = field(factory=list)
    own: list[int] = field(factory=list)
    counts: list[int] = field(factory=list)
    omitted: int = 0
    skipped_lines: int = 0
    theme: str = ""
    counted: tuple[str, str] = ("call", "calls")


ROOT_NAME = FrameName("all", "thread", "")


def _counts(capture: Capture, tree: Tree, measure: Measure) -> tuple[memoryview | None, tuple[str, str]]:
    """What is counted beside the measure, by node: of times the calls, of bytes the allocations in the subtree."""
    if measure.beside is None or not capture.recorded(measure.beside[0]):
        return None, ("call", "calls")
    column, *counted = measure.beside
    # Calls are shown of a context alone, amounts of all below it.
    return (tree.calls if column == "calls" else tree.inclusive(column)), (counted[0], counted[1])


def frames_of_tree(capture: Capture, tree: Tree, measure: Measure, share: float) -> Frames:
    """The frames of at least `share` (0 to 1) of all. The root is what was inside spans, and what lines outside of them
    hold: its own value is nothing."""
    own, total = tree.column(measure.column), tree.inclusive(measure.column)
    counts, counted = _counts(capture, tree, measure)
    whole = total[0] - own[0]
    shown = tree.select(measure.column, max(1, int(whole * share)))
    at = {node: index for index, node in enumerate(shown)}
    numbers: dict[int, int] = {tree.label[0]: 0}
    names = [ROOT_NAME]
    for node in shown[1:]:
        if tree.label[node] not in numbers:
            numbers[tree.label[node]] = len(names)
            label = capture.label(tree.label[node])
            file = f"{label.file}:{label.line}" if label.file and label.line else label.file
            if label.kind == "line":
                file = " in ".join(filter(None, (label.module, file)))
            names.append(FrameName(label.name, label.kind, label.module or label.name.rpartition(".")[0], file))
    return Frames(
        unit=measure.unit,
        names=names,
        name=[numbers[tree.label[node]] for node in shown],
        parent=[at[tree.parent[node]] for node in shown],
        total=[whole, *(total[node] for node in shown[1:])],
        own=[0, *(own[node] for node in shown[1:])],
        counts=[] if counts is None else [0, *(counts[node] for node in shown[1:])],
        omitted=len(tree.select(measure.column, 1)) - len(shown),
        theme=measure.name,
        counted=counted,
    )


def guess_name(frame: str, lines: bool = False) -> FrameName:
    """A frame of folded stacks, by how its name looks; `prof` names them so, and others' names are functions.

    `lines`: the stacks may end in lines.
    """
    if lines and re.search(r"[^.]:\d+$", frame):
        return FrameName(frame, "line", frame.rpartition(":")[0])
    for prefix, kind in (("profile!", "section"), ("import ", "import"), ("gc ", "gc")):
        if frame.startswith(prefix):
            return FrameName(frame, kind, "")
    module = frame.rpartition(".")[0] or re.split(r"[:`(/]", frame, maxsplit=1)[0]
    return FrameName(frame, "function", module)


class _Trie:
    """Folded stacks, merged. `children` has a dictionary a node, by name."""

    def __init__(self) -> None:
        self.children: list[dict[str, int]] = [{}]
        self.name = [""]
        self.parent = [0]
        self.own = [0]

    def add(self, stack: list[str], value: int) -> None:
        node = 0
        for frame in stack:
            below = self.children[node].get(frame)
            if below is None:
                below = len(self.name)
                self.children[node][frame] = below
                self.children.append({})
                self.name.append(frame)
                self.parent.append(node)
                self.own.append(0)
            node = below
        self.own[node] += value

    def totals(self) -> list[int]:
        total = self.own.copy()
        for node in range(len(total) - 1, 0, -1):
            total[self.parent[node]] += total[node]
        return total


def frames_of_folded(lines: Iterable[bytes], path: str, share: float, measure: Measure | None = None) -> Frames:
    """The frames of at least `share` (0 to 1) of all, of `frame;frame N` lines. Lines unlike that are counted.

    `measure` is what the figures are, where that is known.

    Raises InputError when no line is like that.
    """
    trie, skipped, used = _Trie(), 0, 0
    for line in lines:
        stack, _, figure = line.strip().rpartition(b" ")
        try:
            value = round(float(figure)) if b"." in figure else int(figure)
        except (ValueError, OverflowError):
            skipped += bool(line.strip())
            continue
        if not stack or value < 0:
            skipped += 1
            continue
        trie.add(stack.decode("utf-8", "replace").split(";"), value)
        used += 1
    if not used:
        raise InputError(f"{path} is neither a capture nor folded stacks: no line of it is like `main;work 42`")
    return _prune(trie, measure, share, skipped)


def _prune(trie: _Trie, measure: Measure | None, share: float, skipped: int) -> Frames:
    total = trie.totals()
    least = max(1, int(total[0] * share))
    numbers: dict[str, int] = {}
    names = [ROOT_NAME]
    at = {0: 0}
    unit, theme = (measure.unit, measure.name) if measure else ("", "")
    found = Frames(unit, names, [0], [0], [total[0]], [trie.own[0]])
    omitted = 0
    for node in range(1, len(total)):
        # A trie's nodes are not in depth-first order, but a parent still comes first.
        if total[node] < least or trie.parent[node] not in at:
            omitted += 1
            continue
        name = trie.name[node]
        if name not in numbers:
            numbers[name] = len(names)
            names.append(guess_name(printable(name), lines=unit != "ns" and measure is not None))
        at[node] = len(found.name)
        found.name.append(numbers[name])
        found.parent.append(at[trie.parent[node]])
        found.total.append(total[node])
        found.own.append(trie.own[node])
    return evolve(found, omitted=omitted, skipped_lines=skipped, theme=theme)
