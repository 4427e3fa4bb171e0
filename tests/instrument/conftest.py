"""What the tests of `instrument/` share: running the commands as users do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run `instrument` or `uninstrument` in `tmp_path` as its own process."""

    def call(
        action: str, *args: str, stdin: bytes = b"", cwd: Path = tmp_path
    ) -> subprocess.CompletedProcess[bytes]:
        code = f"import sys; from prof.instrument.cli import {action}_main as main; sys.exit(main())"
        command: Sequence[str] = [sys.executable, "-c", code, *args]
        return subprocess.run(command, input=stdin, capture_output=True, cwd=cwd, timeout=120)

    return call
