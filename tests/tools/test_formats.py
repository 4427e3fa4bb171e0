"""A format of reports is one file: a class that is registered, and `prof report --format` knows it."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from example import example, memory_example
from gold_files import check_gold
from prof.errors import UsageError
from prof.tools.analysis.report import Report
from prof.tools.cli import main
from prof.tools.reports import FORMATS, Format, register
from prof.tools.reports.markdown import code, escaped

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `prof report` beside `app.capture` and returns its standard output."""
    (tmp_path / "memory.capture").write_bytes(memory_example().build())
    (tmp_path / "app.capture").write_bytes(example().build())
    os.utime(tmp_path / "app.capture", (4e9, 4e9))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()

    def run(*arguments: str, status: int = 0) -> str:
        assert main(["report", *arguments]) == status
        done = capsys.readouterr()
        return done.out if status == 0 else done.err

    return run


class Names(Format):
    """What a new format needs, and all that it needs."""

    name = "names"
    suffix = ".names"
    words = "the functions' names"
    limit = 2

    def render(self, report: Report) -> Iterator[str]:
        for function in report.functions[: self.options.limit or None]:
            yield f"{function.label.name}\n"


@pytest.fixture
def names() -> Iterator[None]:
    """Has the format for one test."""
    register(Names)
    try:
        yield
    finally:
        del FORMATS["names"]


def test_a_format_is_known_once_it_is_registered(names: None, run: Run) -> None:
    assert run("--format", "names").splitlines() == ["app.main", "app.load"]
    assert len(run("--format", "names", "--limit", "3").splitlines()) == 3
    assert run("--format", "names", "-o", "out.txt") == ""
    assert Path("out.txt").read_text() == "app.main\napp.load\n"
    said = run("--format", "names", "--tree", status=2)
    assert said == "prof: --tree is of --format text or markdown: it is of the whole\n"


def test_a_format_may_go_to_a_file_beside_the_capture(names: None, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Names, "beside", True)
    monkeypatch.setattr(Names, "drawn", lambda self: "two names")
    assert run("--format", "names") == "app.names\n"
    assert Path("app.names").read_text() == "app.main\napp.load\n"


def test_a_name_is_one_format_s(run: Run) -> None:
    known = dict(FORMATS)
    with pytest.raises(UsageError, match="'text' is there already"):
        register(FORMATS["text"])
    assert known == FORMATS


def test_the_help_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["report", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "--format {" + ",".join(FORMATS) + "}" in text
    assert all(f"{name}: {kind.words}" in text for name, kind in FORMATS.items())


# ---- Markdown ----


def test_markdown_gold(run: Run) -> None:
    check_gold(run("memory.capture", "--format", "markdown", "--full", "--limit", "3"), "memory.md")


def test_markdown_has_the_figures_of_the_text(run: Run) -> None:
    """The same cells in the same rows, whatever is beside them."""
    for arguments in (["--tree", "--depth", "0"], ["--callers", "token"], ["memory.capture", "--tree", "--lines"]):
        text = run(*arguments).splitlines()
        rows = [line for line in run(*arguments, "--format", "markdown").splitlines() if line.startswith("| ")][2:]
        assert len(rows) > 1
        for row in rows:
            # The file's column may have had no room in the text.
            cells = [re.sub("`|&nbsp;", "", cell).replace("\\|", "|") for cell in row[2:-2].split(" | ")]
            figures = [cell for cell in cells[:-1] if cell not in ("-", "")]
            assert any(all(figure.replace("\\", "") in line for figure in figures) for line in text), row


def test_markdown_takes_nothing_for_markup(run: Run) -> None:
    text = run("--format", "markdown", "--tree")
    assert '`app.évil<name>&"]]>\\x1b[31m;\\x0a`' in text
    assert escaped("a_b*c <b> [x](y) @you #1 |") == r"a\_b\*c \<b\> \[x\](y) \@you \#1 \|"
    assert [code("a|b"), code("a`b"), code("``"), code("f()")] == [r"`a\|b`", "`` a`b ``", "``` `` ```", "`f()`"]
