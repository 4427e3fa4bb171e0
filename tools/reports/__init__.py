"""How reports are laid out, a file a format: `prof report --format NAME` knows those that are registered here."""

from __future__ import annotations

from prof.errors import UsageError
from prof.tools.reports.format import Format
from prof.tools.reports.html import Html
from prof.tools.reports.json import Json
from prof.tools.reports.jsonl import JsonLines
from prof.tools.reports.markdown import Markdown
from prof.tools.reports.text import Text

__all__ = ["FORMATS", "Format", "register"]

FORMATS: dict[str, type[Format]] = {}


def register(kind: type[Format]) -> None:
    """Adds a format. UsageError where its name is another's."""
    if kind.name in FORMATS:
        raise UsageError(f"format {kind.name!r} is there already")
    FORMATS[kind.name] = kind


# The first is what a report is unless something is asked for.
for _kind in (Text, Json, Html, Markdown, JsonLines):
    register(_kind)
