"""Operations in the reports: gold files of captures from scratch, and figures of real programs, counted by hand."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from capture_files import CATEGORIES, OPS_MODE, THREAD, Counted, File, Label, Node, Thread, function
from example import example, memory_example, ops_alone, ops_example, token_code
from gold_files import check_gold
from growth import growth
from prof.capture import newest_capture, open_capture
from prof.instrument.cli import instrument_main
from prof.modes import recorded_measures
from prof.tools.analysis.contexts import select
from prof.tools.analysis.report import analyse
from prof.tools.cli import main
from prof.tools.modes import VIEWS
from prof.tools.reports import html_data
from schema_check import problems

HERE = Path(__file__).parent
SCHEMA = json.loads((HERE.parents[1] / "tools" / "schema.json").read_text())
SHOP = HERE.parent / "programs" / "ops" / "shop.py"

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `prof` beside captures with operations, and returns its standard output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    Path("ops.capture").write_bytes(ops_alone(exact=False).build())
    Path("all.capture").write_bytes(ops_example(memory_example()).build())

    def run(*arguments: str, status: int = 0) -> str:
        assert main(arguments) == status
        return capsys.readouterr().out

    return run


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_program: Any) -> Path:
    """The current directory, with the shop and its capture, of all exact modes."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(SHOP, "shop.py")
    record(run_program, "time+memory+ops")
    return tmp_path


def record(run_program: Any, modes: str, *arguments: str) -> Path:
    """Runs shop.py here, and returns its capture."""
    result = run_program(Path("shop.py").absolute(), *arguments, PROF=modes)
    assert (result.returncode, result.stdout) == (0, "us\n"), result.stderr
    return newest_capture(".")


# ---- from scratch ----


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("ops-brief", ["all.capture"]),
        ("ops-alone", ["ops.capture", "--full"]),
        ("ops-beside", ["all.capture", "--full", "--limit", "3"]),
        ("ops-sorted", ["all.capture", "--full", "--sort", "ops", "--limit", "3"]),
        ("ops-tree", ["all.capture", "--sort", "total-ops", "--tree"]),
    ],
)
def test_gold(run: Run, name: str, arguments: list[str]) -> None:
    text = run("report", *arguments)
    assert max(map(len, text.splitlines())) <= 100
    check_gold(text, f"{name}.txt")


@pytest.mark.parametrize("capture", ["ops", "all"])
def test_json_keeps_its_schema(run: Run, capture: str) -> None:
    document = json.loads(run("report", f"{capture}.capture", "--format", "json"))
    assert problems(document, SCHEMA) == []
    total = document["operations"]["total"]
    assert sum(document["operations"]["categories"].values()) == total
    assert sum(f.get("ops_total", 0) for f in document["functions"]) == total
    assert sum(line.get("ops_total", 0) for line in document["lines"]) == total
    assert document["call_tree"][0]["total_ops"] == total
    for entry in document["functions"] + document["lines"]:
        assert sum(entry.get("ops", {}).values()) == entry.get("ops_total", 0)
    assert set(document["operations"]["omitted"].values()) == {0}
    both = [line for line in document["lines"] if "count" in line and "alloc_count" in line]
    assert len(both) == (2 if capture == "all" else 0)


def test_json_says_what_is_not_exact(run: Run) -> None:
    document = json.loads(run("report", "ops.capture", "--format", "json"))
    assert document["operations"]["inexact"] == ["db.query"]
    assert {f["name"] for f in document["functions"] if not f["exact"]} == {"db.query"}
    assert {line["file"] for line in document["lines"] if not line["exact"]} == {"/src/db.py"}


def test_a_function_whose_markers_leave_operations_out(run: Run) -> None:
    file = ops_example(example())
    file.labels[12].flags |= 16  # PROF_LABEL_NO_OPS
    Path("left.capture").write_bytes(file.build())
    document = json.loads(run("report", "left.capture", "--format", "json"))
    assert problems(document, SCHEMA) == []
    handle = next(f for f in document["functions"] if f["name"] == "app.serve.handle")
    assert not {"ops", "ops_total"} & handle.keys()


def test_no_operations_at_all(run: Run) -> None:
    file = example()
    file.modes = OPS_MODE
    assert file.meta is not None
    file.meta |= {"modes": ["ops"], "categories": list(CATEGORIES)}
    Path("none.capture").write_bytes(file.build())
    assert "Operations\n\n  none\n" in run("report", "none.capture", "--full")
    assert problems(json.loads(run("report", "none.capture", "--format", "json")), SCHEMA) == []


def test_folded_by_category(run: Run) -> None:
    totals = json.loads(run("report", "all.capture", "--format", "json"))["operations"]["categories"]
    for category in CATEGORIES:
        run("folded", "all.capture", "--mode", "ops", "--category", category, "-o", "x.folded")
        lines = Path("x.folded").read_text("utf-8").splitlines()
        assert sum(int(line.rpartition(" ")[2]) for line in lines) == totals.get(category, 0)
    assert run("folded", "all.capture", "--mode", "ops", "--category", "call") == "all-ops-call.folded\n"
    assert run("flamegraph", "all.capture", "--mode", "ops", "--category", "call") == "all-ops-call.svg\n"
    picture = Path("all-ops-call.svg").read_text("utf-8")
    assert "operations: call" in picture
    assert run("flamegraph", "all-ops-call.folded") == "all-ops-call.svg\n"
    colours = [
        set(re.findall(r"hsl\(\d+,\d+%,\d+%\)", text)) for text in (picture, Path("all-ops-call.svg").read_text())
    ]
    assert colours[0] & colours[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["folded", "--mode", "ops", "--category", "tea"], "no category 'tea' in all.capture; it has: arithmetic, "),
        (["folded", "--category", "call"], "--category is of operations, not of time: add --mode ops"),
        (["flamegraph", "x.folded", "--category", "call"], "--category needs a capture: x.folded is none"),
        (["report", "--source", "tea.py"], "nothing of tea.py was recorded in all.capture; there is: /src/app.py, "),
        (["report", "--format", "html", "--source", "app.py"], "--source is of --format text"),
    ],
)
def test_mistakes(run: Run, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    Path("x.folded").write_text("a;b 3\n")
    given = arguments if arguments[0] == "flamegraph" else [arguments[0], "all.capture", *arguments[1:]]
    assert main(given) == 2
    assert words in capsys.readouterr().err


# ---- of a real program ----


def report_of(capture: Path) -> Any:
    path = Path("report.json")
    assert main(["report", str(capture), "--format", "json", "-o", str(path)]) == 0
    return json.loads(path.read_text("utf-8"))


def test_names_are_counted_by_hand(shop: Path) -> None:
    operations = report_of(newest_capture("."))["operations"]
    # Up to 3.11, a comprehension is a function of its own.
    calls = {(c["function"].removesuffix(".<listcomp>"), c["callee"]): c["count"] for c in operations["calls"]}
    assert calls["shop.main", ".add"] == 30
    assert calls["shop.Cart.add", ".append"] == 30
    assert calls["shop.main", "Cart"] == 3
    assert calls["shop.main", "range"] == 3
    assert calls["shop.best", "sorted"] == 1
    assert calls["shop.best", "profile"] == calls["shop.best", "end"] == 1
    variables = {(v["function"], v["name"], v["scope"]): v for v in operations["variables"]}
    net = variables["shop.Cart.total", "net", "local"]
    # Set to 0, and to its sum with each price; read for that, for TOTAL and twice at the end.
    assert (net["reads"], net["writes"], net["deletes"]) == (3 * 13, 3 * 11, 0)
    total = variables["shop.Cart.total", "TOTAL", "global"]
    assert (total["reads"], total["writes"]) == (3, 3)
    attributes = {(a["function"], a["name"]): a for a in operations["attributes"]}
    assert attributes["shop.Cart.total", "items"]["reads"] == 3
    assert attributes["shop.Cart.add", "append"]["reads"] == 30


def test_types_of_operands_are_those_that_were_there(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    operands = report_of(newest_capture("."))["operations"]["operands"]
    met = {(o["function"], o["name"], tuple(o["types"])): (o["seen"], o["count"]) for o in operands}
    assert met["shop.Cart.add", "items", ("Cart",)] == (20, 30), "of the first 20 executions"
    assert met["shop.discount", "-=", ("int", "int")] == (15, 15)
    assert met["shop.Cart.total", None, ("dict", "str")] == (3, 3)
    assert main(["report", "--full", "--limit", "0"]) == 0
    text = capsys.readouterr().out
    assert re.search(r"\n +23 +33 +2  Cart.items +shop.Cart.add and 1 more\n", text)
    assert re.search(r"\n +3 +3 +1  dict\[str\] +shop.Cart.total\n", text)


def lines_of(document: Any) -> dict[int, int]:
    """How often the lines of shop.py ran."""
    counts: Counter[int] = Counter()
    for line in document["lines"]:
        if line["file"].endswith("shop.py") and "count" in line:
            counts[line["line"]] = max(counts[line["line"]], line["count"])
    return counts


def test_lines_and_branches_are_counted_by_hand(shop: Path) -> None:
    document = report_of(newest_capture("."))
    source = SHOP.read_text().splitlines()
    number = {text.strip(): index for index, text in enumerate(source, 1)}
    counts = lines_of(document)
    assert counts[number["net += price"]] == 30
    assert counts[number["TOTAL += net"]] == 3
    assert counts[number['cart.add("thing", 7 * n + i)']] == 30
    assert counts[number["limit = 5"]] == 1
    # discount(): totals of 374, 390 and 335, less 5 + 4 + 3 + 2 + 1: the step runs out each time.
    assert counts[number["total -= step"]] == 15
    tests = [b for b in document["operations"]["branches"] if b["line"] == number["if total < 0:"]]
    assert [(b["kind"], b["count"], b["taken"], b["not_taken"]) for b in tests] == [("test", 3, 3, 0)]
    loops = [b for b in document["operations"]["branches"] if b["line"] == number["for _, price in self.items:"]]
    assert [(b["kind"], b["count"], b["taken"], b["not_taken"]) for b in loops] == [("loop", 33, 3, 30)]


def test_callees_are_named_by_their_call_sites(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_program: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("calls.py").write_text(
        """
from prof import profiled
class A:
    def m(self, *a, **k): return self
    def __enter__(self): return self
    def __exit__(self, *a): pass
class B(A):
    @profiled
    def m(self, *a, **k): return super().m(*a, **k)
def h(*x, **k): return lambda y: y
@profiled
def f(a, b):
    a.m(1).m(2).m(k=3)
    (a
      .m(1)
      .m(h(3)(4)))
    h(1)(2)
    with a as q: q.m()
    @h
    def z(): pass
    h(*[1]); h(**{'x': 1})
    [h][0](1)
    try: h(3)
    finally: h(4)
    b.m.__call__(1)
f(A(), B())
"""
    )
    assert run_program(Path("calls.py").absolute(), PROF="ops").returncode == 0
    found = {}
    for call in report_of(newest_capture("."))["operations"]["calls"]:
        found[call["function"].partition(".")[2], call["callee"]] = call["count"]
    # Nameless: h(3)(4), h(1)(2), the end of the with, the decorator, [h][0](1). A with's call is one from 3.12 on.
    nameless = found.pop(("f", None))
    assert nameless in (5, 6)
    assert found.pop(("B.m", None), 0) == 0
    found.pop(("B.m", "super"), None)  # up to 3.11
    assert found == {("f", ".m"): 6, ("f", "h"): 6, ("f", ".__call__"): 1, ("B.m", ".m"): 1}


def test_expressions_have_their_text(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--full", "--sort", "ops", "--limit", "0"]) == 0
    text = capsys.readouterr().out
    line = SHOP.read_text().splitlines().index("            net += price") + 1
    assert re.search(rf"30 +30  shop.py:{line}:\d+-\d+ .* net \+= price\n", text)
    assert re.search(r" total > 100\n", text)
    assert re.search(r" loop  (for _, price in self.items:|self.items)\n", text)


def test_reports_of_two_runs_are_the_same(shop: Path, run_program: Any) -> None:
    def counts(capture: Path) -> list[Any]:
        document = report_of(capture)
        return [document["operations"], document["lines"], document["functions"], document["call_tree"]]

    first = record(run_program, "ops")
    before = counts(first)
    first.unlink()
    assert counts(record(run_program, "ops")) == before


def test_lines_of_the_page(shop: Path) -> None:
    with open_capture(newest_capture(".")) as capture:
        report = analyse(capture, tuple(VIEWS.values()))
        measures = [measure for _, measure in recorded_measures(capture)]
        data = html_data.document(report, select(report.tree, measures, 0, 0), "ops")
    columns = {column["key"]: column for column in data["lines"]["columns"]}
    assert [key for key in columns if key != "samples"] == ["alloc_bytes", "alloc_count", "ops", "count"]
    assert columns["ops"]["group"] == columns["count"]["group"] == "ops"


# ---- the annotated source ----


def listed(text: str) -> dict[str, list[str]]:
    """The margin of each line of the source, by the line's text."""
    lines = text.splitlines()
    head = next(i for i, line in enumerate(lines) if line.endswith("line  source"))
    at = lines[head].index("source")
    return {line[at:].strip(): line[:at].split() for line in lines[head + 1 :] if line[at:].strip()}


def test_source(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--source", "shop.py"]) == 0
    text = capsys.readouterr().out
    found = listed(text)
    lines = SHOP.read_text().splitlines()
    assert [text for text in found if text in map(str.strip, lines)] == list(found)
    assert found["net += price"][0] == "30"
    assert found["total -= step"][0] == "15"
    assert found["total = 0"] == [str(lines.index("        total = 0") + 1)]
    head = next(line for line in text.splitlines() if line.endswith("line  source"))
    assert head.split() == ["count", "ops", "time", "alloc", "line", "source"]


def test_source_by_the_end_of_its_name(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--source", f"{shop.name}/shop.py"]) == 0
    assert main(["report", "--source", str(shop / "shop.py")]) == 0
    assert main(["report", "--source", "op.py"]) == 2
    assert "nothing of op.py was recorded" in capsys.readouterr().err


def test_source_that_changed(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = Path("shop.py").read_text()
    later = time.time() + 10

    def rewrite(content: str) -> int:
        Path("shop.py").write_text(content)
        os.utime("shop.py", (later, later))
        return main(["report", "--source", "shop.py"])

    assert rewrite(text) == 0, "a newer date alone is no change"
    assert rewrite("# one more\n" + text) == 3
    assert "shop.py has changed since it was recorded: go back to what it was then" in capsys.readouterr().err
    assert rewrite(text[:300]) == 3
    assert main(["report", "--full"]) == 0
    assert " source\n" not in capsys.readouterr().out, "texts of a file that changed are left out"
    Path("shop.py").unlink()
    assert main(["report", "--source", "shop.py"]) == 3
    assert "shop.py cannot be opened: No such file" in capsys.readouterr().err


def test_source_of_memory_alone(shop: Path, run_program: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for path in shop.glob("*.capture"):
        path.unlink()
    record(run_program, "memory")
    assert main(["report", "--source", "shop.py"]) == 0
    head = next(line for line in capsys.readouterr().out.splitlines() if line.endswith("line  source"))
    assert head.split() == ["alloc", "line", "source"]
    Path("shop.py").touch()
    assert main(["report", "--source", "shop.py"]) == 0
    assert "!" not in capsys.readouterr().out, "it is what was recorded"


PLAIN = """def work(n):
    total = 0
    for i in range(n):
        total += helper(i)
    return total


class A:
    def __hidden(self):
        __x = 3
        return __x

    def go(self):
        return self.__hidden()


def helper(i):
    # profile! inner
    x = i * 2
    # end! inner
    return x


A().go()
print(work(10))
"""


def test_source_of_instrumented_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_program: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """The lines are those of the plain source, whether it is instrumented still or plain again."""
    monkeypatch.chdir(tmp_path)
    Path("m.py").write_text(PLAIN)
    assert instrument_main(["m.py"]) == 0
    capsys.readouterr()
    assert Path("m.py").read_text() != PLAIN
    assert run_program(tmp_path / "m.py", PROF="ops").stdout == "90\n"
    assert main(["report", "--source", "m.py"]) == 0
    before = listed(capsys.readouterr().out)
    assert list(before) == [
        line.strip()
        .replace("# profile", 'profiled.profile("inner")  # profile')
        .replace("# end", 'profiled.end("inner")  # end')
        for line in dict.fromkeys(PLAIN.splitlines())
        if line
    ]
    assert (before["total += helper(i)"][0], before["total += helper(i)"][-1]) == ("10", "4")
    Path("m.py").write_text(PLAIN)
    Path("m.py").touch()
    assert main(["report", "--source", "m.py"]) == 0
    after = listed(capsys.readouterr().out)
    assert list(after.values()) == list(before.values())


# ---- how long it takes ----


def large(functions: int, contexts: int) -> File:
    """Functions of four kinds of statement each, called in many contexts, some of them from two threads."""
    labels = [Label(THREAD, "t")] + [function(f"app.m{i % 50}.f{i}", 20) for i in range(functions)]
    codes = [token_code(i + 1, f"app.m{i % 50}.f{i}", 20, f"/src/app/m{i % 50}.py") for i in range(functions)]
    for code in codes:  # ten times as long
        code.instructions[4:4] = [code.instructions[0]] * 100
        for edge in code.edges:
            edge.instruction += 100 if edge.instruction >= 3 else 0
    nodes = [Node(-1, 0)]
    for i in range(1, contexts):
        at = i * 7919 % functions
        nodes.append(Node(i // 3, at + 1, 10, i % 4000, code=at, counts=[Counted(at, [i % 10])]))
    meta = {"name": "large", "python": "3.12.1", "modes": ["time", "ops"], "categories": list(CATEGORIES)}
    return File(labels, [Thread("t", nodes)], meta, codes=codes, modes=1 | OPS_MODE, nodes_per_chunk=4000)


@pytest.mark.parametrize("arguments", [[], ["--format", "json", "-o", "x.json"]], ids=["text", "json"])
def test_four_times_the_functions_take_four_times_as_long(run: Run, arguments: list[str]) -> None:
    for functions in (600, 2400):
        Path(f"{functions}.capture").write_bytes(large(functions, 40 * functions).build())

    def seconds(functions: int) -> float:
        begin = time.process_time()
        run("report", f"{functions}.capture", *arguments)
        return time.process_time() - begin

    assert growth(seconds, 600, 2400) < 7
