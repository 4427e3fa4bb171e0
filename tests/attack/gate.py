"""Whether the gate of the pytest plugin finds faults, names their lines, and raises no false alarm.

    python -m tests.attack.gate faults [PER_KIND]
    python -m tests.attack.gate alarms FOLDER RUNS [ARGUMENTS OF PYTEST ...]

`faults` makes a project with a baseline, puts a fault into each of its modules, and counts those that are found.
`alarms` saves a baseline of a test suite that nothing is changed in, and checks it RUNS times: with other hash seeds,
in random order where pytest-randomly is installed, every third time with pytest-xdist. Status 1 where it fails.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.attack.regressions import Fault, faults

PLUGIN = "prof.tools.integrations.pytest.plugin"
FOUND, NAMED = 59 / 60, 55 / 60
_ALARM = re.compile(r"^(?:FAILED|ERROR) (\S+) - prof: ", re.MULTILINE)
_COMPARED = re.compile(r"^(\d[\d,]*) tests? compared", re.MULTILINE)


def pytest(folder: Path, *arguments: str, plugins: bool = False, seed: int | None = None) -> tuple[int, str]:
    """The status of a run, and what it said."""
    environment = {key: value for key, value in os.environ.items() if key not in ("PROF", "PYTEST_ADDOPTS")}
    environment |= {"PYTHONHASHSEED": "random" if seed is None else str(seed), "COLUMNS": "200"}
    own = ["-p", PLUGIN] if not plugins else []
    if not plugins:
        environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *own, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def project(folder: Path, rows: list[tuple[Fault, int]]) -> None:
    """Modules without their faults, and a test of each."""
    (folder / "pyproject.toml").write_text('[project]\nname = "faults"\nversion = "1"\n')
    tests = []
    for fault, size in rows:
        (folder / f"{fault.name}.py").write_text(fault.before)
        tests.append(f"import {fault.name}\n\n\ndef test_{fault.name}():\n    assert {fault.name}.work({size})\n")
    (folder / "test_faults.py").write_text("\n\n".join(tests))


def verdicts(text: str, rows: list[tuple[Fault, int]]) -> tuple[list[str], list[str]]:
    """The faults that a run has found, and those of which it has named the line first."""
    found, named = [], []
    for fault, _ in rows:
        section = re.search(rf"^_+ test_{fault.name} _+\n(.*?)^(?:___|===)", text, re.MULTILINE | re.DOTALL)
        if section is None or "prof: " not in section[1]:
            continue
        found.append(fault.name)
        lines = re.findall(rf"^    {fault.name}\.py:(\d+)  ", section[1], re.MULTILINE)
        if lines and int(lines[0]) in fault.lines:
            named.append(fault.name)
    return found, named


def run_faults(per_kind: int) -> int:
    """Counts the faults that are found, and those of which the right line is named first."""
    rows = list(faults(per_kind))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project(folder, rows)
        status, text = pytest(folder, "--prof-save")
        if status:
            print(text)
            return 1
        for fault, _ in rows:
            (folder / f"{fault.name}.py").write_text(fault.after)
        _, text = pytest(folder, "--prof-check")
    found, named = verdicts(text, rows)
    print(f"{len(rows)} faults: {len(found)} found, of {len(named)} the line named first")
    for fault, _ in rows:
        if fault.name not in named:
            print(f"  {fault.name}: {'found, another line named' if fault.name in found else 'not found'}")
    return int(len(found) < FOUND * len(rows) or len(named) < NAMED * len(rows))


def run_alarms(folder: Path, runs: int, arguments: list[str]) -> int:
    """Checks what has not changed, and counts what is said to have."""
    status, text = pytest(folder, "--prof-save", "--prof-verify", *arguments, plugins=True, seed=0)
    print("\n".join(text.splitlines()[-12:]))
    if status not in (0, 1):
        return 1
    alarms = compared = 0
    for number in range(1, runs + 1):
        workers = ["-n", "2"] if number % 3 == 0 else []
        _, text = pytest(folder, "--prof-check", *workers, *arguments, plugins=True, seed=number * 17)
        raised = _ALARM.findall(text)
        counted = _COMPARED.search(text)
        compared += int(counted[1].replace(",", "")) if counted else 0
        alarms += len(raised)
        print(
            f"run {number}: {counted[1] if counted else 'no'} tests compared, {len(raised)} alarms {' '.join(raised)}"
        )
    print(f"{runs} runs: {compared:,} tests compared, {alarms} alarms")
    return int(alarms > 0 or not compared)


def main(arguments: list[str]) -> int:
    """The status."""
    match arguments:
        case ["faults", *rest] if len(rest) < 2:
            return run_faults(int(rest[0]) if rest else 6)
        case ["alarms", folder, runs, *rest]:
            return run_alarms(Path(folder), int(runs), rest)
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
