"""The oracle: every file of the running interpreter's standard library, through the command and back."""

from __future__ import annotations

import hashlib
import os
import shutil
import sysconfig
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from .conftest import Run


def compiles(path: Path) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            return False
    return True


def hashes(files: list[Path]) -> dict[Path, bytes]:
    return {f: hashlib.sha256(f.read_bytes()).digest() for f in files}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A copy of the standard library's Python files."""
    source = sysconfig.get_paths()["stdlib"]
    copy = tmp_path_factory.mktemp("stdlib") / "lib"
    ignored = shutil.ignore_patterns("site-packages", "*.so", "*.a", "*.pyc")
    # Some distributions leave links to files of packages that are not installed.
    shutil.copytree(source, copy, ignore=ignored, ignore_dangling_symlinks=True)
    return sorted(copy.rglob("*.py"))


def test_round_trip(library: list[Path], run: Run) -> None:
    there_and_back(library, run)


def test_round_trip_with_sections(library: list[Path], run: Run, tmp_path: Path) -> None:
    # Slower by far, and checked on the tree as well: every fourth file stands for the rest.
    some = [Path(shutil.copy(f, tmp_path / f"m{i}.py")) for i, f in enumerate(library[::4])]
    there_and_back(some, run, "--sections", "loops,paragraphs")


def there_and_back(library: list[Path], run: Run, *options: str) -> None:
    root = Path(os.path.commonpath(library))
    before = hashes(library)
    with ProcessPoolExecutor() as pool:
        valid = {f for f, ok in zip(library, pool.map(compiles, library, chunksize=50), strict=True) if ok}
        done = run("instrument", str(root), "-q", *options)
        after = hashes(library)
        changed = [f for f in library if before[f] != after[f]]
        still = list(pool.map(compiles, changed, chunksize=50))
    refused = {Path(line.partition(b".py:")[0].decode() + ".py") for line in done.stderr.splitlines()}
    # What is neither refused nor changed has no `def` in it.
    assert not refused & valid
    assert valid >= set(changed)
    assert all(b"def" not in f.read_bytes() for f in set(library) - valid - refused)
    assert len(changed) > 0.8 * len(library)
    assert all(still)
    assert run("uninstrument", str(root), "-q").returncode == 0
    assert hashes(library) == before
