"""Source in an archive is shown as it was recorded; of what cannot be read, one line."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from prof.errors import InputError
from prof.instrument.cli import instrument_main
from prof.tools.analysis import archive

CORE = """from prof import profiled
@profiled
def area(a, b):
    return a * b
def main():
    print(area(2, 3))
"""


@pytest.fixture
def app(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    (tmp_path / "source" / "pk").mkdir(parents=True)
    (tmp_path / "source" / "pk" / "__init__.py").write_text("")
    (tmp_path / "source" / "pk" / "core.py").write_text(CORE)
    if getattr(request, "param", "") == "instrumented":
        (tmp_path / "source" / "pk" / "core.py").write_text("".join(CORE.splitlines(True)[2:]))
        assert instrument_main(["--quiet", str(tmp_path / "source")]) == 0
    made = tmp_path / "app.pyz"
    command = [sys.executable, "-m", "zipapp", "source", "-m", "pk.core:main", "-o", made.name]
    subprocess.run(command, cwd=tmp_path, check=True)
    return made


@pytest.mark.parametrize("modes", ["time", "all"])
@pytest.mark.parametrize("app", ["by hand", "instrumented"], indirect=True)
def test_the_source_of_a_zipapp(app: Path, tmp_path: Path, modes: str) -> None:
    environment = os.environ | {"PROF": f"{modes},out"}
    done = subprocess.run([sys.executable, app.name], cwd=tmp_path, env=environment, capture_output=True, check=True)
    assert done.stdout == b"6\n"
    (capture,) = (tmp_path / "out").glob("*.capture")
    command = [sys.executable, "-m", "prof", "report", "--source", "core.py", str(capture)]
    listing = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path.parent).stdout
    assert listing.startswith(f"{app}/pk/core.py")
    lines = listing.splitlines()
    begins = next(before for before, line in itertools.pairwise(lines) if "def area" in line)
    assert len(begins.partition("@")[0].split()) > 1, "its figures beside the number of its line"
    assert "    return a * b" in listing
    app.write_bytes(b"no archive any more")
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 3
    (line,) = refused.stderr.splitlines()
    assert line.startswith(f"prof: {app} cannot be read as an archive: ")


def test_what_is_no_member(app: Path, tmp_path: Path) -> None:
    found = archive.member(app / "pk" / "core.py")
    assert found == CORE.encode()
    assert archive.member(tmp_path / "none.pyz" / "pk" / "core.py") is None
    assert archive.member(app) is None
    for name in ("pk/other.py", "../source/pk/core.py"):
        with pytest.raises(InputError, match=r"app\.pyz has no file "):
            archive.member(app / name)


def test_a_member_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_BYTES", 1 << 20)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("core.py", b"\n" * (2 << 20))
    with pytest.raises(InputError, match="too large for source"):
        archive.member(tmp_path / "bomb.zip" / "core.py")
