"""Runs the whole test suite on every supported interpreter of this machine, and names those that are not here.

Each has a virtual environment of its own with an installed wheel, not the editable tree: what users get is what is tested.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

SUPPORTED = ("3.11", "3.12", "3.13")
ROOT = Path(__file__).resolve().parent.parent


def find(version: str) -> str | None:
    """The interpreter of that version: the running one, on PATH, or the newest under pyenv."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = sorted(pyenv.glob(f"{version}.*/bin/python"), key=lambda p: [int(n) for n in p.parts[-3].split(".") if n.isdigit()])
    named = shutil.which(f"python{version}")
    for candidate in [*([named] if named else []), *map(str, reversed(candidates))]:
        # pyenv's shims are on PATH for versions that are not selected, and then only complain.
        if subprocess.run([candidate, "-c", ""], capture_output=True).returncode == 0:
            return candidate
    return None


def run(*command: str) -> None:
    print("+", " ".join(command), flush=True)
    subprocess.run(command, cwd=ROOT, check=True)


def test(version: str, python: str) -> None:
    """Installs into `.venv-VERSION` and runs everything there."""
    venv = ROOT / f".venv-{version}"
    pip = [str(venv / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run(python, "-m", "venv", str(venv))
    run(*pip, "--force-reinstall", "--no-deps", ".")
    run(*pip, ".[test]")
    run(str(venv / "bin/pytest"), "-q", "-m", "stdlib or not stdlib", "-p", "no:cacheprovider")


def main() -> int:
    failed, missing = [], []
    for version in SUPPORTED:
        python = find(version)
        if python is None:
            missing.append(version)
            continue
        print(f"== Python {version}: {python}", flush=True)
        try:
            test(version, python)
        except subprocess.CalledProcessError as error:
            print(f"== Python {version}: exit status {error.returncode}", flush=True)
            failed.append(version)
    tested = [version for version in SUPPORTED if version not in missing]
    print(f"tested on {', '.join(tested)}; not found here: {', '.join(missing) or 'none'}; failed: {', '.join(failed) or 'none'}")
    return 1 if failed or not tested else 0


if __name__ == "__main__":
    sys.exit(main())
