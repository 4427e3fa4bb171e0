"""Flame charts: spans in the order of time, by thread. A page that works offline, or an SVG picture."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources

from attrs import frozen
from prof.capture import Label
from prof.tools.analysis.timeline import Timeline, document
from prof.tools.modes import families
from prof.tools.screen.colours import colour, legend
from prof.tools.screen.markup import asset, escape, script_json
from prof.tools.screen.units import count, duration, fit, many

THEME = ""  # the colours of the first mode, which is times
MOST_OF_PAGE = 1_500_000
"""Boxes of a page: some twelve megabytes."""
WIDTH = 1400  # px, of a picture
MOST_OF_PICTURE = 20_000
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
_HEAD, _SPAN, _TOP, _CHARACTER = 20, 17, 74, 7.1  # px

_STYLE = """
svg { background: #fff; font: 11.5px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
text { fill: #1b1b1b; } .title { font: bold 17px system-ui, "DejaVu Sans", sans-serif; }
.words, .track { font: 12.5px system-ui, "DejaVu Sans", sans-serif; } .words { fill: #616a75; }
.tick { stroke: #dfe3e8; } .head { fill: #eef1f5; } .merged { opacity: .6; }
.open { stroke: #7a4b00; stroke-dasharray: 3 2; }
.box:hover { stroke: #000; stroke-width: 1.2; }
"""


@frozen
class Chart:
    """What is drawn, and how it is called."""

    title: str
    timeline: Timeline


def colour_of(label: Label) -> str:
    """The fill of a span, as in the flame graph of times."""
    return colour(label.name, label.kind, label.module, families(THEME))


def notes(found: Timeline) -> list[str]:
    """What is to be said of it."""
    begin, end = found.between
    all_of_it = begin == 0 and end >= found.events.duration_ns
    part = [] if all_of_it else [f"shown is what ran between {duration(begin) if begin else 0} and {duration(end)}"]
    return [*part, *found.notes]


def _legend(found: Timeline) -> list[tuple[str, str]]:
    return legend({label.kind for label in found.events.labels}, families(THEME))


def _asset(name: str) -> str:
    return resources.files("prof.tools.exporters").joinpath(name).read_text("utf-8")


def page(chart: Chart) -> Iterator[str]:
    """The page, in parts."""
    found, title = chart.timeline, escape(chart.title)
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield '<meta name="color-scheme" content="light dark">\n'
    styles = (asset("theme.css"), asset("timeline.css"), _asset("flamechart.css"))
    yield f"<title>{title}</title>\n<style>\n{''.join(styles)}</style>\n"
    threads = many(len(found.rows), "track")
    yield f"</head>\n<body>\n<header>\n<h1>{title} <small>{many(found.spans, 'span')}, {threads}</small></h1>\n"
    yield from (f'<p class="note">{escape(text)}</p>\n' for text in notes(found))
    yield '</header>\n<main>\n<div id="tools"><input id="query" type="search" placeholder="Search names (/)" '
    yield 'title="A regular expression. Enter goes to the next match, Shift+Enter back." aria-label="Search names" '
    yield 'spellcheck="false" autocomplete="off">\n<div id="legend">'
    yield from (f'<span><i style="background:{fill}"></i>{words}</span>' for words, fill in _legend(found))
    yield '</div></div>\n<div id="chart"></div>\n</main>\n<footer><p>'
    yield "Drag to zoom, double-click a span to fill the width, click one to mark its like, click a track to fold it. "
    yield "<kbd>Ctrl</kbd>+wheel, <kbd>+</kbd> <kbd>−</kbd> zoom; <kbd>←</kbd> <kbd>→</kbd> move; "
    yield "<kbd>/</kbd> search, <kbd>Enter</kbd> next match; <kbd>Esc</kbd> all of it.</p>"
    yield '</footer>\n<noscript><p class="note">The chart needs scripts; --format svg is a picture.</p></noscript>\n'
    yield '<script type="application/json" id="data">'
    yield script_json(document(found, colour_of))
    yield "</script>\n"
    for script in (asset("units.js"), asset("shared.js"), asset("timeline.js"), _asset("flamechart.js")):
        yield f"<script>\n{script}</script>\n"
    yield "</body>\n</html>\n"


# ---- the picture ----


def svg(chart: Chart) -> Iterator[str]:
    """The picture, in parts. It has no script: a box says what it is when it is pointed at."""
    found = chart.timeline
    tops, y = [], _TOP + 18 * len(notes(found))
    for row in found.rows:
        tops.append(y)
        y += _HEAD + len(row.items.counts) * _SPAN + 6
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 8}" viewBox="0 0 {WIDTH} {y + 8}">\n'
    yield f"<title>{escape(chart.title)}</title>\n<style>{_STYLE}</style>\n"
    yield '<defs><pattern id="stripes" width="7" height="7" patternUnits="userSpaceOnUse" '
    yield 'patternTransform="rotate(45)">'
    yield '<line x1="0" y1="0" x2="0" y2="7" stroke="#7a4b00" opacity=".6"/></pattern></defs>\n'
    yield f'<text class="title" x="10" y="25">{escape(chart.title)}</text>\n'
    yield from _svg_legend(found)
    for at, text in enumerate(notes(found)):
        yield f'<text class="words" x="10" y="{62 + 18 * at}">{escape(text)}</text>\n'
    yield from _svg_axis(found, (tops or [_TOP])[0] - 12, y)
    for number, top in enumerate(tops):
        yield from _svg_track(found, number, top)
    yield "</svg>\n"


def _svg_legend(found: Timeline) -> Iterator[str]:
    x = 10
    for words, fill in _legend(found):
        yield f'<rect x="{x}" y="35" width="11" height="11" fill="{fill}"/>'
        yield f'<text class="words" x="{x + 16}" y="45">{words}</text>\n'
        x += 30 + 8 * len(words)


def _x(found: Timeline, ns: int) -> float:
    begin, end = found.between
    return 10 + (WIDTH - 20) * min(1.0, max(0.0, (ns - begin) / ((end - begin) or 1)))


def _svg_axis(found: Timeline, y: int, bottom: int) -> Iterator[str]:
    begin, end = found.between
    for part in range(11):
        ns = begin + (end - begin) * part // 10
        x = _x(found, ns)
        yield f'<line class="tick" x1="{x:.1f}" y1="{y}" x2="{x:.1f}" y2="{bottom}"/>'
        if part < 10:
            yield f'<text class="words" x="{x + 3:.1f}" y="{y + 8}">{escape(duration(ns)) if ns else 0}</text>\n'


def _svg_track(found: Timeline, number: int, top: int) -> Iterator[str]:
    row = found.rows[number]
    track, labels = row.track, found.events.labels
    spans = many(track.spans, "span")
    yield f'<rect class="head" x="10" y="{top}" width="{WIDTH - 20}" height="{_HEAD - 3}"/>'
    yield f'<text class="track" x="15" y="{top + 13}">{escape(track.thread)}, {spans}</text>\n'
    open_at = {(track.start_ns[span], track.depth[span]) for span in track.open}
    for depth, items in row.items.rows():
        y = top + _HEAD + depth * _SPAN
        for item in items:
            label = labels[item.label] if item.label < len(labels) else labels[-1]
            x, right = _x(found, item.start_ns), _x(found, item.start_ns + item.duration_ns)
            is_open = (item.start_ns, depth) in open_at
            kind = f"box{' merged' if item.count > 1 else ''}{' open' if is_open else ''}"
            yield f'<g><rect class="{kind}" x="{x:.2f}" y="{y}" width="{max(0.3, right - x):.2f}" height="{_SPAN - 1}" '
            yield f'fill="{colour_of(label)}"><title>{escape(_says(item, label.name, is_open))}</title></rect>'
            name = f"{count(item.count)} spans" if item.count > 1 else label.name
            text = fit(name, int((right - x - 6) / _CHARACTER))
            yield (
                f'<text x="{x + 3:.1f}" y="{y + 12}" pointer-events="none">{escape(text)}</text></g>\n'
                if text
                else "</g>\n"
            )
    for begin, end, missing in track.missing:
        x, right = _x(found, begin), _x(found, end)
        width, height = max(1.0, right - x), len(row.items.counts) * _SPAN
        yield f'<rect x="{x:.2f}" y="{top + _HEAD}" width="{width:.2f}" height="{height}" fill="url(#stripes)">'
        yield f"<title>{many(missing, 'span')} missing here</title></rect>\n"


def _says(item: object, name: str, is_open: bool) -> str:
    start, took, busy, spans = (getattr(item, key) for key in ("start_ns", "duration_ns", "busy_ns", "count"))
    if spans > 1:
        return f"{count(spans)} spans, {duration(busy)} in them; the longest is {name}; after {duration(start)}"
    return f"{name}: {'not ended after ' if is_open else ''}{duration(took)}, after {duration(start)}"
