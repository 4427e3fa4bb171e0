"""`prof live`: what a running program does, read by another process."""

from __future__ import annotations

import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from fcntl import ioctl
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from prof.tools.live.readings import read, rows
from prof.tools.live.screen import Screen
from prof.tools.live.threads import Span, Thread
from prof.tools.live.watch import Interval, ProcessNow, Target, Watch
from rich.console import Console

PROF = [sys.executable, "-m", "prof"]
# Does as it is told, a line at a time, and says so.
PROGRAM = """
import os, sys
def leaf():
    pass
def work(times):
    for _ in range(times):
        leaf()
def held():
    print("held", flush=True)
    sys.stdin.readline()
def main():
    print("ready", flush=True)
    while line := sys.stdin.readline().split():
        if line[0] == "work":
            work(int(line[1]))
        elif line[0] == "hold":
            held()
        elif line[0] == "fork":
            child = os.fork()
            if not child:
                work(3)
                os._exit(0)
            os.waitpid(child, 0)
        print("done", flush=True)
main()
"""


class Program:
    """A program that is being recorded."""

    def __init__(self, folder: Path, recorded: bool = True) -> None:
        (folder / "told.py").write_text(PROGRAM)
        command = [*PROF, "run", "--modes", "time", "told.py"] if recorded else [sys.executable, "told.py"]
        self.process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.pid = self.process.pid
        assert self.says() == "ready"

    def says(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def does(self, line: str) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        return self.says()

    def end(self) -> None:
        self.process.stdin.close()  # type: ignore[union-attr]
        self.process.wait(60)
        self.process.stdout.close()  # type: ignore[union-attr]


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    found = Program(tmp_path)
    yield found
    found.end()


def live(*words: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROF, "live", *words], capture_output=True, text=True, timeout=timeout, check=False)


def test_what_two_moments_differ_by_is_what_the_program_did_in_between(program: Program, tmp_path: Path) -> None:
    (capture,) = tmp_path.glob("*.capture")
    program.does("work 10")
    before = read([capture])
    program.does("work 1000")
    after = read([capture])
    found = {row.name: row.calls for row in rows(before, after)}
    assert found["told.leaf"] == 1000 and found["told.work"] == 1
    assert "told.main" not in found  # its call has not ended
    before.close()
    after.close()


def test_objects_have_rates_open_spans_and_who_has_the_lock(program: Program) -> None:
    program.does("work 10")
    assert program.does("hold") == "held"
    found = live(str(program.pid), "--json", "-n", "2", "--interval", "0.1")
    assert found.returncode == 0, found.stderr
    first, second = map(json.loads, found.stdout.splitlines())
    assert first["running"] and second["running"] and second["seconds"] > 0
    assert first["rates"]["time"]["unit"] == "ns"
    (process,) = second["processes"]
    assert process["pid"] == program.pid and process["rss_bytes"] > 1 << 20
    (thread,) = process["threads"]
    assert [span["name"] for span in thread["open"]] == ["told.held", "told.main"]
    assert thread["gil"] is False  # it waits for a line
    program.does("")


def test_a_program_that_is_killed_is_said_to_have_been(program: Program, tmp_path: Path) -> None:
    watch = Watch(Target(next(tmp_path.glob("*.capture"))), lambda _: [], lambda _: [])
    told: list[str] = []

    def wait(_: float) -> bool:
        program.process.send_signal(signal.SIGKILL)
        program.process.wait(60)
        return True

    told = [text for now in watch.intervals(0.1, wait) for text in now.news]
    watch.close()
    assert told == [f"process {program.pid}: killed while recording"]


def test_a_program_that_ends_is_said_to_have_and_so_is_a_child_that_begins(program: Program, tmp_path: Path) -> None:
    watch = Watch(Target(next(tmp_path.glob("*.capture"))), lambda _: [], lambda _: [])
    steps = iter([lambda: program.does("fork"), lambda: program.does("work 5"), program.end])

    def wait(_: float) -> bool:
        next(steps)()
        return True

    found = list(watch.intervals(0.1, wait))
    watch.close()
    assert [now.running for now in found] == [True, True, False]
    news = [text for now in found for text in now.news]
    assert news[-1] == f"process {program.pid}: has ended"
    assert len(list(tmp_path.glob("*.capture"))) == 2
    assert [text for text in news if text.startswith(f"process {program.pid} began")]


def test_what_does_not_record_is_one_line(tmp_path: Path) -> None:
    plain = Program(tmp_path, recorded=False)
    found = live(str(plain.pid))
    plain.end()
    assert found.returncode == 3
    assert found.stderr == f"prof: process {plain.pid} does not record: `prof attach {plain.pid}` begins that\n"
    assert live(str(tmp_path)).returncode == 3
    assert live("--interval", "0").returncode == 2


def on_a_terminal(columns: int, lines: int, *words: str) -> tuple[int, str]:
    descriptor, terminal = pty.openpty()
    ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    started = subprocess.Popen(
        [*PROF, "live", *words], stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
        env=environment | {"TERM": "xterm", "NO_COLOR": "1"},
    )  # fmt: skip
    os.close(terminal)
    text = b""
    while True:
        try:
            part = os.read(descriptor, 65536)
        except OSError:
            break
        if not part:
            break
        text += part
    os.close(descriptor)
    return started.wait(60), text.decode()


def test_a_terminal_that_is_too_small_is_one_line(program: Program) -> None:
    status, text = on_a_terminal(50, 10, str(program.pid))
    assert status == 2
    assert "the terminal has 50×10 characters" in text and "Traceback" not in text


def test_a_terminal_shows_the_functions(program: Program) -> None:
    program.does("work 100")
    assert program.does("hold") == "held"
    status, text = on_a_terminal(100, 30, str(program.pid), "-n", "2", "--interval", "0.1")
    assert status == 0
    assert "Open now" in text and "told.held" in text and "space pauses" in text
    program.does("")


def interval(**more: Any) -> Interval:
    thread = Thread(7, spans=[Span("app.work\x1b[2J", "app.py", 3, 1_000_000)], holds=True)
    process = ProcessNow(4711, "running", 1 << 20, 0.5, [thread], [])
    found: dict[str, Any] = {
        "unix_ns": 0, "seconds": 1.0, "recorded_ns": 10**9, "amounts": [], "rows": [], "row_seconds": 1.0,
        "processes": [process], "thread_names": {7: "MainThread"}, "live_bytes": 0, "dropped": 0, "news": [],
        "running": True,
    }  # fmt: skip
    return Interval(**found | more)


def drawn(screen: Screen) -> str:
    console = Console(width=80, height=24, record=True, file=StringIO())
    console.print(screen.drawn(80, 24))
    return console.export_text()


def test_keys_pause_filter_copy_and_end_the_recording() -> None:
    did: list[str] = []
    screen = Screen(lambda: did.append("copy") or "copied", lambda: did.append("end") or "ended")
    screen.now = interval()
    for key in "/ab\x7fc\r":
        screen.key(key)
    assert screen.filter == "ac" and not screen.typing
    screen.key("s")
    assert did == ["copy"] and "copied" in drawn(screen)
    screen.key("x")
    assert did == ["copy"] and "once more" in drawn(screen)
    screen.key("o")
    screen.key("x")
    screen.key("x")
    assert did == ["copy", "end"]
    screen.key(" ")
    assert screen.paused and "paused" in drawn(screen)
    screen.key("q")
    assert screen.left


def test_a_hostile_name_does_nothing_to_a_terminal() -> None:
    screen = Screen(lambda: "", lambda: "")
    screen.now = interval(news=["began \x1b]0;x\x07"])
    text = drawn(screen)
    assert "app.work" in text and "\x1b" not in text and "\x07" not in text
