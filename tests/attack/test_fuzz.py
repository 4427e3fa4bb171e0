"""Damaged captures through every command: the short campaign. The long one is `python -m tests.attack.fuzz 100000`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("count", "arguments"), [(300, ["1"]), (3000, ["2", "--reader"])], ids=["commands", "reader"])
def test_no_mutant_is_too_much(count: int, arguments: list[str], tmp_path: Path) -> None:
    """In a process of its own, which a mutant may end by a signal."""
    command = [sys.executable, "-m", "tests.attack.fuzz", str(count), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert f"{count:,} mutants" in done.stdout and "\n0 findings" in done.stdout
    read = sum(int(part.rpartition(" ")[2].replace(",", "")) for part in done.stdout.splitlines()[1].split(", ")
               if part.startswith(("report 0", "reader read")))  # fmt: skip
    assert read > count / 4, f"too few mutants are read far: {done.stdout}"
