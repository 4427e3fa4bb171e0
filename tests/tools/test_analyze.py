"""Stack JSON: `prof analyze` and `prof interactive`, of files and of captures."""

from __future__ import annotations

import io
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from prof.capture import open_capture
from prof.tools.cli import main
from test_whole_stacks import capture_of, random_stack


def frames(*names: str) -> list[dict[str, str]]:
    return [{"addr": hex(len(name)), "symbol": name} for name in names]


# As the CPU profiler's README has it.
DOCUMENT = {
    "version": 1,
    "elapsed_seconds": 2.34,
    "total_samples": 400,
    "stacks": [
        {"count": 234, "instructions": 5000, "memory_delta": 1024, "frames": frames("malloc", "work", "main")},
        {"count": 150, "instructions": 3000, "memory_delta": -2048, "frames": frames("work", "work", "main")},
        {"count": 16, "instructions": 0, "memory_delta": 0, "frames": frames("main")},
    ],
}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    found = tmp_path / "app.stacks.json"
    found.write_text(json.dumps(DOCUMENT))
    return found


def rows(text: str, heading: str) -> list[list[str]]:
    """The cells of a table, without its titles."""
    part = text.partition(f"{heading}  all")[2].partition("\n\n")[2].partition("\n\n")[0]
    return [line.split() for line in part.splitlines()][1:]


def test_analyze(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", str(path)]) == 0
    out = capsys.readouterr().out
    assert "2.340 s" in out and "400" in out and "8,000" in out
    assert rows(out, "Hot paths") == [
        ["234", "58.5%", "5,000", "1.0", "KiB", "malloc", "work", "<", "main"],
        ["150", "37.5%", "3,000", "-2.0", "KiB", "work", "work", "<", "main"],
        ["16", "4.0%", "-", "-", "main"],
    ]
    assert [row[:3] for row in rows(out, "Functions")] == [
        ["400", "100.0%", "16"], ["384", "96.0%", "150"], ["234", "58.5%", "234"]
    ]  # fmt: skip
    assert [row[0] for row in rows(out, "Memory")] == ["150", "234"]
    assert [row[0] for row in rows(out, "Instructions")] == ["234", "150"]


def test_a_capture_is_what_its_stack_json_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    stacks = Counter(random_stack(random.Random(n)) for n in range(60))
    Path("app.capture").write_bytes(capture_of(stacks).build())
    assert main(["export", "--format", "stacks-json", "app.capture"]) == 0
    capsys.readouterr()
    shown = []
    for file in ("app.capture", "app.stacks.json"):
        assert main(["analyze", file, "--limit", "0"]) == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]
    with open_capture("app.capture") as capture:
        assert f"{capture.tree().inclusive('samples')[0]:,}" in shown[0]
    # Other commands read its samples.
    for file in ("app.capture", "app.stacks.json"):
        assert main(["analyze", file, "--focus", "f4", "--limit", "0"]) == 0
        assert "app.f4" in capsys.readouterr().out
    assert main(["flamegraph", "app.stacks.json", "-o", "-"]) == 0
    assert "app.f4" in capsys.readouterr().out


def ask(questions: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(questions))
    return main(["interactive", str(path)])


def test_interactive(path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    questions = "top 1\n\ncallers malloc\ncallees m*n\nfolded out\nfunction work\nquit\nsummary\n"
    assert ask(questions, path, monkeypatch) == 0
    out, error = capsys.readouterr()
    assert not error and "Summary" not in out and "prof>" not in out
    assert "Functions  1 of 3 functions" in out and "Callers of malloc" in out and "Callees of main" in out
    # A function that calls itself is one of its own callers.
    found = {" ".join(line.split()) for line in out.splitlines()}
    assert {"234 100.0% work", "384 96.0% work", "384 100.0% main", "150 39.1% work"} <= found
    assert Path("out").read_text() == "main;work;malloc 234\nmain;work;work 150\nmain 16\n"


def test_a_wrong_question_is_one_line(path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    wrong = [
        "calers malloc",
        "callers malok",
        "callers",
        "top many",
        "paths 1 2",
        "callers 'x",
        "folded",
        "folded /no/x",
    ]
    assert ask("\n".join(wrong), path, monkeypatch) == 0  # and the next one is answered
    error = capsys.readouterr().err.splitlines()
    assert len(error) == len(wrong)
    assert "did you mean callers?" in error[0] and "did you mean malloc?" in error[1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"stacks": 7}, "is damaged"),
        ({"total_samples": 7}, "its stacks have 400 samples, and it says 7"),
        ({"stacks": [{"count": 400}]}, "no 'frames'"),
        ({"elapsed_seconds": "long"}, "is damaged"),
    ],
)
def test_damaged(change: dict[str, Any], words: str, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_text(json.dumps({**DOCUMENT, **change}))
    assert main(["analyze", str(path)]) == 3
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


def test_a_capture_without_samples(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from example import example

    (tmp_path / "app.capture").write_bytes(example().build())
    assert main(["analyze", str(tmp_path / "app.capture")]) == 2
    assert "has no samples" in capsys.readouterr().err
