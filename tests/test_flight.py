"""The flight recorder: what makes it write a capture of its own while the program goes on, and what is in that."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from prof.capture import open_capture
from prof.errors import UsageError
from prof.runs import newest_run
from prof.settings import Settings, parse
from prof.tools.cli import main

PROGRAM = """
import os, signal, sys, time
import prof
from prof import profiled

@profiled
def fast(): pass

@profiled
def slow(): time.sleep(0.05)

@profiled
def boom(): raise ValueError

@profiled
def work():
    for _ in range(10_000): fast()
    if sys.argv[1] == "slow": slow()
    if sys.argv[1] == "boom":
        try: boom()
        except ValueError: pass
    if sys.argv[1] == "signal": os.kill(os.getpid(), signal.SIGUSR2)
    if sys.argv[1] == "asked": print(prof.dump("because"))
    if sys.argv[1] == "often":
        for _ in range(3): boom_and_go_on()
    for _ in range(10_000): fast()

def boom_and_go_on():
    try: boom()
    except ValueError: pass

work()
"""


def run(folder: Path, how: str, settings: str) -> subprocess.CompletedProcess[str]:
    (folder / "p.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "p.py", how],
        cwd=folder,
        env=os.environ | {"PROF": f"time,{folder},imports=false,{settings}"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize(
    ("how", "dump", "reason"),
    [
        ("slow", "dump=20ms,dump_function=p.slow", "p.slow took longer than 20 ms"),
        ("boom", "dump=exception", "an exception left p.boom"),
        ("signal", "dump=signal:USR2", "SIGUSR2"),
        ("asked", "keep=last", "because"),
    ],
)
def test_a_dump_is_a_capture_of_what_was_before(tmp_path: Path, how: str, dump: str, reason: str) -> None:
    done = run(tmp_path, how, f"trace=64kB,{dump}")
    (path,) = tmp_path.glob("*-dump-1.capture")
    said = [line for line in done.stderr.splitlines() if "-dump-" in line]
    assert said == [f"prof: wrote {path.name}: {reason}; look at it with: prof report {path.name}"]
    assert how != "asked" or done.stdout == f"{path}\n"
    with open_capture(path) as capture:
        assert capture.meta["dump"]["reason"] == reason
        assert not capture.recording
        calls = {f.label.name: f.calls for f in capture.functions(capture.tree())}
        assert calls["p.fast"] == 10_000  # and as many afterwards
        events = capture.events()
        assert events is not None
        (track,) = events.tracks
        names = [events.labels[label].name for label in track.label]
        assert [names[index] for index in sorted(track.open) if names[index].startswith("p.")] == ["p.work"]
        assert names.count("p.fast") > 3_000
        assert sum(count for _, _, count in track.missing) + names.count("p.fast") >= 10_000
    (whole,) = (each for each in tmp_path.glob("*.capture") if each != path)
    with open_capture(whole) as capture:
        assert {f.label.name: f.calls for f in capture.functions(capture.tree())}["p.fast"] == 20_000
    assert newest_run(tmp_path)[0] == [whole]  # a dump is not added to it
    for command in (["report", str(path)], ["inspect", str(path)], ["folded", str(path), "-o", str(tmp_path / "x")]):
        assert main(command) == 0


def test_not_all_of_many_are_written(tmp_path: Path) -> None:
    done = run(tmp_path, "often", "trace=64kB,dump=exception")
    assert len(list(tmp_path.glob("*-dump-*.capture"))) == 1
    assert "2 more dumps were asked for and not written: one in 10 s and 100 in all" in done.stderr


def test_only_functions_that_fit_are_asked(tmp_path: Path) -> None:
    run(tmp_path, "boom", "trace=64kB,dump=exception,dump_function=p.s*")
    assert not list(tmp_path.glob("*-dump-*.capture"))


def test_without_a_recording_it_does_nothing() -> None:
    import prof

    assert prof.dump("nothing") is None


def test_settings_that_are_understood() -> None:
    found: Settings = parse("time,trace=1MB,dump=1.5s+exception,dump_function=app.*,keep=first")
    assert found.trace == 1 << 20
    assert dict(found.dump) == {"longer": 1_500_000_000, "exception": 1}
    assert (found.dump_function, found.keep) == ("app.*", "first")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("time,trace=64", "'64' is not a size such as 500kB, 64MB or 1GB, from 64kB to 16GB"),
        ("time,trace=63kB", "from 64kB to 16GB"),
        ("time,trace=17GB", "from 64kB to 16GB"),
        ("samples,trace=1MB", "is for the mode 'time'"),
        ("time,trace=1MB,clock=cpu", "needs one clock for all threads"),
        ("time,keep=last", "says which spans trace= keeps, which is not given"),
        ("time,trace=1MB,keep=middle", "'middle' is not one of first, last"),
        ("time,dump=1s", "writes what trace= has kept, which is not given"),
        ("time,trace=1MB,dump=soon", "'soon' is none of: a duration such as 200ms, exception, signal:USR2"),
        ("time,trace=1MB,dump=1s+2s", "'1s\\+2s' has two of one kind"),
        ("time,trace=1MB,dump=signal:KILL", "'KILL' is none of the signals USR1, USR2"),
        ("time,trace=1MB,dump=signal:USR2,dump_function=f", "which has no duration and no exception"),
        ("time,trace=1MB,dump=1s,dump_function=", "'' is no pattern"),
    ],
)
def test_mistakes_are_said_in_one_line(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse(text)
