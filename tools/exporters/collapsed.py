"""Folded stacks, as `prof folded` writes them: for flamegraph.pl, inferno and whatever else reads them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence

from prof.capture import Capture
from prof.modes import Measure
from prof.tools.exporters.export import Export, stacks


def render(capture: Capture, measures: Sequence[Measure]) -> Iterator[bytes]:
    """A line for each stack, of the first measure: a line has one number."""
    of = stacks(capture, measures[:1])[0]
    with tempfile.TemporaryFile() as file:
        capture.write_folded(of.tree, of.measures[0].column, file.fileno())
        file.seek(0)
        yield from file


EXPORT = Export("collapsed", ".folded", "flamegraph.pl, inferno; the first measure, as prof folded writes it", render)
