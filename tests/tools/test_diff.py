"""`prof diff`: what differs, what may not be compared, and rules that end with status 1."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from capture_files import MEMORY_MODE, File
from example import example, memory_example, ops_alone, ops_example
from gold_files import check_gold
from prof.capture import newest_capture
from prof.errors import UsageError
from prof.tools.analysis.gate import parse_rule
from prof.tools.cli import main
from prof.tools.modes import comparable
from schema_check import problems
from test_operations import SHOP

SCHEMA = json.loads((Path(__file__).parents[2] / "tools" / "diff_schema.json").read_text())

Run = Callable[..., str]


def more() -> File:
    """The example, with more to do: a few more tokens, a function that is gone, one that moved."""
    file = ops_example(memory_example())
    main_thread = file.threads[0].nodes
    main_thread[3].counts[0].counters[0] += 300
    main_thread[4].calls += 300
    main_thread[4].counts[0].counters[0] += 200
    main_thread[9].calls = 0
    file.labels[2].line = 26
    file.codes[2].line += 6
    for instruction in file.codes[2].instructions:
        instruction.line += 6
        instruction.end_line = 0
    file.threads[1].nodes[3].alloc = (5, 4 * (1 << 20) + 512)
    return file


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `prof diff` beside captures, and returns its standard output; the error is in `run.error`."""
    monkeypatch.chdir(tmp_path)
    files = {
        "base": ops_example(memory_example()),
        "again": ops_example(memory_example()),
        "more": more(),
        "ops": ops_alone(),
        "inexact": ops_alone(exact=False),
        "memory": ops_example(memory_example()),
        "time": example(),
    }
    other = files["other"] = ops_alone()
    files["memory"].modes = MEMORY_MODE
    assert other.meta is not None
    other.meta["python"] = "3.12.1"
    for name, file in files.items():
        Path(f"{name}.capture").write_bytes(file.build())

    def run(before: str, after: str, *arguments: str, status: int = 0) -> str:
        assert main(["diff", f"{before}.capture", f"{after}.capture", *arguments]) == status
        captured = capsys.readouterr()
        run.error = captured.err  # type: ignore[attr-defined]
        return captured.out

    return run


def test_gold(run: Run) -> None:
    rules = ["--fail-on", "ops>0.01%", "--fail-on", "alloc_bytes>1000", "--fail-on", "calls>0,function=app.*"]
    text = run("base", "more", *rules, status=1)
    assert max(map(len, text.splitlines())) <= 100
    check_gold(text, "diff.txt")
    assert run.error == "prof: more.capture breaks 2 of 3 rules: ops>0.01%, calls>0,function=app.*\n"  # type: ignore[attr-defined]


def test_no_difference(run: Run) -> None:
    text = run("base", "again", "--fail-on", "ops>0", "--fail-on", "calls>0%,function=*")
    check_gold(text, "diff-none.txt")
    document = json.loads(run("base", "again", "--format", "json"))
    assert problems(document, SCHEMA) == []
    assert document["same"] and document["functions"] == document["lines"] == document["calls"] == []


def test_json_keeps_its_schema(run: Run) -> None:
    document = json.loads(
        run("base", "more", "--format", "json", "--fail-on", "ops>1%", "--fail-on", "ops>9", status=1)
    )
    assert problems(document, SCHEMA) == []
    assert [(rule["rule"], rule["passed"]) for rule in document["rules"]] == [("ops>1%", True), ("ops>9", False)]
    assert document["measures"] == ["ops", "alloc_bytes", "alloc_count", "calls"]
    token = next(f for f in document["functions"] if f["name"] == "app.parse.Parser.token")
    # 6 operations of each call, and 3 more where the test holds... which it does for 200 of 300.
    assert token["calls"]["change"] == 300
    assert token["ops"]["change"] == sum(f["ops_total"] for f in functions("more", "token")) - sum(
        f["ops_total"] for f in functions("base", "token")
    )
    moved = [line for line in document["lines"] if line["function"] == "app.load"]
    assert moved == [], "lines that only moved do not differ"
    assert {"function": "app.parse.Parser.feed", "callee": ".token", "status": "changed"}.items() <= document["calls"][
        0
    ].items()


def functions(capture: str, end: str) -> list[Any]:
    assert main(["report", f"{capture}.capture", "--format", "json", "-o", "x.json"]) == 0
    return [f for f in json.loads(Path("x.json").read_text())["functions"] if f["name"].endswith(end)]


def test_the_other_way_round(run: Run) -> None:
    there = json.loads(run("base", "more", "--format", "json"))
    back = json.loads(run("more", "base", "--format", "json", "--fail-on", "ops>0", "--fail-on", "alloc_bytes>0%"))
    for key, number in there["totals"].items():
        assert back["totals"][key] == {
            "before": number["after"],
            "after": number["before"],
            "change": -number["change"],
        }
    assert [f["name"] for f in back["functions"]] == [f["name"] for f in there["functions"]]
    assert all(rule["passed"] for rule in back["rules"]), "a fall breaks no rule"


@pytest.mark.parametrize(
    ("before", "after", "arguments", "words"),
    [
        ("base", "time", [], "time.capture was recorded without ops and base.capture with it: they cannot be compared"),
        ("memory", "base", [], "memory.capture was recorded without ops and base.capture with it"),
        ("ops", "base", [], "ops.capture was recorded without memory and base.capture with it"),
        ("time", "time", ["--mode", "ops"], "time.capture was recorded without ops: they cannot be compared by it"),
        ("ops", "other", [], "ops.capture ran on cpython 3.13, other.capture on cpython 3.12: a program's operations"),
        ("ops", "inexact", [], "the operations of db.query are not exact, so they cannot be compared; --skip-inexact"),
        ("ops", "no", [], "no.capture cannot be opened"),
    ],
)
def test_what_cannot_be_compared(run: Run, before: str, after: str, arguments: list[str], words: str) -> None:
    assert run(before, after, *arguments, status=3) == ""
    assert run.error.startswith(f"prof: {words}")  # type: ignore[attr-defined]
    assert run.error.count("\n") == 1  # type: ignore[attr-defined]


def test_what_can_be_compared_all_the_same(run: Run) -> None:
    assert run("memory", "base", "--mode", "memory").startswith("No difference")
    assert run("ops", "base", "--mode", "ops").startswith("No difference")
    assert run("time", "time", "--fail-on", "calls>0").startswith("No difference")
    text = run("ops", "inexact", "--skip-inexact", "--fail-on", "ops>0")
    assert text.startswith("No difference") and "! operations left out, not exact: db.query\n" in text


def test_lost_operations_are_not_compared(run: Run) -> None:
    file = ops_alone()
    file.drops[9] = 3
    Path("lost.capture").write_bytes(file.build())
    run("ops", "lost", status=3)
    assert "lost.capture lacks 3 operations for want of space" in run.error  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("ops", "'ops' is not MEASURE>LIMIT[%][,function=GLOB], such as 'ops>2%'"),
        ("ops>-1", "is not MEASURE>LIMIT"),
        ("ops>1%,file=x", "is not MEASURE>LIMIT"),
        ("tea>1", "no measure 'tea'; known: ops, alloc_bytes, alloc_count, calls"),
        ("alloc_bytes>1", "alloc_bytes is not compared here; there is: ops, calls"),
        ("ops>1,function=tea.*", "no function of either capture is like tea.*"),
    ],
)
def test_wrong_rules(run: Run, rule: str, words: str) -> None:
    assert run("ops", "ops", "--fail-on", rule, status=2) == ""
    assert words in run.error  # type: ignore[attr-defined]


def test_unknown_mode(run: Run) -> None:
    run("ops", "ops", "--mode", "tea", status=2)
    assert "no counts of mode 'tea' to compare; known: ops, time, memory, samples" in run.error  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "before", "after", "broken"),
    [
        ("ops>0", 10, 10, False),
        ("ops>0", 10, 11, True),
        ("ops>0", 10, 9, False),
        ("ops>2%", 100, 102, False),
        ("ops>2%", 100, 103, True),
        ("ops > 2.5 %", 1000, 1025, False),
        ("ops>2.5%", 1000, 1026, True),
        ("ops>500%", 0, 1, True),
        ("ops>3", 0, 3, False),
        ("ops>0.1%", 10**17, 10**17 + 10**14, False),
        ("ops>0.1%", 10**17, 10**17 + 10**14 + 1, True),
    ],
)
def test_limits_are_exact(text: str, before: int, after: int, broken: bool) -> None:
    from prof.tools.analysis.difference import Change, Entry, Place

    sides = [Entry(Place("f", "function"), {"ops": number}) for number in (before, after)]
    assert parse_rule(text, comparable()).breaks(Change(*sides)) is broken


def test_a_rule_needs_its_limit() -> None:
    with pytest.raises(UsageError):
        parse_rule("ops>", comparable())


def test_the_gate_on_a_real_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_program: Any) -> None:
    """The same program twice has no difference, whatever the hashes; eleven carts instead of ten are seen."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(SHOP, "shop.py")

    def record(name: str, *arguments: str, **more: str) -> None:
        result = run_program(tmp_path / "shop.py", *arguments, PROF="ops+memory", **more)
        assert result.returncode == 0, result.stderr
        newest_capture(".").rename(name)
        Path("kept").mkdir(exist_ok=True)
        Path(name).rename(Path("kept", name))

    record("a", PYTHONHASHSEED="1")
    record("b", PYTHONHASHSEED="2")
    record("c", "more", PYTHONHASHSEED="3")
    gate = ["--fail-on", "ops>2%", "--fail-on", "alloc_count>0", "--fail-on", "calls>5%,function=shop.Cart.*"]
    assert main(["diff", "kept/a", "kept/b", *gate]) == 0
    assert main(["diff", "kept/a", "kept/c", *gate]) == 1
    assert main(["diff", "kept/c", "kept/a", *gate]) == 0
