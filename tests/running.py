"""Runs the commands of this package, as users do, in an environment without a recording."""

from __future__ import annotations

import os
import sys

PROF = (sys.executable, "-m", "prof")


def environment(**more: str) -> dict[str, str]:
    """This process's, without what asks for a recording; and `more`."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PROF")}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1", **more}
