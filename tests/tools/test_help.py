"""`prof help`: every column that a report has is explained, and every command that it names is one."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from example import example, memory_example, ops_example
from prof.capture import open_capture
from prof.tools.analysis.report import analyse
from prof.tools.cli import main, parser
from prof.tools.modes import VIEWS
from prof.tools.reports import FORMATS
from prof.tools.reports.asked import made
from prof.tools.screen.glossary import COLUMNS, QUESTIONS
from test_capture_samples import with_samples

ROOT = Path(__file__).parents[2]


def test_every_column_is_explained(tmp_path: Path) -> None:
    titles = set()
    files = example(), memory_example(), memory_example(detail=False), ops_example(example()), with_samples()
    for number, file in enumerate(files):
        path = tmp_path / f"{number}.capture"
        path.write_bytes(file.build())
        with open_capture(path) as capture:
            report = analyse(capture, tuple(VIEWS.values()))
            for wanted in ({"full": True}, {}, {"sort": "calls", "full": True}):
                sections = report.sections(made(report, FORMATS["text"], **wanted).options)
                titles |= {column.title for section in sections for column in section.columns}
    assert titles - {""} <= COLUMNS.keys()


def test_no_column_is_explained_that_there_is_not() -> None:
    text = "".join(path.read_text() for path in (ROOT / "tools").rglob("*.py") if path.name != "glossary.py")
    assert [name for name in COLUMNS if f'"{name}"' not in text] == []


def test_answers_are_commands() -> None:
    for _, answer in QUESTIONS:
        words = shlex.split(answer.replace("PID", "1"))
        parser(words[1:]).parse_args(words[1:])


@pytest.mark.parametrize(
    ("topic", "status", "words"),
    [
        ([], 0, "Where did the time go?"),
        (["self"], 0, "What a function took itself"),
        (["waits", "for", "gil"], 0, "interpreter's lock"),
        (["columns"], 0, "cache misses"),
        (["slef"], 2, "did you mean self"),
    ],
)
def test_topics(topic: list[str], status: int, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", *topic]) == status
    assert words in re.sub(r"\s+", " ", "".join(capsys.readouterr()))
