"""What captures say of memory, by small examples; against the oracle it is tested in test_capture.py."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from capture_files import (
    MEMORY_MODE,
    MEMORY_RECORD,
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
from prof.capture import open_capture
from prof.errors import InputError
from prof.folded import write_folded
from prof.modes import MEASURES


def write(path: Path, file: File) -> Path:
    path.write_bytes(file.build())
    return path


def with_memory(detail: bool = True) -> File:
    """Two lines in a recursive function, one of them outside it, too."""
    labels = [
        Label(THREAD, "thread"),
        function("app.main", 3),
        function("app.grow", 9),
        line("/src/app.py", 10, "grow"),
        line("/lib/json/encoder.py", 258, "JSONEncoder.encode"),
    ]
    nodes = [
        Node(-1, 0),
        Node(0, 1, 1, 40),
        Node(1, 2, 1, 60),
        Node(2, 2, 1, 10),
        Node(2, 3, alloc=(2, 300), free=(1, 100), peak=(250, 7)),
        Node(3, 3, alloc=(4, 1000), free=(4, 1000), peak=(400, 6)),
        Node(3, 4, alloc=(8, 64), peak=(0, 0)),
        Node(0, 4, alloc=(1, 16), free=(1, 16), peak=(16, 7)),
    ]
    return File(
        labels,
        [Thread("MainThread", nodes, end=100)],
        {"name": "app", "modes": ["time", "memory"]},
        modes=TIME_MODE | MEMORY_MODE,
        memory=Memory(detail, 7, 264, 330, 50, 3, 1 << 20, {0: 1, 5: 12, 8: 2}, 250) if detail else Memory(False, 1),
        types=[("bytearray", 3, 200), ("", 1, 64)],
        series=[(20, 5000, 4096, 10), (90, 7000, 8192, 264)],
    )


def test_memory_in_detail(tmp_path: Path) -> None:
    capture = open_capture(write(tmp_path / "x.capture", with_memory()))
    tree = capture.tree()
    memory = capture.memory(tree)
    assert memory is not None
    assert (memory.alloc_count, memory.alloc_bytes, memory.free_count, memory.free_bytes) == (15, 1380, 6, 1116)
    assert (memory.live_bytes, memory.peak_bytes, memory.peak_ns, memory.unknown_frees) == (264, 330, 50, 3)
    assert memory.size_classes == ((0, 1), (32, 12), (256, 2))
    assert (memory.arena_bytes, memory.small_bytes) == (1 << 20, 250)
    assert tree.inclusive("live_bytes")[0] == 264
    assert tree.inclusive("peak_bytes")[0] == 250 + 0 + 64 + 16
    grow = next(f for f in capture.functions(tree) if f.label.name == "app.grow")
    assert (grow.alloc_count, grow.alloc_bytes, grow.total_alloc_bytes, grow.live_bytes) == (14, 1364, 1364, 264)
    main = next(f for f in capture.functions(tree) if f.label.name == "app.main")
    assert (main.alloc_bytes, main.total_alloc_bytes, main.total_live_bytes) == (0, 1364, 264)
    held, every = capture.lines_in_spans(tree, "live_bytes", 9)
    assert every == 2
    assert [(h.label.name, h.span and h.span.name, h.live_bytes, h.live_count) for h in held] == [
        ("app.py:10", "app.grow", 200, 1),
        ("encoder.py:258", "app.grow", 64, 8),
    ]
    assert [(t.name, t.count, t.bytes) for t in capture.types] == [("bytearray", 3, 200), ("(unnamed)", 1, 64)]
    assert [(m.ns, m.rss_bytes, m.live_bytes) for m in capture.series] == [(20, 5000, 10), (90, 7000, 264)]


def test_lines_are_no_functions(tmp_path: Path) -> None:
    capture = open_capture(write(tmp_path / "x.capture", with_memory()))
    tree = capture.tree()
    assert {f.label.kind for f in capture.functions(tree)} == {"function"}
    assert {(e.caller and e.caller.name, e.callee.name) for e in capture.edges(tree)} == {
        (None, "app.main"),
        ("app.main", "app.grow"),
        ("app.grow", "app.grow"),
    }
    assert "py:" not in write_folded(capture, MEASURES["time"]).read_text()


def test_memory_in_summary_knows_no_frees(tmp_path: Path) -> None:
    capture = open_capture(write(tmp_path / "x.capture", with_memory(detail=False)))
    tree = capture.tree()
    assert capture.recorded("alloc_bytes") and not capture.recorded("live_bytes")
    memory, first = capture.memory(tree), capture.lines(tree)[0]
    assert memory is not None and memory.live_bytes is memory.size_classes is None
    assert (first.label.name, first.alloc_bytes, first.live_bytes, first.live_count) == ("app.py:10", 1300, None, None)
    assert capture.lines_in_spans(tree, "live_bytes", 9) == ([], 0)


def test_without_memory(tmp_path: Path) -> None:
    file = File([Label(THREAD, "thread"), function("app.main")], [Thread("t", [Node(-1, 0), Node(0, 1, 1, 40)])])
    capture = open_capture(write(tmp_path / "x.capture", file))
    tree = capture.tree()
    assert capture.memory(tree) is None and capture.lines(tree) == []
    assert capture.functions(tree)[0].alloc_bytes is None
    assert not capture.recorded("alloc_bytes") and capture.recorded("self_ns")
    with pytest.raises(KeyError, match="tea"):
        tree.column("tea")


def test_a_line_is_a_leaf(tmp_path: Path) -> None:
    file = with_memory()
    file.threads[0].nodes.append(Node(4, 1))
    with pytest.raises(InputError, match="node 8 names a line as its parent"):
        open_capture(write(tmp_path / "x.capture", file)).tree()


def test_a_type_has_a_name(tmp_path: Path) -> None:
    raw = with_memory().build()
    record = next(i for i in range(4096, len(raw), 8) if raw[i + 8 : i + 24] == struct.pack("=QQ", 3, 200))
    (tmp_path / "x.capture").write_bytes(raw[:record] + b"\7\0\0\0" + raw[record + 4 :])
    with pytest.raises(InputError, match="type 0 names a string that is not there"):
        open_capture(tmp_path / "x.capture")


def test_killed_before_its_totals_were_written(tmp_path: Path) -> None:
    """The chunk is there, and no record in it."""
    raw = bytearray(with_memory().build())
    head = next(i for i in range(4096, len(raw), 8) if raw[i : i + 8] == struct.pack("=II", 7, MEMORY_RECORD.size))
    raw[head + 16 : head + 24] = bytes(8)
    (tmp_path / "x.capture").write_bytes(raw)
    capture = open_capture(tmp_path / "x.capture")
    assert not capture.memory_recorded and capture.memory(capture.tree()) is None


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["/a/app.py", "/a/util.py"], ["app.py", "util.py"]),
        (["/a/util.py", "/b/util.py"], ["a/util.py", "b/util.py"]),
        (["/a/x/util.py", "/b/x/util.py", "/c/y/util.py"], ["a/x/util.py", "b/x/util.py", "y/util.py"]),
        (["util.py", "/a/util.py", "/a/-util.py"], ["util.py", "a/util.py", "-util.py"]),
        (["/util.py", "/a/util.py"], ["/util.py", "a/util.py"]),
        (["/a/xutil.py", "/a/util.py"], ["xutil.py", "util.py"]),
        (["<string>", "<frozen os>", "<string>"], ["<string>", "<frozen os>", "<string>"]),
        (["", "/a/b.py"], ["", "b.py"]),
    ],
)
def test_files_that_are_called_alike(tmp_path: Path, files: list[str], names: list[str]) -> None:
    """Their lines have as much of the path as tells them apart: here, in folded stacks, everywhere."""
    labels = [Label(THREAD, "t"), *(line(file, 10 + n) for n, file in enumerate(files))]
    nodes = [Node(-1, 0), *(Node(0, 1 + n, alloc=(1, 1 + n)) for n in range(len(files)))]
    file = File(labels, [Thread("t", nodes)], {}, modes=MEMORY_MODE, memory=Memory(False))
    expected = [f"{name}:{10 + n}" for n, name in enumerate(names)]
    with open_capture(write(tmp_path / "a.capture", file)) as capture:
        assert [capture.label(1 + n).name for n in range(len(files))] == expected
        folded = write_folded(capture, MEASURES["memory-summary"])
    assert folded.read_text().splitlines() == [f"{name} {1 + n}" for n, name in enumerate(expected)]
