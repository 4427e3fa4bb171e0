"""`prof export`: what other tools read is what the capture has. Readers here know nothing but the formats."""

from __future__ import annotations

import csv
import gzip
import io
import json
import pstats
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from example import example, memory_example, ops_example
from prof.capture import Capture, open_capture
from prof.modes import recorded_measures
from prof.tools.cli import main
from schema_check import problems
from test_whole_stacks import capture_of, random_stack

FILES = {
    "time": example,
    "memory": memory_example,
    "ops": lambda: ops_example(memory_example()),
    "samples": lambda: capture_of(Counter(random_stack(random.Random(n)) for n in range(80))),
}


@pytest.fixture(params=FILES)
def path(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    found = tmp_path / "app.capture"
    found.write_bytes(FILES[request.param]().build())
    return found


def totals(capture: Capture) -> dict[str, int]:
    """By measure, what functions and lines hold: what is outside of them is in no stack."""
    found = {}
    for _, measure in recorded_measures(capture):
        tree = capture.tree_of(capture.tree(), measure.column)
        column = tree.column(measure.column)
        found[measure.name] = sum(column[node] for node in range(1, tree.count))
    return found


def self_of(capture: Capture, measure: str) -> Counter[str]:
    """By the name of the innermost frame, by walking the tree."""
    (column,) = (m.column for _, m in recorded_measures(capture) if m.name == measure)
    tree = capture.tree_of(capture.tree(), column)
    found: Counter[str] = Counter()
    for node in range(1, tree.count):
        found[capture.label(tree.label[node]).name] += tree.column(column)[node]
    return +found


def test_speedscope(path: Path) -> None:
    assert main(["export", "--format", "speedscope"]) == 0
    document = json.loads(path.with_suffix(".speedscope.json").read_text())
    assert document["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    frames = document["shared"]["frames"]
    assert all(set(frame) <= {"name", "file", "line"} and frame["name"] for frame in frames)
    with open_capture(path) as capture:
        expected = totals(capture)
        by_title = {measure.title or measure.name: measure.name for _, measure in recorded_measures(capture)}
        for profile in document["profiles"]:
            assert set(profile) == {"type", "name", "unit", "startValue", "endValue", "samples", "weights"}
            assert profile["type"] == "sampled" and profile["unit"] in ("nanoseconds", "bytes", "none")
            assert len(profile["samples"]) == len(profile["weights"])
            name = by_title[profile["name"]]
            assert sum(profile["weights"]) == profile["endValue"] - profile["startValue"] == expected.pop(name)
            leaves: Counter[str] = Counter()
            for stack, weight in zip(profile["samples"], profile["weights"], strict=True):
                leaves[frames[stack[-1]]["name"]] += weight
            assert leaves == self_of(capture, name)
        assert not expected


# ---- profile.proto, by its wire format ----


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0

    def varint() -> int:
        nonlocal at
        number = shift = 0
        while True:
            byte = message[at]
            at += 1
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number

    while at < len(message):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        else:
            assert key & 7 == 2
            size = varint()
            yield key >> 3, message[at : at + size]
            at += size


def numbers(message: bytes) -> list[int]:
    return [
        value
        for _, value in fields(
            b"".join(b"\x08" + one for one in re.findall(rb"[\x80-\xff]*[\x00-\x7f]", message, re.DOTALL))
        )
    ]  # type: ignore[misc]


def test_pprof(path: Path) -> None:
    assert main(["export", "--format", "pprof"]) == 0
    message = list(fields(gzip.decompress(path.with_suffix(".pb.gz").read_bytes())))
    strings = [value.decode() for field, value in message if field == 6]  # type: ignore[union-attr]
    assert strings[0] == "" and len(set(strings)) == len(strings)
    types = [dict(fields(value)) for field, value in message if field == 1]  # type: ignore[arg-type]
    functions = {row[1]: row for field, value in message if field == 5 for row in [dict(fields(value))]}  # type: ignore[arg-type]
    locations = {row[1]: row for field, value in message if field == 4 for row in [dict(fields(value))]}  # type: ignore[arg-type]
    sums: Counter[str] = Counter()
    leaves: dict[str, Counter[str]] = {}
    for field, value in message:
        if field != 2:
            continue
        sample = dict(fields(value))  # type: ignore[arg-type]
        values = numbers(sample[2])  # type: ignore[arg-type]
        assert len(values) == len(types)
        first = numbers(sample[1])[0]  # type: ignore[arg-type]
        line = dict(fields(locations[first][4]))  # type: ignore[arg-type]
        name = strings[functions[line[1]][2]]  # type: ignore[index]
        for kind, amount in zip(types, values, strict=True):
            sums[strings[kind[1]]] += amount  # type: ignore[index]
            leaves.setdefault(strings[kind[1]], Counter())[name] += amount  # type: ignore[index]
    with open_capture(path) as capture:
        assert +sums == +Counter(totals(capture))
        for kind in types:
            measure = strings[kind[1]]  # type: ignore[index]
            exact = self_of(capture, measure)
            # Lines are charged to the function that they are in: only functions without lines are the same here.
            plain = {name for name in exact if not re.search(r"\.py:\d+$", name)}
            assert all(leaves[measure][name] >= exact[name] for name in plain)
            if plain == set(exact):
                assert +leaves[measure] == exact


def test_callgrind(path: Path) -> None:
    assert main(["export", "--format", "callgrind", "-o", "out"]) == 0
    text = Path("out").read_text()
    with open_capture(path) as capture:
        expected = totals(capture)
    events = re.search(r"^events: (.*)$", text, re.MULTILINE)
    assert events
    sums = Counter[str]()
    calls = False
    for line in text.splitlines():
        if line.startswith("calls="):
            calls = True
        elif re.match(r"\d+ \d", line):
            if not calls:
                sums.update(dict(zip(events[1].split(), map(int, line.split()[1:]), strict=True)))
            calls = False
    # Lines outside of every function are in no function's sum.
    for name, whole in expected.items():
        assert sums[name.replace("-", "_")] <= whole
        if name in ("time", "ops", "samples"):
            assert sums[name.replace("-", "_")] == whole


def test_pstats(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_capture(path) as capture:
        expected = totals(capture)
        of = next((name for name in ("time", "samples-wall") if name in expected), None)
        names = {capture.label(index).name.rpartition(".")[2] for index in range(1, capture.label_count)}
    if of is None:
        assert main(["export", "--format", "pstats"]) == 2
        assert "pstats holds times" in capsys.readouterr().err
        return
    assert main(["export", "--format", "pstats"]) == 0
    stats = pstats.Stats(str(path.with_suffix(".pstats")), stream=io.StringIO())
    table: dict[Any, Any] = stats.stats  # type: ignore[attr-defined]
    stats.sort_stats("cumulative").print_stats().print_callers().print_callees()
    assert sum(round(row[2] * 1e9) for row in table.values()) == expected[of] == round(stats.total_tt * 1e9)  # type: ignore[attr-defined]
    assert {name.rpartition(".")[2] for _, _, name in table} <= names
    for primitive, calls, own, whole, callers in table.values():
        assert primitive <= calls and own <= whole + 1e-9
        assert all(caller in table for caller in callers)
        assert sum(row[0] for row in callers.values()) <= calls


CALLS = """
import cProfile, prof, sys
def fall(n): return n and fall(n - 1) + swing(n - 2)
def swing(n): return n > 0 and fall(n - 1)
def main():
    fall(6), swing(5), fall(2)
profile = cProfile.Profile()
profile.runcall(main)
profile.dump_stats("theirs")
"""


def test_pstats_counts_recursion_as_cprofile_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls and primitive calls, of functions and by caller: the program is recorded by both."""
    monkeypatch.chdir(tmp_path)
    Path("app.py").write_text(CALLS)
    command = [sys.executable, "-m", "prof", "run", "--modes", "time", "--out", "runs", "app.py"]
    subprocess.run(command, check=True, capture_output=True)
    assert main(["export", "--format", "pstats", "runs", "-o", "ours"]) == 0

    def counts(file: str) -> dict[str, Any]:
        table: dict[Any, Any] = pstats.Stats(file).stats  # type: ignore[attr-defined]
        known = ("fall", "swing", "main")
        return {
            name: (row[:2], {key[2]: each[:2] for key, each in row[4].items() if key[2] in known})
            for (_, _, name), row in table.items()
            if name in known
        }

    assert counts("ours") == counts("theirs") and len(counts("ours")) == 3


@pytest.mark.skipif(not which("callgrind_annotate"), reason="callgrind_annotate is not here: it comes with valgrind")
def test_callgrind_annotate_reads_it(path: Path) -> None:
    assert main(["export", "--format", "callgrind", "-o", "out"]) == 0
    done = subprocess.run(["callgrind_annotate", "--auto=no", "out"], capture_output=True, text=True, check=True)
    assert "PROGRAM TOTALS" in done.stdout and "app" in done.stdout and not done.stderr


def document(path: Path, format: str, suffix: str) -> Any:
    """What was exported; None where the capture has nothing that the format can hold."""
    status = main(["export", "--format", format])
    assert status in (0, 2)
    return json.loads(path.with_suffix(suffix).read_text()) if status == 0 else None


def test_cpuprofile(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile = document(path, "cpuprofile", ".cpuprofile")
    with open_capture(path) as capture:
        expected = totals(capture)
        of = next((name for name in ("time", "samples-wall") if name in expected), None)
        if of is None:
            assert profile is None and "holds times" in capsys.readouterr().err
            return
        leaves = self_of(capture, of)
    assert set(profile) == {"nodes", "startTime", "endTime", "samples", "timeDeltas"}
    nodes = {node["id"]: node for node in profile["nodes"]}
    assert len(nodes) == len(profile["nodes"]) and nodes[1]["callFrame"]["functionName"] == "(root)"
    children = [child for node in nodes.values() for child in node["children"]]
    assert sorted([1, *children]) == sorted(nodes)  # a tree
    for node in nodes.values():
        frame = node["callFrame"]
        assert set(frame) == {"functionName", "scriptId", "url", "lineNumber", "columnNumber"}
        assert isinstance(frame["scriptId"], str) and isinstance(frame["lineNumber"], int)
        assert node["hitCount"] == profile["samples"][:-1].count(node["id"])
    assert len(profile["samples"]) == len(profile["timeDeltas"])
    found: Counter[str] = Counter()
    for sample, until in zip(profile["samples"], profile["timeDeltas"][1:], strict=False):
        found[nodes[sample]["callFrame"]["functionName"]] += round(1000 * until)
    assert found == leaves and sum(found.values()) == expected[of]
    assert round(1000 * (profile["endTime"] - profile["startTime"])) == pytest.approx(expected[of], abs=1000)


TABLES = {
    "samples": {"stack", "time", "weight"},
    "stackTable": {"frame", "prefix", "category", "subcategory"},
    "frameTable": {
        "func", "address", "inlineDepth", "category", "subcategory", "nativeSymbol", "innerWindowID", "implementation",
        "line", "column",
    },
    "funcTable": {"name", "isJS", "relevantForJS", "resource", "fileName", "lineNumber", "columnNumber"},
    "resourceTable": {"lib", "name", "host", "type"},
    "nativeSymbols": {"libIndex", "address", "name", "functionSize"},
    "markers": {"data", "name", "startTime", "endTime", "phase", "category"},
}  # fmt: skip


def test_gecko(path: Path) -> None:
    """By src/types/profile.js of version 48: tables are columns of one length, and name rows of each other."""
    profile = document(path, "gecko", ".gecko.json")
    meta = profile["meta"]
    assert meta["preprocessedProfileVersion"] == 48 and meta["interval"] > 0 and meta["markerSchema"] == []
    categories = meta["categories"]
    assert all(each["name"] and each["color"] and each["subcategories"] == ["Other"] for each in categories)
    scale = {"tracing-ms": 1e6, "bytes": 1, "samples": 1}
    with open_capture(path) as capture:
        expected = totals(capture)
        by_title = {measure.title or measure.name: measure.name for _, measure in recorded_measures(capture)}
        for thread in profile["threads"]:
            for name, columns in TABLES.items():
                table = thread[name]
                more = {"weightType"} if name == "samples" else set()
                assert set(table) == columns | {"length"} | more
                assert all(len(table[column]) == table["length"] for column in columns), name
            samples, stacks, frames, functions = (thread[name] for name in list(TABLES)[:4])
            assert all(prefix is None or prefix < at for at, prefix in enumerate(stacks["prefix"]))
            assert all(0 <= number < len(categories) for number in stacks["category"])
            assert samples["time"] == sorted(samples["time"])
            found: Counter[str] = Counter()
            for stack, weight in zip(samples["stack"], samples["weight"], strict=True):
                name = thread["stringArray"][functions["name"][frames["func"][stacks["frame"][stack]]]]
                found[name] += round(weight * scale[samples["weightType"]])
            measure = by_title[thread["name"]]
            assert found == self_of(capture, measure) and sum(found.values()) == expected.pop(measure)
    assert not expected


def test_csv(path: Path) -> None:
    assert main(["export", "--format", "csv"]) == 0
    with path.with_suffix(".csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with open_capture(path) as capture:
        expected = totals(capture)
        units = {
            measure.name: {"ns": "_ns", "B": "_bytes"}.get(measure.unit, "")
            for _, measure in recorded_measures(capture)
        }
        tree = capture.tree()
        whole = {m.name: capture.tree_of(tree, m.column).inclusive(m.column)[0] for _, m in recorded_measures(capture)}
        functions = {f.label.index: f for f in capture.functions(tree) if f.label.kind != "frame"}
        calls = {(f.label.kind, f.label.name): f.calls for f in functions.values()}
    for name, unit in units.items():
        column = f"{name.replace('-', '_')}_own{unit}"
        own = sum(int(row[column] or 0) for row in rows if row["row"] != "line")
        assert own == whole[name] >= expected[name]
    for row in rows:
        if row["row"] == "function" and (row["kind"], row["name"]) in calls and "time_own_ns" in row:
            assert int(row["calls"]) == calls[row["kind"], row["name"]]


def schema(name: str) -> Any:
    return json.loads((Path(__file__).parents[2] / "tools" / name).read_text())


def test_stack_json(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = document(path, "stacks-json", ".stacks.json")
    with open_capture(path) as capture:
        tree = capture.tree()
        if not capture.recorded("samples"):
            assert found is None and "has no samples" in capsys.readouterr().err
            return
        sums = {column: tree.inclusive(column)[0] for column in ("samples", "instructions", "alloc_bytes")}
    assert problems(found, schema("stacks_schema.json")) == []
    assert sum(stack["count"] for stack in found["stacks"]) == found["total_samples"] == sums["samples"] > 0
    assert sum(stack["instructions"] for stack in found["stacks"]) == sums["instructions"]
    assert sum(stack["memory_delta"] for stack in found["stacks"]) == sums["alloc_bytes"]
    addresses = {(frame["addr"], frame["symbol"]) for stack in found["stacks"] for frame in stack["frames"]}
    assert len({addr for addr, _ in addresses}) == len(addresses)
    assert all(int(addr, 16) >= 0 for addr, _ in addresses)


def test_session_json(path: Path) -> None:
    found = document(path, "session-json", ".session.json")
    assert problems(found, schema("session_schema.json")) == []
    with open_capture(path) as capture:
        expected, tree = totals(capture), capture.tree()
        memory = capture.memory(tree)
        categories = capture.functions(tree)
    times = found["time_metrics"]["functions"]
    own = [round(row["duration_ms"] * 1e6) for row in times]
    assert sum(own) == expected.get("time", 0) and own == sorted(own, reverse=True)
    assert not own or sum(row["percentage"] for row in times) == pytest.approx(100, abs=0.1)
    assert found["memory_metrics"]["total_allocation_bytes"] == (memory.alloc_bytes if memory else None)
    assert found["memory_metrics"]["peak_memory_bytes"] == (memory.peak_bytes if memory and memory.detail else None)
    counted: Counter[str] = Counter()
    for function in categories:
        counted.update(function.operations or {})
    assert +Counter(found["operation_metrics"]) == +counted
    waiting, nodes = [found["call_graph"]], 0
    while waiting:
        node = waiting.pop()
        nodes += 1
        assert sum(child["duration_ms"] for child in node["children"]) <= node["duration_ms"] + 1e-6
        waiting += node["children"]
    assert nodes == sum(1 for at in range(tree.count) if not tree.line[at])


def test_collapsed_is_what_folded_writes(path: Path) -> None:
    assert main(["export", "--format", "collapsed", "-o", "ours"]) == 0
    assert main(["folded", "-o", "theirs"]) == 0
    assert Path("ours").read_bytes() == Path("theirs").read_bytes() != b""


def test_measures_and_mistakes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("app.capture").write_bytes(memory_example().build())
    assert main(["export", "--format", "speedscope", "--mode", "time", "-o", "-"]) == 0
    assert len(json.loads(capsys.readouterr().out)["profiles"]) == 1
    assert main(["export", "--format", "pprof", "--mode", "ops"]) == 2
    assert "was recorded without ops" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["export", "--format", "excel"])
