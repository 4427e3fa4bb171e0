"""The reader against a plain-Python oracle, on captures written by an independent writer."""

from __future__ import annotations

import os
import random
import tempfile
from pathlib import Path

import oracle_tree as oracle
import pytest
from capture_files import (
    CLOSED,
    CPU,
    FUNCTION,
    GC,
    LINE,
    MANUAL,
    PROFILER,
    RECORDING,
    SECTION,
    THREAD,
    TSC,
    File,
    Label,
    Memory,
    Node,
    Thread,
    function,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from prof.capture import Capture, Tree, newest_capture, open_capture
from prof.errors import InputError, OutputError
from prof.folded import folded_path, write_folded
from prof.modes import MEASURES

TIME = MEASURES["time"]


def write(path: Path, file: File) -> Path:
    path.write_bytes(file.build())
    return path


def contexts(capture: Capture, tree: Tree) -> dict[tuple[int, ...], dict[str, int]]:
    """The tree as the oracle has it."""
    keys: list[tuple[int, ...]] = [()]
    for node in range(1, tree.count):
        assert tree.parent[node] < node < tree.end[node] <= tree.end[tree.parent[node]]
        keys.append((*keys[tree.parent[node]], tree.label[node]))
        assert tree.depth[node] == len(keys[-1])
    assert len(set(keys)) == len(keys)
    found = {c: tree.column(c) for c in oracle.COLUMNS} | {"total_ns": tree.total_ns}
    found |= {f"total_{c}": tree.inclusive(c) for c in oracle.LINE_COLUMNS}
    return {key: {c: column[i] for c, column in found.items()} for i, key in enumerate(keys)}


pairs = st.tuples(st.integers(0, 2**40), st.integers(0, 2**40))


@st.composite
def files(draw: st.DrawFn) -> File:
    kinds = [FUNCTION, FUNCTION, FUNCTION, SECTION, GC, PROFILER, LINE, LINE]
    labels = [Label(THREAD, "thread")]
    for index in range(draw(st.integers(1, 6))):
        latencies = draw(st.lists(st.integers(0, 2**50), max_size=8))
        pending = draw(st.integers(0, len(latencies)))
        kind = draw(st.sampled_from(kinds))
        labels.append(Label(kind, f"m.f{index}", "m", "m.py", index, 0, latencies, pending))
    threads = []
    for number in range(draw(st.integers(1, 3))):
        nodes = [Node(-1, 0, self=draw(st.integers(0, 1000)))]
        for _ in range(draw(st.integers(0, 14))):
            parents = [i for i, node in enumerate(nodes) if labels[node.label].kind != LINE]
            parent = draw(st.sampled_from(parents))
            label = draw(st.integers(1, len(labels) - 1))
            columns = draw(st.tuples(*[st.integers(0, 2**40)] * 5)) if labels[label].kind != LINE else ()
            node = Node(parent, label, *columns, depth=nodes[parent].depth + 1)
            if labels[label].kind == LINE:
                node.alloc, node.free = draw(pairs), draw(pairs)
                node.peak = (draw(st.integers(0, 2**40)), draw(st.integers(0, 3)))
            nodes.append(node)
        threads.append(Thread(f"t{number}", nodes, number))
    return File(
        labels,
        threads,
        meta={"name": "x"},
        clock=draw(st.sampled_from([TSC, MANUAL, CPU])),
        start=(1000, 5000, 9),
        last=(draw(st.integers(2**40, 2**45)), draw(st.integers(6000, 2**45)), 99),
        nodes_per_chunk=draw(st.integers(1, 9)),
        slack=draw(st.sampled_from([0, 8, 256])),
        unknown_chunk=draw(st.booleans()),
        memory=draw(st.none() | st.builds(Memory, detail=st.booleans(), epoch=st.integers(1, 3))),
        longer=draw(st.sampled_from([0, 16])),
    )


@settings(max_examples=300, deadline=None)
@given(files())
def test_equals_oracle(file: File) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = write(Path(directory, "x.capture"), file)
        with open_capture(path) as capture:
            check_trees(capture, file)
            check_latencies(capture, file)
            check_folded(capture, file, Path(directory))


def check_trees(capture: Capture, file: File) -> None:
    for only in (None, *range(len(file.threads))):
        tree = capture.tree() if only is None else capture.tree(only)
        expected = {
            key: {c: row.get(c, 0) for c in (*oracle.COLUMNS, "total_ns", *TOTALS)}
            for key, row in oracle.paths(file, only).items()
        }
        assert contexts(capture, tree) == expected
        assert sum(tree.self_ns) == tree.total_ns[0]
        check_functions(capture, tree, file, oracle.sums(file, expected))
        check_lines(capture, tree, file, expected)
        edges = capture.edges(tree)
        assert [-e.total_ns for e in edges] == sorted(-e.total_ns for e in edges)
        assert {
            (e.caller.index if e.caller else None, e.callee.index): (e.calls, e.resumes, e.total_ns, e.self_ns)
            for e in edges
        } == {
            key: (row["calls"], row["resumes"], row["total_ns"], row["self_ns"])
            for key, row in oracle.edges(file, expected).items()
        }


TOTALS = tuple(f"total_{c}" for c in oracle.LINE_COLUMNS)


def known(file: File, row: dict[str, int]) -> dict[str, int | None]:
    """The row with None for what was not recorded."""
    needs = {c: c.removeprefix("total_") for c in row}
    alloc = file.memory is not None
    detail = file.memory is not None and file.memory.detail
    off = set(oracle.LINE_COLUMNS[0 if not alloc else 2 if not detail else 6 :])
    return {c: None if needs[c] in off else value for c, value in row.items()}


def check_functions(capture: Capture, tree: Tree, file: File, sums: dict[int, dict[str, int]]) -> None:
    functions = {f.label.index: f for f in capture.functions(tree)}
    spans = {index: row for index, row in sums.items() if file.labels[index].kind != LINE}
    assert functions.keys() == spans.keys()
    for index, row in spans.items():
        wanted = {c: v for c, v in known(file, row).items() if c not in ("total_free_count", "total_free_bytes")}
        assert {c: getattr(functions[index], c) for c in wanted} == wanted


def check_lines(capture: Capture, tree: Tree, file: File, expected: dict[tuple[int, ...], dict[str, int]]) -> None:
    def rows(found: dict) -> dict:
        if file.memory is None:
            return {}
        kept = {c: {k: row[c] for k, row in found.items()} for c in oracle.LINE_COLUMNS}
        return {k: known(file, {c: kept[c][k] for c in kept}) for k in found}

    lines = {row.label.index: row for row in capture.lines(tree)}
    sums = oracle.sums(file, expected)
    wanted = rows({i: row for i, row in sums.items() if file.labels[i].kind == LINE and row["alloc_count"]})
    assert {i: {c: getattr(line, c) for c in oracle.LINE_COLUMNS} for i, line in lines.items()} == wanted
    sizes = [line.alloc_bytes for line in capture.lines(tree)]
    assert sizes == sorted(sizes, reverse=True)
    for column in ("alloc_bytes", "live_bytes"):
        in_spans, every = capture.lines_in_spans(tree, column, 3)
        by_pair = rows(oracle.edges(file, expected, lines=True))
        by_pair = {pair: row for pair, row in by_pair.items() if row[column]}
        assert every == len(by_pair) and len(in_spans) == min(3, every)
        for held in in_spans:
            row = by_pair[held.span.index if held.span else None, held.label.index]
            assert {c: getattr(held, c) for c in oracle.LINE_COLUMNS} == row
        largest = sorted((row[column] for row in by_pair.values()), reverse=True)[:3]
        assert [getattr(held, column) for held in in_spans] == largest


def check_latencies(capture: Capture, file: File) -> None:
    ratio = oracle.ratio_of(file)
    for f in capture.functions(capture.tree()):
        values = file.labels[f.label.index].latencies
        assert f.completed == len(values)
        if values:
            assert (f.min_ns, f.max_ns) == (oracle.to_ns(min(values), ratio), oracle.to_ns(max(values), ratio))
            shares = [oracle.percentile(values, share, ratio) for share in (0.5, 0.9, 0.99)]
            assert [f.p50_ns, f.p90_ns, f.p99_ns] == shares
        else:
            assert (f.min_ns, f.max_ns, f.p50_ns, f.p99_ns) == (0, 0, 0, 0)


def check_folded(capture: Capture, file: File, directory: Path) -> None:
    for measure in MEASURES.values():
        written = write_folded(capture, measure)
        assert written == directory / f"x-{measure.name}.folded"
        found = {}
        for text in written.read_text().splitlines():
            stack, _, value = text.rpartition(" ")
            found[stack] = int(value)
        expected = {
            ";".join(file.labels[i].name for i in key): row[measure.column]
            for key, row in oracle.paths(file).items()
            if key and row.get(measure.column)
        }
        assert found == expected


@settings(max_examples=100, deadline=None)
@given(files(), st.integers(0, 2**42), st.integers(0, 6))
def test_select_is_what_is_large_and_shallow(file: File, minimum: int, deepest: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        tree = open_capture(write(Path(directory, "x.capture"), file)).tree()
    expected = [0]
    for node in range(1, tree.count):
        if tree.parent[node] in expected and tree.total_ns[node] >= minimum and tree.depth[node] <= deepest:
            expected.append(node)
    assert list(tree.select("self_ns", minimum, deepest)) == expected
    spans = [node for node in expected if not tree.line[node]]
    assert list(tree.select("self_ns", minimum, deepest, lines=False)) == spans


def small() -> File:
    labels = [
        Label(THREAD, "thread"),
        function("app.main", 3, latencies=[5, 7], pending=1),
        function("app.work;a\nb\x01", 9),
    ]
    nodes = [Node(-1, 0), Node(0, 1, 1, 40), Node(1, 2, 7, 60, depth=1)]
    return File(labels, [Thread("MainThread", nodes, end=100)], {"name": "app", "argv": ["app.py"]})


def read_all(path: Path) -> None:
    """Everything that a reader can be asked."""
    with open_capture(path) as capture:
        tree = capture.tree()
        capture.functions(tree)
        capture.edges(tree)
        assert isinstance(capture.meta, dict)
        capture.drops, capture.chunks  # noqa: B018
        for index in range(len(capture.threads)):
            capture.tree(index)
        with open(os.devnull, "wb") as null:
            capture.write_folded(tree, "self_ns", null.fileno())


def test_truncated_anywhere(tmp_path: Path) -> None:
    raw, path = small().build(), tmp_path / "cut.capture"
    # tests/c/test_read.c cuts at every byte; here it is the messages that matter.
    for size in [*range(0, 450, 3), *range(4080, len(raw), 13)]:
        path.write_bytes(raw[:size])
        with pytest.raises(InputError) as caught:
            open_capture(path)
        assert str(caught.value).startswith(f"{path} ")
        assert caught.value.exit_status == 3
    path.write_bytes(raw)
    read_all(path)


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_flipped_bytes_open_or_are_refused(data: st.DataObject) -> None:
    raw = bytearray(small().build())
    interesting = [*range(448), *range(4096, len(raw))]
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.sampled_from(interesting))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "flipped.capture")
        path.write_bytes(raw)
        try:
            read_all(path)
        except InputError as error:
            assert "\n" not in str(error)


def test_every_byte_maximal(tmp_path: Path) -> None:
    raw, path = small().build(), tmp_path / "x.capture"
    for offset in [*range(0, 448), *range(4096, len(raw))]:
        if 4096 + 64 < offset < len(raw) and raw[offset : offset + 8] == bytes(8):
            continue
        path.write_bytes(raw[:offset] + b"\xff" + raw[offset + 1 :])
        try:
            read_all(path)
        except InputError:
            pass


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda raw: b"", "is empty"),
        (lambda raw: b"hello", "is not a capture"),
        (lambda raw: raw[:8] + (7).to_bytes(4, "little") + raw[12:], "format version 7"),
        (lambda raw: raw[:12] + raw[12:16][::-1] + raw[16:], "other byte order"),
        (lambda raw: raw[:-8], "is truncated"),
        (lambda raw: raw[:20] + (9).to_bytes(4, "little") + raw[24:], "unknown state 9"),
    ],
)
def test_says_what_is_wrong(change, words: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.capture"
    path.write_bytes(change(small().build()))
    with pytest.raises(InputError, match=words):
        open_capture(path)


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no\.capture cannot be opened: No such file"):
        open_capture(tmp_path / "no.capture")
    with pytest.raises(InputError, match=r"[Ii]s a directory"):
        open_capture(tmp_path)


def test_killed(tmp_path: Path) -> None:
    file = small()
    file.state = RECORDING
    raw = file.build()
    # Space was taken for one more chunk, and the process died before it wrote its head.
    end = len(raw) + 4096
    raw = raw[:32] + end.to_bytes(8, "little") + raw[40:] + bytes(4096)
    path = tmp_path / "killed.capture"
    path.write_bytes(raw)
    with open_capture(path) as capture:
        assert capture.recording and capture.cut
        assert capture.tree().total_ns[0] == 100
    file.state = CLOSED
    closed = file.build()
    path.write_bytes(closed[:32] + end.to_bytes(8, "little") + closed[40:] + bytes(4096))
    with pytest.raises(InputError, match="claims 0 bytes"):
        open_capture(path)


def test_short_run_uses_the_first_calibration(tmp_path: Path) -> None:
    file = small()
    file.clock, file.start, file.first, file.last = TSC, (1000, 10, 0), (3000, 1010, 0), (0, 0, 0)
    with open_capture(write(tmp_path / "x.capture", file)) as capture:
        assert capture.calibrated and capture.ns_per_tick == 0.5
        assert capture.tree().total_ns[0] == 50
    file.first = (0, 0, 0)
    with open_capture(write(tmp_path / "y.capture", file)) as capture:
        assert not capture.calibrated
        assert capture.tree().total_ns[0] == 100


def test_folded_names_are_one_frame_each(tmp_path: Path) -> None:
    capture = open_capture(write(tmp_path / "a.capture", small()))
    assert write_folded(capture, TIME).read_text() == "app.main 40\napp.main;app.work:a\\x0ab\\x01 60\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a-time.folded", "a.capture"]


def test_deep_and_long_folded(tmp_path: Path) -> None:
    nodes = [Node(-1, 0)] + [Node(i, 1 + i % 2, 1, 1, depth=i + 1) for i in range(5000)]
    labels = [Label(THREAD, "t"), function("m.even"), function("m.odd" * 9)]
    capture = open_capture(write(tmp_path / "deep.capture", File(labels, [Thread("t", nodes)])))
    tree = capture.tree()
    assert tree.deepest == 5000
    lines = write_folded(capture, TIME, tree=tree).read_text().splitlines()
    assert len(lines) == 5000
    assert lines[-1].count(";") == 4999
    assert [f.total_ns for f in capture.functions(tree)] == [5000, 4999]


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    file = small()
    file.labels[1].name = "app.\udcff\udcfe"
    capture = open_capture(write(tmp_path / "x.capture", file))
    assert capture.label(1).name == "app.\\xff\\xfe"


def test_unreadable_meta_is_no_reason_to_refuse(tmp_path: Path) -> None:
    raw = small().build().replace(b'{"name"', b"[[[[[[[")
    (tmp_path / "x.capture").write_bytes(raw)
    assert open_capture(tmp_path / "x.capture").meta == {}


def test_closed_capture_refuses_and_trees_stay(tmp_path: Path) -> None:
    capture = open_capture(write(tmp_path / "x.capture", small()))
    tree = capture.tree()
    column = capture.tree().total_ns
    capture.close()
    capture.close()
    with pytest.raises(ValueError, match="is closed"):
        capture.label(1)
    with pytest.raises(ValueError, match="is closed"):
        capture.tree()
    assert tree.total_ns[0] == column[0] == 100


def test_no_such_thread(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no thread 7"):
        open_capture(write(tmp_path / "x.capture", small())).tree(7)


def test_drops_and_threads(tmp_path: Path) -> None:
    file = small()
    file.drops = {0: 2, 31: 5}
    file.threads.append(Thread("worker", [Node(-1, 0)], 99, start=40, end=0))
    file.last = (1000, 1000, 1000)
    capture = open_capture(write(tmp_path / "x.capture", file))
    assert [(d.key, d.count) for d in capture.drops] == [("healed", 2), ("drop_31", 5)]
    assert [(t.name, t.start_ns, t.alive_ns, t.running) for t in capture.threads] == [
        ("MainThread", 0, 100, False),
        ("worker", 40, 960, True),
    ]


def test_newest_capture(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no \*\.capture in"):
        newest_capture(tmp_path)
    for age, name in enumerate(["new.capture", "old.capture", "other.txt"]):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    assert newest_capture(tmp_path).name == "new.capture"
    with pytest.raises(InputError, match="cannot be listed"):
        newest_capture(tmp_path / "nowhere")


def test_folded_paths(tmp_path: Path) -> None:
    assert folded_path("a/b-1.capture", TIME) == Path("a/b-1-time.folded")
    capture = open_capture(write(tmp_path / "x.capture", small()))
    with pytest.raises(OutputError, match="cannot be written: No such file"):
        write_folded(capture, TIME, tmp_path / "no" / "x.folded")


def test_shuffled_siblings_sum_alike(tmp_path: Path) -> None:
    """The same contexts in any order of the file give the same sums."""
    rows = [(0, 1, 5), (1, 2, 7), (2, 1, 11), (0, 2, 13), (4, 1, 17)]
    labels = [Label(THREAD, "t"), function("m.a"), function("m.b")]
    results = set()
    for seed in range(5):
        parents = random.Random(seed).sample([0, 3], 2)
        nodes = [Node(-1, 0)]
        for start in parents:
            base = len(nodes) - start - 1
            group = [r for i, r in enumerate(rows) if (i < 3) == (start == 0)]
            nodes += [Node(p + base if p else 0, lb, 1, t) for p, lb, t in group]
        capture = open_capture(write(tmp_path / f"{seed}.capture", File(labels, [Thread("t", nodes)])))
        results.add(tuple((f.label.name, f.self_ns, f.total_ns) for f in capture.functions(capture.tree())))
    assert len(results) == 1
