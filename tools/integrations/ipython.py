"""IPython and Jupyter: `%load_ext prof`, `%prof statement` and `%%prof --modes both`."""

from __future__ import annotations

from typing import Any


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext prof`."""


def unload_ipython_extension(shell: Any) -> None:
    """`%unload_ext prof`."""
