"""What every test gets: proof that nothing was left installed, and ways to record a program here or in a process."""

from __future__ import annotations

import gc
import importlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# What is piped is as wide as its longest line, unless this says otherwise; so wide are the expectations here.
os.environ["COLUMNS"] = "100"

HERE = Path(__file__).resolve().parent
PROGRAMS = HERE / "programs"
collect_ignore = ["programs"]  # some have tests of their own
for folder in (HERE / "oracles", HERE):
    if str(folder) not in sys.path:
        # Before what is installed: IPython brings a package `executing`, and so is one of the oracles called.
        sys.path.insert(0, str(folder))

import skips  # noqa: E402
from recording import Recorded, Recorder  # noqa: E402

# Folders, files and tests that do not depend on Python's version: what reads captures, edits source as text, runs C
# alone or looks at the repository. Not those that compile and run what was edited: each version has syntax of its own.
ONCE = (
    "attack/", "tools/", "test_flight.py", "test_docs.py", "test_skips.py", "test_core.py::test_core",
    *(f"test_benchmarks.py::test_{name}" for name in ("each_group", "an_unknown_name", "verdicts")),
    "test_package.py::test_the_sdist", "test_package.py::test_the_wheel",
    *(f"instrument/test_{name}.py" for name in (
        "cli", "codemod", "commands", "markers", "property", "replace", "rules", "undo",
    )),
    "instrument/test_stdlib.py::test_round_trip_with_sections",
    # Of what begins a program that is not edited: how it is asked for.
    *(f"test_run.py::test_{name}" for name in ("a_mistake", "a_package", "options_count", "what_c", "an_environment")),
    *(f"test_wheels.py::test_{name}" for name in ("the_versions", "each_release")),
    # Programs in C, without Python: extensions are built for each.
    *(f"test_c_api.py::test_{name}" for name in (
        "a_program", "every", "the_header", "the_library", "config", "a_mistake",
    )),
    "test_stdlib.py::test_modules[test_queue]",  # of the standard library's own tests, which waits longest
)  # fmt: skip
# Of these, what runs in an event loop and below other people's frameworks.
EACH = ("tools/test_web.py",)


@pytest.hookimpl(tryfirst=True)  # before pytest selects by marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what runs on one interpreter only."""
    for item in items:
        name = item.nodeid.removeprefix("tests/")
        if name.startswith(ONCE) and not name.startswith(EACH):
            item.add_marker(pytest.mark.once)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skip that nobody meant is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and session.exitstatus == pytest.ExitCode.OK and skips.fails(skips.of_session(reporter)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What was skipped, and why that is right; and what the tests cost, which a busy machine does not change."""
    terminalreporter.write_line(f"{sum(os.times()[:4]):.0f} s of processors")
    if found := skips.of_session(terminalreporter):
        skips.write(terminalreporter, found)


def _installed() -> dict[str, Any]:
    """What a recording could leave behind in this process."""
    from prof import _core, markers

    bootstrap = importlib._bootstrap  # type: ignore[attr-defined]
    found: dict[str, Any] = {
        "recording": _core.lib.prof_recording(),
        "attach": markers._attach,
        # Hypothesis adds one of its own, and keeps it.
        "gc callbacks": [each for each in gc.callbacks if "hypothesis" not in str(getattr(each, "__module__", ""))],
        "import": bootstrap._find_and_load,
        "trace": sys.gettrace(),
        "profile": sys.getprofile(),
        "threads": sorted(thread.name for thread in threading.enumerate()),
    }
    if _core.lib.PROF_QUIRK_MONITORING:
        found["tools"] = [sys.monitoring.get_tool(tool) for tool in range(6)]
    return found


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No recording, hook, tool, callback or thread is there after a test that was not there before it."""
    before = _installed()
    assert not before["recording"]
    yield
    assert _installed() == before
    if "prof._probes" in sys.modules:
        sys.modules["prof._probes"].show_probes(False)


@pytest.fixture(params=["bytecode", "monitoring"])
def engine(request: pytest.FixtureRequest) -> str:
    """Both ways to observe functions, one after the other."""
    from prof._core import lib

    if request.param == "monitoring" and not lib.PROF_QUIRK_MONITORING:
        pytest.skip("sys.monitoring came with Python 3.12")
    name: str = request.param
    return name


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """Records a program's source in this process: `record(source).counts()`."""
    return Recorder(tmp_path, monkeypatch)


@pytest.fixture
def run_program(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a program of tests/programs, or a path, as users run theirs: `run_program("calls.py", PROF="time")`."""

    def run(
        program: str | Path, *args: str, options: tuple[str, ...] = (), timeout: float = 60, **variables: str
    ) -> Any:
        environment = {name: value for name, value in os.environ.items() if name != "PROF"} | variables
        return subprocess.run(
            [sys.executable, *options, str(PROGRAMS / program), *args],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run


@pytest.fixture
def captures(tmp_path: Path) -> Callable[[], list[Recorded]]:
    """The captures that programs left in the test's folder, by name."""
    return lambda: [Recorded(path) for path in sorted(tmp_path.rglob("*.capture"))]
