"""Runs the whole test suite on every supported interpreter of this machine, and names those that are not here.

With `--after-make-test` the running interpreter gets only what `make test` leaves out: the standard library's tests.
Each has a virtual environment of its own with an installed wheel, not the editable tree: what users get is tested.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SUPPORTED = ("3.11", "3.12", "3.13")
ROOT = Path(__file__).resolve().parent.parent


def find(version: str) -> str | None:
    """The interpreter of that version: the running one, on PATH, or the newest under pyenv."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = sorted(
        pyenv.glob(f"{version}.*/bin/python"), key=lambda p: [int(n) for n in p.parts[-3].split(".") if n.isdigit()]
    )
    named = shutil.which(f"python{version}")
    for candidate in [*([named] if named else []), *map(str, reversed(candidates))]:
        # pyenv's shims are on PATH for versions that are not selected, and then only complain.
        if subprocess.run([candidate, "-c", ""], capture_output=True).returncode == 0:
            return candidate
    return None


def run(*command: str) -> None:
    print("+", " ".join(command), flush=True)
    subprocess.run(command, cwd=ROOT, check=True)


def install(version: str, python: str) -> None:
    """Makes `.venv-VERSION` with the package, as built from this tree and nothing left of an earlier build."""
    venv = ROOT / f".venv-{version}"
    pip = [str(venv / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for stale in (ROOT / "build").glob("lib*"):
        shutil.rmtree(stale)
    run(python, "-m", "venv", str(venv))
    run(*pip, "--force-reinstall", "--no-deps", ".")
    run(*pip, ".[test]")


def test(version: str, which: str) -> tuple[int, str]:
    """Runs the tests with those marks there; the exit status and what was printed."""
    command = [str(ROOT / f".venv-{version}" / "bin/pytest"), "-q", "-m", which, "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def main() -> int:
    after = sys.argv[1:] == ["--after-make-test"]
    found = {version: find(version) for version in SUPPORTED}
    missing = [version for version, python in found.items() if python is None]
    tested = [version for version in SUPPORTED if version not in missing]
    failed = []
    for version in tested:
        install(version, str(found[version]))
    which = {
        version: "stdlib" if after and found[version] == sys.executable else "stdlib or not stdlib"
        for version in tested
    }
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        running = {version: pool.submit(test, version, which[version]) for version in reversed(tested)}
        for version, result in running.items():
            status, output = result.result()
            print(f"== Python {version}: {found[version]}, {which[version]}\n{output}", end="")
            print(f"== Python {version}: exit status {status}", flush=True)
            if status:
                failed.append(version)
    print(
        f"tested on {', '.join(tested) or 'none'}; not found here: {', '.join(missing) or 'none'}; "
        f"failed: {', '.join(failed) or 'none'}"
    )
    return 1 if failed or not tested else 0


if __name__ == "__main__":
    sys.exit(main())
