"""What people read, kept as it was: outputs are compared with the files in `gold/`."""

from __future__ import annotations

import os
from pathlib import Path

GOLD = Path(__file__).parent / "gold"


def check_gold(text: str, name: str) -> None:
    """Compares with a gold file. PROF_GOLD=write refreshes them: read the difference before committing it."""
    path = GOLD / name
    if os.environ.get("PROF_GOLD") == "write":
        GOLD.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8")
