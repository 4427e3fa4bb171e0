"""The `[tool.prof]` table of the nearest pyproject.toml that has one.

    [tool.prof]
    include = ["src/*"]             # globs, relative to this pyproject.toml; a file must match one
    exclude = ["tests", "*_pb2.py"] # globs; wins over include
    sections = ["loops"]            # what --sections gives on the command line

    [tool.prof.skip]                # more rows for the table of rules
    fastmath = ["mylib.compiled"]   # decorators, by dotted name
    hot = { functions = ["Vec3.*"], reason = "called too often to time" }

Tables this file does not know belong to others and are left alone; other unknown keys are mistakes.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from attrs import frozen
from prof.errors import InputError, UsageError

from .rules import RULES, Rule
from .sections import KINDS

_KEYS = ("include", "exclude", "sections", "skip")
_RULE_KEYS = ("decorators", "functions", "reason", "nested")


@frozen
class Settings:
    """What pyproject.toml says. `root`, to which its globs are relative, is its folder; None: no table."""

    root: Path | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    sections: frozenset[str] = frozenset()
    rules: tuple[Rule, ...] = RULES


@cache
def load(folder: Path) -> Settings:
    """The settings for files in `folder`, absolute. Raises `InputError` or `UsageError` for a bad table."""
    for candidate in (folder, *folder.parents):
        file = candidate / "pyproject.toml"
        try:
            content = file.read_bytes()
        except OSError:
            continue
        if b"tool" not in content or b"prof" not in content:
            continue
        try:
            table = tomllib.loads(content.decode()).get("tool", {}).get("prof")
        except ValueError as e:
            raise InputError(f"{file}: not valid TOML: {e}") from None
        if table is not None:
            return parse(table, file)
    return Settings()


def parse(table: object, file: Path) -> Settings:
    """Check and convert one `[tool.prof]` table of `file`."""
    if not isinstance(table, dict):
        raise UsageError(f"{file}: [tool.prof] must be a table")
    for key, value in table.items():
        if key not in _KEYS and not isinstance(value, dict):
            raise UsageError(f"{file}: [tool.prof] has no key {key!r}; known: {', '.join(_KEYS)}")
    wanted = _strings(table, "sections", file)
    for kind in wanted:
        if kind not in KINDS:
            raise UsageError(f"{file}: [tool.prof] sections: {kind!r} is not one of {', '.join(KINDS)}")
    return Settings(
        root=file.parent,
        include=_strings(table, "include", file),
        exclude=_strings(table, "exclude", file),
        sections=frozenset(wanted),
        # The project's own rows come first: they may name more precisely what a built-in row would catch.
        rules=(*_rules(table.get("skip", {}), file), *RULES),
    )


def _rules(skip: object, file: Path) -> list[Rule]:
    if not isinstance(skip, dict):
        raise UsageError(f"{file}: [tool.prof.skip] must be a table of name = [decorators]")
    rules = []
    for name, row in skip.items():
        where = f"{file}: [tool.prof.skip] {name}"
        if isinstance(row, list):
            row = {"decorators": row}
        if not isinstance(row, dict) or set(row) - set(_RULE_KEYS):
            known = ", ".join(_RULE_KEYS)
            raise UsageError(f"{where}: expected a list of decorators, or a table with {known}")
        reason, nested = row.get("reason", f"rule {name} of {file.name}"), row.get("nested", False)
        if not isinstance(reason, str) or not isinstance(nested, bool):
            raise UsageError(f"{where}: reason is a string, nested is true or false")
        decorators, functions = (_strings(row, key, file) for key in ("decorators", "functions"))
        rules.append(Rule(name, reason, decorators, functions, nested))
    return rules


def _strings(table: Mapping[str, Any], key: str, file: Path) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise UsageError(f"{file}: {key} must be a list of strings")
    return tuple(value)
