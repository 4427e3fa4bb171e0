"""`prof bench`: commands in turns, with their captures kept, until the time is known well enough."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from prof.tools.analysis.bench import Bench, Contender, Run
from prof.tools.cli import main
from schema_check import problems

SCHEMAS = {
    name: json.loads((Path(__file__).parents[2] / "tools" / f"{name}_schema.json").read_text())
    for name in ("bench", "diff")
}
PROGRAM = """\
import sys


def work(times):
    found = 0
    for number in range(times):
        found += number
    return found


if __name__ == "__main__":
    work(500)
    if "more" in sys.argv:
        work(100)
    if "wait" in sys.argv:
        __import__("time").sleep(0.05)
    if "fail" in sys.argv:
        sys.exit("it is broken")
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command of a program in the working folder."""
    monkeypatch.chdir(tmp_path)
    Path("program.py").write_text(PROGRAM)
    return [sys.executable, "program.py"]


def test_two_commands_take_turns_and_their_counts_are_exact(
    program: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    rules = ["--fail-on", "calls>0,function=*.work", "--junit", "rules.xml"]
    options = ["-n", "2", "--until", "0", "--warmup", "0", "--modes", "ops", "--out", "kept", "--format", "json"]
    assert main(["bench", *options, *rules, "--", *program, "--vs", "--", *program, "more"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert problems(found, SCHEMAS["bench"]) == [] and problems(found["difference"], SCHEMAS["diff"]) == []
    assert found["captures"] == "kept"
    assert [each["words"][-1] for each in found["commands"]] == ["program.py", "more"]
    for command in found["commands"]:
        assert len(command["runs"]) == 2 and all(run["wall_ns"] > 0 for run in command["runs"])
        walls = sorted(run["wall_ns"] for run in command["runs"])
        assert walls[0] <= command["taken"]["wall_ns"]["mean"] <= walls[1]
    (work,) = (f for f in found["difference"]["functions"] if f["name"].endswith("work"))
    assert work["calls"] == {"before": 1, "after": 2, "change": 1}, "of a run, and the same in both"
    assert [len(list(Path("kept", side).glob("*.capture"))) for side in "ab"] == [2, 2]
    assert 'failures="1"' in Path("rules.xml").read_text()
    # In turns, and every other round the other way round.
    from prof.capture import open_capture

    begins = []
    for path in sorted(Path("kept").glob("*/*.capture")):
        with open_capture(path) as capture:
            begins.append((capture.start_unix_ns, path.parent.name))
    assert [side for _, side in sorted(begins)] == ["a", "b", "b", "a"]
    # And once more, from what was kept.
    assert main(["diff", "kept/a", "--", "kept/b", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["functions"] == found["difference"]["functions"]


def test_by_the_clock_alone_nothing_is_kept(program: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "-n", "2", "--until", "0", "--modes", "none", "--", *program, "--", "more"]) == 0
    text = capsys.readouterr().out
    assert "2 runs" in text and "wall time" in text and "captures:" not in text
    assert "program.py -- more" in text, "what follows belongs to the command"
    assert [path.name for path in Path(".").iterdir() if path.name != "__pycache__"] == ["program.py"]


def test_who_has_enough_keeps_what_there_is(program: list[str]) -> None:
    options = ["-n", "1000", "--until", "0", "--warmup", "0", "--out", "kept", "--format", "json"]
    code = f"import sys; sys.path[:0] = {sys.path!r}; from prof.tools.cli import main; sys.exit(main())"
    words = [sys.executable, "-c", code, "bench", *options, "--", *program, "wait"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as bench:
        deadline = time.monotonic() + 60
        while len(list(Path("kept").glob("a/*.capture"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(bench.pid, signal.SIGINT)
        output, errors = bench.communicate(timeout=60)
    assert bench.returncode == 130, errors
    (command,) = json.loads(output)["commands"]
    assert len(command["runs"]) == len(list(Path("kept").glob("a/*.capture"))) >= 2


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ([], 2, "which command?"),
        (["--"], 2, "which command?"),
        (["python"], 2, "which command?"),
        (["--", "PROGRAM", "--vs"], 2, "--vs: which command?"),
        (["--", "PROGRAM", "--vs", "--"], 2, "which command?"),
        (["--", "PROGRAM", "--vs", "--", "PROGRAM", "--vs", "--", "PROGRAM"], 2, "3 commands: two can be compared"),
        (["--fail-on", "ops>1", "--", "PROGRAM"], 2, "--fail-on compares two commands"),
        (["--fail-on", "tea>1", "--", "PROGRAM"], 2, "no measure 'tea'"),
        (["-n", "0", "--", "PROGRAM"], 2, "-n 0 runs nothing"),
        (["--in", "absent", "--", "PROGRAM"], 3, "absent: no such folder"),
        (["--out", "full", "--", "PROGRAM"], 2, "full is not empty"),
        (["--modes", "tea", "--", "PROGRAM"], 2, "tea"),
        (["--", "./absent"], 3, "./absent cannot be run: No such file"),
        (["--", "PROGRAM", "fail"], 3, "ended with status 1: it is broken"),
        (["--warmup", "0", "--", "true"], 3, "true recorded nothing"),
        (["--warmup", "0", "--", "sh", "-c", "kill -9 $$"], 3, "ended with signal 9"),
    ],
)
def test_what_is_refused(
    program: list[str], capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, words: str
) -> None:
    Path("full").mkdir()
    Path("full", "notes").write_text("mine")
    given = [each for word in arguments for each in (program if word == "PROGRAM" else [word])]
    assert main(["bench", *given]) == status
    captured = capsys.readouterr()
    assert captured.out == "" and words in captured.err and captured.err.count("\n") == 1
    assert Path("full", "notes").read_text() == "mine"


def bench_of(*every: Any) -> Bench:
    found = Bench([Contender((str(index),)) for index in range(len(every))])
    found.runs = [[Run(round(wall * 1e6), 1) for wall in walls] for walls in every]
    return found


def test_it_stops_when_the_time_is_known_well_enough() -> None:
    chance = random.Random(5)
    steady = [100 + chance.gauss(0, 0.2) for _ in range(6)]
    wild = [100 + chance.gauss(0, 20) for _ in range(6)]
    assert bench_of(steady).precise(0.01) and not bench_of(wild).precise(0.01)
    # Of two commands the difference is what is to be known, whether there is one or not.
    assert bench_of(steady, [wall * 1.5 for wall in steady]).precise(0.01)
    assert bench_of(steady, steady[::-1]).precise(0.01)
    assert not bench_of(steady, wild).precise(0.01)
