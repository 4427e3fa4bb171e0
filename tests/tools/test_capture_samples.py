"""What captures say of samples, by a small example; against running threads it is tested in test_samples.py."""

from __future__ import annotations

import json
import subprocess
import sys
from math import comb
from pathlib import Path

import pytest
from capture_files import (
    FRAME,
    LINE,
    SAMPLED_RECORD,
    SAMPLES_MODE,
    THREAD,
    TIME_MODE,
    File,
    Label,
    Node,
    Sample,
    Thread,
    function,
)
from prof.capture import open_capture
from prof.errors import InputError
from prof.folded import write_folded
from prof.modes import MEASURES
from prof.tools.analysis.agreement import at_most, compare, plausible
from prof.tools.analysis.summary import summarise
from prof.tools.modes import VIEWS


def weighted(samples: int, on_cpu: int = 0) -> tuple[int, int, int, int, int, int, int]:
    """Even samples of a millisecond each."""
    return (samples, on_cpu, on_cpu, 0, samples * 1_000_000, on_cpu * 1_000_000, samples * 1_000_000)


def with_samples(why: str = "") -> File:
    """main calls work; both run helper, which is no span; helper calls itself."""
    labels = [Label(THREAD, "thread"), function("app.main", 3), function("app.work", 9)]
    nodes = [Node(-1, 0), Node(0, 1, 1, 200_000_000), Node(1, 2, 5, 700_000_000)]
    places = [
        Label(FRAME, "app.helper", "app", "/src/app.py", 20),
        Label(LINE, "app.py:21", "helper", "/src/app.py", 21),
        Label(LINE, "app.py:10", "work", "/src/app.py", 10),
    ]
    samples = [
        Sample(0, 0),  # helper outside all spans
        Sample(-1, 1, weighted(100, 100)),
        Sample(1, -1, weighted(20)),  # main, its line unknown
        Sample(1, 0),
        Sample(-4, 1, weighted(180, 90)),
        Sample(2, 0),
        Sample(-6, 0),  # helper in helper
        Sample(-7, 1, weighted(300, 300), (10, 20, 30, 40, 50, 60, 70, 80, 90)),
        Sample(2, 2, weighted(400)),
    ]
    return File(
        labels,
        [Thread("MainThread", nodes, end=1_000_000_000)],
        {"name": "app", "modes": ["time", "samples"]},
        modes=TIME_MODE | SAMPLES_MODE,
        places=places,
        samples=samples,
        why=why,
        process=[(0, *range(8)), (1_000_000_000, *range(10, 18))],
    )


def write(path: Path, file: File) -> Path:
    path.write_bytes(file.build())
    return path


@pytest.mark.parametrize("longer", [0, 8])
def test_sums(tmp_path: Path, longer: int) -> None:
    file = with_samples()
    file.longer = longer
    with open_capture(write(tmp_path / "a.capture", file)) as capture:
        tree = capture.tree()
        functions = {f.label.name: f for f in capture.functions(tree)}
        totals = capture.sampler(tree)
        lines = {line.label.name: line.samples for line in capture.lines(tree, "samples")}
        moments = capture.process
        write_folded(capture, MEASURES["samples"], tmp_path / "samples.folded", tree)
        threads = [capture.tree(0).inclusive("samples")[0]]
    assert totals is not None and (totals.samples, totals.outside, totals.inside) == (1000, 100, 900)
    assert (totals.frames, totals.lock, totals.waits, totals.ticks, totals.late) == (True, True, True, 9, 1)
    main, work, helper = (functions[f"app.{name}"] for name in ("main", "work", "helper"))
    # A span's own are all that belong to it; a frame's own those of its lines, its total counts recursion once.
    assert (main.samples_self, main.samples) == (200, 900)
    assert (work.samples_self, work.samples) == (700, 700)
    assert (helper.samples_self, helper.samples, helper.samples_cpu_self) == (580, 580, 490)
    assert (helper.label.kind, helper.calls) == ("frame", 0)
    assert work.sampled_self_ns == 700_000_000 and work.sampled_cpu_self_ns == 300_000_000
    assert (work.instructions_self, work.cycles_self, work.ready_self_ns) == (10, 20, 90)
    assert (helper.written_bytes_self, main.written_bytes_self) == (50, 0)
    assert lines == {"app.py:21": 580, "app.py:10": 400}
    assert [(m.ns, m.read_bytes, m.system_ns) for m in moments] == [(0, 0, 7), (1_000_000_000, 10, 17)]
    assert threads == [1000]
    assert sorted((tmp_path / "samples.folded").read_text().splitlines()) == [
        "app.helper;app.py:21 100",
        "app.main 20",
        "app.main;app.helper;app.py:21 180",
        "app.main;app.work;app.helper;app.helper;app.py:21 300",
        "app.main;app.work;app.py:10 400",
    ]


def test_the_comparison(tmp_path: Path) -> None:
    """200 and 700 ms exactly, 200 and 700 samples: they agree. With 600 for the second, they do not."""
    file = with_samples()
    with open_capture(write(tmp_path / "a.capture", file)) as capture:
        tree = capture.tree()
        functions = capture.functions(tree)
        rows = compare(summarise(capture, tree, functions, tuple(VIEWS.values())), tree, functions)
    assert [(r.function.label.name, r.samples, r.agrees) for r in rows] == [
        ("app.work", 700, True),
        ("app.main", 200, True),
    ]
    assert rows[0].exact == rows[0].sampled == pytest.approx(7 / 9)
    assert 0.03 < rows[0].error < 0.04
    file.samples[-1].counts = weighted(200)
    with open_capture(write(tmp_path / "b.capture", file)) as capture:
        tree = capture.tree()
        functions = capture.functions(tree)
        assert not any(
            r.agrees for r in compare(summarise(capture, tree, functions, tuple(VIEWS.values())), tree, functions)
        )


def test_the_binomial_tail() -> None:
    """Against the sum of the terms."""
    for n in (1, 7, 60, 400):
        for p in (0.001, 0.03, 0.5, 0.9, 0.999):
            for k in (-1, 0, 1, n // 2, n - 1, n):
                terms = sum(comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1))
                assert at_most(k, n, p) == pytest.approx(terms, abs=1e-9), (k, n, p)
    assert at_most(50_000, 100_000, 0.5) == pytest.approx(0.5, abs=0.01)
    assert plausible(500, 1000, 0.5) and not plausible(600, 1000, 0.5)


def test_the_report(tmp_path: Path) -> None:
    write(tmp_path / "a.capture", with_samples(why="it was forbidden"))
    command = [sys.executable, "-m", "prof", "report", "--full", "a.capture"]
    text = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "! samples are of spans alone, without lines: it was forbidden" in text
    assert "Exact and sampled self time  all 2 spans agree, at 99%" in text
    assert "Functions without probes by samples  all 1" in text
    found = json.loads(subprocess.check_output([*command, "--format", "json"], cwd=tmp_path, timeout=60))
    assert found["samples"]["comparison"][0]["samples"] == 700
    assert found["process"]["usage"][1]["waits"] == 14
    assert {f["name"]: (f["samples_self"], f["exact"]) for f in found["functions"]} == {
        "app.work": (700, True),
        "app.main": (200, True),
        "app.helper": (580, False),
    }
    assert found["call_tree"][1]["samples"] == 900


@pytest.mark.parametrize(
    ("record", "field", "value", "message"),
    [
        (1, 1, 1, "record 1 of samples names a parent that is not there"),
        (1, 0, 5, "record 1 of samples names a label that is not there"),
        (0, 1, None, "record 0 of samples names a parent that comes after it"),
    ],
)
def test_corrupt(tmp_path: Path, record: int, field: int, value: int | None, message: str) -> None:
    data = bytearray(with_samples().build())
    rows = [SAMPLED_RECORD.pack(0, 0, *weighted(20))[8:], SAMPLED_RECORD.pack(0, 0, *weighted(100, 100))[8:]]
    second = data.index(rows[1]) - 8  # the record with 100 samples is the second one
    at = second - SAMPLED_RECORD.size + record * SAMPLED_RECORD.size + 4 * field
    data[at : at + 4] = ((second // 8) if value is None else value).to_bytes(4, sys.byteorder)
    (tmp_path / "a.capture").write_bytes(data)
    with open_capture(tmp_path / "a.capture") as capture, pytest.raises(InputError, match=message):
        capture.tree()
