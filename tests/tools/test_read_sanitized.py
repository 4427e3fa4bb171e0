"""The C reader on damaged captures, built with the address and undefined-behaviour sanitizers."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from capture_files import (
    FRAME,
    IMPORT,
    MEMORY_MODE,
    NO_HANDLER,
    OPS_MODE,
    RECORDING,
    THREAD,
    TIME_MODE,
    TSC,
    Counted,
    File,
    Label,
    Memory,
    Node,
    Sample,
    Thread,
    function,
    line,
)
from example import token_code

ROOT = Path(__file__).parents[2]
COMPILER = shutil.which("gcc") or shutil.which("clang")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if COMPILER is None:
        pytest.skip("no C compiler")
    built = tmp_path_factory.mktemp("sanitized") / "test_read"
    command = [
        COMPILER, "-std=gnu11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined",
        "-fno-sanitize-recover=all", str(ROOT / "tests/c/test_read.c"), "-o", str(built),
        f"-I{ROOT / 'csrc'}", *map(str, sorted((ROOT / "csrc" / "read").glob("*.c"))),
    ]  # fmt: skip
    result = subprocess.run(command, capture_output=True, text=True)
    if "cannot find" in result.stderr and "san" in result.stderr:
        pytest.skip("the compiler has no sanitizer libraries")
    assert result.returncode == 0, result.stderr
    return built


@pytest.mark.parametrize("state", [1, 2])
def test_damaged(program: Path, state: int, tmp_path: Path) -> None:
    labels = [
        Label(THREAD, "t"),
        function("m.f", latencies=[3, 9, 27], pending=2),
        Label(IMPORT, "import m", latencies=[2]),
    ]
    labels.append(line("/src/m.py", 7))
    nodes = [Node(-1, 0), Node(0, 1, 2, 30), Node(1, 2, 1, 5, depth=1), Node(2, 1, 1, 4, depth=2)]
    nodes += [Node(1, 3, alloc=(3, 90), free=(1, 30), peak=(60, 2)), Node(3, 3, alloc=(1, 8), peak=(0, 1))]
    threads = [Thread("one", nodes), Thread("two", nodes[:2])]
    file = File(labels, threads, {"name": "x"}, clock=TSC, state=state, nodes_per_chunk=2, unknown_chunk=True)
    file.memory, file.types, file.series = Memory(True, 2, 68, 70), [("dict", 2, 60)], [(5, 1, 2, 3)]
    file.modes = TIME_MODE | MEMORY_MODE | OPS_MODE
    file.codes = [token_code(1), token_code(None, "m.f.<genexpr>")]
    nodes[1].code, nodes[1].counts = 0, [Counted(0, [1], events=[(NO_HANDLER, 2, 3), (0x10000, 1, 1)], live=[2])]
    nodes[2].counts = [Counted(1, [3], entries=4, events=[(0, 1, 1)], live=[1, 3])]
    file.places = [
        Label(FRAME, "m.g", "m", "/src/m.py", 3),
        Label(8, "m.py:7", "g", "/src/m.py", 7),
        Label(FRAME, "m.f", "m", "/src/m.py", 1),
    ]
    file.samples = [
        Sample(2, 0),
        Sample(-1, 1, (3, 2, 1, 0, 9, 8, 7), (1, 2, 3, 4, 5, 6, 7, 8, 9), stack=((2, 3), (0, 4), (0, 7))),
        Sample(1, -1, (1,) * 7),
        Sample(2, -1, (2,) * 7, stack=((2, 3), (2, 5))),
    ]
    file.metrics = [(1, "rows", [3, -4, 2**62]), (1, "share", [0.5, 1e300]), (2, "rows", [7]), (0, "all", [1])]
    file.spans = [
        [(1, 100, 0), (-2, 5, 4), (4, 6, 0), (-1, 7, 0)],
        [(1, 0, 1), (2, 90, 0), (-1, 9, 0), (3, 0, 0), (-3, 9, 3)],
    ]
    file.open = [(0, 1), (1, 3), (2, 5)]
    file.missing = [(0, 5, 900, 3), (1, 2, 9, 4)]
    file.least_ns = 6  # so that imports are charged to their callers
    file.process = [(5, 1, 2, 3, 4, 5, 6, 7, 8)]
    assert state in (RECORDING, 2)
    capture = tmp_path / "whole.capture"
    capture.write_bytes(file.build())
    # Thousands of files are written: in memory where there is a file system for that.
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else tmp_path) as directory:
        result = subprocess.run(
            [program, capture, "5000", Path(directory, "scratch.capture")], capture_output=True, text=True, timeout=300
        )
    assert result.returncode == 0, result.stdout + result.stderr
    opened, refused = (int(word) for word in result.stdout.split() if word.isdigit())
    assert opened > 50 and refused > 1000
