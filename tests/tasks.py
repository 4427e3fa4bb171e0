"""What people want to know of programs of the usual kinds, and the commands that answer it.

`python -m tests.tasks` runs all of them and writes docs/tasks.md; tests/tools/test_tasks.py holds that they are right.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import frozen

PROGRAMS = Path(__file__).parent / "programs" / "tasks"
PAGE = Path(__file__).parents[1] / "docs" / "tasks.md"
LINES = 10  # of each answer, in the page
COLUMNS = 110

INTRODUCTION = """\
# Tasks

Ten questions that people ask of programs of the usual kinds, each with the commands that answer it and the first lines
of what they show. The programs are in `tests/programs/tasks`; `python -m tests.tasks` runs them and writes this page.
"""


@frozen
class Task:
    """A question about a program; the last of the commands answers it."""

    question: str
    program: str
    commands: Sequence[str]
    expected: str
    """What one of the first lines of the answer matches."""
    within: int = 5
    """How many lines are the first: beside the name of the report, and blank ones."""
    why: str = ""
    """What the reader sees in it."""
    server: bool = False
    """Whether the first command is a server that ends with the second."""


TASKS = (
    Task(
        "A report takes long. Which line?", "report",
        ("prof run main.py", "prof report"),
        r"Time +\d+.*render\.py:16 .*jinja2 \(from_string\)",
        why="The template is compiled again for each order, in line 16 of render.py.",
    ),
    Task(
        "What else could be faster: which loops run most?", "report",
        ("prof run --modes ops main.py", "prof report"),
        r"Ops +9\d\.\d% .*prices\.category",
        why="Counts are exact: 97.7 % of all operations are a search through a list.",
    ),
    Task(
        "Is it better now? What does a change do?", "report",
        (
            "prof run --modes ops --out before main.py",
            "sed -i 's/for name, cat in CATALOG:.*/for name, cat in [(sku, dict(CATALOG).get(sku))]:/' prices.py",
            "prof run --modes ops --out after main.py",
            "prof diff before after",
        ),
        r"prices\.category",
        within=30,
        why="Counts that differ are the change's: times would differ anyway.",
    ),
    Task(
        "What is everything waiting for?", "svc",
        ("prof run service.py", "prof report --show waiting"),
        r"semaphore +service\.py:7",
        within=2,
        why="Four connections are too few: most of all waiting is at the semaphore, by the line that awaits it.",
    ),
    Task(
        "What blocks the event loop?", "svc",
        ("prof run service.py", "prof report"),
        r"Waiting +\d+.*service\.py:22 +service\.block",
        why="The sleep in line 22 holds up all tasks: a coroutine that awaits would not be among the lines that wait.",
    ),
    Task(
        "The program grows. What holds the memory?", "leak",
        ("prof run --modes memory --detail leak.py", "prof report"),
        r"Memory +\d+.*leak\.py:10 +leak\.features: .* held at the end",
        why="94 MiB are held by what line 10 puts into a dict.",
    ),
    Task(
        "What allocates most, even if it is freed?", "leak",
        ("prof run --modes memory --detail leak.py", "prof report"),
        r"\d+.*leak\.handle: .*numpy.* GiB allocated",
        why="1.3 GiB went through `np.outer`.",
    ),
    Task(
        "What do worker processes do?", "pool",
        ("prof run pool.py", "prof report"),
        r"\d+.*pool\.py:[34] +pool\.is_prime",
        why="The workers are in `is_prime`, while the main process waits in `pool.map`.",
    ),
    Task(
        "Which requests are slow, and why?", "web",
        ("prof run -m gunicorn --workers 2 --bind 127.0.0.1:{port} app:app", "python load.py http://127.0.0.1:{port}",
         "prof report"),
        r"Waiting +\d+.*app\.py:7 +app\.lookup",
        why="`lookup` waits for what stands for a database, in line 7: five times in a row for each export.",
        server=True,
    ),
    Task(
        "Which test is slow?", "tests",
        ("prof run -m pytest -q -p no:cacheprovider", "prof report"),
        r"\d+.*shop\.py:[56] +shop\.slow_index",
        why="The tests are modules of the project, too: they have rows, and what they call is charged to its own line.",
    ),
)  # fmt: skip


def answers(task: Task, folder: Path) -> list[tuple[str, str]]:
    """Runs a task's commands in a copy of its program, in an empty folder: each with what it wrote. Raises
    CalledProcessError."""
    shutil.copytree(PROGRAMS / task.program, folder, dirs_exist_ok=True)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PROF")}
    path = os.pathsep.join([os.path.dirname(sys.executable), environment.get("PATH", "")])
    environment |= {"COLUMNS": str(COLUMNS), "PATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    port = str(_free_port())
    commands = [command.replace("{port}", port) for command in task.commands]

    def run(command: str) -> str:
        done = subprocess.run(
            command, shell=True, cwd=folder, env=environment, check=True, timeout=300, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        return done.stdout

    if not task.server:
        return [(command, run(command)) for command in commands]
    return _served(commands, folder, environment, int(port), run)


def _served(
    commands: Sequence[str], folder: Path, environment: dict[str, str], port: int, run: Callable[[str], str]
) -> list[tuple[str, str]]:
    server, load, *others = commands
    with subprocess.Popen(
        server.split(), cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            _await(port)
            text = run(load)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
    return [(server, ""), (load, text), *((command, run(command)) for command in others)]


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _await(port: int) -> None:
    """Waits until somebody listens there."""
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(f"nobody listens at port {port}")


def first_lines(task: Task, text: str) -> list[str]:
    """What somebody reads first: without the report's name and blank lines."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[1 : 1 + task.within]


def right(task: Task, text: str) -> bool:
    """Whether the answer is among the first lines."""
    return any(re.search(task.expected, line) for line in first_lines(task, text))


def page() -> str:
    """docs/tasks.md. Raises AssertionError where an answer is wrong."""
    parts = [INTRODUCTION]
    for number, task in enumerate(TASKS, 1):
        with tempfile.TemporaryDirectory() as folder:
            found = answers(task, Path(folder))
            text = re.sub(r"(?<=[-:])\d{8}-\d{6}(-\d+)?", "…", found[-1][1])
        assert right(task, found[-1][1]), f"{task.question}\n{found[-1][1]}"
        shell = "".join(f"$ {re.sub(r'127[.]0[.]0[.]1:[0-9]+', 'localhost:8000', command)}\n" for command, _ in found)
        shown = "\n".join(line[:COLUMNS].rstrip() for line in text.splitlines()[:LINES])
        parts.append(
            f"\n## {number}. {task.question}\n\n```console\n{shell}```\n\n```text\n{shown}\n```\n\n{task.why}\n"
        )
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
    print(PAGE)
