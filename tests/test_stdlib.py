"""The standard library's own tests, with every function probed, give the same results and the same counts.

A few modules always, most with `pytest -m stdlib`, and all with `python tests/stdlib/run.py`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

STDLIB = Path(__file__).parent / "stdlib"
sys.path.append(str(STDLIB))

from modules import MODULES, OPS_CHOSEN, OPS_SMALL, SMALL  # noqa: E402


def check(module: str, *options: str) -> None:
    pytest.importorskip("test.support", reason="this Python was installed without its tests")
    done = subprocess.run(
        [sys.executable, str(STDLIB / "run.py"), *options, module],
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 modules different" in done.stdout


@pytest.mark.parametrize("module", SMALL)
def test_small_modules(module: str) -> None:
    check(module)


@pytest.mark.stdlib
@pytest.mark.parametrize("module", [module for module in MODULES if module not in SMALL])
def test_modules(module: str) -> None:
    check(module)


@pytest.mark.parametrize("module", OPS_SMALL)
def test_operations_of_small_modules(module: str) -> None:
    check(module, "--ops")


@pytest.mark.stdlib
@pytest.mark.parametrize("module", OPS_CHOSEN)
def test_operations_of_modules(module: str) -> None:
    check(module, "--ops")
