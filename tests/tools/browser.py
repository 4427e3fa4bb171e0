"""Opens a file in headless Chromium and returns what is there after its scripts ran."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
]  # fmt: skip


def dump_dom(path: Path | str, fragment: str = "", width: int = 1200, virtual: bool = True) -> str:
    """The document's markup once it is loaded at `path#fragment`, or at an address, in a window `width` px wide.

    In `virtual` time it is given two seconds more, which take none; its clock then tells nothing.
    """
    assert CHROMIUM is not None
    address = path if isinstance(path, str) else path.as_uri()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        result = subprocess.run(
            [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", f"--window-size={width},700",
             *(["--virtual-time-budget=2000"] if virtual else []), "--dump-dom", f"{address}#{fragment}"],
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result.stdout
