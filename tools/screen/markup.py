"""What is put into HTML and SVG: text of which nothing may be taken for markup, data, and the words of numbers."""

from __future__ import annotations

import json
from importlib import resources

from prof.text import shown


def escape(text: str) -> str:
    """Text for XML, in elements and attributes. What XML cannot hold is not printable."""
    return shown(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def script_json(value: object) -> str:
    """JSON for a script element, as ASCII: no "<" can end the element, and no "]]>" a CDATA section."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c").replace(">", "\\u003e")


def units_script() -> str:
    """What turns numbers into text in a browser, as `units.py` does here: a script that others build on."""
    return asset("units.js")


def asset(name: str) -> str:
    """A style or a script that pages share."""
    return resources.files("prof.tools.screen").joinpath(name).read_text("utf-8")
