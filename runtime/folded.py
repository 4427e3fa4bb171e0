"""Folded stacks: `frame;frame N` lines, outermost first, as flamegraph.pl, inferno and speedscope read them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from prof.capture import Capture, Tree
from prof.errors import OutputError
from prof.modes import Measure


def folded_path(capture: str | os.PathLike[str], measure: Measure, suffix: str = ".folded") -> Path:
    """`<base>-<measure>.folded` beside `<base>.capture`."""
    path = Path(capture)
    base = path.name.removesuffix(".capture")
    return path.with_name(f"{base}-{measure.name}{suffix}")


@contextmanager
def replacing(path: str | os.PathLike[str], mode: int = 0o666) -> Iterator[int]:
    """A file descriptor for writing, which becomes `path` when the block ends well and vanishes when it does not.

    What exists and is no regular file (`/dev/stdout`, a pipe) is written to directly. Raises OutputError, naming the
    path, when the file system does not let it be written.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        with _existing(target) as descriptor:
            yield descriptor
        return
    beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
        try:
            try:
                yield descriptor
            finally:
                os.close(descriptor)
            os.replace(beside, target)
        except BaseException:
            with suppress(OSError):
                os.unlink(beside)
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
    capture: Capture, measure: Measure, path: str | os.PathLike[str] | None = None, tree: Tree | None = None,
    mode: int = 0o666,
) -> Path:
    """Writes a measure's folded file, by default beside the capture, and returns its path.

    A file that is there is replaced in one step. `tree` is the capture's, if the caller has it. Raises OutputError.
    """
    target = folded_path(capture.path, measure) if path is None else Path(path)
    with replacing(target, mode) as descriptor:
        capture.write_folded(tree or capture.tree(), measure.column, descriptor)
    return target
