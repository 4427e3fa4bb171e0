"""Reports of waiting, tasks, threads and slow calls, in text and JSON, of a program that waits."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import prof.tools
import pytest
from prof._core import lib
from schema_check import problems

pytestmark = pytest.mark.skipif(not lib.prof_py_validated(), reason="this interpreter's bytecode is not rewritten")


def test_the_report_has_the_line_that_waited_first(run_program: Any, tmp_path: Any) -> None:
    source = tmp_path / "service.py"
    source.write_text(
        """
import asyncio
from prof import profiled
@profiled
async def query(limit):
    async with limit:
        await asyncio.sleep(0.01)
async def main():
    limit = asyncio.Semaphore(1)
    await asyncio.gather(*(query(limit) for _ in range(5)))
asyncio.run(main())
""",
        "utf-8",
    )
    run_program(source, PROF=f"time,{tmp_path}")
    (path,) = tmp_path.glob("*.capture")
    command = [sys.executable, "-m", "prof", "report", str(path)]
    for part in ([], ["--show", "waiting"]):
        text = subprocess.run([*command, *part], capture_output=True, text=True, check=True).stdout
        _, _, table = text.partition("Waiting by line")
        first = table.splitlines()[3].split()
        assert {"semaphore", "service.py:6", "service.query"} <= set(first)
    for part in ("tasks", "threads", "slowest"):
        text = subprocess.run([*command, "--show", part], capture_output=True, text=True, check=True).stdout
        assert "query" in text or part == "threads"
    document = json.loads(subprocess.run([*command, "--format", "json"], capture_output=True, check=True).stdout)
    schema = json.loads((Path(prof.tools.__file__).parent / "schema.json").read_text("utf-8"))
    assert problems(document, schema) == []
    assert document["waits"][0]["awaited"] == "Semaphore.acquire"
