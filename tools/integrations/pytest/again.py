"""Runs tests again in fresh processes, with other hash seeds: what counts are then shows what is reproducible."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from attrs import field, frozen
from prof.tools.integrations.pytest.baseline import Known, as_json, from_json

VARIABLE = "PROF_PYTEST_AGAIN"
_WORDS = 300


@frozen
class Order:
    """What a fresh process is asked for."""

    result: str
    tests: list[str] | None
    """None: all."""
    reverse: bool
    times: int
    """How often each test is run again; the last time counts."""


@frozen
class Outcome:
    """What came of it."""

    seed: int
    tests: dict[str, Known] = field(factory=dict)
    failure: str = ""
    """Why there is nothing."""


def order() -> Order | None:
    """What this process is asked for; None for one that users have begun."""
    text = os.environ.get(VARIABLE)
    if not text:
        return None
    with open(text, encoding="utf-8") as file:
        return Order(**json.load(file))


def obey(config: pytest.Config) -> None:
    """Puts aside what only the first run is to do: reports to files, the cache, other processes, coverage."""
    quiet: dict[str, Any] = {
        "numprocesses": None, "dist": "no", "tx": [], "xmlpath": None, "maxfail": 0, "stepwise": False, "no_cov": True,
        "cov_source": None,
    }  # fmt: skip
    for name, value in quiet.items():
        if hasattr(config.option, name):
            setattr(config.option, name, value)
    for name in ("lfplugin", "nfplugin", "stepwiseplugin"):
        if config.pluginmanager.hasplugin(name):
            config.pluginmanager.unregister(name=name)


def run(
    config: pytest.Config, seed: int, tests: Iterable[str] | None, reverse: bool = False, times: int = 1
) -> Outcome:
    """Runs tests, or all, in one process, each of them and then so often again: what counts is the last time."""
    with tempfile.TemporaryDirectory(prefix="prof-pytest-") as folder:
        place, result = Path(folder, "order.json"), Path(folder, "result.json")
        chosen = None if tests is None else sorted(tests)
        order = {"result": str(result), "tests": chosen, "reverse": reverse, "times": times}
        place.write_text(json.dumps(order), "utf-8")
        done = subprocess.run(
            _command(config),
            cwd=config.invocation_params.dir,
            env=_environment(seed, place),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
        )
        try:
            found = json.loads(result.read_text("utf-8"))
        except (OSError, ValueError):
            return Outcome(seed, failure=f"status {done.returncode}: {_last(done.stderr) or _last(done.stdout)}")
    return Outcome(seed, {name: _answered(*answer) for name, answer in found.items()})


def _answered(entry: dict[str, Any], places: dict[str, tuple[str, int]]) -> Known:
    known = from_json(entry)
    for name, row in known.functions.items():
        row.file, row.line = places[name]
    return known


def write(result: str, tests: dict[str, Known]) -> None:
    """The answer of a fresh process."""
    rows = {
        name: (as_json(known), {each: (row.file, row.line) for each, row in known.functions.items()})
        for name, known in tests.items()
    }
    Path(result).write_text(json.dumps(rows), "utf-8")


def _command(config: pytest.Config) -> list[str]:
    """As this process was begun: `python -m pytest` has the working directory on its path, `pytest` has not."""
    main = getattr(getattr(sys.modules.get("__main__"), "__spec__", None), "name", "")
    flags = [] if str(main).startswith("pytest") else ["-P"]
    extra = ["--no-cov"] if hasattr(config.option, "no_cov") else []
    arguments = [str(each) for each in config.invocation_params.args]
    at = arguments.index("--") if "--" in arguments else len(arguments)
    return [sys.executable, *flags, "-m", "pytest", *arguments[:at], *extra, *arguments[at:]]


def _environment(seed: int, place: Path) -> dict[str, str]:
    dropped = ("PYTEST_XDIST", "PYTEST_CURRENT_TEST", "COV_CORE", "COVERAGE_PROCESS")
    found = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
    return found | {"PYTHONHASHSEED": str(seed), VARIABLE: str(place)}


def _last(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1][:_WORDS] if lines else ""
