"""Nothing of the user's is ever lost: replacing files."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from prof.errors import OutputError
from prof.instrument import replace as module
from prof.instrument.files import Target
from prof.instrument.refusal import Refusal
from prof.instrument.replace import read, replace
from prof.instrument.run import Task, process
from prof.instrument.settings import Settings

from .conftest import Run

SOURCE = b"def f(): pass\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.py"
    path.write_bytes(SOURCE)
    return path


def alone(file: Path) -> bool:
    """Whether no temporary file is left beside it."""
    return os.listdir(file.parent) == [file.name]


@pytest.mark.parametrize("mode", [0o644, 0o600, 0o755, 0o200, 0o4755, 0o664])
def test_mode_is_kept(file: Path, mode: int) -> None:
    seen = read(str(file))
    file.chmod(mode)
    seen = read(str(file)) if os.access(file, os.R_OK) else seen
    replace(str(file), seen, b"new")
    assert stat.S_IMODE(file.stat().st_mode) == mode
    file.chmod(0o600)
    assert file.read_bytes() == b"new"
    assert alone(file)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_owner_is_kept(file: Path) -> None:
    os.chown(file, 12345, 54321)
    replace(str(file), read(str(file)), b"new")
    assert (file.stat().st_uid, file.stat().st_gid) == (12345, 54321)


def test_owner_that_cannot_be_kept(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() == 0:
        os.chown(file, 12345, 54321)

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", refuse)
    if os.geteuid() == 0:
        with pytest.raises(Refusal, match="belongs to another"):
            replace(str(file), read(str(file)), b"new")
        assert file.read_bytes() == SOURCE
        assert alone(file)


def test_attributes_are_kept(file: Path) -> None:
    try:
        os.setxattr(file, "user.note", b"mine")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    replace(str(file), read(str(file)), b"new")
    assert os.getxattr(file, "user.note") == b"mine"


def test_read_only(file: Path) -> None:
    file.chmod(0o444)
    with pytest.raises(Refusal, match="read-only"):
        replace(str(file), read(str(file)), b"new")
    assert file.read_bytes() == SOURCE


def test_changed_while_it_was_edited(file: Path) -> None:
    seen = read(str(file))
    file.write_bytes(b"someone else's\n")
    with pytest.raises(Refusal, match="changed by somebody else"):
        replace(str(file), seen, b"new")
    assert file.read_bytes() == b"someone else's\n"
    assert alone(file)


def test_changed_within_one_tick_of_the_clock(file: Path) -> None:
    seen = read(str(file))
    with open(file, "r+b") as f:
        f.write(b"DEF")
    os.utime(file, ns=(seen.status.st_atime_ns, seen.status.st_mtime_ns))
    with pytest.raises(Refusal, match="changed by somebody else"):
        replace(str(file), seen, b"new")


def test_vanished(file: Path) -> None:
    seen = read(str(file))
    file.unlink()
    with pytest.raises(Refusal, match=r"read-only|vanished"):
        replace(str(file), seen, b"new")
    with pytest.raises(Refusal, match="vanished"):
        read(str(file))
    assert os.listdir(file.parent) == []


def test_disk_full(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.os, "write", full)
    with pytest.raises(OutputError, match="No space left"):
        replace(str(file), read(str(file)), b"new")
    monkeypatch.undo()
    assert file.read_bytes() == SOURCE
    assert alone(file)


def test_short_writes_are_continued(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(module.os, "write", lambda fd, data: write(fd, data[:3]))
    replace(str(file), read(str(file)), b"0123456789")
    monkeypatch.undo()
    assert file.read_bytes() == b"0123456789"


def test_folder_that_cannot_be_written_to(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(module.tempfile, "mkstemp", refuse)
    outcome = process(Target("a.py", str(file), Settings()), Task("instrument"))
    assert outcome.failed
    assert outcome.refused == ((0, "cannot write in its folder: Permission denied"),)


def test_interrupted_before_the_rename(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module.os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        replace(str(file), read(str(file)), b"new")
    monkeypatch.undo()
    assert file.read_bytes() == SOURCE
    assert alone(file)


def test_links(tmp_path: Path, run: Run) -> None:
    """A link named is followed and stays a link; a link met is left out, and so is what it leads to."""
    real = tmp_path / "real"
    real.mkdir()
    (real / "a.py").write_bytes(SOURCE)
    walked = tmp_path / "walked"
    walked.mkdir()
    (walked / "link.py").symlink_to(real / "a.py")
    (walked / "folder").symlink_to(real)
    (walked / "dangling.py").symlink_to("nowhere")
    (walked / "b.py").write_bytes(SOURCE)
    done = run("instrument", "walked")
    assert b"symbolic link 2" in done.stdout
    assert (real / "a.py").read_bytes() == SOURCE
    done = run("instrument", "walked/link.py")
    assert done.returncode == 0
    assert (walked / "link.py").is_symlink()
    assert (real / "a.py").read_bytes() != SOURCE
    assert run("uninstrument", "walked/folder").returncode == 0
    assert (walked / "folder").is_symlink()
    assert (real / "a.py").read_bytes() == SOURCE


def test_an_unchanged_file_is_not_written(file: Path, run: Run) -> None:
    run("instrument", "a.py")
    before = file.stat()
    run("instrument", "a.py")
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.fixture
def linked(file: Path) -> Path:
    """Another name of `file`."""
    other = file.with_name("b.txt")
    os.link(file, other)
    return other


def test_hard_links_are_kept(file: Path, linked: Path, run: Run) -> None:
    file.chmod(0o4755)
    assert run("instrument", "a.py").returncode == 0
    assert os.path.samefile(file, linked)
    assert b"@profiled" in linked.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o4755
    assert run("uninstrument", "a.py").returncode == 0
    assert os.path.samefile(file, linked)
    assert linked.read_bytes() == SOURCE
    assert sorted(os.listdir(file.parent)) == ["a.py", "b.txt"]


@pytest.mark.parametrize("after", range(4))
def test_a_linked_file_on_a_full_disk_is_put_back(
    file: Path, linked: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    write, calls = os.write, []

    def full(descriptor: int, data: bytes) -> int:
        calls.append(1)
        if len(calls) == after + 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data[:9])

    monkeypatch.setattr(module.os, "write", full)
    with pytest.raises(OutputError, match="No space left"):
        replace(str(file), read(str(file)), b"x" * 100)
    monkeypatch.undo()
    assert linked.read_bytes() == SOURCE
    assert sorted(os.listdir(file.parent)) == ["a.py", "b.txt"]


def test_a_linked_file_that_cannot_be_put_back_is_beside(
    file: Path, linked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(descriptor: int, data: bytes, _: object) -> None:
        os.write(descriptor, data[:3])
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(module, "_overwrite", lost)
    with pytest.raises(OutputError, match=r"its bytes from before are in .*/\.a\.py\.prof-\w{8}\.saved"):
        replace(str(file), read(str(file)), b"new")
    (saved,) = file.parent.glob(".a.py.prof-*.saved")
    assert saved.read_bytes() == SOURCE


KILLED = """
import os, sys, signal
from prof.instrument import replace
from prof.instrument.cli import instrument_main
def kill(*_): os.kill(os.getpid(), signal.SIGKILL)
def half(descriptor, data, status):
    os.write(descriptor, data[:20])
    kill()
if sys.argv[1] == "half": replace._overwrite = half
elif sys.argv[1] == "done": os.unlink = kill
else: os.replace = kill
sys.argv[1:] = ["a.py"]
instrument_main()
"""


@pytest.mark.parametrize("when", ["new", "half", "done"])
def test_what_a_killed_run_left(file: Path, run: Run, when: str) -> None:
    """It is never instrumented itself; the next run removes it, unless it is all that is left of a file."""
    if when != "new":
        os.link(file, file.with_name("b.txt"))
    killed = subprocess.run([sys.executable, "-c", KILLED, when], cwd=file.parent)
    assert killed.returncode == -signal.SIGKILL
    (left,) = file.parent.glob(".a.py.prof-*")
    content = left.read_bytes()
    run("instrument", "--check", ".")
    assert left.read_bytes() == content
    done = run("instrument", ".")
    if when == "half":
        assert done.returncode == 1
        assert b"as it was before a run that was killed half-way" in done.stderr
        assert left.read_bytes() == content == SOURCE
        left.replace(file)
        assert b"killed" not in run("instrument", ".").stderr
    else:
        assert done.returncode == 0
        assert b"left by a run that was killed, removed" in done.stderr
        assert not left.exists()
    assert b"@profiled" in file.read_bytes()
    assert run("uninstrument", ".").returncode == 0
    assert file.read_bytes() == SOURCE


def test_what_another_run_is_writing_is_left_to_it(file: Path, run: Run) -> None:
    at_work = file.with_name(".a.py.prof-abcdefgh.tmp")
    at_work.write_bytes(b"x")
    theirs = file.with_name(".a.py.prof-other.tmp")
    theirs.write_bytes(b"x")
    with open(at_work, "rb") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        assert run("instrument", "a.py").stderr == b""
        assert at_work.exists()
    assert b"removed" in run("instrument", "a.py").stderr
    assert not at_work.exists()
    assert theirs.exists()
