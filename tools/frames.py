"""Frames to draw: what flame graphs show, from a capture's tree or from folded stacks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath

from attrs import field, frozen
from prof.capture import Capture, Tree
from prof.errors import InputError
from prof.modes import Mode


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

    `calls` is empty where the source does not know them. `omitted` counts the frames too narrow to draw.
    """

    unit: str
    names: list[FrameName]
    name: list[int] = field(factory=list)
    parent: list[int] = field(factory=list)
    total: list[int] = field(factory=list)
    own: list[int] = field(factory=list)
    calls: list[int] = field(factory=list)
    omitted: int = 0
    skipped_lines: int = 0


ROOT_NAME = FrameName("all", "thread", "")


def frames_of_tree(capture: Capture, tree: Tree, mode: Mode, share: float) -> Frames:
    """The frames of at least `share` (0 to 1) of all. The root is what was inside spans: its own value is nothing."""
    whole = tree.total_ns[0] - tree.self_ns[0]
    shown = tree.select("total_ns", max(1, int(whole * share)))
    at = {node: index for index, node in enumerate(shown)}
    numbers: dict[int, int] = {tree.label[0]: 0}
    names = [ROOT_NAME]
    for node in shown[1:]:
        if tree.label[node] not in numbers:
            numbers[tree.label[node]] = len(names)
            label = capture.label(tree.label[node])
            file = f"{label.file}:{label.line}" if label.file and label.line else label.file
            names.append(FrameName(label.name, label.kind, label.module or label.name.rpartition(".")[0], file))
    return Frames(
        unit=mode.unit,
        names=names,
        name=[numbers[tree.label[node]] for node in shown],
        parent=[at[tree.parent[node]] for node in shown],
        total=[whole, *(tree.total_ns[node] for node in shown[1:])],
        own=[0, *(tree.self_ns[node] for node in shown[1:])],
        calls=[0, *(tree.calls[node] for node in shown[1:])],
        omitted=tree.count - len(shown),
    )


def guess_name(frame: str) -> FrameName:
    """A frame of folded stacks, by how its name looks; `prof` names them so, and others' names are functions."""
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


def frames_of_folded(lines: Iterable[bytes], path: str, share: float) -> Frames:
    """The frames of at least `share` (0 to 1) of all, of `frame;frame N` lines. Lines unlike that are counted.

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
    unit = "ns" if PurePath(path).name.endswith("-time.folded") else ""
    return _prune(trie, unit, share, skipped)


def _prune(trie: _Trie, unit: str, share: float, skipped: int) -> Frames:
    total = trie.totals()
    least = max(1, int(total[0] * share))
    numbers: dict[str, int] = {}
    names = [ROOT_NAME]
    at = {0: 0}
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
            names.append(guess_name(name))
        at[node] = len(found.name)
        found.name.append(numbers[name])
        found.parent.append(at[trie.parent[node]])
        found.total.append(total[node])
        found.own.append(trie.own[node])
    return Frames(unit, names, found.name, found.parent, found.total, found.own, omitted=omitted, skipped_lines=skipped)
