"""The gate of the pytest plugin against faults, two of each kind; `python -m tests.attack.gate faults` has more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_fault_of_each_kind_is_found_and_its_line_named() -> None:
    command = [sys.executable, "-m", "tests.attack.gate", "faults", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
