"""`prof mcp`, asked by a client of the package: each tool, its limits, and what it refuses."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from prof.errors import UsageError
from prof.tools.commands.answers import FEWEST, Answers
from prof.tools.screen.tokens import tokens

from tests.running import PROF, environment

PROGRAM = """import sys

def square(number):
    return number * number

def work(most):
    return sum([square(number) for number in range(most)])

print("done", work(int(sys.argv[1])))
"""
Ask = Callable[..., Awaitable[tuple[str, bool]]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mcp")
    (folder / "app.py").write_text(PROGRAM)
    return folder


def asked(folder: Path, questions: Callable[[Client, Ask], Awaitable[None]], *options: str) -> None:
    """Asks a server over its standard input and output, as an agent does."""

    async def session() -> None:
        parameters = StdioServerParameters(
            command=PROF[0], args=[*PROF[1:], "mcp", *options], cwd=str(folder), env=environment()
        )
        async with Client(parameters) as client:

            async def ask(tool: str, **arguments: Any) -> tuple[str, bool]:
                result = await client.call_tool(tool, arguments)
                (content,) = result.content
                return getattr(content, "text", ""), bool(result.is_error)

            await questions(client, ask)

    asyncio.run(session())


def test_an_agent_records_finds_looks_closer_and_compares(folder: Path) -> None:
    async def questions(client: Client, ask: Ask) -> None:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert list(tools) == ["captures", "findings", "function", "line", "diff", "run"]
        assert [name for name, tool in tools.items() if tool.annotations and not tool.annotations.read_only_hint] == [
            "run"
        ]
        text, wrong = await ask("run", arguments=["app.py", "2000"], modes="time+memory+ops")
        assert not wrong and "it ended with status 0" in text and "done 2664667000" in text, text
        assert "1. **`" in text and tokens(text) <= 2000
        await ask("run", arguments=["app.py", "3000"], modes="time+memory+ops")
        text, _ = await ask("captures")
        newest, oldest = (line.split()[0] for line in text.splitlines())
        assert "time+memory+ops" in text and newest.endswith(".capture") and "app.py 3000" in text.splitlines()[0]
        text, _ = await ask("findings", capture=oldest, budget=FEWEST)
        assert tokens(text) <= FEWEST and "app.py:" in text
        text, _ = await ask("function", name="work", capture=oldest)
        assert "## Called by app.work" in text and "2,000" in text and "`app.square`" in text
        text, _ = await ask("line", file="app.py", line=4, around=1, capture=oldest)
        assert "return number * number" in text and "2,000" in text and "print" not in text
        text, _ = await ask("diff", before=oldest, after=newest)
        assert "app.square" in text and "+1,000" in text

    asked(folder, questions)


def test_what_cannot_be_answered_is_said_in_a_line(folder: Path, tmp_path: Path) -> None:
    (folder / "link").symlink_to(tmp_path)

    async def questions(client: Client, ask: Ask) -> None:
        for name, arguments, words in (
            ("findings", {"capture": "../x.capture"}, "../x.capture is not below "),
            ("captures", {"folder": "link"}, "link is not below "),
            ("captures", {"folder": "/"}, "/ is not below "),
            ("findings", {"capture": "app.py"}, "app.py"),
            ("findings", {"budget": 1}, f"budget: from {FEWEST} to "),
            ("function", {"name": "nothing"}, "no function 'nothing'"),
            ("line", {"file": "/etc/passwd", "line": 1}, "/etc/passwd is not below "),
            ("diff", {"before": "a.capture", "after": "b.capture"}, "a.capture"),
        ):
            text, wrong = await ask(name, **arguments)
            assert wrong and words in text and "Traceback" not in text, (name, text)
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert "run" not in names

    asked(folder, questions, "--no-run")


def test_programs_are_run_within_limits(folder: Path) -> None:
    answers = Answers(folder)
    for arguments in ([], ["-c", "print(1)"], ["--out", "/tmp", "app.py"], ["../app.py"], ["/bin/true"]):
        with pytest.raises(Exception, match=r"arguments: |is not below"):
            answers.run(arguments)
    (folder / "forever.py").write_text("import time\n\ndef f():\n    time.sleep(1000)\n\nf()\n")
    try:
        text = answers.run(["forever.py"], "time", seconds=1)
    except UsageError as error:  # on a busy machine it has not begun by then
        text = str(error)
    assert "it was killed after 1 second" in text


def test_without_the_package_one_line_says_what_to_install(tmp_path: Path) -> None:
    code = "import sys; sys.modules['mcp'] = None; from prof.tools.cli import main; sys.exit(main(['mcp']))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    words = "prof: prof mcp needs the package mcp, version 2 or later: pip install 'prof-instrument[mcp]'\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", words)
