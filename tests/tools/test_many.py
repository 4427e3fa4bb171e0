"""Several captures read as one: sums against the oracle, what cannot be added up, and which captures are of one run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oracle_many as oracle
import oracle_tree
import pytest
from capture_files import (
    CPU,
    FRAME,
    LINE,
    MANUAL,
    MEMORY_MODE,
    NODE,
    OPS_MODE,
    RECORDING,
    THREAD,
    TIME_MODE,
    TSC,
    File,
    Label,
    Memory,
    Node,
    Thread,
    function,
)
from example import example, feed_code, memory_example, ops_example, token_code
from hypothesis import given, settings
from hypothesis import strategies as st
from prof.capture import Capture, Tree, open_capture
from prof.errors import InputError
from prof.many import open_captures
from prof.modes import MEASURES
from prof.runs import newest_run, origin, recorded_parents, together
from prof.tools.cli import main
from schema_check import problems
from test_capture import files
from test_capture_samples import weighted, with_samples

SCHEMA = json.loads((Path(__file__).parents[2] / "tools" / "schema.json").read_text())


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_all(directory: Path, every: list[File]) -> list[Path]:
    paths = []
    for number, file in enumerate(every):
        paths.append(directory / f"{number}.capture")
        paths[-1].write_bytes(file.build())
    return paths


def meaning_of(capture: Capture, index: int) -> oracle.Meaning:
    row = capture._info.labels[index]
    label = capture.label(index)
    return (row.kind, label.name, label.module, label.file, label.line, row.flags)


def contexts(capture: Capture, tree: Tree, columns: tuple[str, ...]) -> dict[oracle.Path, dict[str, int]]:
    keys: list[oracle.Path] = [()]
    for node in range(1, tree.count):
        keys.append((*keys[tree.parent[node]], meaning_of(capture, tree.label[node])))
    assert len(set(keys)) == len(keys)
    return {key: {c: tree.column(c)[node] for c in columns} for node, key in enumerate(keys)}


def columns_of(capture: Capture) -> tuple[str, ...]:
    return tuple(c for c in oracle_tree.COLUMNS if c in oracle_tree.SPAN_COLUMNS or capture.recorded(c))


@st.composite
def several(draw: st.DrawFn) -> list[File]:
    """Captures with some labels in common, of clocks whose times can be added."""
    found = draw(st.lists(files(), min_size=2, max_size=4))
    clocks = draw(st.sampled_from([[CPU], [TSC, MANUAL]]))
    for file in found:
        file.clock = draw(st.sampled_from(clocks))
        file.drops = draw(st.dictionaries(st.integers(0, 15), st.integers(1, 2**40), max_size=3))
        if file.memory is not None:
            file.memory.peak = draw(st.integers(0, 2**40))
            file.memory.classes = draw(st.dictionaries(st.integers(0, 63), st.integers(1, 2**30), max_size=3))
    return found


@settings(max_examples=150, deadline=None)
@given(several())
def test_sums_equal_the_oracle(every: list[File]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        paths = write_all(Path(directory), every)
        with open_captures(paths) as capture:
            columns = columns_of(capture)
            assert capture.recorded("alloc_bytes") == any(file.memory for file in every)
            assert capture.recorded("live_bytes") == oracle.in_detail(every)
            check_tree(capture, capture.tree(), oracle.paths(every), columns)
            check_threads(capture, every)
            check_latencies(capture, every)
            check_totals(capture, every)


def check_tree(
    capture: Capture, tree: Tree, expected: dict[oracle.Path, dict[str, int]], columns: tuple[str, ...]
) -> None:
    found = contexts(capture, tree, columns)
    assert found == {key: {c: row[c] for c in columns} for key, row in expected.items()}
    assert tree.total_ns[0] == sum(row["self_ns"] for row in expected.values())
    functions = capture.functions(tree)
    by_meaning = {meaning_of(capture, f.label.index): f for f in functions}
    assert len(by_meaning) == len(functions)
    calls: Counter[oracle.Meaning] = Counter()
    for key, row in expected.items():
        if key and key[-1][0] != LINE:
            calls[key[-1]] += row["calls"]
    assert {m: f.calls for m, f in by_meaning.items()} == dict(calls)


def check_threads(capture: Capture, every: list[File]) -> None:
    """A thread is that of its process, with the whole's labels."""
    index = 0
    for file in every:
        for number, thread in enumerate(file.threads):
            assert capture.threads[index].name == thread.name
            tree = capture.tree(index)
            expected = oracle.paths([file], number)
            found = contexts(capture, tree, oracle_tree.SPAN_COLUMNS)
            assert found == {k: {c: row[c] for c in oracle_tree.SPAN_COLUMNS} for k, row in expected.items()}
            index += 1
    assert len(capture.threads) == index
    with pytest.raises(InputError, match=f"has no thread {index}"):
        capture.tree(index)


def check_latencies(capture: Capture, every: list[File]) -> None:
    """Histograms are added. Percentiles of clocks with one frequency are those of all calls."""
    one_clock = all(file.clock != TSC for file in every)
    for f in capture.functions(capture.tree()):
        ticks: list[int] = []
        times: list[int] = []
        for file in every:
            for label in file.labels:
                if oracle.meaning(label) == meaning_of(capture, f.label.index):
                    ticks += label.latencies
                    times += [oracle_tree.to_ns(each, oracle_tree.ratio_of(file)) for each in label.latencies]
        assert f.completed == len(times)
        assert (f.min_ns, f.max_ns) == ((min(times), max(times)) if times else (0, 0))
        assert f.min_ns <= f.p50_ns <= f.p90_ns <= f.p99_ns <= f.max_ns
        if one_clock and times:
            shares = [oracle_tree.percentile(ticks, share, 1.0) for share in (0.5, 0.9, 0.99)]
            assert [f.p50_ns, f.p90_ns, f.p99_ns] == shares


def check_totals(capture: Capture, every: list[File]) -> None:
    drops: Counter[int] = Counter()
    met: Counter[int] = Counter()
    for file in every:
        drops.update(file.drops)
        met.update(file.drops.keys())
    assert sorted(d.count for d in capture.drops) == sorted(drops.values())
    for drop in capture.drops:
        number = int(re.search(r"\(in (\d+) of", drop.words)[1])  # type: ignore[index]
        assert (drop.count, number) in {(drops[k], met[k]) for k in drops}
    memories = [file.memory for file in every if file.memory is not None]
    memory = capture.memory(capture.tree())
    if memory is None:
        assert not memories
    elif oracle.in_detail(every):
        classes: Counter[int] = Counter()
        for each in memories:
            classes.update({1 << k if k else 0: n for k, n in each.classes.items()})
        assert dict(memory.size_classes or ()) == dict(classes)
        assert memory.peak_bytes == max(each.peak for each in memories)
        assert capture.peak_process is not None
        highest = oracle.highest(every)
        assert capture.peak_process.path.name == f"{highest}.capture"


def test_a_peak_is_that_of_one_process(tmp_path: Path) -> None:
    """What lines held then, too: of a process that comes before or after it there is nothing in it."""
    every = []
    for peak, at_peak in ((500, (200, 300, 0)), (900, (100, 0, 800)), (700, (400, 200, 100))):
        lines = [Label(LINE, f"m.py:{n}", "f", "/m.py", n) for n in (1, 2, 3)]
        nodes = [Node(-1, 0), *(Node(0, n, alloc=(1, 1000), peak=(at_peak[n - 1], 4)) for n in (1, 2, 3))]
        file = File([Label(THREAD, "t"), *lines], [Thread("t", nodes)], modes=MEMORY_MODE)
        file.memory = Memory(True, 4, 3000, peak)
        every.append(file)
    with open_captures(write_all(tmp_path, every)) as capture:
        tree = capture.tree()
        memory = capture.memory(tree)
        assert memory is not None and (memory.peak_bytes, memory.live_bytes) == (900, 9000)
        assert [(each.label.line, each.peak_bytes) for each in capture.lines(tree, "peak_bytes")] == [
            (3, 800),
            (1, 100),
            (2, 0),
        ]
        assert [p.totals["peak_bytes"] for p in capture.processes] == [500, 900, 700]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 2**45), min_size=1, max_size=30), st.sampled_from([0.2, 0.37, 1.0, 2.5, 40.0]))
def test_percentiles_of_clocks_with_other_frequencies_are_within_two_bins(latencies: list[int], ratio: float) -> None:
    """One machine's clock has `ratio` ns a tick, the other's 1: all calls took as long on both."""
    one = File([Label(THREAD, "t"), function("m.f", latencies=latencies)], [Thread("t", [Node(-1, 0), Node(0, 1, 1)])])
    ticks = [round(each / ratio) for each in latencies]
    two = File([Label(THREAD, "t"), function("m.f", latencies=ticks)], [Thread("t", [Node(-1, 0), Node(0, 1, 1)])])
    two.clock, two.start, two.last = TSC, (0, 0, 0), (10**9, round(ratio * 10**9), 0)
    with tempfile.TemporaryDirectory() as directory:
        paths = write_all(Path(directory), [one, two])
        with open_captures(paths) as capture, open_capture(paths[0]) as alone:
            (f,), (g,) = capture.functions(capture.tree()), alone.functions(alone.tree())
    assert f.completed == 2 * len(latencies)
    for p, q in ((f.p50_ns, g.p50_ns), (f.p90_ns, g.p90_ns), (f.p99_ns, g.p99_ns)):
        assert q / 1.6 - 4 - 4 * ratio <= p <= q * 1.6 + 4 + 4 * ratio


# ---- operations and samples ----


def counting(draw: Any) -> File:
    """The example with other counters: some contexts then contradict themselves."""
    file = ops_example(example(), exact=draw(st.booleans()))
    numbers = st.integers(0, 50)
    for thread in file.threads:
        for node in thread.nodes:
            node.calls = draw(numbers) if node.counts else node.calls
            for counted in node.counts:
                counted.counters = [draw(numbers) for _ in counted.counters]
                counted.events = draw(st.lists(st.tuples(st.just(0x10000), st.integers(0, 12), numbers), max_size=2))
                counted.live = draw(st.lists(st.integers(0, 12), max_size=2))
    if draw(st.booleans()):  # the same program, changed
        file.codes[1] = token_code(4, line=51)
    file.codes.append(feed_code())
    return file


def solved(capture: Capture) -> Iterator[tuple[Any, Counter[Any]]]:
    tree = capture.tree()
    operations = tree.operations
    assert operations is not None
    yield "whole", Counter({"ops": tree.inclusive("ops")[0]})
    by_label: Counter[Any] = Counter()
    for f in capture.functions(tree):
        by_label.update({(f.label.name, k): n for k, n in (f.operations or {}).items()})
        by_label[f.label.name, "own"] += f.ops or 0
        by_label[f.label.name, "total"] += f.total_ops or 0
    yield "label", by_label
    yield "exact", Counter({f.label.name: int(not f.exact) for f in capture.functions(tree)})
    for by in ("line", "expression", "branch", "name", "callee"):
        sites: Counter[Any] = Counter()
        for s in operations.sites(by)[0]:
            key = (s.code.name, s.code.line, s.line, s.columns, s.name, s.category)
            # `count` of a line or expression is that of its busiest instruction: no sum.
            sums = {"ops": s.ops, "reads": s.reads, "writes": s.writes, "taken": s.taken}
            sums |= {"count": s.count} if by not in ("line", "expression") else {}
            sites.update({(*key, k): n for k, n in sums.items()})
        yield by, sites
    rows: Counter[Any] = Counter()
    for code in operations.codes():
        rows.update({(code.name, code.line, o.unit): o.count for o in operations.of_code(code)})
        rows[code.name, code.line, "inexact"] += code.inexact
    yield "rows", rows


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_operations_are_the_sums_of_the_parts(data: st.DataObject) -> None:
    every = [counting(data.draw) for _ in range(data.draw(st.integers(2, 3)))]
    with tempfile.TemporaryDirectory() as directory:
        paths = write_all(Path(directory), every)
        sums: dict[Any, Counter[Any]] = {}
        for path in paths:
            with open_capture(path) as part:
                for key, counts in solved(part):
                    sums.setdefault(key, Counter()).update(counts)
        with open_captures(paths) as capture:
            for key, counts in solved(capture):
                expected = sums[key]
                if key == "exact":
                    expected = Counter({name: min(1, number) for name, number in expected.items()})
                assert +counts == +expected, key
            calls = capture.tree(category="call").inclusive("ops")[0]
        parts = []
        for path in paths:
            with open_capture(path) as part:
                parts.append(part.tree(category="call").inclusive("ops")[0])
        assert calls == sum(parts)


def test_operands_of_instructions_are_added(tmp_path: Path) -> None:
    """Real ones, of a program that runs twice."""
    script = "from prof import profiled\n\n@profiled\ndef add(a, b):\n    return a + b\n\n"
    (tmp_path / "app.py").write_text(f"{script}for _ in range(5):\n    add(1, 2)\n")
    paths = [recorded(tmp_path, "app.py", f"ops,{n},types=100") for n in "ab"]
    with open_captures(paths) as capture:
        (operands,) = [o for o in operations_of(capture).operands() if o.name == "+"]
    assert (operands.types, operands.seen, operands.count) == (("int", "int"), 10, 10)


def operations_of(capture: Capture) -> Any:
    operations = capture.tree().operations
    assert operations is not None
    return operations


def recorded(folder: Path, program: str, prof: str) -> Path:
    environment = {name: value for name, value in os.environ.items() if name != "PROF"} | {"PROF": prof}
    subprocess.run([sys.executable, program], cwd=folder, env=environment, check=True, capture_output=True, timeout=60)
    (found,) = (folder / prof.split(",")[1]).glob("*.capture")
    return found


def test_samples_are_added(tmp_path: Path) -> None:
    """Frames, lines, spans without a line, what threads took, and the totals."""
    one, two = with_samples(), with_samples()
    two.samples[7].counts = weighted(10)
    two.labels[2] = function("app.other", 9)
    with open_captures(write_all(tmp_path, [one, two])) as capture:
        tree = capture.tree()
        functions = {f.label.name: f for f in capture.functions(tree)}
        totals = capture.sampler(tree)
        lines = {line.label.name: line.samples for line in capture.lines(tree, "samples")}
        moments = capture.process
    assert totals is not None
    assert (totals.samples, totals.outside, totals.ticks, totals.late, totals.idle) == (1710, 200, 18, 2, 4)
    names = ("app.main", "app.work", "app.other", "app.helper")
    assert [functions[n].samples for n in names] == [1510, 700, 410, 870]
    assert [functions[n].samples_self for n in names] == [400, 700, 410, 870]
    assert (functions["app.work"].instructions_self, functions["app.other"].instructions_self) == (10, 10)
    assert functions["app.helper"].ready_self_ns == 180
    assert lines == {"app.py:21": 870, "app.py:10": 800}
    assert [(m.read_bytes, m.system_ns) for m in moments] == [(0, 0), (20, 20)]


def test_of_sampled_lines_that_allocate_both_are_kept(tmp_path: Path) -> None:
    file = with_samples()
    file.places.append(Label(FRAME, "app.loose", "app", "/src/app.py", 60))
    file.labels.append(Label(LINE, "app.py:10", "work", "/src/app.py", 10))
    file.threads[0].nodes.append(Node(2, 3, alloc=(3, 90)))
    file.modes |= MEMORY_MODE
    file.memory = Memory(False, 1)
    with open_captures(write_all(tmp_path, [file, file])) as capture:
        (line,) = (each for each in capture.lines(capture.tree(), "samples") if each.label.name == "app.py:10")
    assert (line.samples, line.alloc_count, line.alloc_bytes) == (800, 6, 180)


# ---- what is said of several ----


def test_what_is_left_out_is_said(here: Path) -> None:
    whole = example().build()
    Path("a.capture").write_bytes(whole)
    Path("b.capture").write_bytes(whole[: len(whole) // 2])
    Path("c.capture").write_bytes(memory_example().build())
    os.link("a.capture", "e.capture")
    Path("summary.capture").write_bytes(memory_example(detail=False).build())
    with open_captures(
        ["a.capture", "b.capture", "c.capture", "e.capture", "summary.capture", "none.capture"]
    ) as capture:
        notes = capture.notes
        assert not capture.recorded("live_bytes") and capture.recorded("alloc_bytes")
        assert len(capture.processes) == 3
    assert [re.sub(r"[\d,]+ bytes.*", "", note) for note in notes] == [
        "left out: b.capture is truncated (copy it again): it has ",
        "left out: none.capture cannot be opened: No such file or directory",
        "memory was recorded by 2 of 3 processes: its figures are of those alone",
        "memory was recorded in detail by 1 of 2 processes: what was freed, live and at the peak is left out",
        "e.capture was named twice, and is counted once",
    ]
    with pytest.raises(InputError, match=r"b.capture is truncated .*, and neither can the 1 others be read"):
        open_captures(["b.capture", "none.capture"])


def test_a_capture_whose_tree_is_damaged_adds_nothing(tmp_path: Path) -> None:
    file = File([Label(THREAD, "t"), function("m.f")], [Thread("t", [Node(-1, 0), Node(0, 1, 3, 5), Node(1, 1, 2, 7)])])
    good = file.build()
    bad = bytearray(good)
    last = len(good) - NODE.size
    bad[last + 4 : last + 8] = (99).to_bytes(4, sys.byteorder)  # the parent of the last node
    (tmp_path / "good.capture").write_bytes(good)
    (tmp_path / "other.capture").write_bytes(good)
    (tmp_path / "bad.capture").write_bytes(bad)
    with open_captures([tmp_path / f"{n}.capture" for n in ("good", "bad", "other")]) as capture:
        tree = capture.tree()
        assert [f.calls for f in capture.functions(tree)] == [10]
        assert len(capture.processes) == 2
        assert "bad.capture is corrupt" in capture.notes[0] and "a parent that is not there" in capture.notes[0]


def test_what_cannot_be_added_up_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def version(file: File, python: str) -> File:
        assert file.meta is not None
        file.meta["python"] = python
        return file

    a, b = write_all(tmp_path, [version(memory_example(), "3.13.0"), version(memory_example(), "3.12.1")])
    with pytest.raises(InputError, match=r"is of cpython 3.12, and .* of cpython 3.13: what they allocate and execute"):
        open_captures([a, b])
    assert main(["report", str(a), str(b)]) == 3
    assert "cannot be added up" in capsys.readouterr().err
    # Patch releases are one, and times are times.
    a, b = write_all(tmp_path, [version(memory_example(), "3.13.0"), version(memory_example(), "3.13.7")])
    open_captures([a, b]).close()
    a, b = write_all(tmp_path, [version(example(), "3.13.0"), version(example(), "3.11.7")])
    with open_captures([a, b]) as capture:
        assert capture.meta["python"] == "3.13.0 and 3.11.7"
    wall, processor = example(), example()
    processor.clock = CPU
    with pytest.raises(InputError, match=r"has processor time, and .* has not"):
        open_captures(write_all(tmp_path, [wall, processor]))
    never = example()
    never.clock, never.first, never.last = TSC, (0, 0, 0), (0, 0, 0)
    with open_captures(write_all(tmp_path, [wall, never])) as capture:
        assert "killed before its clock was calibrated" in capture.notes[0]


def test_the_wall_time_of_runs_that_lie_apart(tmp_path: Path) -> None:
    every = [example(), example(), example()]
    second = 1_000_000_000
    for file, begin, length in zip(every, (0, 1, 100), (3, 3, 2), strict=True):
        file.start = (0, 0, begin * second)
        file.last = (length * second, length * second, 0)
    with open_captures(write_all(tmp_path, every)) as capture:
        assert capture.duration_ns == 6 * second


# ---- runs ----


def made(lineage: list[list[int]], family: list[int] | None = None, start: int = 0, host: str = "h") -> Any:
    return origin({"host": host, "lineage": lineage, "family": family or lineage[0]}, start)


def test_which_captures_are_of_one_run() -> None:
    shell = [1, 1]
    parent = made([[10, 5], shell])
    child = made([[11, 6], [10, 5], shell], start=2)
    deep = made([[13, 7], [12, 7], [11, 6], [10, 5], shell], start=3)
    again = made([[10, 9], shell], start=9)  # the number was given again
    elsewhere = made([[11, 6], [10, 5], shell], host="other")
    worker = made([[21, 8], [20, 7], shell], [20, 7])  # of a server that was not recorded
    other = made([[22, 8], [20, 7], shell], [20, 7])
    unknown = origin({"host": "h", "lineage": "nonsense"}, 0)
    every = [parent, child, deep, again, elsewhere, worker, other, unknown, origin({}, 0)]
    assert recorded_parents(every) == [None, 0, 1, None, None, None, None, None, None]
    groups = together(every)
    assert len({*groups[:3]}) == 1 and groups[5] == groups[6]
    assert len(set(groups)) == 6
    assert (parent.parent, unknown.parent) == (1, 0)


@pytest.mark.parametrize("row", [[1], [1, "2"], [None, 2], "12", {"a": 1}, 7, [[1, 2], 3]])
def test_nonsense_in_a_lineage_is_no_lineage(row: Any) -> None:
    assert origin({"lineage": [[1, 2], row]}, 0).own is None
    assert origin({"lineage": row}, 0).own is None


def test_captures_that_claim_to_be_each_others_ancestors(here: Path) -> None:
    every = [example(), example()]
    for file, lineage in zip(every, ([[1, 1], [2, 2]], [[2, 2], [1, 1]]), strict=True):
        assert file.meta is not None
        file.meta["lineage"] = lineage
    write_all(here, every)
    assert len(newest_run(here)[0]) == 2
    with open_captures(newest_run(here)[0]) as capture:
        assert len(capture.processes) == 2


def family(folder: Path) -> None:
    """Of one run a parent and two children, of another one process, older; and a damaged file that is newer."""
    second = 1_000_000_000
    rows = [("app", 100, [[100, 1], [1, 1]], 10), ("app-101", 101, [[101, 2], [100, 1], [1, 1]], 11),
            ("app-102", 102, [[102, 2], [100, 1], [1, 1]], 12), ("older", 90, [[90, 1], [1, 1]], 5)]  # fmt: skip
    for name, pid, lineage, start in rows:
        file = memory_example()
        file.pid = pid
        file.start, file.last = (0, 0, start * second), (second, second, 0)
        assert file.meta is not None and file.memory is not None
        file.meta |= {"lineage": lineage, "argv": [f"{name}.py"]}
        file.memory.peak += pid
        path = folder / f"{name}.capture"
        path.write_bytes(file.build())
        os.utime(path, (start, start))


def test_the_newest_run(here: Path) -> None:
    family(here)
    found, notes = newest_run(".")
    assert ([path.name for path in found], notes) == (["app.capture", "app-101.capture", "app-102.capture"], [])
    Path("torn.capture").write_bytes(b"PROFCAP\n")
    os.utime("torn.capture", (11.5, 11.5))
    assert newest_run(".")[1] == [
        "left out, whatever it is of: torn.capture is truncated (copy it again): 8 bytes, and the header alone has 4096"
    ]
    os.utime("torn.capture", (4, 4))  # of before this run
    assert newest_run(".")[1] == []
    os.utime("torn.capture", (13, 13))
    with pytest.raises(InputError, match=r"torn.capture is truncated"):
        newest_run(".")


def test_the_report_of_a_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    family(here)
    assert main(["report"]) == 0
    text = capsys.readouterr().out
    assert "(3 captures, the newest run here)" in text and "3 processes;" in text
    table = text.partition("Processes  all 3\n\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in table[1:4]] == ["100", "101", "102"]
    assert [line.rpartition("  ")[2] for line in table[1:4]] == ["app.py", "app-101.py", "app-102.py"]
    assert table[2].endswith("    app-101.py")  # below the one that began it
    assert "  Peaks of what was allocated are those of process 102, which are the highest." in table
    assert main(["report", "app.capture"]) == 0
    assert "Processes" not in capsys.readouterr().out
    assert main(["report", str(here)]) == 0
    assert f"(3 captures, the newest run in {here})" in capsys.readouterr().out
    assert main(["report", "app.capture", "older.capture", "app-101.capture"]) == 0
    assert "(3 captures: app.capture, older.capture, …)" in capsys.readouterr().out


def test_every_other_output_of_a_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    family(here)
    assert main(["report", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert problems(document, SCHEMA) == []
    assert [p["pid"] for p in document["processes"]] == [100, 101, 102]
    assert [p["depth"] for p in document["processes"]] == [0, 1, 1]
    inside = document["session"]["inside_ns"]
    assert sum(p["totals"]["self_ns"] for p in document["processes"]) == inside
    assert main(["report", "app.capture", "--format", "json"]) == 0
    alone = json.loads(capsys.readouterr().out)
    assert "processes" not in alone and inside == 3 * alone["session"]["inside_ns"]
    assert main(["report", "--format", "html"]) == 0
    assert capsys.readouterr().out == "app-and-2-more.html\n"
    assert "<summary>Processes (all 3)</summary>" in Path("app-and-2-more.html").read_text()
    assert main(["flamegraph", "."]) == 0
    assert capsys.readouterr().out == "app-and-2-more-time.svg\n"
    assert "app, 3 processes, " in Path("app-and-2-more-time.svg").read_text()
    assert main(["folded", ".", "-o", "all.folded"]) == 0
    assert main(["folded", "app.capture", "-o", "one.folded"]) == 0
    every, one = (
        dict(line.rsplit(" ", 1) for line in Path(f"{n}.folded").read_text().splitlines()) for n in ("all", "one")
    )
    assert {key: int(value) for key, value in every.items()} == {key: 3 * int(value) for key, value in one.items()}
    capsys.readouterr()
    shutil.copytree(here, "../other")
    assert main(["diff", ".", "../other", "--format", "json"]) == 0
    assert main(["diff", "app.capture", "."]) == 0
    assert main(["diff", "app.capture", ".", "--fail-on", "calls>0"]) == 1


def test_a_gate_is_not_passed_by_what_could_not_be_read(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    family(here)
    broken = Path("app-101.capture").read_bytes()
    Path("app-101.capture").write_bytes(broken[:5000])
    os.utime("app-101.capture", (11, 11))
    assert main(["report"]) == 0
    assert "! left out, whatever it is of: app-101.capture is truncated" in capsys.readouterr().out
    assert main(["diff", ".", "app.capture"]) == 3
    assert "app-101.capture is truncated" in capsys.readouterr().err


def test_files_beside_are_for_those_who_may_read_all_captures(here: Path) -> None:
    family(here)
    for name, mode in (("app", 0o644), ("app-101", 0o640), ("app-102", 0o604)):
        os.chmod(f"{name}.capture", mode)
    assert main(["folded"]) == 0
    assert os.stat("app-and-2-more-time.folded").st_mode & 0o777 == 0o600


def test_processes_that_did_not_end_are_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    family(here)
    for name in ("app-101", "app-102"):
        data = bytearray(Path(f"{name}.capture").read_bytes())
        data[20:24] = RECORDING.to_bytes(4, sys.byteorder)
        Path(f"{name}.capture").write_bytes(data)
    assert main(["report", "app.capture", "app-101.capture", "app-102.capture"]) == 0
    text = capsys.readouterr().out
    assert "! processes 100, 101 and 102 killed while recording, or still running: calls that had not" in text


def test_measures_are_found_as_in_one(tmp_path: Path) -> None:
    file = ops_example(memory_example())
    file.modes = TIME_MODE | MEMORY_MODE | OPS_MODE
    paths = write_all(tmp_path, [file, file])
    with open_captures(paths[:1]) as one, open_captures(paths) as both:
        for measure in MEASURES.values():
            assert one.recorded(measure.column) == both.recorded(measure.column)
            if both.recorded(measure.column) and measure.column != "peak_bytes":
                assert both.tree().inclusive(measure.column)[0] == 2 * one.tree().inclusive(measure.column)[0]
        assert both.tree().inclusive("peak_bytes")[0] == one.tree().inclusive("peak_bytes")[0]
