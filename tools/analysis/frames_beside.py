"""Frames of two sides as one tree: what differential flame graphs show.

A context is the same on both sides if it goes through the same functions from the outermost on. Figures are of a run:
of several runs a side, the mean.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import Factory, frozen
from prof.capture import Capture, Tree
from prof.modes import Measure
from prof.tools.analysis.frames import ROOT_NAME, FrameName, frames_of_tree

GROWN, FALLEN, NEW, GONE, SAME = "grown", "fallen", "new", "gone", "same"
STILL = 0.01
"""A change of less than this part is none that a picture shows."""


@frozen
class FramesBeside:
    """Frames as columns, a parent before its children; frame 0 is the root. Values are in the measure's unit, a pair of
    before and after for each frame."""

    measure: Measure
    names: list[FrameName]
    name: list[int] = Factory(list)
    parent: list[int] = Factory(list)
    total: list[tuple[int, int]] = Factory(list)
    own: list[tuple[int, int]] = Factory(list)
    omitted: int = 0

    def change(self, frame: int) -> str:
        """What became of a frame."""
        before, after = self.total[frame]
        if not before or not after:
            return NEW if after else GONE if before else SAME
        if abs(after - before) <= STILL * max(before, after):
            return SAME
        return GROWN if after > before else FALLEN


def beside(before: tuple[Capture, int], after: tuple[Capture, int], measure: Measure, share: float) -> FramesBeside:
    """The frames with at least `share` (0 to 1) of all of either side; each side is a capture, and of how many runs."""
    names: list[FrameName] = [ROOT_NAME]
    numbers: dict[tuple[str, str], int] = {(ROOT_NAME.kind, ROOT_NAME.name): 0}
    found = FramesBeside(measure, names, [0], [0], [(0, 0)], [(0, 0)])
    at: dict[tuple[int, int], int] = {}
    omitted = 0
    for side, (capture, runs) in enumerate((before, after)):
        frames = frames_of_tree(capture, _tree(capture, measure), measure, share)
        omitted += frames.omitted
        known = [0]
        _put(found, 0, side, frames.total[0], 0, runs)
        for frame in range(1, len(frames.name)):
            name = frames.names[frames.name[frame]]
            key = _kind(name.kind), name.name
            if key not in numbers:
                numbers[key] = len(names)
                names.append(name)
            place = known[frames.parent[frame]], numbers[key]
            index = at.get(place)
            if index is None:
                index = at[place] = len(found.name)
                found.name.append(place[1])
                found.parent.append(place[0])
                found.total.append((0, 0))
                found.own.append((0, 0))
            known.append(index)
            _put(found, index, side, frames.total[frame], frames.own[frame], runs)
    return FramesBeside(measure, names, found.name, found.parent, found.total, found.own, omitted)


def _tree(capture: Capture, measure: Measure) -> Tree:
    return capture.tree_of(capture.tree(), measure.column)


def _kind(kind: str) -> str:
    """With a probe and without, it is the same function."""
    return "function" if kind == "frame" else kind


def _put(found: FramesBeside, frame: int, side: int, total: int, own: int, runs: int) -> None:
    """Adds to a frame: of a function that has a probe in some calls only, there may be two."""
    for column, value in ((found.total, total), (found.own, own)):
        pair = list(column[frame])
        pair[side] += round(value / runs)
        column[frame] = pair[0], pair[1]


def laid_out(frames: FramesBeside, side: int) -> tuple[list[int], list[int]]:
    """Where each frame begins in one side's unit, and how deep it is. Siblings stand in the order of their names."""
    children: dict[int, list[int]] = {}
    for frame in range(1, len(frames.name)):
        children.setdefault(frames.parent[frame], []).append(frame)
    left, depth = [0] * len(frames.name), [0] * len(frames.name)
    waiting = [0]
    while waiting:
        parent = waiting.pop()
        x = left[parent]
        for frame in sorted(children.get(parent, ()), key=lambda f: (frames.names[frames.name[f]].name, f)):
            left[frame], depth[frame] = x, depth[parent] + 1
            x += frames.total[frame][side]
            waiting.append(frame)
    return left, depth


def common(before: Capture, after: Capture, measures: Sequence[Measure]) -> list[Measure]:
    """The measures that both sides have."""
    return [measure for measure in measures if before.recorded(measure.column) and after.recorded(measure.column)]
