"""Code that computes with its own line numbers: found, left alone as far as there is need, and no further."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from prof.instrument.codemod import instrument
from prof.instrument.plan import Options

LOOPS = Options(sections=frozenset({"loops"}))

# Distances: the function around them may be marked, but nothing is put between its lines.
TOGETHER = {
    "a frame's line": """
import sys
def f():
    def g(): return sys._getframe().f_lineno
    return sys._getframe().f_lineno + 3 - g()
""",
    "a traceback's line": """
import sys
def f():
    try: 1 / 0
    except ZeroDivisionError as e: at = e.__traceback__.tb_lineno + 4
    def g():
        def h(): pass
        return sys._getframe().f_lineno
    return g() - at
""",
    "a stack's record, under names": """
import traceback
def f(known=None):
    DIFF = 5
    at = known or traceback.extract_stack(limit=1)[-1]
    expected = (at[0], at[1] + DIFF)
    def g():
        for i in (1, 2):
            frame = traceback.extract_stack(limit=1)[-1]
        return frame[:2] == expected, frame[1] - expected[1]
    return g()
""",
    "inspect": """
import inspect
def f():
    def lineno(): return inspect.stack()[1].lineno
    a = lineno() + 2
    def g(): pass
    return lineno() - a
""",
    "unpacked": """
import inspect
def f():
    file, line, *rest = inspect.getframeinfo(inspect.currentframe())
    line += 2
    def g(): return line - inspect.currentframe().f_lineno
    return g()
""",
}
# Numbers written down, or counted from where another function begins: the whole file stays as it is.
WHOLE = {
    "a number": "import sys\ndef f(): return sys._getframe().f_lineno == 2\n",
    "a number by name": "import sys\nLINE = 3\ndef f(): return sys._getframe().f_lineno == LINE\n",
    "of a function": "def g():\n    pass\ndef f(): return g.__code__.co_firstlineno + 1\n",
    "a distance": """
import sys
def f():
    frame = sys._getframe()
    return frame.f_lineno - frame.f_code.co_firstlineno == 2
""",
}
# What reads lines, shows them, or makes indexes of them.
FREE = [
    "print(f.f_lineno, f.f_code.co_firstlineno)",
    "line = f.f_lineno - 1",
    "context = lines[f.f_lineno : f.f_lineno + 1]",
    "for i in range(f.tb_lineno - 3, f.tb_lineno + 4): pass",
    "start = max(0, f.f_lineno - 5)",
    "same = f.f_lineno == other.f_lineno",
    "if f.tb_lineno != -1 and f.f_lineno > 0: pass",
    "node.lineno += 3",
    "ok = node.lineno == 42",
    "first = code.co_firstlineno + offset",
]


def run(source: bytes, tmp_path: Path) -> str:
    (tmp_path / "m.py").write_bytes(source + b"\nprint(f())\n")
    done = subprocess.run([sys.executable, "m.py"], cwd=tmp_path, env={}, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("name", TOGETHER)
def test_lines_with_a_distance_stay_together(name: str, tmp_path: Path) -> None:
    source = TOGETHER[name].encode()
    result = instrument(source, LOOPS)
    assert b"@profiled  # prof:auto\ndef f(" in result.data
    assert result.functions == 1
    assert set(result.skipped) == {"line-numbers"}
    assert run(result.data, tmp_path) == run(source, tmp_path)


@pytest.mark.parametrize("name", WHOLE)
def test_a_file_that_speaks_of_lines_anywhere_stays_as_it_is(name: str) -> None:
    source = WHOLE[name].encode()
    result = instrument(source, LOOPS)
    assert result.data == source
    assert set(result.skipped) == {"line-numbers"}
    marked = source + b"\n# profile! a\n# end! a\n"
    result = instrument(marked)
    assert result.data == marked
    assert all("computes with its own line numbers" in reason for _, reason in result.refused)
    assert len(result.refused) == 2


@pytest.mark.parametrize("statement", FREE)
def test_reading_lines_is_no_computing(statement: str) -> None:
    source = f"import inspect\ndef f():\n    def g(): pass\n    {statement}\n"
    assert instrument(source.encode()).functions == 2
