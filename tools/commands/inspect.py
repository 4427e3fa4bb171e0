"""`prof inspect`: what is in a capture file, for whoever has to find out why a report looks odd."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

from prof.capture import Capture, Chunk, open_capture
from prof.format import CHUNKS
from prof.tools.analysis.fate import FATES, fate
from prof.tools.commands.arguments import add_capture, command, find_capture
from prof.tools.screen.output import width, write_lines
from prof.tools.screen.progress import working
from prof.tools.screen.tables import Column, Line, fitting, plain, table
from prof.tools.screen.units import count, duration, size

EXAMPLES = """
prof inspect app.capture
prof inspect app.capture --chunks   every chunk, not only their sums
"""


def add(commands: Any) -> None:
    """Declares the subcommand."""
    parser = command(commands, "inspect", EXAMPLES)
    add_capture(parser)
    parser.add_argument("--chunks", action="store_true", help="list every chunk")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand."""
    path, note = find_capture(args.capture)
    with open_capture(path) as capture:
        with working(f"Reading {path}"):
            lines = list(_lines(capture, note, args.chunks))
        write_lines(lines, None)
    return 0


def _lines(capture: Capture, note: str, every: bool) -> Iterator[Line]:
    yield [("Capture", "heading"), (f"  {note}", "dim")]
    yield plain()
    for title, text in _facts(capture):
        yield [(f"  {title:<10}", "title"), (text, "")]
    for drop in capture.drops:
        yield [("  ! ", "warning"), (f"{drop.key}: {count(drop.count)} {drop.words}", "warning")]
    yield plain()
    yield from _chunk_table(capture.chunks) if every else _type_table(capture.chunks)
    yield plain()
    yield from _thread_table(capture)
    yield plain()
    for line in json.dumps(capture.meta, indent=2, ensure_ascii=False).splitlines():
        yield plain(line)


def _facts(capture: Capture) -> Iterator[tuple[str, str]]:
    state = FATES.get(fate(capture), "closed")
    yield "format", f"version {capture.version}, {state}{', last chunk cut' if capture.cut else ''}"
    yield "process", str(capture.pid)
    yield "duration", f"{duration(capture.duration_ns)} ({capture.duration_ns:,} ns)"
    calibrated = "" if capture.calibrated else ", not calibrated: times are ticks"
    yield "clock", f"{capture.clock}, {capture.ns_per_tick:.9g} ns a tick{calibrated}"
    yield "probe", f"{capture.probe_cost_ps / 1000:g} ns a call, measured at start"
    yield "size", f"{size(capture.size)} ({capture.size:,} bytes)"
    yield "nodes", count(capture.node_count)
    if capture.traced:
        yield "events", _events(capture)
    yield "labels", count(capture.label_count)


def _events(capture: Capture) -> str:
    events = capture.events()
    assert events is not None
    bytes_each = f", {capture.event_bytes / events.spans:.1f} bytes of file each" if events.spans else ""
    left_open = sum(len(track.open) for track in events.tracks)
    parts = [
        f"{count(events.spans)} spans on {len(events.tracks)} threads{bytes_each}",
        f"{count(left_open)} open" if left_open else "",
        f"{count(len(events.points))} values of metrics" if events.points else "",
        f"{count(events.missing)} spans missing" if events.missing else "",
    ]
    return "; ".join(filter(None, parts))


def _type_name(kind: int) -> str:
    known = kind < len(CHUNKS) and CHUNKS[kind] != "?"
    return CHUNKS[kind] if known else f"type {kind}"


def _table(columns: list[Column]) -> Iterator[Line]:
    return table(fitting(columns, width()), width())


def _type_table(chunks: list[Chunk]) -> Iterator[Line]:
    kinds = sorted({chunk.type for chunk in chunks})
    rows = [[c for c in chunks if c.type == kind] for kind in kinds]
    return _table(
        [
            Column("type", [_type_name(kind) for kind in kinds], "name", left=True),
            Column("chunks", [count(len(row)) for row in rows]),
            Column("records", [count(sum(c.records for c in row)) for row in rows]),
            Column("used", [size(sum(c.used for c in row)) for row in rows]),
            Column("size", [size(sum(c.size for c in row)) for row in rows]),
        ]
    )


def _chunk_table(chunks: list[Chunk]) -> Iterator[Line]:
    return _table(
        [
            Column("offset", [f"{c.offset:,}" for c in chunks]),
            Column("type", [_type_name(c.type) for c in chunks], "name", left=True),
            Column("record", [str(c.record_size) for c in chunks]),
            Column("records", [count(c.records) for c in chunks]),
            Column("used", [f"{c.used:,}" for c in chunks]),
            Column("size", [f"{c.size:,}" for c in chunks]),
            Column("thread", [f"{c.thread:#x}" if c.thread else "-" for c in chunks]),
        ]
    )


def _thread_table(capture: Capture) -> Iterator[Line]:
    threads = capture.threads
    trees = [capture.tree(index) for index in range(len(threads))]
    return _table(
        [
            Column("thread", [str(t.native_id) for t in threads]),
            Column("began", [duration(t.start_ns) for t in threads]),
            Column("alive", [duration(t.alive_ns) for t in threads]),
            Column("inside", [duration(tree.total_ns[0] - tree.self_ns[0]) for tree in trees]),
            Column("nodes", [count(tree.count - 1) for tree in trees]),
            Column("state", ["running" if t.running else "ended" for t in threads]),
            Column("name", [t.name or "-" for t in threads], "name", left=True, stretch=True),
        ]
    )
