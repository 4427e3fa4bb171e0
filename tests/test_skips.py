"""In CI a skip that nobody meant is a failure, and says so."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import pytest
import skips


def test_in_ci_only_what_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    meant, other = Counter({"root may write anywhere": 2}), Counter({"needs Chromium": 1})
    monkeypatch.setenv("CI", "true")
    assert (skips.fails(meant), skips.fails(other), skips.fails(Counter())) == (False, True, False)
    monkeypatch.delenv("CI")
    assert not skips.fails(other)


def test_reasons_are_counted_and_written() -> None:
    reports = [
        SimpleNamespace(longrepr=("a.py", 1, f"Skipped: {reason}")) for reason in ("root may write anywhere", "x")
    ]
    lines: list[tuple[str, bool]] = []
    reporter = SimpleNamespace(
        stats={"skipped": reports},
        section=lambda title: None,
        write_line=lambda text, red: lines.append((text.strip(), red)),
    )
    skips.write(reporter, skips.of_session(reporter))
    assert lines[0] == ("1 root may write anywhere: in a container tests run as root", False)
    assert lines[1][0].startswith("1 x: NOT MEANT") and lines[1][1]
