"""The recording of a process that runs tests: its sessions, one after the other, and the code that has probes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from prof import engine as engines
from prof.configuration import ProfilerConfig
from prof.errors import ProfError, UsageError
from prof.own_imports import own_imports, own_work
from prof.profiler import Profiler, Span
from prof.tools.integrations.chosen import Chosen, choice_of
from prof.tools.integrations.pytest.options import Asked, own_packages

TITLE = "pytest"


class Recording:
    """Begins with the first test. A test that is measured by itself has a session of its own."""

    def __init__(self, asked: Asked, folder: str, patterns: Sequence[str], root: Path) -> None:
        given = {**asked.config.given(), **({"output": folder} if folder else {})}
        self._config = given
        self.captures: list[Path] = []
        self.functions = 0
        """How many functions were there to be given probes."""
        choice = choice_of(asked.packages or patterns, (), str(root), beside=not asked.packages)
        self._chosen = Chosen(choice)
        self._attached = False
        self._profiler: Profiler | None = None

    @property
    def path(self) -> Path:
        """The capture that is being written."""
        return Path(f"{engines.running().base}.capture")

    @property
    def runs(self) -> bool:
        return self._profiler is not None

    def begin(self, **more: Any) -> None:
        """Begins a session. Raises ProfError."""
        if self._profiler is not None:
            return
        running = engines.running()
        if running is not None:
            raise UsageError(f"this process is recorded already, into {running.base}.capture")
        self._profiler = Profiler(ProfilerConfig(**{**self._config, **more})).start(TITLE, quiet=True)
        self._attach()

    def _attach(self) -> None:
        engine = engines.running().engine
        if self._attached and engine.lasting:
            return
        if self._attached:
            self._chosen.detach()
        with own_work(), own_imports():
            self.functions = self._chosen.attach(engine)
        self._attached = True

    def span(self, name: str, kind: str) -> Span | None:
        """Begins a span of a test; None where nothing records. All are begun here: so each is one in the report."""
        return None if self._profiler is None else self._profiler.span(name, kind).begin()

    def end(self) -> None:
        """Ends the session, if one runs."""
        profiler, self._profiler = self._profiler, None
        if profiler is None:
            return
        for path in profiler.stop():
            if path.suffix == ".capture":
                self.captures.append(path)
            else:
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Ends it all: functions have the code that they had."""
        self.end()
        if self._attached:
            self._chosen.detach()
            self._attached = False


def patterns_of(asked: Asked, session: pytest.Session) -> list[str]:
    """Which modules get probes unless the project says so: its packages, and not its tests."""
    names = list(own_packages(session.config.rootpath))
    found = [pattern for name in names for pattern in (name, f"{name}.*")]
    if asked.tests:
        return found
    modules = {getattr(getattr(item, "module", None), "__name__", "") for item in session.items}
    modules -= {getattr(getattr(item, "dtest", None), "globs", {}).get("__name__", "") for item in session.items}
    conftests: Any = getattr(session.config.pluginmanager, "_conftest_plugins", ())
    modules |= {each.__name__ for each in conftests}
    out = ["tests", "tests.*", "test.*", "*.tests", "*.tests.*", "conftest", "*.conftest"]
    return found + [f"!{pattern}" for pattern in (*out, *sorted(filter(None, modules)))]


def refused(error: ProfError) -> pytest.UsageError:
    """An error as pytest tells it: one line, status 4."""
    return pytest.UsageError(f"prof: {' '.join(str(error).split())}")
