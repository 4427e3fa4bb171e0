"""The benchmarks run, and give a number or a reason for every figure. Whether the numbers are good is not for tests."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    "group",
    ["calls", "whole", "events", "memory", "start", "off", "probing", "source", "tree", "report", "ways", "native"],
)
def test_each_group_gives_a_number_or_a_reason(group: str, tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    done = run("--quick", "--only", group, "--json", str(file))
    assert done.returncode in (0, 1), done.stdout + done.stderr
    rows = json.loads(file.read_text())
    assert rows
    for row in rows:
        if row["value"] is None:
            assert "not installed" in row["note"] or "needs Python" in row["note"], row
        else:
            assert row["title"] in done.stdout


def test_an_unknown_name_is_a_wrong_call() -> None:
    done = run("--only", "speed")
    assert done.returncode == 2
    assert "speed" in done.stderr and "Traceback" not in done.stderr


@pytest.fixture
def importable() -> Iterator[None]:
    """`benchmarks` can be imported."""
    sys.path.insert(0, str(ROOT))
    yield
    sys.path.remove(str(ROOT))


def test_verdicts(importable: None) -> None:
    from benchmarks.figures import Figure

    low, high = Figure("a", "g", "t", must=0.5, aim=0.2), Figure("b", "g", "t", must=10, aim=15, at_least=True)
    assert [low.verdict(v) for v in (0.1, 0.2, 0.3, 0.6, None)] == ["aim", "aim", "must", "MISSED", "-"]
    assert [high.verdict(v) for v in (20, 12, 5)] == ["aim", "must", "MISSED"]
    assert Figure("c", "g", "t").verdict(1.0) == "-"


# ---- CPython's own sampler -------------------------------------------------------------------------------------------


def test_both_samplers_stand_beside_the_truth(importable: None) -> None:
    """Both find each function that takes a tenth of the time and more, if the program is not stopped; a program's
    shares sum to all of it, and its table says how many samples there are."""
    from benchmarks import contenders, tachyon

    if why := contenders.missing(tachyon.PEER):
        pytest.skip(why)
    command = [sys.executable, "-m", "benchmarks.tachyon", "--runs", "1", "--seconds", "0.4", "generators", "threads"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    _, generators, threads = done.stdout.split("\n\n")[:3]
    for table, functions in (
        (generators, {"numbers", "doubled", "consumed", "quick", "main"}),
        (threads, {"heavy", "light", "even", "hashing", "sleeping", "main"}),
    ):
        rows = [re.findall(r"[-+]?\d+\.\d+", line) for line in table.splitlines() if "±" in line]
        assert {line.split()[0] for line in table.splitlines() if "±" in line} == functions
        true, *sampled = ([float(row[column]) for row in rows] for column in (0, 3, 6, 9))
        for shares in sampled:
            assert abs(sum(shares) - 100) < 0.1, table
        for shares in sampled[:2]:
            assert all(share > 0 for share, truth in zip(shares, true, strict=True) if truth >= 10), table
        assert len(re.findall(r"[\d,]+ samples of [\d,]+ that were due", table)) == len(sampled)
    for figure in tachyon.FIGURES:
        assert re.search(rf"^{figure}: \d+\.\d\d points; ", done.stdout, re.MULTILINE)


def test_without_cpythons_sampler_one_line_says_so(importable: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks import contenders, figures, tachyon
    from benchmarks.table import table

    monkeypatch.setitem(contenders.NEEDS, tachyon.PEER, (99, 1))
    found = list(tachyon.measure(quick=True))
    lines = list(zip(figures.select(["tachyon"]), found, strict=True))
    assert [result.name for _, result in lines] == [figure.name for figure, _ in lines] == list(tachyon.FIGURES)
    (said,) = (line for line in table(lines, notes=False).splitlines() if "not measured" in line)
    assert said.endswith("not measured: profiling.sampling needs Python 99.1")


def test_an_error_beyond_its_interval_is_one(importable: None) -> None:
    """Of 1,000 samples with equal weights a half is known to 4.06 points (Wilson, 99 %); of unequal ones to less; and
    if runs differ by more than that, to what Student says of them."""
    from benchmarks import contenders, tachyon

    def cell(*true: int, squares: float = 1000) -> Any:
        pool = tachyon.Pool()
        for each in true:
            samples = contenders.Sampled(Counter(f=500, unclocked=500), 1000, squares, Counter())
            truth = {"f": [each - 1, each + 1], "main": [99 - each, 101 - each]}
            pool.add_run({"total": 100, "waited": 0, "functions": truth}, samples)
        return pool.cell("f")

    assert round(cell(50).most - cell(50).least, 2) == 2 * 4.06
    assert [cell(true).agrees for true in (44, 46, 50, 54, 56)] == [False, True, True, True, False]
    assert (cell(54).error, cell(46).error) == (-4, 4)
    assert cell(44, squares=4000).agrees
    assert round(cell(30, 50, 70).most - cell(30, 50, 70).least, 1) == round(2 * 9.925 * 20 / 3**0.5, 1)
    assert not cell(43, 44, 43).agrees
    assert cell(38, 44, 48).agrees
