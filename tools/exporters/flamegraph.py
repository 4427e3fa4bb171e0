"""Flame graphs: one SVG file that works offline, with its script inside (`flamegraph.js`).

Without the script (in a page's <img>) it is still a picture: frames are placed in per cent of the width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import resources

from attrs import frozen
from prof.modes import MEASURES
from prof.tools.analysis.frames import Frames
from prof.tools.modes import families
from prof.tools.screen.colours import colour, legend
from prof.tools.screen.markup import escape, script_json, units_script
from prof.tools.screen.units import amount, fit, many

ROW = 18  # px, a frame and the gap below it
TOP = 76  # px, above the frames
BOTTOM = 14
CHARACTER = 7.22  # px, of the 12 px monospaced font
NOMINAL_WIDTH = 1200  # px, where the viewer's is not known

_STYLE = """
svg { background: #fff; font: 12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
text { fill: #1b1b1b; }
#title { font: bold 17px system-ui, "DejaVu Sans", sans-serif; }
#details, #matched, .legend, .button text { font: 13px system-ui, "DejaVu Sans", sans-serif; }
.button { cursor: pointer; } .button rect { fill: #eef0f3; stroke: #c6cad1; } .button:hover rect { fill: #dfe3e9; }
#frames rect { cursor: pointer; stroke-width: .6; } #frames rect:hover { stroke: #000; stroke-width: 1.2; }
#frames text { pointer-events: none; } #frames .above { opacity: .45; }
#frames .match { fill: #d414c4; } #frames .match + text { fill: #fff; }
#query { width: 100%; height: 24px; box-sizing: border-box; border: 1px solid #c6cad1; border-radius: 4px;
  padding: 0 6px; font: 13px system-ui, sans-serif; }
"""


@frozen
class Picture:
    """How to draw. `width` is in px, None for the viewer's; `icicle` hangs the root from the top."""

    title: str
    icicle: bool = False
    width: int | None = None


@frozen
class Sides:
    """What a differential picture has beside the frames of after: where these stand, a colour each with what colours
    mean, and for before and after the left ends, totals and own values."""

    left: Sequence[int]
    depth: Sequence[int]
    fills: Sequence[str]
    legend: Sequence[tuple[str, str]]
    columns: Sequence[tuple[Sequence[int], Sequence[int], Sequence[int]]]


def place(frames: Frames) -> tuple[list[int], list[int]]:
    """Where each frame begins, in its unit, and how deep it is. Siblings stand in the order of their names."""
    children: dict[int, list[int]] = {}
    for frame in range(1, len(frames.name)):
        children.setdefault(frames.parent[frame], []).append(frame)
    left, depth = [0] * len(frames.name), [0] * len(frames.name)
    for parent in range(len(frames.name)):
        x = left[parent]
        for frame in sorted(children.get(parent, ()), key=lambda f: (frames.names[frames.name[f]].name, f)):
            left[frame], depth[frame] = x, depth[parent] + 1
            x += frames.total[frame]
    return left, depth


def svg(frames: Frames, picture: Picture, sides: Sides | None = None) -> Iterator[str]:
    """The picture, in parts; of a differential one, `frames` are those of after."""
    left, depth = (sides.left, sides.depth) if sides is not None else place(frames)
    rows = max(depth) + 1
    height = TOP + rows * ROW + BOTTOM
    width = str(picture.width) if picture.width else "100%"
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'data-height="{height}">\n<title>{escape(picture.title)}</title>\n<style>{_STYLE}</style>\n'
    )
    yield '<g id="frames">\n'
    own = families(frames.theme)
    fills = (
        sides.fills
        if sides is not None
        else [colour(frames.names[n].name, frames.names[n].kind, frames.names[n].module, own) for n in frames.name]
    )
    yield from _frames(frames, left, depth, rows, picture, fills)
    yield '</g>\n<g id="head">\n'
    key = sides.legend if sides is not None else legend({n.kind for n in frames.names}, own)
    yield from _head(frames, picture, key)
    yield "</g>\n<script><![CDATA[\n"
    data = {
        "unit": frames.unit,
        "names": [[n.name, n.where, n.kind] for n in frames.names],
        "frames": list(zip(frames.name, left, depth, frames.total, frames.own,
                           frames.counts or [0] * len(left), frames.parent, strict=True)),
        "counted": frames.counted,
        "character": CHARACTER,
        "icicle": picture.icicle,
        "sides": sides.columns if sides is not None else None,
    }  # fmt: skip
    yield f"const DATA = {script_json(data)};\n"
    yield units_script()
    yield resources.files("prof.tools.exporters").joinpath("flamegraph.js").read_text("utf-8")
    yield "]]></script>\n</svg>\n"


def _head(frames: Frames, picture: Picture, key: Sequence[tuple[str, str]]) -> Iterator[str]:
    note = whole(frames)
    if frames.omitted:
        note += f"; without {narrow(frames)}"
    yield f'<rect width="100%" height="{TOP - 2}" fill="#fff" fill-opacity=".93"/>\n'
    yield f'<text id="title" x="10" y="25">{escape(picture.title)}</text>\n'
    yield f'<text id="details" x="10" y="66" data-note="{escape(note)}">{escape(note)}</text>\n'
    x = 10
    for words, fill in key:
        yield f'<rect x="{x}" y="36" width="11" height="11" fill="{fill}"/>'
        yield f'<text class="legend" x="{x + 16}" y="46">{words}</text>\n'
        x += 30 + 8 * len(words)
    yield '<text id="matched" x="99%" y="66" text-anchor="end"></text>\n'
    yield '<g id="controls" visibility="hidden"></g>\n'


def narrow(frames: Frames) -> str:
    """What was left out."""
    return f"{many(frames.omitted, 'frame')} too narrow to draw"


def whole(frames: Frames) -> str:
    """All of it with its unit; of a count, what is counted, where that is known."""
    measure = MEASURES.get(frames.theme)
    return amount(frames.total[0], measure.title if measure is not None and not measure.unit else frames.unit)


def _frames(
    frames: Frames, left: Sequence[int], depth: Sequence[int], rows: int, picture: Picture, fills: Sequence[str]
) -> Iterator[str]:
    whole = frames.total[0] or 1
    nominal = picture.width or NOMINAL_WIDTH
    for frame, number in enumerate(frames.name):
        row = depth[frame] if picture.icicle else rows - 1 - depth[frame]
        y = TOP + row * ROW
        x, width = 100 * left[frame] / whole, 100 * frames.total[frame] / whole
        pixels = width / 100 * nominal
        # A border would hide what is hardly wider.
        border = ' stroke="#fff"' if pixels > 3 else ""
        yield f'<g><rect x="{x:.4f}%" y="{y}" width="{width:.4f}%" height="{ROW - 1}" fill="{fills[frame]}"{border}/>'
        letters = int((pixels - 6) / CHARACTER)
        text = fit(frames.names[number].name, letters)
        yield f'<text x="{x:.4f}%" dx="3" y="{y + 13}">{escape(text)}</text></g>\n' if text else "</g>\n"


def summary(frames: Frames, path: object) -> str:
    """What was drawn, for standard error."""
    drawn = f"{many(len(frames.name), 'frame')} of {whole(frames)}" if frames.total[0] else "nothing to draw"
    left_out = f", without {narrow(frames)}" if frames.omitted else ""
    skipped = f", skipping {many(frames.skipped_lines, 'line')} like no stack" if frames.skipped_lines else ""
    return f"{path}: {drawn}{left_out}{skipped}"
