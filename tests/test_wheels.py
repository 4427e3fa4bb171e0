"""Installing where no wheel fits: what the machine lacks is said in one sentence. And which wheels are built."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import interpreters
import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
COMPILER = shutil.which("gcc") or shutil.which("cc")


def install(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`pip wheel` of a copy of the source, with no program on PATH but those in `folder`."""
    source = folder / "source"
    shutil.copytree(ROOT, source, ignore=interpreters.NO_SOURCE)
    (folder / "bin").mkdir()
    command = ["-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(source)]
    kept = {name: value for name, value in os.environ.items() if name not in ("CC", "CFLAGS", "CPPFLAGS")}
    kept |= {"PATH": str(folder / "bin"), **environment}
    return subprocess.run([sys.executable, *command], env=kept, capture_output=True, text=True, timeout=300)


def said(done: subprocess.CompletedProcess[str]) -> str:
    """The last line that the build wrote, as pip shows it."""
    output = done.stdout + done.stderr
    assert done.returncode != 0, output
    assert "Traceback" not in output
    shown = output.partition("lines of output]")[2].partition("[end of output]")[0]
    return shown.strip().splitlines()[-1].strip()


def compiler(folder: Path, *lines: str) -> str:
    """A command that is the compiler but for what these lines of shell do."""
    path = folder / "compiler"
    path.write_text("\n".join(["#!/bin/sh", *lines, f'exec {COMPILER} "$@"']))
    path.chmod(0o755)
    return str(path)


def test_without_a_compiler_one_sentence_says_what_to_install(tmp_path: Path) -> None:
    line = said(install(tmp_path))
    assert re.fullmatch(
        r"error: prof-instrument has a C core and is built with a C compiler, but \S+ is not there: install one .*",
        line,
    )
    assert "apt install gcc libc6-dev" in line


def test_a_compiler_without_the_headers_of_c_is_none(tmp_path: Path) -> None:
    line = said(install(tmp_path, CC=compiler(tmp_path, "exit 1")))
    assert "does not compile a file that includes stdio.h and linux/perf_event.h: install one" in line


@pytest.mark.skipif(COMPILER is None, reason="no C compiler")
def test_without_the_headers_of_python_one_sentence_says_what_to_install(tmp_path: Path) -> None:
    blind = 'for given; do shift; case $given in -I*) ;; *) set -- "$@" "$given" ;; esac; done'
    path = os.environ["PATH"]
    line = said(install(tmp_path, CC=compiler(tmp_path, f"PATH={path}", blind)))
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert f"Python.h is not in {sysconfig.get_path('include')}" in line
    assert f"apt install python{version}-dev" in line


def test_the_versions_of_the_wheels_are_those_that_are_supported() -> None:
    classifiers = re.findall(r"Python :: (3\.\d+)", " ".join(PROJECT["project"]["classifiers"]))
    assert tuple(classifiers) == interpreters.SUPPORTED
    (last_digits,) = re.findall(r"cp31\{([\d,]+)\}", PROJECT["tool"]["cibuildwheel"]["build"])
    assert tuple(f"3.1{digit}" for digit in last_digits.split(",")) == interpreters.SUPPORTED


def test_each_release_of_the_page_on_installing_is_supported() -> None:
    page = (ROOT / "docs" / "install.md").read_text()
    rows = re.findall(r"^\| (3\.\d+) \|", page, re.MULTILINE)
    assert tuple(rows) == interpreters.SUPPORTED
