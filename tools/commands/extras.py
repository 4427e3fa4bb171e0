"""Packages that a command needs and that are not installed with the rest."""

from __future__ import annotations

from importlib.util import find_spec

from prof.errors import UsageError


def need(package: str, extra: str, what: str) -> None:
    """Raises UsageError, with the line that installs it, where a package is not there."""
    if find_spec(package) is None:
        raise UsageError(f"{what} needs {package}: pip install 'prof-instrument[{extra}]'")
