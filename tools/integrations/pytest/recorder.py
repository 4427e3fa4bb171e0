"""The plugin of a run in which something is recorded: in each process that runs tests, spans of them; and in the one
that users see, what is made of it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from _pytest.doctest import DoctestItem
from _pytest.runner import runtestprotocol
from prof.errors import ProfError
from prof.tools.integrations.pytest import again, options, results
from prof.tools.integrations.pytest.counts import AGAIN, CALL, name_of
from prof.tools.integrations.pytest.limits import Limits, Record, limits_of
from prof.tools.integrations.pytest.plugin import FIXTURE
from prof.tools.integrations.pytest.recording import Recording, patterns_of, refused

WORKER = "prof_folder"
ANSWER = "prof_left_out"
ALONE = {"detail": "true"}
_TESTS = 50
"""In a capture whose tests are read line by line."""
_HYPOTHESIS = "its examples are chosen by hypothesis"
_BENCHMARK = "pytest-benchmark chooses how often it runs"
_DOCTEST = "a doctest can run only once in a process"
_TWICE = "it does not pass when it is run twice"


class Recorder:
    """Registered where an option, a mark or the fixture asks for it. `asked` says for what."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.order = again.order()
        self.asked = options.asked(config)
        self.left_out: dict[str, str] = {}
        """Tests that are not compared with others, and why."""
        self.passed: set[str] = set()
        self.record = Record()
        """What the fixture gives to the running test."""
        worker = getattr(config, "workerinput", None)
        self.worker = worker is not None
        self.controller = not self.worker and self.order is None
        self._results: results.Results | None = None
        self._recording: Recording | None = None
        self._limits: dict[str, Limits] = {}
        self._alone: set[str] = set()
        self._again = False
        self._counts = True
        """Of a test that is run again, whether this is the run that counts."""
        self._tests = 0
        self._own = ""
        self._captures: list[Path] = []
        """Of workers."""
        self._functions: int | None = None
        if self.order is not None:
            again.obey(config)
        if self.controller:
            self._results = results.Results(self.asked, config)
        self.folder = worker[WORKER] if worker is not None else self._folder()

    @property
    def _whole(self) -> bool:
        """Whether all tests are recorded, and not only those that ask for it themselves."""
        return self.asked.keep or self.asked.page is not None or self.asked.gates or self.order is not None

    @property
    def _twice(self) -> bool:
        return bool(self.order or self.asked.save or self.asked.update or self.asked.verify) and self._whole

    def _folder(self) -> str:
        """Where captures go: where PROF says if they are kept, else to a folder of ours."""
        if self.order is None and self.asked.keep:
            return self.asked.config.settings("none").directory or str(self.config.invocation_params.dir)
        self._own = tempfile.mkdtemp(prefix="prof-pytest-")
        return self._own

    # ---- which tests ----

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """In a fresh process, those that are asked for."""
        if self.order is None:
            return
        if self.order.tests is not None:
            chosen = set(self.order.tests)
            items[:] = [item for item in items if item.nodeid in chosen]
        if self.order.reverse:
            items.reverse()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Gives probes to what is loaded; what is loaded later gets them then."""
        if session.config.option.collectonly or not session.items:
            return
        for item in session.items:
            self._look(item)
        if not self._whole and not self._alone:
            return
        self._recording = Recording(self.asked, self.folder, patterns_of(self.asked, session), self.config.rootpath)

    def _look(self, item: pytest.Item) -> None:
        name = item.nodeid
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            self.left_out[name] = _HYPOTHESIS
        elif isinstance(item, DoctestItem):
            self.left_out[name] = _DOCTEST
        elif "benchmark" in getattr(item, "fixturenames", ()) and hasattr(self.config.option, "benchmark_disable"):
            self.left_out[name] = _BENCHMARK
        limits = limits_of(item)
        if limits.any and name not in self.left_out:
            self._limits[name] = limits
        if name in self._limits or FIXTURE in getattr(item, "fixturenames", ()):
            self._alone.add(name)

    # ---- one test ----

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        """Where counts are compared, each test is run a second time: what only a first run does is not in them."""
        self._begin()
        found = yield
        if self._twice and item.nodeid in self.passed and item.nodeid not in self.left_out:
            self._run_again(item, nextitem)
        return found

    def _run_again(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        self._again = True
        try:
            for left in reversed(range(self.order.times if self.order is not None else 1)):
                self._counts = left == 0
                reports = runtestprotocol(item, log=False, nextitem=nextitem)
                if not all(report.passed for report in reports):
                    self.left_out[item.nodeid] = _TWICE
                    return
        finally:
            self._again, self._counts = False, True

    def _begin(self) -> None:
        """Where tests are read one by one, captures are short: each is read as often as it has tests."""
        if self._recording is None or not self._whole:
            return
        self._tests += 1
        if self._twice and self._tests % _TESTS == 0:
            self._recording.end()
        if not self._recording.runs:
            self._guarded(self._recording.begin)

    def _guarded(self, begin: Any, **more: Any) -> None:
        """A recording that cannot begin ends the run: gates would pass that were never held."""
        try:
            begin(**more)
        except ProfError as error:
            self._recording = None
            raise refused(error) from None

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Fixtures."""
        return (yield from self._spanned("setup", item))

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """The test itself."""
        phase = AGAIN if self._again else CALL
        if item.nodeid not in self._alone or self._recording is None:
            return (yield from self._spanned(phase, item))
        return (yield from self._by_itself(self._recording, phase, item))

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        """The end of fixtures."""
        return (yield from self._spanned("teardown", item))

    def _spanned(self, phase: str, item: pytest.Item) -> Generator[None, object, object]:
        recording = self._recording
        if recording is None or not self._counts or (self._again and phase != AGAIN):
            return (yield)
        span = recording.span(name_of(item.nodeid), phase)
        try:
            return (yield)
        finally:
            if span is not None:
                span.end()

    def _by_itself(self, recording: Recording, phase: str, item: pytest.Item) -> Generator[None, object, object]:
        """A test with limits, or with the fixture: what it holds can only be told from a session of its own."""
        recording.end()
        self._guarded(recording.begin, **ALONE)
        self.record.begin(recording, phase, name_of(item.nodeid))
        try:
            found = yield from self._spanned(phase, item)
            limits = self._limits.get(item.nodeid)
            broken = self.record.broken(limits) if limits is not None else ""
        finally:
            self.record.end()
            recording.end()
            if self._whole:
                self._guarded(recording.begin)
        if broken:
            pytest.fail(broken, pytrace=False)
        return found

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Notes which tests have passed."""
        if report.when == "call" and report.passed and not hasattr(report, "wasxfail"):
            self.passed.add(report.nodeid)
        elif report.failed:
            self.passed.discard(report.nodeid)

    # ---- the end ----

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Ends the recording, and judges, before pytest decides on its exit status."""
        try:
            found = yield
        finally:
            captures = self._end()
        if self.order is not None:
            again.write(self.order.result, results.second_runs(captures, self.passed - self.left_out.keys()))
        elif self._results is not None and not session.config.option.collectonly:
            functions = self._functions if self._recording is None else self._recording.functions
            self._results.settle(session, captures + self._captures, self.passed, self.left_out, functions)
        return found

    def _end(self) -> list[Path]:
        recording = self._recording
        if recording is None:
            return []
        recording.close()
        return recording.captures

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A worker tells what it has recorded."""
        if self.worker and self._recording is not None:
            self.config.workeroutput[ANSWER] = {  # type: ignore[attr-defined]
                "left_out": self.left_out,
                "captures": [str(path) for path in self._recording.captures],
                "functions": self._recording.functions,
            }

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """A worker of pytest-xdist records where we do."""
        node.workerinput[WORKER] = self.folder

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """And tells what came of it."""
        answer = getattr(node, "workeroutput", {}).get(ANSWER)
        if answer is not None:
            self.left_out |= answer["left_out"]
            self._captures += [Path(each) for each in answer["captures"]]
            self._functions = (self._functions or 0) + answer["functions"]

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """What came of it."""
        if self._results is not None:
            self._results.show(terminalreporter)

    def pytest_unconfigure(self) -> None:
        """Nothing is left but what is kept."""
        self._end()
        if self._own:
            shutil.rmtree(self._own, ignore_errors=True)
