"""The standard library's own tests, with every function probed: `python tests/stdlib/run.py [--ops] [MODULE ...]`.

Each module runs plain and probed, in a process and a folder of its own, and must give the same results; and the calls
of each function must be those that the interpreter's own hooks count. With `--ops` it is the operations: how often each
instruction ran. Exit status 1 if anything differs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parent.parent / "oracles"))  # which modules.py asks for quirks

from modules import DIFFERENT, MODULES, NOT_COUNTED, NOT_EXACT, OPS, SLOW, SMALL

ONE = Path(__file__).resolve().parent / "one.py"
OUTCOMES = ("ran", "failures", "errors", "skipped", "unexpected")
# Nothing may be healed or lost, whatever a program does. Spans of threads that never end may be open.
NEVER = ("healed", "folded_size", "lost_labels", "lost_counts")


def run_one(module: str, mode: str, folder: Path) -> dict[str, Any]:
    """What one.py writes; or only "failed", with the end of what it said."""
    work = folder / mode
    work.mkdir()
    out = folder / f"{mode}.json"
    command = [sys.executable, str(ONE), module, mode, str(out)]
    try:
        done = subprocess.run(
            command, cwd=work, capture_output=True, text=True, errors="replace", timeout=600, check=False
        )
    except subprocess.TimeoutExpired:
        return {"failed": "no end after 600 s"}
    if not out.exists():
        return {"failed": f"status {done.returncode}: {done.stderr[-2000:]}"}
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def outcome(found: dict[str, Any], skip: frozenset[str]) -> dict[str, Any]:
    return {
        key: value if isinstance(value, int) else [t for t in value if not skip & {t.split(" ")[0], module_of(t)}]
        for key, value in found.items()
        if key in OUTCOMES
    }


def module_of(test: str) -> str:
    return test.split(".")[1] if test.count(".") else test


def check(module: str, ops: bool = False) -> tuple[list[str], dict[str, Any]]:
    """What differs, one line each, and the numbers of the probed run."""
    modes = ("ops", "executed") if ops else ("probed", "counted")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with ThreadPoolExecutor() as pool:  # side by side: some modules do little but wait
            plain, counted = pool.map(lambda mode: run_one(module, mode, folder), ("plain", modes[1]))
        if "failed" in plain or "failed" in counted:
            return [
                f"{mode}: {found['failed']}"
                for mode, found in (("plain", plain), (modes[1], counted))
                if "failed" in found
            ], counted
        expected = frozenset(DIFFERENT.get(module, {}))
        probed = counted
        if outcome(plain, expected) != outcome(counted, expected):
            probed = run_one(module, modes[0], folder)  # was it the probes, or the hook that counts?
        wrong = [probed["failed"]] if "failed" in probed else []
        for key in OUTCOMES:
            one, other = outcome(plain, expected).get(key), outcome(probed, expected).get(key)
            if one != other and isinstance(one, list) and isinstance(other, list):
                wrong.append(f"{key}: +{sorted(set(other) - set(one))} -{sorted(set(one) - set(other))}")
            elif one != other:
                wrong.append(f"{key}: {one} plain, {other} probed")
        wrong += differences(module, counted, ops)
        wrong += [f"{key}: {count}" for key, count in counted["drops"].items() if key in NEVER]
    return wrong, counted


def differences(module: str, found: dict[str, Any], ops: bool) -> list[str]:
    """Of the numbers; without those that are declared."""
    silent = NOT_COUNTED.get(module, ())
    if not ops:
        return [f"calls {d}" for d in found["differences"] if not d[2].startswith(silent)]
    declared = (*NOT_EXACT.get("", ()), *NOT_EXACT.get(module, ()), *(f"test.{module}.{name}" for name in silent))
    wrong = [d for d in found["differences"] if not d.startswith(declared)]
    return wrong + [f"inexact: {name}" for name in found["inexact"] if not name.startswith(declared)]


def main(names: list[str]) -> int:
    ops = "--ops" in names
    names = [name for name in names if name != "--ops"]
    names = list(SMALL) if names == ["--small"] else names or [*(OPS if ops else (*MODULES, *SLOW))]
    kinds = ("codes", "static", "dynamic") if ops else ("calls", "resumes", "compared")
    total = dict.fromkeys(("modules", "ran", *kinds), 0)
    bad = 0
    for module in names:
        wrong, found = check(module, ops)
        bad += bool(wrong)
        total["modules"] += 1
        for key in total:
            total[key] += found.get(key, 0)
        told = ", ".join(f"{found.get(kind):,} {kind}" for kind in kinds if kind in found)
        print(
            f"{module}: {found.get('ran')} tests, {told}, {found.get('seconds')} s, "
            f"drops {found.get('drops')}: {'DIFFERENT' if wrong else 'same'}"
        )
        for line in wrong[:20]:
            print(f"    {line}")
        sys.stdout.flush()
    print(f"{sys.version.split()[0]}: {total}, {bad} modules different")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
