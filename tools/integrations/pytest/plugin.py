"""What pytest loads in every run where this project is installed: options, the mark, the fixture. Where nothing of it
is asked for, that is all that is loaded."""

from __future__ import annotations

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from prof.tools.integrations.pytest.limits import Record

NAME = "prof-recorder"
MARK = "prof"
FIXTURE = "prof_record"
DEFAULT = "ops+memory"
PAGE = "prof-pytest.html"
RUNS = "2"
_WORDS = (
    "prof(max_ops, max_calls, max_alloc_bytes, max_peak, max_live_growth): the test fails when its exact counts are"
    ' above these; max_calls={"app.db.*": 3} is of functions by name'
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, in a group of their own."""
    group = parser.getgroup("prof", "exact counts of each test (prof-instrument)")
    add = group.addoption
    add("--prof", nargs="?", const=DEFAULT, metavar="MODES", help=f"record each test; MODES as in PROF ({DEFAULT})")
    add("--prof-page", nargs="?", const=PAGE, metavar="FILE", help="write the page of the recording")
    add("--prof-save", action="store_true", help="write the counts of all tests that pass as the baseline")
    add("--prof-update", action="store_true", help="accept the counts of the tests of this run")
    add(
        "--prof-check",
        nargs="*",
        action="extend",
        metavar="RULE",
        help="fail tests whose counts rose above the baseline by more than a RULE allows ('ops>1%%' 'alloc_bytes>2%%')",
    )
    add(
        "--prof-verify",
        nargs="?",
        const=RUNS,
        metavar="N",
        help="run all again in N fresh processes with other hash seeds, and tell the tests whose counts differ (2)",
    )
    add("--prof-baseline", metavar="FILE", help="the baseline (prof-baseline.json, in the root directory)")


def pytest_configure(config: pytest.Config) -> None:
    """Begins what the options ask for."""
    config.addinivalue_line("markers", _WORDS)
    option = config.option
    asked = (option.prof, option.prof_page, option.prof_check, option.prof_verify)
    if option.prof_save or option.prof_update or any(each is not None for each in asked):
        _start(config)


def _start(config: pytest.Config) -> None:
    from prof.tools.integrations.pytest.recorder import Recorder

    config.pluginmanager.register(Recorder(config), NAME)


def pytest_collection_finish(session: pytest.Session) -> None:
    """A mark or the fixture in use records what it needs, without an option."""
    manager = session.config.pluginmanager
    if not manager.hasplugin(NAME) and any(map(_asks, session.items)):
        _start(session.config)
        manager.get_plugin(NAME).pytest_collection_finish(session)  # type: ignore[union-attr]


def _asks(item: pytest.Item) -> bool:
    if FIXTURE in getattr(item, "fixturenames", ()):
        return True
    return MARK in item.keywords and item.get_closest_marker(MARK) is not None


@pytest.fixture
def prof_record(request: pytest.FixtureRequest) -> Iterator[Record]:
    """What the test has done so far: `.ops`, `.calls("app.db.query")`, `.alloc_bytes`, `.alloc_count`, `.peak`."""
    recorder: Any = request.config.pluginmanager.get_plugin(NAME)
    yield recorder.record
