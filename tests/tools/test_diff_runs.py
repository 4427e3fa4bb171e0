"""`prof diff A… -- B…`: several runs a side, in every format, and what cannot be held against what."""

from __future__ import annotations

import html
import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import browser
import pytest
from capture_files import RECORDING, File
from example import example, ms, ops_alone, ops_example
from html_page import data_of, needs_browser
from prof.tools.cli import main
from schema_check import problems

SCHEMA = json.loads((Path(__file__).parents[2] / "tools" / "diff_schema.json").read_text())
Run = Callable[..., str]


def run_of(number: int, slower: float = 1.0, more: int = 0) -> File:
    """A run of the example: times scatter by a few per cent; `db.query` is slower, `Parser.token` is called more."""
    chance = random.Random(number)
    file = ops_example(example())
    assert file.meta is not None
    file.meta["lineage"] = [[1000 + number, 1 + number]]
    file.meta["family"] = [1000 + number, 1 + number]
    file.pid = 1000 + number
    machine = chance.gauss(1, 0.01)
    for thread in file.threads:
        for node in thread.nodes:
            node.self = int(node.self * machine * chance.gauss(1, 0.01))
    file.threads[0].nodes[7].self = int(file.threads[0].nodes[7].self * slower)
    file.threads[1].nodes[2].self = int(file.threads[1].nodes[2].self * slower)
    file.threads[0].nodes[4].calls += more
    begin = 1_795_170_000_000_000_000 + number * 10_000_000_000
    file.start, file.last = (0, 0, begin), (ms(1400 * machine), ms(1400 * machine), begin + ms(1400))
    return file


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight runs a side, in turns: `old`, `same`, `slow` (db.query by a third), `more` (calls, not always as many)."""
    root = tmp_path_factory.mktemp("runs")
    for side, name in enumerate(("old", "same", "slow", "more")):
        (root / name).mkdir()
        for number in range(8):
            slower = 1.35 if name == "slow" else 1.0
            more = 90 + 3 * (number % 3) if name == "more" else 0
            file = run_of(4 * number + side, slower, more)
            (root / name / f"{number}.capture").write_bytes(file.build())
    return root


@pytest.fixture
def run(folders: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `prof diff` there, and returns its standard output; the error is in `run.error`."""
    monkeypatch.chdir(folders)

    def run(*arguments: str, status: int = 0) -> str:
        assert main(["diff", *arguments]) == status
        captured = capsys.readouterr()
        run.error = captured.err  # type: ignore[attr-defined]
        return captured.out

    return run


def document(run: Run, *arguments: str, status: int = 0) -> Any:
    found = json.loads(run(*arguments, "--format", "json", status=status))
    assert problems(found, SCHEMA) == []
    return found


def test_the_same_code_does_not_differ(run: Run) -> None:
    found = document(run, "old", "--", "same", "--fail-on", "time>0%,function=*", "--fail-on", "wall>0")
    assert found["same"] and found["before"]["runs"] == found["after"]["runs"] == 8
    assert {row["verdict"] for row in found["timings"]} <= {"no difference shown", "too few runs"}
    assert run("old", "--", "same").startswith("No difference  old (8 runs) -> same (8 runs)\n")


def test_what_is_slower_is_named_and_nothing_else(run: Run) -> None:
    found = document(run, "old", "--", "slow", "--fail-on", "time>20%,function=db.*", status=1)
    slower = {(row["measure"], row["name"]) for row in found["timings"] if row["verdict"] == "slower"}
    assert ("time", "db.query") in slower
    assert {name for _, name in slower} <= {"db.query", None}, "and the whole, of which it is a part"
    row = next(row for row in found["timings"] if row["name"] == "db.query")
    assert row["interval"][0] <= 0.35 * row["before"] <= row["interval"][1]
    assert len(row["values_before"]) == len(row["values_after"]) == 8
    assert found["functions"] == found["lines"] == [], "counts are the same"
    text = run("old", "--", "slow")
    assert re.search(r"^\+3\d\.\d%  \+\d\d\.\d% to \+\d\d\.\d%.*slower +db\.query", text, re.MULTILINE)
    # That much is allowed; and the other way round it is a fall.
    run("old", "--", "slow", "--fail-on", "time>60%,function=db.*")
    back = document(run, "slow", "--", "old", "--fail-on", "time>0%")
    assert next(row for row in back["timings"] if row["name"] == "db.query")["verdict"] == "faster"


def test_counts_are_exact_where_all_runs_agree_and_intervals_where_not(run: Run) -> None:
    found = document(run, "old", "--", "more", "--fail-on", "calls>0,function=*.token", status=1)
    (token,) = (row for row in found["functions"] if row["name"] == "app.parse.Parser.token")
    calls = token["calls"]
    assert calls["exact"] is False and calls["verdict"] == "slower"
    assert 90 <= calls["interval"][0] <= calls["change"] <= calls["interval"][1] <= 96
    assert "exact" not in token["ops"] or token["ops"]["exact"] is False
    assert "not the same in all runs of a side, so told apart by interval: app.parse" in run("old", "--", "more")
    # A file a side: exact, as ever.
    one = document(run, "old/0.capture", "--", "more/0.capture")
    assert next(row for row in one["functions"] if row["name"] == token["name"])["calls"]["change"] == 90


def test_a_few_runs_are_too_few(run: Run) -> None:
    files = ("old/0.capture", "old/1.capture", "--", "slow/0.capture", "slow/1.capture")
    text = run(*files, "--fail-on", "time>1%")
    assert "too few runs (2 more would do)" in text and "UNSURE  time>1%" in text
    assert "times: one run a side shows nothing; 3 more of each can" in run("old/0.capture", "slow/0.capture")


def test_options_may_stand_on_either_side(run: Run) -> None:
    files = [f"old/{n}.capture" for n in range(4)]
    first = run("--limit", "3", *files, "--", "slow")
    assert first == run(*files, "--", "slow", "--limit", "3")
    assert first == run(*files, "--limit", "3", "--", "slow") == run(*files, "--", "--limit", "3", "slow")
    assert run("old/0.capture", "--limit", "3", "slow") == run("old/0.capture", "slow", "--limit", "3")
    with pytest.raises(SystemExit):
        run("old", "--", "slow", "--limits", "3")
    assert "old/0.capture and 3 more (4 runs) -> slow (8 runs)" in first


def test_markdown_and_junit_name_the_lines(run: Run, tmp_path: Path) -> None:
    junit = tmp_path / "rules.xml"
    rules = ["--fail-on", "calls>1", "--fail-on", "time>500%", "--junit", str(junit)]
    text = run("old", "--", "more", *rules, "--format", "markdown", status=1)
    assert text.startswith("# 1 rule of 2 broken\n")
    assert "- **FAILED** `calls>1`" in text and "- passed `time>500%`" in text
    assert "| `/src/app/parse.py:50` | `app.parse.Parser.token` | calls |" in text
    (suite,) = ElementTree.parse(junit).getroot()
    assert suite.attrib == {"name": "prof diff", "tests": "2", "failures": "1", "errors": "0", "skipped": "0"}
    properties = {each.get("name"): each.get("value") for each in suite.iter("property")}
    assert properties["runs_before"] == "8" and int(str(properties["calls_after"])) > int(
        str(properties["calls_before"])
    )
    failure = suite.find("testcase/failure")
    assert failure is not None and failure.text is not None and "/src/app/parse.py:50" in failure.text


def test_the_picture_has_both_widths(run: Run, tmp_path: Path) -> None:
    run("old", "--", "slow", "--format", "svg", "-o", str(tmp_path / "d.svg"))
    text = (tmp_path / "d.svg").read_text()
    ElementTree.fromstring(text)
    data = json.loads(re.search(r"^const DATA = (.*);$", text, re.MULTILINE)[1])  # type: ignore[index]
    names = [data["names"][frame[0]][0] for frame in data["frames"]]
    (_, before, _), (_, after, _) = data["sides"]
    query = [i for i, name in enumerate(names) if name == "db.query"]
    ratio = sum(after[i] for i in query) / sum(before[i] for i in query)
    assert 1.3 < ratio < 1.4
    # Each frame is as wide as what is in it, at least, by both widths.
    for totals in (before, after):
        inside = [0] * len(names)
        for i, frame in enumerate(data["frames"]):
            inside[frame[6]] += totals[i] if i else 0
        assert all(below <= total + len(names) for below, total in zip(inside, totals, strict=True))
    run("old", "--", "slow", "--format", "svg", "--measure", "memory-summary", status=2)
    assert "--measure memory-summary: both sides have time, ops" in run.error  # type: ignore[attr-defined]


def test_what_is_new_and_what_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = [run_of(1), run_of(2)]
    files[0].threads[0].nodes[9].label = 5  # what was ext.crunch is db.query before
    for name, file in zip("ab", files, strict=True):
        Path(f"{name}.capture").write_bytes(file.build())
    assert main(["diff", "a.capture", "b.capture", "--format", "html", "-o", "page.html"]) == 0
    page = Path("page.html").read_text()
    (time, ops) = data_of(page)
    colour = {
        time["names"][name][0]: time["fills"][fill] for name, fill in zip(time["name"], time["fill"], strict=True)
    }
    assert colour["ext.crunch"] == "hsl(36,95%,58%)", "new"
    assert "hsl(275,38%,66%)" in time["fills"], "gone"
    assert (time["title"], ops["title"]) == ("time", "operations")
    assert not re.search(r"https?://", page), "nothing is loaded from elsewhere"


LINKED = """
const boxes = (id) => Array.from(document.querySelectorAll("#" + id + " .frame"));
const named = (id, name) => boxes(id).find((box) => box.textContent === name);
const wide = (id, name) => named(id, name).clientWidth / document.getElementById(id).clientWidth;
const near = (id) => boxes(id).filter((box) => box.classList.contains("near")).map((box) => box.textContent);
const LOG = { wide: [wide("before", "profile!db_query"), wide("after", "profile!db_query")] };
named("before", "profile!db_query").dispatchEvent(new MouseEvent("mouseover", { bubbles: true }));
LOG.near = [near("before"), near("after")];
LOG.said = document.getElementById("details").textContent;
named("after", "profile!db_query").click();
LOG.zoomed = ["before", "after"].map((id) => boxes(id).map((box) => box.textContent));
document.documentElement.dataset.log = JSON.stringify(LOG);
"""


@needs_browser
def test_what_is_done_to_one_graph_is_done_to_both(run: Run, folders: Path, tmp_path: Path) -> None:
    page = run("old", "--", "slow", "--format", "html")
    body = f"<script>window.addEventListener('load', () => {{{LINKED}}});</script></body>"
    (tmp_path / "out.html").write_text(page.replace("</body>", body))
    text = browser.dump_dom(tmp_path / "out.html", width=1900)
    found = json.loads(html.unescape(re.search(r'data-log="([^"]*)"', text)[1]))  # type: ignore[index]
    assert 1.2 < found["wide"][1] / found["wide"][0] < 1.4
    assert found["near"] == [["profile!db_query"], ["profile!db_query"]]
    assert re.match(r"profile!db_query  ·  20\d ms → 2\d\d ms \(\+3\d", found["said"])
    assert found["zoomed"] == [["all", "app.main", "profile!db_query", "db.query"]] * 2


# ---- what cannot be compared ----


def changed(**meta: Any) -> File:
    file = run_of(50)
    assert file.meta is not None
    file.meta |= meta
    return file


@pytest.mark.parametrize(
    ("meta", "words"),
    [
        ({"host": "build8"}, "times left out: old/0.capture was recorded on build7"),
        ({"engine": "sys.monitoring"}, "self time left out: old/0.capture and other.capture have probes of two kinds"),
    ],
)
def test_what_times_are_not_held_against(run: Run, folders: Path, meta: dict[str, Any], words: str) -> None:
    (folders / "other.capture").write_bytes(changed(**meta).build())
    text = run("old", "--", "other.capture")
    assert words in text
    run("old", "--", "other.capture", "--mode", "time", status=3)
    assert words in run.error and run.error.count("\n") == 1  # type: ignore[attr-defined]
    assert words not in run("old", "--", "other.capture", "--any-machine") or "host" not in meta


def test_the_interpreter_of_times_is_named(run: Run, folders: Path) -> None:
    for name, python in (("first", "3.13.0"), ("second", "3.14.1")):
        file = example()
        assert file.meta is not None
        file.meta["python"] = python
        (folders / f"{name}.capture").write_bytes(file.build())
    assert "times are of cpython 3.13 and cpython 3.14" in run("first.capture", "second.capture")


def test_one_side_after_the_other_is_said(run: Run, folders: Path) -> None:
    late = folders / "late"
    late.mkdir()
    for number in range(8):
        (late / f"{number}.capture").write_bytes(run_of(100 + number).build())
    assert "one side was recorded after the other" in run("old", "--", "late")
    assert "one side was recorded after the other" not in run("old", "--", "same")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--", "old"], 2, "no captures before --"),
        (["old", "--"], 2, "no captures behind --"),
        (["old"], 2, "one capture: give two, or put --"),
        (["old", "same", "slow"], 2, "3 captures: give two, or put --"),
        (["old", "--", "same", "--", "slow"], 2, "-- stands once"),
        (["old", "--", "nothing"], 3, "no *.capture in nothing"),
        (["old", "--", "absent.capture"], 3, "absent.capture"),
        (["old", "--", "damaged.capture"], 3, "damaged.capture"),
        (["old", "--", "ops.capture"], 3, ""),
        (["old", "--", "mixed"], 3, "on cpython 3.12: a program's operations"),
        (["old", "--", "same", "-o", "old/0.capture"], 2, "old/0.capture is one of the captures"),
        (["old", "--", "same", "--fail-on", "alloc_bytes>1"], 2, "alloc_bytes is not compared here"),
        (
            ["old", "--", "same", "--fail-on", "time>1%,function=absent"],
            2,
            "no function of either capture is like absent",
        ),
        (["old", "--", "same", "--precision", "0"], 2, "is not between 0% and 100%"),
    ],
)
def test_what_is_refused(
    run: Run, folders: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, words: str
) -> None:
    """In one line, and with nothing written."""
    (folders / "nothing").mkdir(exist_ok=True)
    (folders / "damaged.capture").write_bytes(run_of(1).build()[:5000] + b"\xff" * 3000)
    (folders / "ops.capture").write_bytes(b"PROFCAP\n")
    (folders / "mixed").mkdir(exist_ok=True)
    other = ops_alone()
    assert other.meta is not None
    other.meta["python"] = "3.12.1"
    other.meta["modes"] = ["time", "ops"]
    other.modes = run_of(1).modes
    (folders / "mixed" / "0.capture").write_bytes(run_of(60).build())
    (folders / "mixed" / "1.capture").write_bytes(other.build())
    held = (folders / "old" / "0.capture").read_bytes()
    if status == 2 and "--precision" in arguments:
        with pytest.raises(SystemExit):
            main(["diff", *arguments])
        assert words in capsys.readouterr().err
        return
    assert run(*arguments, status=status) == ""
    error = run.error  # type: ignore[attr-defined]
    assert error.startswith("prof: ") and error.count("\n") == 1 and words in error
    assert (folders / "old" / "0.capture").read_bytes() == held


def test_killed_captures_are_named_once(run: Run, folders: Path) -> None:
    text = run("old", "--", "same")
    assert run_of(1).state == RECORDING
    assert "! old/0.capture and 7 more: killed while recording, or still running\n" in text
