"""The memory mode: sums that must agree, and who is charged with what."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType
from typing import Any

import prof
import pytest
from allocating import Allocations
from allocating import record as record_memory
from recording import Recorder

OWN = str(Path(prof.__file__).parent) + os.sep

PROGRAM = """
import threading

kept = []

@profiled
def blocks(n):
    return [bytes(1000 + i) for i in range(n)]

@profiled
def deep(n):
    if n:
        with profile("inner"):
            deep(n - 1)
    kept.append(blocks(20))
    with profile("dropped"):
        blocks(10)

@profiled
def numbers(n):
    for i in range(n):
        yield b"x" * (i + 100)

@profiled
def resized():
    found = bytearray()
    for _ in range(200):
        found += b"y" * 1000
    del found[5000:]
    kept.append(found)

def main():
    deep(5)
    kept.append(list(numbers(100)))
    resized()
    text = "".join("%d," % n for n in range(2000))
    kept.append({n: text[n:] for n in range(100)})
    threads = [threading.Thread(target=deep, args=(3,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


def line_of(source: str, text: str) -> int:
    """The number of the one line that holds `text`."""
    (found,) = (number for number, line in enumerate(source.splitlines(), 1) if text in line)
    return found


@pytest.fixture
def allocations(record: Recorder, tmp_path: Path) -> Callable[..., Allocations]:
    """Records a program's `main()` in both modes: `allocations(source, detail=False)`."""

    def run(source: str, detail: bool = True, runs: int = 1, **more: Any) -> Allocations:
        space = record.load(source)
        for _ in range(runs - 1):
            space["main"]()
        return record_memory(tmp_path, space["main"], detail, **more)

    return run


@pytest.mark.parametrize("detail", [False, True])
def test_the_sums_agree(allocations: Callable[..., Allocations], detail: bool) -> None:
    found = allocations(PROGRAM, detail)
    tree, totals = found.tree, found.totals
    for name, column in found.columns.items():
        in_all = sum(column[node] for node in range(tree.count))
        assert in_all == sum(column[node] for node in found.leaves()), name
        assert in_all == sum(getattr(line, name) for line in found.lines), name
        # A line below a root is in no function.
        roots = sum(column[node] for node in found.leaves() if not found.path_of(node))
        functions = (f for f in found.functions if f.label.kind != "thread")
        assert in_all == roots + sum(getattr(f, name) for f in functions), name
        assert in_all == getattr(totals, name), name
    assert totals.detail == detail
    assert totals.alloc_count > 500


def test_each_function_is_the_sum_of_its_lines(allocations: Callable[..., Allocations]) -> None:
    found = allocations(PROGRAM)
    for function in found.functions:
        if function.label.kind == "thread":
            continue
        of_it = [node for node in found.leaves() if found.tree.label[found.tree.parent[node]] == function.label.index]
        for name, column in found.columns.items():
            assert getattr(function, name) == sum(column[node] for node in of_it), (function.label.name, name)


def test_what_lives_is_what_was_not_freed(allocations: Callable[..., Allocations]) -> None:
    found = allocations(PROGRAM)
    totals, columns = found.totals, found.columns
    assert totals.live_bytes == totals.alloc_bytes - (totals.free_bytes or 0)
    for node in found.leaves():
        assert columns["live_bytes"][node] == columns["alloc_bytes"][node] - columns["free_bytes"][node]
        assert columns["free_count"][node] <= columns["alloc_count"][node]
    # 6 and 3 times 4 calls keep 20 blocks each.
    held = found.of_line(str(found.path.parent / "program.py"), line_of(PROGRAM, "bytes(1000 + i)"), "live_bytes")
    assert held >= 18 * sum(1033 + i for i in range(20))
    assert held < 18 * sum(1033 + i for i in range(20)) + 18 * 400


def test_the_peaks_of_the_sites_are_the_peak(allocations: Callable[..., Allocations]) -> None:
    found = allocations(PROGRAM)
    assert sum(found.columns["peak_bytes"]) == found.totals.peak_bytes
    assert found.totals.peak_bytes >= found.totals.live_bytes
    again = allocations("def main():\n    a = bytes(3 << 20)\n    del a\n    b = bytes(1 << 20)\n")
    file = str(again.path.parent / "program.py")
    assert again.of_line(file, 2, "peak_bytes") == (3 << 20) + 33
    assert again.of_line(file, 4, "peak_bytes") == 0


def test_the_size_classes_are_all_allocations(allocations: Callable[..., Allocations]) -> None:
    found = allocations(PROGRAM)
    classes = dict(found.totals.size_classes or ())
    assert sum(classes.values()) == found.totals.alloc_count
    assert all(size == 0 or size & (size - 1) == 0 for size in classes)
    assert sum(size * count for size, count in classes.items()) <= found.totals.alloc_bytes
    assert classes[1024] >= 270


def test_detail_counts_what_the_summary_counts(allocations: Callable[..., Allocations]) -> None:
    """By line of the program, when it is warm. Threads begin as they like, and lists come from free lists or do not."""
    source = PROGRAM.partition("    threads =")[0]
    summary = allocations(source, detail=False, runs=3)
    detail = allocations(source, detail=True)
    file = str(detail.path.parent / "program.py")
    for column in ("alloc_count", "alloc_bytes"):
        ours, theirs = detail.sums(column, file), summary.sums(column, file)
        exact = line_of(source, "bytes(1000 + i)"), line_of(source, "yield b")
        for line in exact:
            at = {key: value for key, value in ours.items() if key[1] == line}
            assert at == {key: value for key, value in theirs.items() if key[1] == line}, column
            assert at
        assert sum(ours.values()) == pytest.approx(sum(theirs.values()), rel=0.001)


@pytest.mark.parametrize("mode", ["memory", "both"])
@pytest.mark.parametrize("detail", [False, True])
def test_the_profiler_is_not_in(allocations: Callable[..., Allocations], mode: str, detail: bool) -> None:
    source = (
        PROGRAM
        + "    import colorsys; colorsys.rgb_to_hsv(1, 2, 3)\n"
        + "    f = profiled(lambda: [[] for _ in range(99)])\n    f()\n"
    )
    found = allocations(source, detail, mode=mode)
    assert not [line.label for line in found.lines if line.label.file.startswith(OWN)]
    assert not [f for f in found.functions if f.label.kind == "profiler" and f.alloc_count]


@pytest.mark.parametrize("detail", [False, True])
def test_sections_cost_the_program_no_memory(allocations: Callable[..., Allocations], detail: bool) -> None:
    source = (
        "def main():\n    with profile('first'):\n        pass\n    profile('second')\n    end('second')\n    end()\n"
        "    return bytes(1001)\n"
    )
    with pytest.warns(RuntimeWarning, match="not open"):
        found = allocations(source, detail)
    lines = {line for _, line in found.sums(file=str(found.path.parent / "program.py"))}
    assert 7 in lines and lines.isdisjoint({3, 4, 5, 6})  # `with` itself makes a bound method


def test_blocks_of_before_are_no_leak(record: Recorder, tmp_path: Path) -> None:
    space = record.load(
        "before = [bytes(5000) for _ in range(100)]\n"
        "def main():\n"
        "    before[:50] = [None] * 50\n"
        "    before.extend([None] * 1000)\n"
    )
    found = record_memory(tmp_path, space["main"])
    file = str(tmp_path / "program.py")
    assert found.of_line(file, 1) == 0
    assert found.totals.unknown_frees is not None and found.totals.unknown_frees >= 50
    assert 1000 * 8 <= found.of_line(file, 4, "live_bytes") < 1000 * 10 + 20_000


def test_types(record: Recorder, tmp_path: Path) -> None:
    """The live objects of a class are those that the collector knows."""
    source = """
import types

class Plain:
    def __init__(self, n):
        self.n = n

class Slots:
    __slots__ = ("a", "__weakref__")

class Item(tuple):
    pass

class Text(str):
    pass

class Table(dict):
    pass

kept = []

def main():
    kept.append([Plain(n) for n in range(100)])
    kept.append([Slots() for n in range(200)])
    kept.append([Item((n, n)) for n in range(300)])
    kept.append([Text(n) for n in range(400)])
    kept.append([Table(n=n) for n in range(500)])
    kept.append([bytearray(n) for n in range(1, 601)])
    kept.append([complex(n, n) for n in range(700)])
    kept.append([type("Made%d" % n, (), {}) for n in range(8)])
"""
    space = record.load(source)
    names = ["Plain", "Slots", "Item", "Text", "Table"]
    found = record_memory(tmp_path, space["main"])
    types = {each.name: each for each in found.types}
    objects = gc.get_objects()
    for name in names:
        walked = sum(type(each) is space[name] for each in objects)
        if name != "Text":  # the collector does not follow them
            assert types[f"program.{name}"].count == walked, name
    assert types["program.Text"].count == 400
    assert types["bytearray"].count == 600
    assert types["complex"].count >= 700
    assert types["type"].count == 8
    assert sum(each.bytes for each in found.types) == found.totals.live_bytes
    assert sum(each.count for each in found.types) == found.totals.alloc_count - (found.totals.free_count or 0)


SIZES = {letter: 1001 + n for n, letter in enumerate("abcdefghijklmnopq")}
ATTRIBUTED = """
import asyncio
import threading

kept = []

@profiled
def outer():
    kept.append(bytes(1001))
    inner()
    with profile("section"):
        kept.append(bytes(1002))
        plain()
    kept.append(bytes(1003))

@profiled
def inner():
    kept.append(bytes(1004))

def plain():
    kept.append(bytes(1005))

@profiled
def produce():
    kept.append(bytes(1006))
    yield
    kept.append(bytes(1007))
    yield

@profiled
def consume():
    for _ in produce():
        kept.append(bytes(1008))

@profiled
async def waits(k):
    kept.append(bytes(1009))
    await asyncio.sleep(0)
    kept.append(bytes(1010))
    with profile("held"):
        await asyncio.sleep(0)
        kept.append(bytes(1011))

@profiled
async def both():
    await asyncio.gather(waits(1), waits(2))

@profiled
def first():
    kept.append(bytes(1012))

@profiled
def second():
    kept.append(bytes(1013))

@profiled
def raises():
    try:
        broken()
    except KeyError:
        kept.append(bytes(1014))

@profiled
def broken():
    kept.append(bytes(1015))
    raise KeyError

def main():
    kept.append(bytes(1016))
    outer()
    consume()
    asyncio.run(both())
    threads = [threading.Thread(target=each) for each in (first, second)]
    for thread in threads:
        thread.start()
        thread.join()
    raises()
    kept.append(bytes(1017))
"""


@pytest.mark.parametrize("detail", [False, True])
def test_who_is_charged(allocations: Callable[..., Allocations], detail: bool) -> None:
    found = allocations(ATTRIBUTED, detail)
    sums = found.sums("alloc_bytes", str(found.path.parent / "program.py"))
    expected = {
        ("outer",): "ac", ("outer", "section"): "be", ("outer", "inner"): "d", ("consume", "produce"): "fg",
        ("consume",): "h", ("first",): "l", ("second",): "m", ("raises",): "n", ("raises", "broken"): "o", (): "pq",
    }  # fmt: skip
    for path, letters in expected.items():
        for letter in letters:
            line = line_of(ATTRIBUTED, f"bytes({SIZES[letter]})")
            at = {p: n for (p, where), n in sums.items() if where == line}
            # A bytes object of that size with its head (of `h` two), and at most a growing list.
            size = (SIZES[letter] + 33) * (2 if letter == "h" else 1)
            assert at.keys() == {path}, letter
            assert size <= at[path] < size + 600, letter
    for letter, last in {"i": "waits", "j": "waits", "k": "held"}.items():
        line = line_of(ATTRIBUTED, f"bytes({SIZES[letter]})")
        at = {p: n for (p, where), n in sums.items() if where == line}
        assert {p[-1] for p in at} == {last}, letter
        assert sum(at.values()) >= 2 * (SIZES[letter] + 33)


def test_the_original_lines_after_instrumenting(tmp_path: Path, run_program: Any) -> None:
    """The codemods put in lines; memory is charged to the lines of the source as it was."""
    program = tmp_path / "app.py"
    source = (
        "import sys\n\n\ndef one():\n    return [bytes(2000) for _ in range(50)]\n\n\ndef two():\n    # profile! part\n"
        "    found = one()\n    # end! part\n    found.append(bytes(1 << 20))\n    return found\n\n\nkept = two()\n"
    )
    program.write_text(source)
    code = "from prof.instrument.cli import instrument_main; instrument_main()"
    done = subprocess.run(
        [sys.executable, "-c", code, str(program)], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(program.read_text().splitlines()) > len(source.splitlines())
    done = run_program(program, PROF=f"both,{tmp_path / 'out'},,true")
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "out").glob("*.capture")
    found = Allocations(path)
    sums = found.sums("live_bytes", str(program))
    assert sum(n for (_, line), n in sums.items() if line == 5) >= 50 * 2033
    (of_big,) = (p for p, line in sums if line == 12)
    assert of_big[-1].endswith("two")
    assert {line for _, line in sums if line > 16} == set()


def test_code_made_for_ever(record: Recorder, tmp_path: Path) -> None:
    """Code that is gone leaves nothing; the code that comes to lie there has lines of its own."""
    rounds = 30_000
    space = record.load(
        "def main():\n"
        f"    for n in range({rounds}):\n"
        "        code = compile('\\n' * (n % 7) + 'x = bytes(%d)' % (1000 + n % 7), 'made', 'exec')\n"
        "        exec(code, {'n': n})\n"
    )
    found = record_memory(tmp_path, space["main"])
    for line in range(1, 8):
        runs = len(range(line - 1, rounds, 7))
        assert found.of_line("made", line, "alloc_bytes") == runs * (1000 + line - 1 + 33), line
        assert found.of_line("made", line, "alloc_count") == runs, line
        assert found.of_line("made", line, "live_bytes") == 0
    assert found.tree.count < 300
    assert max(moment.rss_bytes for moment in found.series) < min(m.rss_bytes for m in found.series) + (64 << 20)
    assert not [each for each in gc.get_objects() if isinstance(each, CodeType) and each.co_filename == "made"]
    space.clear()


def test_arenas_and_what_is_held_in_them(allocations: Callable[..., Allocations]) -> None:
    source = (
        "kept = []\ndef main():\n    kept.extend(bytes(200) for _ in range(50_000))\n    kept.append(bytes(9000))\n"
    )
    totals = allocations(source).totals
    assert totals.live_bytes is not None and totals.small_bytes is not None
    large = totals.live_bytes - totals.small_bytes  # the list, and one more
    assert 50_000 * 233 <= totals.small_bytes < 50_000 * 233 + 5000
    assert 9000 + 50_000 * 8 <= large < 9000 + 50_000 * 10
    # Each block has its size rounded up to 16; earlier arenas may have had room for any of them.
    assert totals.arena_bytes < totals.small_bytes * 1.1 + (1 << 20)


def test_the_series(allocations: Callable[..., Allocations]) -> None:
    found = allocations("def main():\n    for _ in range(30):\n        kept = [object() for _ in range(50_000)]\n")
    times = [moment.ns for moment in found.series]
    assert len(times) >= 3 and times == sorted(times)
    assert all(moment.rss_bytes > 1 << 20 for moment in found.series)
    assert max(moment.live_bytes for moment in found.series) <= (found.totals.peak_bytes or 0)


def test_the_series_of_few_large_blocks(allocations: Callable[..., Allocations]) -> None:
    """Programs in numpy make few blocks; their memory is followed, and so is when it was most."""
    found = allocations(
        "import time\ndef main():\n    for size in (1, 8, 1, 1, 1):\n        kept = bytes(size << 20)\n"
        "        time.sleep(0.02)\n        del kept\n"
    )
    times = [moment.ns for moment in found.series]
    assert len(times) >= 6
    assert max(moment.live_bytes for moment in found.series) > 8 << 20
    assert found.totals.peak_ns is not None and found.totals.peak_ns < times[-1] - 30_000_000
