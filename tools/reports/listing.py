"""A source file with what its lines did in the margin, as text."""

from __future__ import annotations

from collections.abc import Iterator

from prof.tools.analysis.listing import Listing
from prof.tools.screen.tables import NO_LIMIT, Line, fitting, plain, table


def listing_lines(listing: Listing, note: str, styled: bool = True) -> Iterator[Line]:
    """The annotated file."""
    yield [(str(listing.path), "heading"), (f"  {note}", "dim")]
    yield plain()
    for title, text in listing.legend:
        yield [(f"  {title:<9}", "title"), (text, "dim")]
    for title, text in listing.facts:
        yield [(f"  {title:<9}", "title"), (text, "")]
    if not listing.verified:
        yield plain("  ! the capture does not say what the file held: lines may have moved", "warning")
    yield plain()
    yield from table(fitting(listing.columns, NO_LIMIT), NO_LIMIT, styled)
