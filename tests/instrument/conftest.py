"""What the tests of `instrument/` share: running the commands as users do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run `instrument` or `uninstrument` in `tmp_path` as its own process."""

    def call(action: str, *args: str, stdin: bytes = b"", cwd: Path = tmp_path) -> subprocess.CompletedProcess[bytes]:
        code = f"import sys; from prof.instrument.cli import {action}_main as main; sys.exit(main())"
        # As the installed scripts: the current folder is not searched for modules.
        command: Sequence[str] = [sys.executable, "-P", "-c", code, *args]
        return subprocess.run(command, input=stdin, capture_output=True, cwd=cwd, timeout=300)

    return call


@pytest.fixture(scope="session", autouse=True)
def hypothesis_awake() -> None:
    """Hypothesis leaves a callback with the collector at its first run: let that be before any test."""

    @given(st.none())
    def nothing(_: None) -> None: ...

    nothing()
