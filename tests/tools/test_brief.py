"""The report in short: own functions and lines, what is left out of shares, and the options that show more."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from example import example, memory_example
from prof.capture import open_capture
from prof.tools.analysis.report import analyse
from prof.tools.cli import main
from prof.tools.modes import VIEWS
from prof.tools.reports import FORMATS
from prof.tools.reports.asked import made

from tests.running import PROF, environment

PROGRAM = """
import json
import time
from concurrent.futures import ThreadPoolExecutor

def busy():
    end = time.process_time() + 0.5
    while time.process_time() < end:
        json.dumps(list(range(200)))

def main():
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(abs, range(3)))
        busy()

main()
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("brief")
    (folder / "app.py").write_text(PROGRAM)
    command = [*PROF, "run", "--modes", "time+samples", "app.py"]
    subprocess.run(command, cwd=folder, env=environment(), check=True, capture_output=True)
    return folder


def report(folder: Path, *more: str, **variables: str) -> str:
    command = [*PROF, "report", *more]
    done = subprocess.run(command, cwd=folder, env=environment(**variables), check=True, capture_output=True, text=True)
    return done.stdout


def share(text: str, name: str) -> float:
    """Of a function, in the table of functions."""
    found = re.search(rf"^ *[\d.]+ \S+ +(\d+\.\d)% .*\b{re.escape(name)}\b", text, re.MULTILINE)
    assert found, text
    return float(found[1])


def test_threads_that_wait_for_work_are_out_of_shares(recorded: Path) -> None:
    assert share(report(recorded, "--sort", "samples"), "app.busy") > 60
    assert share(report(recorded, "--sort", "samples", "--idle"), "app.busy") < 45


def test_it_is_short_and_names_the_line_that_calls(recorded: Path) -> None:
    text = report(recorded)
    tables = text.partition("Your functions")[2].partition("\n  All ")[0]
    assert len(tables.splitlines()) <= 31
    assert re.search(r"app\.py:9 +app\.busy +json\.dumps\(list\(range\(200\)\)\)", text)
    assert re.search(r"app\.busy +\d+\.\d% json", text)


def test_rules_say_what_is_own(recorded: Path, tmp_path: Path) -> None:
    capture = str(next(recorded.glob("*.capture")))
    table = "[tool.prof.report]\n"
    (tmp_path / "pyproject.toml").write_text(f'{table}libraries = ["app.busy"]\nown = ["json.*"]\n')
    text = report(tmp_path, "--sort", "samples", capture)
    assert " json." in text.partition("Your functions")[2] and " app.busy" not in text.partition("Your functions")[2]
    lines = report(tmp_path, "--full", capture).partition("Your lines by samples")[2].partition("\n\n\n")[0]
    assert "__init__.py:" in lines and not re.search(r"app\.py:9 +busy", lines)  # json's
    for wrong, words in {
        "librarys = []": "no 'librarys'; known: own, libraries",
        'own = "a"': "own must be a list",
    }.items():
        (tmp_path / "pyproject.toml").write_text(table + wrong)
        done = subprocess.run(
            [*PROF, "report", capture], cwd=tmp_path, env=environment(), capture_output=True, text=True
        )
        assert (done.returncode, words in done.stderr, done.stderr.count("\n")) == (2, True, 1)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "app.capture").write_bytes(memory_example().build())
    monkeypatch.chdir(tmp_path)
    yield tmp_path


def test_tables_are_asked_for_by_name(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--show", "held"]) == 0
    assert re.findall(r"^\S.*?(?=  )", capsys.readouterr().out, re.MULTILINE)[0] == "Still held when last seen"
    assert main(["report", "--show", "memory,functions"]) == 0
    text = capsys.readouterr().out
    assert "Functions by self time" in text and "Lines by bytes held" in text and "Call tree" not in text
    assert main(["report", "--show", "hold"]) == 2
    assert re.search(r"no table 'hold' in this report; it has: .*functions, .*memory, .*held", capsys.readouterr().err)


def test_every_table_has_a_name(here: Path) -> None:
    Path("plain.capture").write_bytes(example().build())
    for name in ("app.capture", "plain.capture"):
        with open_capture(name) as capture:
            whole = analyse(capture, tuple(VIEWS.values()))
            assert all(section.key for section in whole.sections(made(whole, FORMATS["text"], full=True).options))


def test_names_are_whole_where_nothing_limits_the_width(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS")
    assert "…" not in report(recorded, "--full")
    assert max(map(len, report(recorded, COLUMNS="60").splitlines()[1:])) <= 60


def test_it_is_shown_again_when_there_is_something_new(here: Path) -> None:
    with subprocess.Popen(
        [*PROF, "report", "--watch"], env=environment(), stdout=subprocess.PIPE, text=True
    ) as watching:
        assert watching.stdout is not None
        assert watching.stdout.readline() == "Profile of app  (app.capture, the newest capture here)\n"
        time.sleep(1)
        Path("b.capture").write_bytes(example().build())
        while "(b.capture" not in (line := watching.stdout.readline()):
            assert line
        watching.send_signal(2)
        watching.stdout.read()
        assert watching.wait(20) == 0


def test_a_program_without_functions_is_told_what_helps(tmp_path: Path) -> None:
    (tmp_path / "flat.py").write_text("x = sum(range(1000))\n")
    subprocess.run([*PROF, "run", "flat.py"], cwd=tmp_path, env=environment(), check=True, capture_output=True)
    assert "No function with a probe ran. `prof-instrument` marks" in report(tmp_path, COLUMNS="400")
