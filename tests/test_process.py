"""What the process took, read by psutil: `PROF=…,process=true`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prof import process
from prof.errors import UsageError
from recording import Recorded

Run = Callable[..., "subprocess.CompletedProcess[str]"]

PROGRAM = """
import sys, threading
from prof import profiled
@profiled
def f():
    held = open("data", "wb")
    held.write(bytes(5_000_000))
    held.flush()
    block = bytearray(50_000_000)
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    sys.held = held, block, stop, thread
f()
"""


@pytest.fixture
def recorded(run_program: Run, tmp_path: Path, captures: Callable[[], list[Recorded]]) -> Callable[..., Recorded]:
    def run(prof: str, source: str) -> Recorded:
        (tmp_path / "app.py").write_text(source)
        done = run_program(tmp_path / "app.py", PROF=prof)
        assert done.returncode == 0, done.stderr
        (found,) = captures()
        return found

    return run


def test_what_it_took_and_what_it_had(recorded: Callable[..., Recorded]) -> None:
    # A thread that was joined may be there for a moment more.
    source = PROGRAM + "sys.held[2].set(); sys.held[3].join()\n"
    source += "import os, time\nwhile len(os.listdir('/proc/self/task')) > 1: time.sleep(0.001)\n"
    moments = recorded("time,,,,process=true", source).meta["process"]
    start, end = moments["start"], moments["end"]
    assert end["rss_bytes"] - start["rss_bytes"] > 45_000_000
    assert end["user_ns"] + end["system_ns"] >= start["user_ns"] + start["system_ns"] > 0
    assert end["descriptors"] == start["descriptors"] + 1
    assert end["threads"] == start["threads"] == 1
    if "written_bytes" in start:  # as Linux has it
        assert 5_000_000 <= end["written_bytes"] - start["written_bytes"] < 6_000_000


def test_reports_have_it(recorded: Callable[..., Recorded]) -> None:
    capture = recorded("time,,,,process=true", PROGRAM + "sys.held[2].set()").path
    report = [sys.executable, "-m", "prof", "report", "--full", str(capture)]
    wide = {**os.environ, "COLUMNS": "200"}
    text = subprocess.run(report, env=wide, capture_output=True, text=True, check=True).stdout
    (line,) = (line for line in text.splitlines() if line.split()[:1] == ["Process"])
    assert "resident" in line and "descriptors" in line
    found = json.loads(subprocess.run([*report, "--format", "json"], capture_output=True, text=True, check=True).stdout)
    assert found["process"]["end"]["rss_bytes"] > found["process"]["start"]["rss_bytes"] > 0


def test_it_is_not_loaded_unasked(recorded: Callable[..., Recorded]) -> None:
    assert "process" not in recorded("all", PROGRAM + "assert 'psutil' not in sys.modules; sys.held[2].set()").meta


def test_a_system_that_lacks_some_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """As macOS has no I/O of processes, and a container may keep its connections to itself."""
    import psutil

    def refused(self: Any) -> None:
        raise psutil.AccessDenied

    monkeypatch.delattr(psutil.Process, "io_counters")
    monkeypatch.setattr(psutil.Process, "net_connections", refused)
    found = process.read()
    assert found["rss_bytes"] > 0 and found["threads"] > 0
    assert not found.keys() & {"read_bytes", "written_bytes", "disk_read_bytes", "connections"}


def test_without_psutil_it_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)
    with pytest.raises(UsageError, match="process=true needs psutil"):
        process.load()
