"""`[tool.prof]` of pyproject.toml: `record` is what recordings of a project are told, unless PROF or a flag says
otherwise, `report` what their reports are.

It is looked for where a recording begins: in the folder of the script and those above it, then in the working directory
and those above that. Files without the table are not parsed: that takes a third of what a recording takes to begin.
"""

from __future__ import annotations

import os
import sys

from prof.errors import InputError, UsageError
from prof.settings import Said, check_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

FILE = "pyproject.toml"
TABLE = "[tool.prof.record]"
REPORT = "[tool.prof.report]"


def said(folder: str | None = None) -> list[Said]:
    """What the nearest table says, in a list; an empty one where there is none. `folder`: a script's that does not run
    yet. Raises InputError for a file that is no TOML, and UsageError for a key that there is not."""
    return [_said(path, table) for path, table in tables("record", folder)]


def tables(name: str, folder: str | None = None) -> list[tuple[str, Any]]:
    """The nearest table `[tool.prof.NAME]` and the file that it is in; empty where there is none. Raises InputError for
    a file that is no TOML."""
    for path in _paths(folder):
        text = _read(path)
        if _may_have(text, name) and (table := _table(path, text, name)) is not None:
            return [(path, table)]
    return []


def _paths(first: str | None) -> Iterator[str]:
    """Where the file may lie, the nearest first."""
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    if first is None:
        first = os.path.dirname(os.path.abspath(script)) if isinstance(script, str) else ""
    seen: set[str] = set()
    for folder in (first, _directory()):
        while folder and folder not in seen:
            seen.add(folder)
            yield os.path.join(folder, FILE)
            folder = os.path.dirname(folder)


def _directory() -> str:
    try:
        return os.getcwd()
    except OSError:
        return ""


def _read(path: str) -> bytes:
    try:
        if os.path.isfile(path):  # to open a pipe would be to wait for it
            with open(path, "rb") as file:
                return file.read()
    except OSError:
        pass
    return b""


def _may_have(text: bytes, name: str) -> bool:
    squeezed = text.translate(None, b" \t\"'")
    key = name.encode()
    return b"tool.prof." + key in squeezed or (
        key in squeezed and (b"[tool.prof]" in squeezed or b"[tool]" in squeezed)
    )


def _table(path: str, text: bytes, name: str) -> Any:
    """The table; None where there is none."""
    import tomllib

    try:
        found: Any = tomllib.loads(text.decode())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no TOML: {error}") from None
    for key in ("tool", "prof", name):
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _said(path: str, table: Any) -> Said:
    if not isinstance(table, dict):
        raise UsageError(f"{path}: {TABLE} must be a table")
    texts = {}
    for name, value in table.items():
        check_name(name, f"{path}: {TABLE} ")
        texts[name] = text_of_value(value)
    if "output" in texts:  # beside the file, wherever the program is started
        texts["output"] = os.path.join(os.path.dirname(path), os.path.expanduser(texts["output"]))
    return Said(texts, lambda name, value: f"{path}: {TABLE} {name} = {value!r}: ")


def text_of_value(value: object) -> str:
    """A value as PROF would have it: `true`, `20`, `time+memory`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "+".join(map(str, value))
    return str(value)
