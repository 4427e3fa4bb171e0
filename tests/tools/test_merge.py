"""`prof merge`: a file of many captures says what those say together, however they are grouped."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import oracle_many as oracle
import pytest
from capture_files import CPU, File
from example import example, memory_example
from hypothesis import given, settings
from hypothesis import strategies as st
from prof.errors import InputError
from prof.many import merge, open_captures
from prof.merged import KEY
from prof.tools.cli import main
from test_many import check_latencies, check_totals, check_tree, columns_of, several, write_all


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@settings(max_examples=80, deadline=None)
@given(several(), st.data())
def test_sums_equal_the_oracle_in_any_grouping(every: list[File], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as directory:
        paths = write_all(Path(directory), every)
        cut = data.draw(st.integers(1, len(paths)), "how many are merged first")
        first, whole = Path(directory, "first.capture"), Path(directory, "whole.capture")
        merge(paths[:cut], first)
        merge([first, *paths[cut:]], whole)
        with open_captures([whole]) as capture:
            check_tree(capture, capture.tree(), oracle.paths(every), columns_of(capture))
            check_latencies(capture, every)
            check_totals(capture, every)
            assert len(capture.threads) == sum(len(file.threads) for file in every)
            assert {process.path for process in capture.processes} == set(paths)
            with pytest.raises(InputError, match="was merged: what a thread did by itself"):
                capture.tree(0)


def document(*paths: str | Path) -> dict[str, Any]:
    """The JSON report, without what names the files."""
    done = subprocess.run(
        [sys.executable, "-m", "prof", "report", "--format", "json", "-o", "-", *map(str, paths)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def run_of_processes(folder: Path) -> list[Path]:
    script = folder / "app.py"
    script.write_text(
        "import os\n"
        "from prof import profiled\n"
        "@profiled\n"
        "def work(n): return sum([i * i for i in range(n)])\n"
        "work(1000)\n"
        "for n in range(2):\n"
        "    if not (pid := os.fork()):\n"
        "        work(500)\n"
        "        raise SystemExit\n"
        "    os.waitpid(pid, 0)\n"
    )
    environment = {"PROF": "time+memory+ops,out,,true,process=true", "PATH": "/usr/bin:/bin"}
    subprocess.run([sys.executable, "app.py"], cwd=folder, env=environment, check=True, capture_output=True)
    return sorted((folder / "out").glob("*.capture"))


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return run_of_processes(tmp_path_factory.mktemp("family"))


def test_a_report_of_the_file_is_that_of_the_captures(here: Path, family: list[Path]) -> None:
    assert main(["merge", str(family[0].parent), "-o", "all.capture"]) == 0
    merged, apart = document("all.capture"), document(*family)
    assert [row["pid"] for row in merged["processes"]] == [row["pid"] for row in apart["processes"]]
    for key in ("functions", "lines", "call_tree", "memory", "process", "processes"):
        assert merged[key] == apart[key], key
    assert KEY not in merged["session"]


def test_the_newest_run_is_not_doubled_by_a_file_of_it(here: Path, family: list[Path]) -> None:
    for path in family:
        shutil.copy(path, here)
    assert main(["merge", ".", "-o", "all.capture"]) == 0
    assert (here / "all.capture").stat().st_mode & 0o777 == 0o600  # whoever may not read the captures may not read it
    with open_captures(["all.capture"]) as merged:
        calls = sum(merged.tree().calls)
    for each in family:
        (here / each.name).touch()  # newer than the file
    document(".")
    with open_captures([here / path.name for path in family]) as apart:
        assert sum(apart.tree().calls) == calls


def test_what_threads_did_is_said_to_be_elsewhere(
    here: Path, family: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["merge", *map(str, family), "-o", "all.capture"]) == 0
    capsys.readouterr()
    assert main(["report", "all.capture", "--show", "threads"]) == 0
    assert "Of captures that were merged, what a thread did by itself is not known" in capsys.readouterr().out
    assert main(["inspect", "all.capture"]) == 0
    assert "MainThread" in capsys.readouterr().out


def test_what_cannot_be_added_is_named_and_the_rest_merged(
    here: Path, family: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    runs = here / "runs" / "below"
    runs.mkdir(parents=True)
    (runs / "a.capture").write_bytes(family[0].read_bytes())
    (runs / "again.capture").write_bytes(family[0].read_bytes())
    (runs / "broken.capture").write_bytes(family[0].read_bytes()[:100])
    clock = example()
    clock.clock = CPU
    (runs / "clock.capture").write_bytes(clock.build())
    other = memory_example()
    other.meta = {**(other.meta or {}), "python": "3.9.1"}
    (runs / "other.capture").write_bytes(other.build())
    assert main(["merge", "runs", "-o", "all.capture"]) == 0
    out, err = capsys.readouterr()
    assert out == "all.capture\n"
    said = err.splitlines()
    assert len(said) == 4
    assert all(line.startswith("prof: left out: runs/below/") for line in said)
    for name, words in {
        "again": "is there already: a copy is not counted again",
        "broken": "truncated",
        "clock": "times of two kinds cannot be added up",
        "other": "cannot be added up",
    }.items():
        assert [line for line in said if f"{name}.capture" in line and words in line], (name, err)
    with open_captures(["all.capture"]) as merged, open_captures([family[0]]) as alone:
        assert sum(merged.tree().calls) == sum(alone.tree().calls)
        assert len(merged.notes) == 4  # the file says it, too
    (here / "all.capture").unlink()
    assert main(["merge", "runs", "-o", "all.capture", "--strict"]) == 3
    assert not (here / "all.capture").exists()


def test_names_come_from_standard_input(
    here: Path, family: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{path}\n" for path in family)))
    assert main(["merge", "-", "-o", "all.capture"]) == 0
    with open_captures(["all.capture"]) as merged:
        assert len(merged.processes) == len(family)


def test_a_merged_file_may_be_merged_into_itself(here: Path, family: list[Path]) -> None:
    assert main(["merge", str(family[0]), "-o", "all.capture"]) == 0
    assert main(["merge", "all.capture", *map(str, family[1:]), "-o", "all.capture"]) == 0
    with open_captures(["all.capture"]) as merged, open_captures(family) as apart:
        assert sum(merged.tree().calls) == sum(apart.tree().calls)
        assert [p.pid for p in merged.processes] == [p.pid for p in apart.processes]
        assert [p.depth for p in merged.processes] == [p.depth for p in apart.processes]
    before = (here / "all.capture").read_bytes()
    assert main(["merge", "all.capture", "nothing.capture", "--strict", "-o", "all.capture"]) == 3
    assert (here / "all.capture").read_bytes() == before


@pytest.mark.parametrize(
    "given, status, said",
    [
        (["empty", "-o", "x.capture"], 3, "no captures in empty"),
        (["missing.capture", "-o", "x.capture"], 3, "missing.capture"),
        (["a.capture", "-o", "no/x.capture"], 4, "cannot be written"),
        (["a.capture"], 2, "-o/--output"),
    ],
)
def test_mistakes_are_one_line(
    given: list[str], status: int, said: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "empty").mkdir()
    (here / "a.capture").write_bytes(memory_example().build())
    try:
        found = main(["merge", *given])
    except SystemExit as end:
        found = end.code  # type: ignore[assignment]
    assert found == status
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err


@pytest.mark.parametrize("value", [3, [], {}, {"processes": [3, {}, {"pid": "x"}], "peak": 7, "usage": ["a"]}])
def test_nonsense_in_the_meta_is_left_out(here: Path, value: object) -> None:
    file = example()
    file.meta = {**(file.meta or {}), KEY: value}
    (here / "odd.capture").write_bytes(file.build())
    assert main(["report", "odd.capture"]) == 0
