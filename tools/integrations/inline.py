"""The report of a cell below it: the page in a frame of its own, and in short as text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from prof.errors import InputError, UsageError
from prof.folded import beside
from prof.tools.analysis.report import Report
from prof.tools.reports.asked import WIDTH, format_of, made
from prof.tools.reports.listing import listing_lines
from prof.tools.reports.text import header_lines
from prof.tools.screen.markup import escape
from prof.tools.screen.tables import Line
from prof.tools.screen.units import size

LARGEST = 4 << 20
"""Bytes of a page that is put into the notebook, and so into its file."""
LEAST_PERCENTS = (0.0, 0.1, 1.0)
"""What is left out, in turn, of a page that is larger."""
_FRAME = (
    '<iframe sandbox="allow-scripts" style="width:100%;height:640px;border:1px solid #8884" title="{title}"'
    ' srcdoc="{page}"></iframe>'
)


def bundle(report: Report, cell: str) -> dict[str, str]:
    """What is displayed, by MIME type: frontends take what they can show."""
    text = in_short(report, cell)
    frame = _page(report)
    return {"text/plain": text, "text/html": f"{frame}\n<pre>{escape_lines(text)}</pre>"}


def escape_lines(text: str) -> str:
    """Text for HTML, line by line."""
    return "\n".join(map(escape, text.split("\n")))


def _page(report: Report) -> str:
    for least in LEAST_PERCENTS:
        page = "".join(made(report, format_of("html"), min_percent=least).render(report))
        if len(page) <= LARGEST:
            attribute = page.replace("&", "&amp;").replace('"', "&quot;")
            return _FRAME.format(title=escape(report.summary.name), page=attribute)
    path = Path(beside(report.capture.path, ".html"))
    path.write_text(page, "utf-8")
    return f"<p>The page has {escape(size(len(page)))}, which is too much for a notebook: {escape(str(path))}</p>"


def in_short(report: Report, cell: str) -> str:
    """Where it went, every reason to doubt the numbers, and the cell's lines with what they did."""
    lines = [*header_lines(report.header(), WIDTH, brief=True), *_listing(report, cell)]
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)


def _listing(report: Report, cell: str) -> Iterator[Line]:
    try:
        listing = report.listing(cell)
    except (UsageError, InputError):  # nothing of its lines was recorded
        return
    yield [("", "")]
    yield from listing_lines(listing, "", styled=False)
