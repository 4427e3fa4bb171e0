"""Findings: the first names the line at fault, of programs with a known one; and no budget is exceeded."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from capture_files import FUNCTION, THREAD, File, Label, Node, Thread
from prof.capture import open_capture
from prof.tools.analysis.findings import Evidence, Finding
from prof.tools.analysis.report import Report, analyse
from prof.tools.analysis.told import BARE, FULL, LEAST, told
from prof.tools.cli import main
from prof.tools.modes import VIEWS
from prof.tools.reports import FORMATS
from prof.tools.reports.asked import made
from prof.tools.screen.tokens import Room, tokens

from tests.running import PROF, environment

FAULTS = Path(__file__).resolve().parent.parent / "programs" / "faults"
# The kind of evidence that says why, beside that the line is hot.
KINDS = {
    "balance": "mixed types", "catalog": "import cost", "highlight": "repeated call", "ledger": "allocation churn",
    "orders": "repeated call", "retry": "waiting", "routes": "repeated call", "sessions": "growing memory",
    "settings": "repeated call", "thumbnails": "waiting", "trees": "garbage collection", "undo": "repeated call",
    "visitors": "accidental quadratic",
}  # fmt: skip


def test_every_program_with_a_fault_is_known() -> None:
    assert {path.stem for path in FAULTS.glob("*.py")} == KINDS.keys()


def fault(program: Path) -> int:
    """The line of a program that is at fault: the one that says so."""
    (line,) = (n for n, text in enumerate(program.read_text().splitlines(), 1) if text.endswith("# fault"))
    return line


@pytest.mark.parametrize("name", KINDS)
def test_the_first_finding_names_the_line_at_fault(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As an agent does it: a recording, and an answer of 2,000 tokens."""
    shutil.copytree(FAULTS, tmp_path, dirs_exist_ok=True)
    prof(tmp_path, "run", "--modes", "all", "--detail", f"{name}.py")
    monkeypatch.chdir(tmp_path)
    assert main(["report", "--format", "jsonl", "--budget", "2000"]) == 0
    text = capsys.readouterr().out
    assert tokens(text) <= 2000
    rows = [json.loads(line) for line in text.splitlines()]
    assert [rows[0]["type"], rows[-1]["type"]] == ["run", "left_out"]
    first = rows[1]
    assert (first["file"], first["line"], first["rank"]) == (f"{name}.py", fault(FAULTS / f"{name}.py"), 1), text
    assert KINDS[name] in first["kinds"], text
    assert all(re.search(r"\d", each["text"]) and each["sure"] for each in first["evidence"])
    assert main(shlex.split(first["more"])[1:]) == 0


def prof(folder: Path, *arguments: str) -> str:
    command = [*PROF, *arguments]
    return subprocess.run(command, cwd=folder, env=environment(), check=True, capture_output=True, text=True).stdout


# ---- budgets ----


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Report]:
    """Of a capture with many functions, whose names are as long and as odd as names may be."""
    path = tmp_path_factory.mktemp("findings") / "odd.capture"
    names = [f"app.{'é|`*_' * 20}{n}" for n in range(12)]
    labels = [
        Label(THREAD, "thread"),
        *(Label(FUNCTION, name, "app", f"/src/{'ö' * 80}/{n}.py", 3 + n) for n, name in enumerate(names)),
    ]
    nodes = [Node(-1, 0), *(Node(0, n, 1, 10_000 - n) for n in range(1, len(labels)))]
    path.write_bytes(File(labels=labels, threads=[Thread("main", nodes)]).build())
    with open_capture(path) as capture:
        yield analyse(capture, tuple(VIEWS.values()))


@pytest.mark.parametrize("name", ["markdown", "jsonl"])
def test_no_budget_is_exceeded_and_the_first_finding_is_there(report: Report, name: str) -> None:
    first = report.findings[0].first
    for budget in (*range(LEAST, LEAST + 60), *range(LEAST + 60, 6000, 97)):
        text = "".join(made(report, FORMATS[name], budget=budget).render(report))
        assert tokens(text) <= budget
        assert (
            f".py:{first.line}" in text
            if name == "markdown"
            else json.loads(text.splitlines()[1])["line"] == first.line
        )
        assert re.search(r"left.out|All: |More was", text, re.IGNORECASE)


def test_a_larger_budget_says_more(report: Report) -> None:
    lengths = [
        len("".join(made(report, FORMATS["jsonl"], budget=b).render(report)).splitlines()) for b in (150, 1000, 9000)
    ]
    assert lengths == sorted(set(lengths))
    *_, last = "".join(made(report, FORMATS["jsonl"], budget=30_000).render(report)).splitlines()
    whole = {"findings": 0, "shortened": 0, "functions": 0}
    assert json.loads(last).items() >= {"type": "left_out", **whole}.items()


def finding(number: int) -> Finding:
    of = {"function": "f", "begins": ("a.py", 1), "sure": "counted exactly"}
    evidence = [Evidence(kind="hot line", file="a.py", line=number, text="1 call " * n, **of) for n in (3, 40)]
    return Finding(evidence, 1.0, "f()", "prof report")


def test_the_first_findings_are_told_in_full_and_the_last_in_a_line() -> None:
    def tell(number: int, finding: Finding, how: int) -> str:
        return f"{number}:{how}:" + "x" * (10, 100, 400)[how]

    found = told([finding(n) for n in range(1, 30)], Room(400), tell)
    levels = [int(text.split(":")[1]) for text in found.texts]
    assert levels[0] == FULL and levels[-1] == BARE and levels == sorted(levels, reverse=True)
    assert len(levels) + found.left_out == 29 and found.left_out
    assert found.shorter == sum(level != FULL for level in levels)


def test_tokens_are_three_bytes_each() -> None:
    assert [tokens(text) for text in ("", "a", "abc", "abcd", "é" * 3, "\udcff")] == [0, 1, 1, 2, 2, 1]


def test_a_wrong_budget_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.capture"
    path.write_bytes(File(labels=[Label(THREAD, "t")], threads=[Thread("main", [Node(-1, 0)])]).build())
    for arguments, words in (
        (["--budget", "2000"], "--budget is of --format markdown or jsonl"),
        (["--format", "jsonl", "--budget", "9"], f"--budget 9: {LEAST} tokens are the least"),
    ):
        assert main(["report", str(path), *arguments]) == 2
        error = capsys.readouterr().err
        assert words in error and error.count("\n") == 1
    assert main(["report", str(path), "--format", "jsonl", "--budget", "300"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[0])["findings"] == 0


# ---- single kinds, exactly ----

PROGRAM = """
import asyncio

KEPT = []

def position(names, name):
    for number, each in enumerate(names):  # loop
        if each == name:
            return number

def positions(names):
    return [position(names, name) for name in names]

def numbers(texts):
    found = 0
    for text in texts:
        try:
            found += int(text)
        except ValueError:  # exception
            found -= 1
    return found

def same(amount, rate=2):
    return sum(range(amount)) * rate

def table():
    KEPT.append([bytes(1000) for _ in range(4000)])

async def worker(lock):
    async with lock:  # lock
        await asyncio.sleep(0.01)

async def main():
    lock = asyncio.Lock()
    await asyncio.gather(*(worker(lock) for _ in range(6)))

positions([f"name {n}" for n in range(300)])
numbers(["x"] * 2000)
for _ in range(4):
    same(100)
table()
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def several_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A capture of a program with a fault of each of these kinds."""
    folder = tmp_path_factory.mktemp("several")
    (folder / "app.py").write_text(PROGRAM)
    prof(folder, "run", "--modes", "time+memory+ops", "--detail", "--slowest", "4", "--args", "repr", "app.py")
    return next(folder.glob("*.capture"))


@pytest.fixture(scope="module")
def several(several_file: Path) -> dict[int, list[Evidence]]:
    """Its evidence, by line."""
    with open_capture(several_file) as capture:
        found = analyse(capture, tuple(VIEWS.values())).findings
    assert not [each for each in found if each.first.file != str(several_file.with_name("app.py"))]
    return {each.first.line: list(each.evidence) for each in found}


def line_of(text: str) -> int:
    return next(n for n, line in enumerate(PROGRAM.splitlines(), 1) if line.endswith(text))


def said(several: dict[int, list[Evidence]], line: int, kind: str) -> str:
    """What is said of that kind at a line."""
    (text,) = (each.text for each in several.get(line, ()) if each.kind == kind)
    return text


def test_the_command_of_each_finding_shows_more(several_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_capture(several_file) as capture:
        commands = {finding.command for finding in analyse(capture, tuple(VIEWS.values())).findings}
    assert len(commands) > 3
    for command in sorted(commands):
        assert main(shlex.split(command)[1:]) == 0, command


def test_loops_that_grow_with_their_number_are_counted(several: dict[int, list[Evidence]]) -> None:
    """300 searches through 300 names, of which the first is found at once and the last after all."""
    text = said(several, line_of("# loop"), "accidental quadratic")
    assert text.startswith("45,150 steps: 300 loops of 150 steps on average, and one call of its caller has 300 of")


def test_exceptions_are_counted_where_they_are_met(several: dict[int, list[Evidence]]) -> None:
    text = said(several, line_of("# exception"), "exceptions as control flow")
    assert text == "met an exception 2,000 times in 1 call"


def test_waits_name_the_line_and_what_for(several: dict[int, list[Evidence]]) -> None:
    assert re.search(r"for lock \(.*acquire\), .*: 5 waits, the longest", said(several, line_of("# lock"), "waiting"))


def test_calls_with_the_same_arguments_are_told(several: dict[int, list[Evidence]]) -> None:
    texts = [each.text for found in several.values() for each in found if each.kind == "repeated identical call"]
    assert any(t.startswith("4 of its 4 slowest calls had the same arguments (amount=100, rate=2)") for t in texts), (
        texts
    )


def test_a_table_that_is_built_once_does_not_grow(several: dict[int, list[Evidence]]) -> None:
    kinds = {each.kind for found in several.values() for each in found}
    assert "growing memory" not in kinds and "allocation churn" in kinds


GROWING = """
import sys

class Ledger:
    text = ""

    def add(self, number):
        self.text += f"{number:08} " * 20  # bytes

def pairs(numbers):
    found = 0
    for a in numbers:
        for b in numbers:
            found += a == b  # steps
    return found

def linear(numbers):
    return sum([n * 2 + 1 for n in numbers for _ in range(200)])

numbers = list(range(int(sys.argv[1])))
ledger = Ledger()
for number in numbers:
    ledger.add(number)
print(pairs(numbers), linear(numbers))
"""


def test_what_grows_with_the_square_is_named_of_two_inputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "app.py").write_text(GROWING)
    for size in ("200", "400"):
        prof(tmp_path, "run", "--modes", "memory+ops", "--out", size, "app.py", size)
    monkeypatch.chdir(tmp_path)
    assert main(["report", "--format", "jsonl", "--smaller", "200", "400"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = {
        row["line"]: each["text"]
        for row in rows if row["type"] == "finding"
        for each in row["evidence"] if each["sure"] == "counted exactly, in both captures"
    }  # fmt: skip
    lines = GROWING.splitlines()
    steps, size = (next(n for n, text in enumerate(lines, 1) if text.endswith(f"# {w}")) for w in ("steps", "bytes"))
    assert found.keys() == {steps - 1, steps, size}
    assert all("which is the power 2.0:" in text for text in found.values())
    assert rows[1]["line"] in (steps, size)


def test_hot_functions_are_the_verdict(report: Report) -> None:
    """One sum, said twice."""
    said = [(each.name, each.hot.amount / each.hot.whole) for each in report.verdict]
    found = {each.first.function: each.first.share for each in report.findings}
    assert said and all(found[name] == share for name, share in said)


def test_findings_are_a_table_for_people(report: Report) -> None:
    options = made(report, FORMATS["text"], show=["findings"]).options
    (section,) = report.sections(options)
    places = next(list(column.cells) for column in section.columns if column.title == "line")
    assert places == [f"{finding.first.file.rpartition('/')[2]}:{finding.first.line}" for finding in report.findings]


def test_a_smaller_input_is_refused_where_no_findings_are_shown(
    several_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(several_file), "--smaller", str(several_file)]) == 2
    assert "--smaller is of findings: add --show findings" in capsys.readouterr().err
    assert main(["report", str(several_file), "--smaller", str(several_file), "--show", "findings"]) == 0
