"""What the middlewares show: the page of a record, the list of all, the form that asks for the secret, and the link."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from prof.capture import Capture, open_capture
from prof.tools.analysis.report import analyse
from prof.tools.integrations.requests import ABOUT
from prof.tools.modes import VIEWS
from prof.tools.reports.asked import format_of, made
from prof.tools.screen.markup import escape
from prof.tools.screen.units import duration, many

PAGE = "page.html"
# The page needs nothing from elsewhere, and tells nobody its address, which has a key in it.
HEADERS = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Robots-Tag", "noindex"),
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; form-action 'self';"
        " frame-ancestors 'none'",
    ),
)
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color-scheme:light dark}"
    "td,th{text-align:left;padding:.1rem 1rem .1rem 0}"
)


def page_of(folder: Path) -> str:
    """The page of a record, which is made once. Raises InputError for a capture that cannot be read."""
    kept = folder / PAGE
    if kept.exists():
        return kept.read_text("utf-8")
    about = json.loads((folder / ABOUT).read_text("utf-8"))
    (path,) = folder.glob("*.capture")
    with open_capture(path) as capture:
        _narrow(capture, about)
        report = analyse(capture, tuple(VIEWS.values()), f"({about['name']})")
        text = "".join(made(report, format_of("html")).render(report))
    part = kept.with_suffix(".part")
    part.write_text(text, "utf-8")
    part.rename(kept)
    return text


def _narrow(capture: Capture, about: dict[str, Any]) -> None:
    """Other requests' work is nothing of this one's page, and what may be theirs is not, either."""
    if about["others"]:
        capture.narrow(about["span"])
        capture.notes.append(
            f"{many(about['others'], 'other request')} ran beside this one: here is what its own thread or task did for"
            " it. Threads and tasks that it started are left out, as they cannot be told from the others'"
        )
    else:
        capture.narrow()
        capture.notes.append(
            "no other request ran meanwhile: here are all spans of the process, those of threads and tasks beside the"
            " request's own"
        )
    if about["cut"]:
        capture.notes.append("the request went on for longer than one is recorded (longest=): its end is missing")


def index(rows: list[tuple[str, dict[str, Any]]], address: Any) -> str:
    """The list of what has been recorded. `address` makes the address of a record's page."""
    found = "".join(
        f"<tr><td>{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(about['began']))}</td>"
        f'<td><a href="{escape(address(name))}">{escape(about["name"])}</a></td>'
        f"<td>{escape(about['status'])}</td><td>{escape(duration(about['ns']))}</td><td>{escape(about['why'])}</td></tr>\n"
        for name, about in rows
    )
    titles = "".join(f"<th>{title}</th>" for title in ("began", "request", "status", "took", "asked by"))
    table = f"<table>\n<tr>{titles}</tr>\n{found}</table>"
    none = "<p>None yet: add <code>?prof</code> to an address of the application.</p>"
    return _document("Recorded requests", table if rows else none)


def form(wrong: bool) -> str:
    """Asks for the secret."""
    said = "<p>That is not the secret.</p>" if wrong else ""
    return _document(
        "Recorded requests",
        f'{said}<form method="post"><label>Secret: <input type="password" name="secret" autofocus></label> '
        "<button>Open</button></form>",
    )


def message(text: str) -> str:
    """A page with one sentence."""
    return _document("Recorded requests", f"<p>{escape(text)}</p>")


def _document(title: str, body: str) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>'
        f"{title}</title><style>{_STYLE}</style></head>\n<body><h1>{title}</h1>\n{body}\n</body></html>\n"
    )
