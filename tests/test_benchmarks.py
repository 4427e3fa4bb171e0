"""The benchmarks run, and give a number or a reason for every figure. Whether the numbers are good is not for tests."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("group", ["calls", "whole", "memory", "start", "off", "probing", "source", "tree", "report"])
def test_each_group_gives_a_number_or_a_reason(group: str, tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    done = run("--quick", "--only", group, "--json", str(file))
    assert done.returncode in (0, 1), done.stdout + done.stderr
    rows = json.loads(file.read_text())
    assert rows
    for row in rows:
        if row["value"] is None:
            assert "not installed" in row["note"] or "needs Python" in row["note"], row
        else:
            assert row["title"] in done.stdout


def test_an_unknown_name_is_a_wrong_call() -> None:
    done = run("--only", "speed")
    assert done.returncode == 2
    assert "speed" in done.stderr and "Traceback" not in done.stderr


def test_verdicts() -> None:
    sys.path.insert(0, str(ROOT))
    try:
        from benchmarks.figures import Figure
    finally:
        sys.path.remove(str(ROOT))
    low, high = Figure("a", "g", "t", must=0.5, aim=0.2), Figure("b", "g", "t", must=10, aim=15, at_least=True)
    assert [low.verdict(v) for v in (0.1, 0.2, 0.3, 0.6, None)] == ["aim", "aim", "must", "MISSED", "-"]
    assert [high.verdict(v) for v in (20, 12, 5)] == ["aim", "must", "MISSED"]
    assert Figure("c", "g", "t").verdict(1.0) == "-"
