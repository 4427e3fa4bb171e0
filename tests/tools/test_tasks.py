"""Ten questions that people ask: the right line is among the first ones of the answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tasks import PAGE, TASKS, Task, answers, first_lines, right


@pytest.mark.parametrize("task", TASKS, ids=[f"{number}-{task.program}" for number, task in enumerate(TASKS, 1)])
def test_the_answer_is_in_the_first_lines(task: Task, tmp_path: Path) -> None:
    text = answers(task, tmp_path)[-1][1]
    assert right(task, text), "\n".join(first_lines(task, text))


def test_the_page_has_them_all() -> None:
    text = PAGE.read_text()
    for number, task in enumerate(TASKS, 1):
        assert f"\n## {number}. {task.question}\n" in text
        assert all(
            command.split("{port}")[0] in text.replace("localhost:8000", "127.0.0.1:") for command in task.commands
        )
