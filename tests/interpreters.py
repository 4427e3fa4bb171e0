"""Runs the tests on every supported interpreter of this machine, and names those that are not here.

    python tests/interpreters.py [--full] [VERSION ...]

Each has a virtual environment of its own with an installed wheel, not the editable tree: what users get is tested.
Tests that are marked `once` do not depend on Python's version: one interpreter runs them, with `--full` each. As many
runs go on side by side as there are processors, the longest first; those of tests marked `alone`, which measure, one by
one when all others have ended.

At the end there are the slowest tests and a line for each interpreter. Exit status 1 if a test failed somewhere.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

SUPPORTED = ("3.11", "3.12", "3.13", "3.14", "3.15")
# It runs what is marked `once`, if it is here: most tests run on it. It has both ways to observe functions, and the C
# interface that the core needs on a version that it does not know.
PREFERRED = "3.13"
ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "build" / "tests"
SLOWEST = 20
ALONE = "alone"  # the run of the tests with this mark
# What must be the same where the interpreter compiles to machine code: spans, calls, operations, what others see.
WITH_JIT = (
    "test_counts.py",
    "test_operations.py",
    "test_operations_lives.py",
    "test_sections.py",
    "test_plain_code.py",
)
WITHOUT_JIT = "every_attribute"  # of these: the tests that compile, and run nothing
# What a wheel is not built from: other builds, and what is hidden.
NO_SOURCE = shutil.ignore_patterns(".*", "build", "dist", "tests", "*.so", "*.egg-info", "__pycache__")


@dataclass(frozen=True)
class Test:
    """One test that was run, with its setup and teardown."""

    version: str
    name: str
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What came of a run of pytest."""

    run: Run
    status: int
    seconds: float
    counts: dict[str, int]
    """Of tests by what came of them: `tests`, `failures`, `errors`, `skipped`."""
    tests: list[Test]


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs the tests on every supported interpreter.")
    parser.add_argument("--full", action="store_true", help="what is marked `once` as well, on each")
    parser.add_argument("versions", nargs="*", metavar="VERSION", help=f"some of {', '.join(SUPPORTED)}; default all")
    args = parser.parse_args()
    if unknown := set(args.versions) - set(SUPPORTED):
        parser.error(f"not supported: {', '.join(sorted(unknown))}; known: {', '.join(SUPPORTED)}")
    asked = args.versions or SUPPORTED
    found = {version: python for version in asked if (python := find(version)) is not None}
    ready = dict(installed(found))
    first = PREFERRED if PREFERRED in ready else next(iter(ready), "")
    outcomes = run_all([each for version in ready for each in runs(version, args.full or version == first)])
    report(outcomes, first)
    failed = {version for version in found if version not in ready} | {o.run.version for o in outcomes if o.status}
    missing = [version for version in asked if version not in found]
    print(
        f"tested on {', '.join(ready) or 'none'}; not found here: {', '.join(missing) or 'none'}; "
        f"failed: {', '.join(sorted(failed)) or 'none'}"
    )
    return 1 if failed or not ready else 0


# ---- interpreters --------------------------------------------------------------------------------------------------


def find(version: str) -> str | None:
    """The interpreter of that version: the running one, on PATH, or the newest under pyenv."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    below = sorted(
        pyenv.glob(f"{version}.*/bin/python"), key=lambda p: [int(n) for n in p.parts[-3].split(".") if n.isdigit()]
    )
    on_path = [shutil.which(f"python{version}", path=folder) for folder in os.get_exec_path()]
    for candidate in [*filter(None, on_path), *map(str, reversed(below))]:
        # pyenv's shims are on PATH for versions that are not selected, and then only complain.
        if subprocess.run([candidate, "-c", ""], capture_output=True).returncode == 0:
            return candidate
    return None


def installed(found: dict[str, str]) -> Iterator[tuple[str, str]]:
    """The versions in whose environments the package could be installed; says of the others why not."""
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        installs: dict[str, Future[None]] = {v: pool.submit(install, v, python) for v, python in found.items()}
    for version, done in installs.items():
        error = done.exception()
        if error is None:
            yield version, found[version]
        else:
            output = error.output if isinstance(error, subprocess.CalledProcessError) else ""
            print(f"== Python {version}: not installed: {error}\n{output or ''}", flush=True)


def install(version: str, python: str) -> None:
    """Makes `.venv-VERSION` with the package, as built from this tree and nothing left of an earlier build."""
    venv, work = ROOT / f".venv-{version}", ROOT / "build" / f"wheel-{version}"
    shutil.rmtree(work, ignore_errors=True)
    # From a copy: two builds at a time would write the same files.
    shutil.copytree(ROOT, work / "source", ignore=NO_SOURCE)
    # Warnings of the compiler are errors: here, and not in builds of users, whose compilers may know more of them. Not
    # those in Python's own headers.
    headers = subprocess.check_output(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('include'))"], text=True
    )
    strict = os.environ | {"CFLAGS": f"{os.environ.get('CFLAGS', '')} -Werror -isystem {headers.strip()}"}
    pip = [str(venv / "bin/python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    run(python, "-m", "venv", str(venv))
    run(*pip, "wheel", "--no-deps", "--wheel-dir", str(work), str(work / "source"), env=strict)
    (wheel,) = work.glob("*.whl")
    run(*pip, "install", "--force-reinstall", "--no-deps", str(wheel))
    run(*pip, "install", f"{wheel}[test]")


def run(*command: str, env: dict[str, str] | None = None) -> None:
    print("+", " ".join(command), flush=True)
    subprocess.run(command, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


# ---- tests ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """One run of pytest that is to be done."""

    version: str
    name: str
    length: int
    """About how long, for the order: the longest first."""
    options: tuple[str, ...]
    variables: dict[str, str]


def runs(version: str, once: bool) -> Iterator[Run]:
    """Of that version: the tests, the standard library's, those that measure, and some with the interpreter's JIT."""
    which = "" if once else " and not once"
    library = str(ROOT / "tests" / "test_stdlib.py")
    yield Run(version, "tests", 4 + 4 * once, ("-m", f"not alone{which}", f"--ignore={library}"), {})
    yield Run(version, "library", 3 + once, ("-m", f"not alone{which}", library), {})
    measure = [str(file) for file in sorted((ROOT / "tests").rglob("test_*.py")) if "mark.alone" in file.read_text()]
    yield Run(version, ALONE, 0, ("-m", f"alone{which}", *measure), {})
    if has_jit(version):
        files = [str(ROOT / "tests" / name) for name in WITH_JIT]
        yield Run(version, "jit", 1, ("-k", f"not {WITHOUT_JIT}", *files), {"PYTHON_JIT": "1"})


def run_all(todo: list[Run]) -> list[Outcome]:
    """Does the runs, as many at a time as there are processors; with fewer runs than these, each takes several."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    together = sorted((each for each in todo if each.name != ALONE), key=lambda each: -each.length)
    each_takes = max(1, processors // max(1, len(together)))
    spread = ("-n", str(each_takes), "--dist", "worksteal") if each_takes > 1 else ()
    with ThreadPoolExecutor(max_workers=processors) as pool:
        outcomes = list(pool.map(lambda each: pytest(each, *spread), together))
    return outcomes + [pytest(each) for each in todo if each.name == ALONE]


def has_jit(version: str) -> bool:
    """Whether that interpreter was built with a JIT."""
    ask = "import sys; sys.exit(not (hasattr(sys, '_jit') and sys._jit.is_available()))"
    return subprocess.run([str(ROOT / f".venv-{version}" / "bin/python"), "-c", ask], check=False).returncode == 0


def pytest(todo: Run, *more: str) -> Outcome:
    """Does one run. What it says is shown when it has ended: others run at the same time."""
    program = str(ROOT / f".venv-{todo.version}" / "bin/pytest")
    results = RESULTS / f"{todo.version}-{todo.name}.xml"
    results.unlink(missing_ok=True)
    command = [program, "-q", "-p", "no:cacheprovider", f"--junitxml={results}", *todo.options, *more]
    print(f"== Python {todo.version}, {todo.name}: begins", flush=True)
    began = time.monotonic()
    environment = os.environ | todo.variables
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    seconds, status = time.monotonic() - began, done.returncode
    output = done.stdout.decode(errors="replace")
    print(f"\n== Python {todo.version}, {todo.name}\n+ {' '.join(command)}\n{output}", flush=True)
    suite = ElementTree.parse(results).getroot().find("testsuite") if results.exists() else None
    if suite is None:
        return Outcome(todo, status or 1, seconds, {}, [])
    tests = [
        Test(todo.version, f"{case.get('classname')}::{case.get('name')}", float(case.get("time") or 0))
        for case in suite.iter("testcase")
    ]
    counts = {key: int(suite.get(key) or 0) for key in ("tests", "failures", "errors", "skipped")}
    return Outcome(todo, status, seconds, counts, tests)


def report(outcomes: list[Outcome], first: str) -> None:
    """The slowest tests, and what came of each run."""
    tests = sorted((test for outcome in outcomes for test in outcome.tests), key=lambda test: -test.seconds)
    print(f"\nthe slowest {SLOWEST} tests:")
    for each in tests[:SLOWEST]:
        print(f"  {each.seconds:7.1f} s  {each.version}  {each.name}")
    print()
    for outcome in outcomes:
        counts = ", ".join(f"{count} {key}" for key, count in outcome.counts.items() if count) or "no tests"
        where = f"{outcome.run.version}, {outcome.run.name}{', with what runs once' * (outcome.run.version == first)}"
        print(f"  {outcome.seconds:7.0f} s  Python {where}: {counts}; exit status {outcome.status}")


if __name__ == "__main__":
    sys.exit(main())
