"""The LibCST codemods, as LibCST's own tool runs them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from prof.instrument.codemod import instrument
from prof.instrument.plan import Options


def tool(folder: Path, command: str, *args: str) -> subprocess.CompletedProcess[bytes]:
    """Run one of the commands over `a.py` in `folder`."""
    name = f"prof.instrument.commands.{command}"
    call = [
        sys.executable,
        "-m",
        "libcst.tool",
        "codemod",
        "--no-format",
        "-x",
        name,
        "a.py",
        "-j",
        "1",
        *args,
    ]
    return subprocess.run(call, cwd=folder, capture_output=True, timeout=60)


@pytest.mark.parametrize(
    "source",
    [
        b"'''d'''\nimport os\n\n@a\ndef f():\n    # profile! x\n    y = 1\n    # end! x\n",
        b"# coding: latin-1\r\ndef f():\r\n\treturn '\xe9'",
    ],
)
def test_there_and_back(tmp_path: Path, source: bytes) -> None:
    file = tmp_path / "a.py"
    file.write_bytes(source)
    done = tool(tmp_path, "InstrumentCommand")
    assert done.returncode == 0, done.stderr
    assert file.read_bytes() == instrument(source).data
    done = tool(tmp_path, "UninstrumentCommand")
    assert done.returncode == 0, done.stderr
    assert file.read_bytes() == source


def test_sections(tmp_path: Path) -> None:
    source = b"def f():\n    for x in y:\n        pass\n"
    (tmp_path / "a.py").write_bytes(source)
    done = tool(tmp_path, "InstrumentCommand", "--sections", "loops")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.py").read_bytes() == instrument(source, Options(sections=frozenset({"loops"}))).data


def test_refusals_skip_the_file(tmp_path: Path) -> None:
    source = b"def f(): pass\nreturn\n"
    (tmp_path / "a.py").write_bytes(source)
    done = tool(tmp_path, "InstrumentCommand")
    assert b"line 2: does not compile: 'return' outside function" in done.stderr
    assert (tmp_path / "a.py").read_bytes() == source


def test_refused_markers_are_warnings(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"def f():\n    # profile! x\n    pass\n")
    done = tool(tmp_path, "InstrumentCommand")
    assert b"line 2: profile! x: unpaired" in done.stderr
