"""Test suites of packages that nobody here wrote, under the pytest plugin and beside others.

The suites come from PyPI as source, once; PROF_BENCH_SUITES names a folder that has them already. What is compared is
the processor time of a whole run of pytest: its start, its collection, the tests and what is made of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from math import prod
from pathlib import Path

from attrs import frozen

from benchmarks.contenders import environment
from benchmarks.figures import Result
from benchmarks.rounds import Times, interleave

PLUGIN = ("-p", "prof.tools.integrations.pytest.plugin")
CALM = ("-q", "-x", "-p", "no:cacheprovider", "-W", "ignore", "-o", "addopts=", "-p", "no:randomly")


@frozen
class Suite:
    """A source distribution, where its package lies in it, and tests that need nothing but pytest."""

    package: str
    folder: str
    source: str
    module: str
    tests: tuple[str, ...]


SUITES = (
    Suite("more-itertools", "more_itertools-*", ".", "more_itertools", ("tests/test_recipes.py",)),
    Suite(
        "click", "click-*", "src", "click", ("tests/test_options.py", "tests/test_commands.py", "tests/test_basic.py")
    ),
    Suite(
        "attrs", "attrs-*", "src", "attr", ("tests/test_validators.py", "tests/test_funcs.py", "tests/test_slots.py")
    ),
)
# By figure: the plugins that it needs, and the options.
WAYS: dict[str, tuple[str, tuple[str, ...]]] = {
    "plain": ("", ()),
    "off": ("", PLUGIN),
    "suites": ("", (*PLUGIN, "--prof=ops+memory")),
    "suites-cov": ("pytest_cov", ("-p", "pytest_cov", "--cov={module}", "--cov-report=")),
    "suites-memray": ("pytest_memray", ("-p", "pytest_memray", "--memray")),
}


def fetch(to: Path) -> str:
    """Gets the sources; why not, if they cannot be had."""
    names = [suite.package for suite in SUITES]
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        "--no-binary",
        ":all:",
        "-d",
        str(to),
        *names,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["pip download failed"])[-1]
    for archive in to.glob("*.tar.gz"):
        with tarfile.open(archive) as file:
            file.extractall(to, filter="data")
    return ""


def run(suite: Suite, folder: Path, options: tuple[str, ...], captures: str) -> Callable[[], float]:
    """Processor seconds of one run."""
    chosen = [each.format(module=suite.module) for each in options]
    chosen = [f"{each},{captures}" if each.startswith("--prof=") else each for each in chosen]
    settings = environment() | {
        "PYTHONPATH": os.pathsep.join((str(folder / suite.source), str(Path.cwd()))),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "COVERAGE_FILE": f"{captures}/.coverage",
    }

    def once() -> float:
        command = [sys.executable, "-m", "pytest", *CALM, *chosen, *suite.tests]
        before = os.times()
        done = subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{suite.package}: {' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-1000:]}")
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    return once


def measure(quick: bool) -> Iterator[Result]:
    """Results of the group."""
    with tempfile.TemporaryDirectory(prefix="prof-bench-") as directory:
        given = os.environ.get("PROF_BENCH_SUITES")
        home = Path(given or directory)
        if not given and (why := fetch(home)):
            yield from (Result(name, note=f"not measured: {why}") for name in ("suites", "plugin-off"))
            return
        ways = {name: options for name, (needs, options) in WAYS.items() if not needs or find_spec(needs)}
        every: dict[str, Times] = {}
        for suite in SUITES:
            (folder,) = (path for path in home.glob(suite.folder) if path.is_dir())
            runs = {name: run(suite, folder, options, directory) for name, options in ways.items()}
            every[suite.package] = interleave(runs, 2 if quick else 7)
    for name in ("suites", "suites-cov", "suites-memray"):
        if name in ways:
            yield _slowdown(every, name)
        else:
            yield Result(name, note=f"not measured: {WAYS[name][0]} is not installed")
    yield min(
        (times.result("plugin-off", lambda t: (t.best("off") - t.best("plain")) * 1e3) for times in every.values()),
        key=lambda result: result.value or 0,
    )


def _slowdown(every: dict[str, Times], name: str) -> Result:
    """The geometric mean over the suites, with each of them in the note."""

    def mean(of: list[Times]) -> float:
        return prod(times.best(name) / times.best("plain") for times in of) ** (1 / len(of))

    parts = [mean(list(part)) for part in zip(*(times.parts() for times in every.values()), strict=True)]
    note = ", ".join(f"{suite} {mean([times]):.2f}" for suite, times in every.items())
    return Result(name, mean(list(every.values())), min(parts), max(parts), note)
