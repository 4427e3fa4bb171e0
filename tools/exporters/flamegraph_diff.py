"""Differential flame graphs: one SVG file with the frames of before and after, whose widths are those of either.

Red is more than before, blue is less; what is new and what is gone have colours of their own. As a picture alone,
without its script, it has the widths of after.
"""

from __future__ import annotations

from collections.abc import Iterator

from prof.tools.analysis.frames import Frames
from prof.tools.analysis.frames_beside import FramesBeside, laid_out
from prof.tools.exporters.flamegraph import Picture, Sides, svg
from prof.tools.screen.colours import change_colour, change_legend


def svg_beside(frames: FramesBeside, picture: Picture) -> Iterator[str]:
    """The picture, in parts."""
    columns = []
    for side in (0, 1):
        left, depth = laid_out(frames, side)
        columns.append((left, [total[side] for total in frames.total], [own[side] for own in frames.own]))
    after = Frames(
        unit=frames.measure.unit,
        names=frames.names,
        name=frames.name,
        parent=frames.parent,
        total=columns[1][1],
        own=columns[1][2],
        omitted=frames.omitted,
        theme=frames.measure.name,
    )
    fills = [change_colour(frames.change(frame), *frames.total[frame]) for frame in range(len(frames.name))]
    yield from svg(after, picture, Sides(columns[1][0], depth, fills, change_legend(), columns))
