"""`prof report`: the text by gold files, the JSON by its schema, both by what they must not do."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from capture_files import (
    MEMORY_MODE,
    RECORDING,
    THREAD,
    TIME_MODE,
    File,
    Label,
    Memory,
    Node,
    Thread,
    function,
    line,
)
from example import example, memory_example
from gold_files import check_gold
from prof.tools.cli import main
from prof.tools.screen.tables import Column, fitting, table
from prof.tools.screen.units import columns, shorten, shorten_end
from schema_check import problems

SCHEMA = json.loads((Path(__file__).parents[2] / "tools" / "schema.json").read_text())

Run = Callable[..., str]
# Beside app.capture: with memory in detail, in summary, and memory alone.
MEMORY = {
    "detail.capture": memory_example(),
    "summary.capture": memory_example(detail=False),
    "memory.capture": memory_example(timed=False),
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `prof` beside `app.capture` and returns its standard output."""
    (tmp_path / "app.capture").write_bytes(example().build())
    monkeypatch.chdir(tmp_path)
    for name, file in MEMORY.items():
        Path(name).write_bytes(file.build())
    os.utime("app.capture", (4e9, 4e9))
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()

    def run(*arguments: str, status: int = 0) -> str:
        assert main(arguments) == status
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("brief", []),
        ("report", ["--full"]),
        ("by-calls", ["--full", "--sort", "calls", "--limit", "3"]),
        ("tree", ["--tree", "--depth", "3", "--min-percent", "5"]),
        ("callers", ["--callers", "token"]),
        ("callees", ["--callees", "app.main"]),
    ],
)
def test_gold(run: Run, name: str, arguments: list[str]) -> None:
    text = run("report", "app.capture", *arguments)
    assert max(map(len, text.splitlines())) <= 100
    check_gold(text, f"{name}.txt")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("memory-brief", ["detail.capture"]),
        ("memory-detail", ["detail.capture", "--full"]),
        ("memory-summary", ["summary.capture", "--full"]),
        ("memory-alone", ["memory.capture", "--full", "--limit", "3"]),
        ("memory-by-live", ["detail.capture", "--full", "--sort", "live", "--limit", "4"]),
        ("memory-lines", ["detail.capture", "--tree", "--lines", "--sort", "peak"]),
        ("memory-edges", ["memory.capture", "--callers", "token"]),
    ],
)
def test_memory_gold(run: Run, name: str, arguments: list[str]) -> None:
    text = run("report", *arguments)
    assert max(map(len, text.splitlines())) <= 100
    assert not any(line != line.rstrip() for line in text.splitlines())
    check_gold(text, f"{name}.txt")


@pytest.mark.parametrize("name", MEMORY)
def test_memory_json_keeps_its_schema(run: Run, name: str) -> None:
    document = json.loads(run("report", name, "--format", "json"))
    assert problems(document, SCHEMA) == []
    detail, timed = name != "summary.capture", name != "memory.capture"
    feed = next(f for f in document["functions"] if f["name"] == "app.parse.Parser.feed")
    token = next(f for f in document["functions"] if f["name"] == "app.parse.Parser.token")
    assert (feed["alloc_count"], feed["alloc_bytes"]) == (90_000, 42 << 20)
    assert feed["total_alloc_bytes"] == (42 << 20) + (17 << 20) + 2000
    assert ("live_bytes" in feed, "peak_bytes" in feed, "self_ns" in feed) == (detail, detail, timed)
    assert token.get("live_bytes") == (2 << 20 if detail else None)
    first = document["lines"][0]
    assert (first["file"], first["line"], first["function"]) == ("/src/app/parse.py", 41, "Parser.feed")
    assert ("peak_bytes" in first) == detail
    memory = document["memory"]
    assert memory["alloc_bytes"] == sum(line["alloc_bytes"] for line in document["lines"])
    assert [key in memory for key in ("live_bytes", "size_classes", "types")] == [detail] * 3
    assert not {f["kind"] for f in document["functions"]} & {"line"}
    root = document["call_tree"][0]
    assert root["total_alloc_bytes"] == memory["alloc_bytes"]
    assert ("total_ns" in root, "inside_ns" in document["session"]) == (timed, timed)


def test_the_process_over_time(run: Run) -> None:
    process = json.loads(run("report", "detail.capture", "--format", "json"))["process"]
    rss = [moment["rss_bytes"] for moment in process["series"]]
    assert (len(rss), process["rss_bytes"], process["peak_rss_bytes"]) == (13, rss[-1], max(rss))
    assert "process" not in json.loads(run("report", "app.capture", "--format", "json"))


def test_what_is_large_in_any_mode_is_in_the_tree(run: Run) -> None:
    """Time and memory need not be in the same place."""
    labels = [Label(THREAD, "t"), *map(function, ("m.slow", "m.large", "m.small")), line("/m.py", 3)]
    nodes = [Node(-1, 0), Node(0, 1, 1, 10**9), Node(0, 2, 1, 1), Node(0, 3, 1, 1)]
    nodes += [Node(2, 4, alloc=(1, 10**9)), Node(3, 4, alloc=(1, 1))]
    file = File(labels, [Thread("t", nodes)], {}, modes=TIME_MODE | MEMORY_MODE, memory=Memory(False))
    Path("both.capture").write_bytes(file.build())
    document = json.loads(run("report", "both.capture", "--format", "json"))
    assert called(document, 0) == ["m.slow", "m.large"]
    assert document["call_tree_omitted"] == 1


def test_time_alone_has_no_memory_keys(run: Run) -> None:
    text = run("report", "app.capture", "--format", "json")
    assert "alloc" not in text and '"lines"' not in text and '"memory"' not in text


def test_memory_report_says_what_it_counts(run: Run) -> None:
    assert "Allocator calls, not objects" in run("report", "detail.capture", "--full")
    assert "Allocator" not in run("report", "app.capture", "--full")


def test_memory_sorts(run: Run) -> None:
    leaders = {}
    for sort in ("alloc", "peak", "live", "count"):
        lines = run("report", "detail.capture", "--full", "--sort", sort).splitlines()
        head = next(i for i, text in enumerate(lines) if text.startswith("Functions by"))
        leaders[sort] = next(word for word in lines[head + 3].split() if word.startswith("app."))
    assert leaders == {
        "alloc": "app.parse.Parser.feed",
        "peak": "app.parse.Parser.feed",
        "live": "app.parse.Parser.token",
        "count": "app.parse.Parser.token",
    }


def test_a_section_by_its_own_name(run: Run) -> None:
    assert run("report", "--callers", "db_query") == run("report", "--callers", "profile!db_query")


def test_standard_output_by_name(run: Run) -> None:
    assert run("report", "-o", "-") == run("report")


def test_inspect_gold(run: Run) -> None:
    check_gold(run("inspect", "app.capture") + run("inspect", "app.capture", "--chunks"), "inspect.txt")


def test_default_is_the_newest(run: Run) -> None:
    assert run("report").splitlines()[0] == "Profile of app  (app.capture, the newest capture here)"


def test_output_file(run: Run) -> None:
    expected = run("report", "app.capture")
    assert run("report", "app.capture", "-o", "out.txt") == ""
    assert Path("out.txt").read_text("utf-8") == expected
    assert run("report", "app.capture", "-o", "/dev/null") == ""
    assert not Path("/dev/null").is_file()


def called(document: dict[str, Any], row: int) -> list[str]:
    """What a row of the call tree called."""
    return [node["name"] for node in document["call_tree"] if node["parent"] == row]


def test_json_keeps_its_schema(run: Run) -> None:
    document = json.loads(run("report", "--format", "json"))
    assert problems(document, SCHEMA) == []
    assert document["session"]["dropped"] == {"section_open": 3, "folded_depth": 1234}
    token = next(f for f in document["functions"] if f["name"] == "app.parse.Parser.token")
    assert (token["calls"], token["self_ns"], token["total_ns"]) == (120_009, 413_000_000, 421_000_000)
    root = document["call_tree"][0]
    assert (root["parent"], root["name"]) == (None, "all")
    assert root["total_ns"] - root["self_ns"] == document["session"]["inside_ns"]
    assert called(document, 0) == ["app.main", "app.serve.handle", "import json"]
    assert document["session"]["profiler_ns"] == 40_000_000
    assert "profiler" not in {f["kind"] for f in document["functions"]}


def test_schema_check_sees_mistakes(run: Run) -> None:
    document = json.loads(run("report", "--format", "json"))
    document["session"]["state"] = "lost"
    document["functions"][0]["calls"] = "many"
    del document["call_tree"][1]["file"]
    document["tea"] = 1
    assert len(problems(document, SCHEMA)) == 4


def test_deep_tree_does_not_recurse(run: Run) -> None:
    depth = 50_000
    nodes = [Node(-1, 0)] + [Node(i, 1, 1, 1, depth=i + 1) for i in range(depth)]
    file = File([Label(THREAD, "t"), function("m.f")], [Thread("t", nodes)], {})
    Path("deep.capture").write_bytes(file.build())
    text = run("report", "deep.capture", "--format", "json", "--min-percent", "0", "--limit", "0")
    assert [row["parent"] for row in json.loads(text)["call_tree"]] == [None, *range(depth)]
    limit = sys.getrecursionlimit()
    assert f"m.f ({depth} levels)\n" in run("report", "deep.capture", "--tree", "--depth", "0", "--min-percent", "0")
    assert sys.getrecursionlimit() == limit


def test_mutual_recursion_is_shown_by_level(run: Run) -> None:
    nodes = [Node(-1, 0)] + [Node(i, 1 + i % 2, 1, 1, depth=i + 1) for i in range(40)]
    file = File([Label(THREAD, "t"), function("m.even"), function("m.odd")], [Thread("t", nodes)], {})
    Path("mutual.capture").write_bytes(file.build())
    text = run("report", "mutual.capture", "--tree", "--depth", "0")
    assert "[39] m.odd" in text
    assert max(map(len, text.splitlines())) <= 100


def test_killed_before_a_heartbeat(run: Run) -> None:
    """Spans tell a lower bound of the time that the header does not."""
    nodes = [Node(-1, 0), Node(0, 1, 1, 5_000_000)]
    file = File([Label(THREAD, "t"), function("m.f")], [Thread("t", nodes)], {}, state=RECORDING, last=(9, 9, 9))
    Path("killed.capture").write_bytes(file.build())
    text = run("report", "killed.capture", "--full")
    assert "  Time      at least 5.00 ms wall\n  Profiled  5.00 ms in functions with probes\n" in text
    assert "! killed while recording, or still running" in text


def test_empty_capture(run: Run) -> None:
    Path("empty.capture").write_bytes(File([], [], None).build())
    assert "Profile of empty" in run("report", "empty.capture")
    assert problems(json.loads(run("report", "empty.capture", "--format", "json")), SCHEMA) == []


def test_sorts(run: Run) -> None:
    first = {}
    for sort in ("self", "total", "calls", "suspended", "p50", "p90", "p99", "max"):
        lines = run("report", "--full", "--sort", sort).splitlines()
        head = next(i for i, line in enumerate(lines) if line.startswith("Functions by"))
        first[sort] = lines[head + 3].split()[-1]
    assert first["self"] == first["calls"] == "app.parse.Parser.token"
    assert first["total"] == "app.main"
    assert first["suspended"] == "app.serve.handle"


def lines_of(columns: list[Column], width: int, least: int = 34) -> list[str]:
    return ["".join(text for text, _ in spans) for spans in table(fitting(columns, width, least), width)]


def test_a_narrow_table_keeps_what_says_which_row_it_is() -> None:
    figures = [Column(title, ["123 ms"], rank=int(title == "p50")) for title in ("self", "%", "total", "ops", "p50")]
    place = Column("line", ["<frozen importlib._bootstrap_external>:1131"], left=True)
    name = Column("function", ["SourceFileLoader.get_data"], left=True, stretch=True)
    assert lines_of([*figures, name], 60)[0].split() == ["self", "%", "total", "ops", "function"]
    assert lines_of([*figures, name], 40)[1].split() == ["123", "ms", "123", "ms", "…urceFileLoader.get_data"]
    title, row = lines_of([*figures, place, name], 60)
    assert title.split() == ["self", "%", "line", "function"]
    assert row.split() == ["123", "ms", "123", "ms", "…_bootstrap_external>:1131", "…Loader.get_data"]
    assert len(row) == 60


def test_a_narrow_tree_stays_a_tree() -> None:
    names = ["app.main", "package_of_some_length.load", "package_of_some_length.parse", "f"]
    span = Column("span", names, left=True, stretch=True, depths=[0, 1, 2, 30])
    rows = lines_of([Column("%", ["1.0%"] * 4), span], 30)[1:]
    assert rows == [
        "1.0%  app.main",
        "1.0%    …e_of_some_length.load",
        "1.0%      …f_some_length.parse",
        "1.0%        [30] f",
    ]


def test_wide_characters_take_two_columns() -> None:
    names = ["計測する関数の名前", "plain", "cafe\u0301", "…µ×"]
    column = Column("function", names, left=True, stretch=True)
    for width in (40, 24):
        rows = list(table([column, Column("calls", ["1", "22", "3", "4"])], width))
        lines = ["".join(text for text, _ in row) for row in rows]
        assert len({columns(line) for line in lines}) == 1
        assert columns(lines[0]) <= width
    assert [shorten(names[0], n) for n in (18, 17, 6, 1, 0)] == [names[0], "…測する関数の名前", "…名前", "…", ""]
    assert [shorten_end(names[0], n) for n in (18, 6, 1, 0)] == [names[0], "計測…", "…", ""]
    assert shorten("abcdef", 4) == "…def"
    assert shorten_end("abcdef", 4) == "abc…"
