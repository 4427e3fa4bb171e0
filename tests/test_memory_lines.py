"""Whose line an allocation is on, in code of awkward shapes: large, run once or out of order, dropped, on one line."""

from __future__ import annotations

import marshal
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from time import process_time
from typing import Any, TypeAlias

import pytest
from allocating import Allocations
from allocating import record as record_memory
from growth import growth
from prof import enable_profiling
from prof._core import lib
from recording import Recorder

Run: TypeAlias = Callable[..., "CompletedProcess[str]"]

LINES = 1500


def table(rows: int) -> str:
    """A module of data alone."""
    return "ROWS = [\n" + "".join(f"    [{i}, {{'id': {i}, 'name': [{i}]}}],\n" for i in range(rows)) + "]\n"


def function(rows: int) -> str:
    """A function of that many lines."""
    lines = "".join(f"    kept.append([n + {i}])\n" for i in range(rows))
    return f"def large(n):\n    kept = []\n{lines}    return kept\nlarge(1000)\nlarge(2000)\n"


def elements(count: int) -> str:
    """One line with that many instructions that allocate."""
    return f"def wide(n):\n    return [{','.join(f'n+{i}' for i in range(count))}]\nwide(1000)\n"


def body(members: int) -> str:
    """A class of that many members."""
    return "class Large:\n" + "".join(f"    a{i} = [{i}]\n    def m{i}(self): pass\n" for i in range(members))


@pytest.mark.parametrize("detail", ["false", "true"])
@pytest.mark.parametrize("shape", [table, function, elements, body])
def test_the_cost_of_a_line_does_not_grow_with_the_code(
    tmp_path: Path, shape: Callable[[int], str], detail: str
) -> None:
    """Four times the code may take four times as long; looked up from its beginning it took sixteen times."""

    compiled = {size: marshal.dumps(compile(shape(size), "made", "exec")) for size in (4_000, 16_000)}

    def seconds(size: int) -> float:
        code = marshal.loads(compiled[size])
        with enable_profiling(f"memory,{tmp_path},,{detail},imports=false,collections=false"):
            start = process_time()
            exec(code, {"__name__": "made"})
            return process_time() - start

    assert growth(seconds, *compiled) < 9


def test_lines_in_any_order(record: Recorder, tmp_path: Path) -> None:
    """The first run of each line comes when and where it likes, forwards and backwards over the whole function."""
    order = list(range(LINES))
    random.Random(9).shuffle(order)
    cases = "".join(f"    if n == {i}: return bytes({1000 + i})\n" for i in range(LINES))
    space = record.load(f"def pick(n):\n{cases}def main():\n    return [pick(n) for n in {order}]\n")
    for detail in (False, True):
        found = record_memory(tmp_path / str(detail), space["main"], detail)
        sums = found.sums("alloc_bytes", str(tmp_path / "program.py"))
        at = {line: size for (_, line), size in sums.items() if 2 <= line < LINES + 2}
        assert at == {i + 2: 1000 + i + 33 for i in range(LINES)}


def test_each_instruction_of_a_loop(record: Recorder, tmp_path: Path) -> None:
    """What is remembered from the second time on is what was named the first time, also in another context."""
    lines = "".join(f"        kept = bytes({1000 + i})\n" for i in range(LINES))
    space = record.load(
        f"@profiled\ndef one(n):\n    for _ in range(n):\n{lines}"
        "@profiled\ndef two(n):\n    one(n)\n"
        "def main():\n    one(1)\n    two(2)\n    one(3)\n    two(5)\n"
    )
    found = record_memory(tmp_path, space["main"], True)
    sums = found.sums("alloc_count", str(tmp_path / "program.py"))
    assert {(path, line): n for (path, line), n in sums.items() if 4 <= line < LINES + 4} == {
        (path, line): n for path, n in ((("one",), 4), (("two", "one"), 7)) for line in range(4, LINES + 4)
    }


def test_functions_on_one_line(record: Recorder, tmp_path: Path) -> None:
    """The line of a one-line function is the function's, though the module that made it allocated there first."""
    space = record.load(
        "def main():\n    exec(compile(SOURCE, 'shop.py', 'exec'), {})\n",
        SOURCE="def load(n): return bytes(n)\ndef a(n): return bytes(n); b = lambda n: bytes(n)\nload(5000); a(6000)\n",
    )
    found = record_memory(tmp_path, space["main"], True)
    at = {
        (line.label.line, line.label.module): line.alloc_bytes for line in found.lines if line.label.file == "shop.py"
    }
    # Whose bytes they are. The call's tuple of arguments is allocated as well where the interpreter has no free one.
    assert 0 <= at[1, "load"] - 5033 < 200 and 0 <= at[2, "a"] - 6033 < 200
    assert at[1, "<module>"] < 2000


def test_code_dropped_while_much_is_remembered(record: Recorder, tmp_path: Path) -> None:
    """Forgetting a code object takes what it has, not what all have."""
    space = record.load(
        f"{elements(20_000)}wide(3000)\n"
        "def main():\n"
        "    for n in range(3):\n        wide(n + 4000)\n"
        "    for n in range(20_000):\n"
        "        exec(compile('for k in range(3): bytes(1000 + n)', 'made', 'exec'), {'n': n})\n"
    )
    found = record_memory(tmp_path, space["main"], True)
    assert found.of_line("made", 1, "alloc_count") >= 20_000 * 3
    assert found.of_line("made", 1, "live_bytes") == 0


@pytest.mark.parametrize("detail", ["false", "true"])
def test_code_for_ever_leaves_nothing(run_program: Run, tmp_path: Path, detail: str) -> None:
    """The process is no larger after 60,000 code objects than after 10,000."""
    program = tmp_path / "made.py"
    program.write_text(
        "from prof import profiled\n"
        "def resident():\n    return int(open('/proc/self/statm').read().split()[1]) * 4096\n"
        "def make(count):\n    for n in range(count):\n"
        "        exec(compile('for k in range(3):\\n x = [k, n]\\n y = [x]', '<s>', 'exec'), {'n': n})\n"
        "make(10_000)\nbefore = resident()\nmake(50_000)\nprint(resident() - before)\n"
    )
    done = run_program(program, PROF=f"memory,{tmp_path / 'out'},,{detail}")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 3 << 20


def test_a_source_that_is_no_file_is_not_read(tmp_path: Path, run_program: Run) -> None:
    """Code may come from a named pipe. Opening it again would wait for ever for somebody to write."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    program = tmp_path / "made.py"
    program.write_text(
        "from prof import profiled\n"
        f"exec(compile('kept = [bytes(5000) for _ in range(9)]', {str(pipe)!r}, 'exec'))\nprint('done')\n"
    )
    done = run_program(program, PROF=f"memory,{tmp_path / 'out'}")
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
    (path,) = (tmp_path / "out").glob("*.capture")
    assert Allocations(path).of_line(str(pipe), 1, "alloc_bytes") >= 9 * 5033


SUBINTERPRETER = """
import sys
try:
    import _interpreters as interpreters
    made = interpreters.create("legacy")
except ImportError:
    import _xxsubinterpreters as interpreters
    made = interpreters.create(isolated=False)
import prof.session
code = "from prof._core import lib; print(lib.prof_py_memory_start(0, b''), flush=True)"
failed = interpreters.run_string(made, code)
assert failed is None, failed
interpreters.destroy(made)
print("done")
"""


@pytest.mark.skipif(
    not lib.PROF_QUIRK_CURRENT_STATE_IS_OF_THE_THREAD,
    reason="3.11 does not tell which interpreter a thread without the GIL runs",
)
def test_it_does_not_begin_in_another_interpreter() -> None:
    env: dict[str, Any] = {name: value for name, value in os.environ.items() if name != "PROF"}
    done = subprocess.run([sys.executable, "-c", SUBINTERPRETER], capture_output=True, text=True, env=env, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\ndone\n", "")  # EPERM
