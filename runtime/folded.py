"""Folded stacks: `frame;frame N` lines, outermost first, as flamegraph.pl, inferno and speedscope read them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from prof.capture import Capture, Tree
from prof.errors import OutputError
from prof.modes import Measure

# Bytes that a file's name may have, on the file systems there are.
LONGEST_NAME = 255


def beside(capture: str | os.PathLike[str], ending: str) -> Path:
    """`<base><ending>` beside `<base>.capture`; where that name would be too long, less of the base."""
    path = Path(capture)
    base = os.fsencode(path.name.removesuffix(".capture"))[: LONGEST_NAME - len(os.fsencode(ending))]
    return path.with_name(os.fsdecode(base.decode("utf-8", "ignore").encode()) + ending)


def folded_path(capture: str | os.PathLike[str], measure: Measure, suffix: str = ".folded") -> Path:
    """`<base>-<measure>.folded` beside `<base>.capture`."""
    return beside(capture, f"-{measure.name}{suffix}")


@contextmanager
def replacing(path: str | os.PathLike[str], like: Sequence[str | os.PathLike[str]] = ()) -> Iterator[int]:
    """A file descriptor for writing, which becomes `path` when the block ends well and vanishes when it does not.

    What exists and is no regular file (`/dev/stdout`, a pipe) is written to directly, and links are followed: the user
    named it. Not so with `like`, the captures that a file is written beside unasked: whatever has the name is replaced,
    wherever it leads, and who may not read all of the captures may not read that either. Raises OutputError, naming the
    path, when the file system does not let it be written.
    """
    target = Path(path)
    if "\0" in str(target):
        raise OutputError(f"{target} cannot be written: there is a NUL in its name")
    try:
        target = Path(os.path.realpath(target.parent), target.name) if like else Path(os.path.realpath(target))
        if not like and target.exists() and not target.is_file():
            with _existing(target) as descriptor:
                yield descriptor
            return
        mode = 0o666
        for each in like:
            mode &= os.stat(each).st_mode
        temporary = target.with_name(f".{os.urandom(8).hex()}.tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        try:
            try:
                if like:
                    os.fchmod(descriptor, mode)  # whatever the umask, as the capture's
                yield descriptor
            finally:
                os.close(descriptor)
            os.replace(temporary, target)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        raise OutputError(f"{target} cannot be written: {error.strerror}") from error


@contextmanager
def _existing(path: Path) -> Iterator[int]:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            yield descriptor
        finally:
            os.close(descriptor)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}") from error


def write_folded(
    capture: Capture,
    measure: Measure,
    path: str | os.PathLike[str] | None = None,
    tree: Tree | None = None,
) -> Path:
    """Writes a measure's folded file, by default beside the capture, and returns its path.

    A file that is there is replaced in one step. `tree` is the capture's, if the caller has it. Raises OutputError.
    """
    target = folded_path(capture.path, measure) if path is None else Path(path)
    with replacing(target, capture.files if path is None else ()) as descriptor:
        capture.write_folded(tree or capture.tree(), measure.column, descriptor)
    return target
