"""Folded stacks: `frame;frame N` lines, outermost first, as flamegraph.pl, inferno and speedscope read them.

A recording writes them when it ends, and loads this when it begins: so nothing is imported here that it does not have.
"""

from __future__ import annotations

import os

from prof._core import ffi, lib
from prof.errors import OutputError
from prof.made import made

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

    from prof.capture import Capture, Tree
    from prof.modes import Measure

    StrPath = str | os.PathLike[str]

# Bytes that a file's name may have, on the file systems there are.
LONGEST_NAME = 255


def beside(capture: StrPath, ending: str) -> Path:
    """`<base><ending>` beside `<base>.capture`; where that name would be too long, less of the base."""
    from pathlib import Path

    return Path(_beside(os.fspath(capture), ending))


def _beside(capture: str, ending: str) -> str:
    folder, name = os.path.split(capture)
    base = os.fsencode(name.removesuffix(".capture"))[: LONGEST_NAME - len(os.fsencode(ending))]
    return os.path.join(folder, os.fsdecode(base.decode("utf-8", "ignore").encode()) + ending)


def folded_path(capture: StrPath, measure: Measure, suffix: str = ".folded") -> Path:
    """`<base>-<measure>.folded` beside `<base>.capture`."""
    return beside(capture, f"-{measure.name}{suffix}")


class replacing:
    """`with replacing(path) as descriptor:` a file descriptor for writing, which becomes `path` when the block ends
    well and vanishes when it does not.

    What exists and is no regular file (`/dev/stdout`, a pipe) is written to directly, and links are followed: the user
    named it. Not so with `like`, the captures that a file is written beside unasked: whatever has the name is replaced,
    wherever it leads, and who may not read all of the captures may not read that either. Raises OutputError, naming the
    path, when the file system does not let it be written.
    """

    def __init__(self, path: StrPath, like: Sequence[StrPath] = ()) -> None:
        self._target = os.fspath(path)
        self._like = like
        self._temporary = ""

    def __enter__(self) -> int:
        if "\0" in self._target:
            raise OutputError(f"{self._target} cannot be written: there is a NUL in its name")
        try:
            self._descriptor = self._open()
        except OSError as error:
            raise self._failed(error) from error
        return self._descriptor

    def _open(self) -> int:
        """A new file beside the target, or the target itself where it is not to be replaced."""
        folder, name = os.path.split(self._target)
        like = self._like
        self._target = os.path.join(os.path.realpath(folder), name) if like else os.path.realpath(self._target)
        if not like and os.path.exists(self._target) and not os.path.isfile(self._target):
            return os.open(self._target, os.O_WRONLY | os.O_CLOEXEC)
        mode = 0o666
        for each in like:
            mode &= os.stat(each).st_mode
        temporary = os.path.join(os.path.dirname(self._target), f".{os.urandom(8).hex()}.tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        self._temporary = temporary
        if like:
            try:
                os.fchmod(descriptor, mode)  # whatever the umask, as the capture's
            except OSError:
                os.close(descriptor)
                self._remove()
                raise
        return descriptor

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            os.close(self._descriptor)
            if self._temporary and error is None:
                os.replace(self._temporary, self._target)
        except OSError as failure:
            self._remove()
            if error is None:
                raise self._failed(failure) from failure
        if error is not None:
            self._remove()
        if isinstance(error, OSError):
            raise self._failed(error) from error

    def _remove(self) -> None:
        try:
            if self._temporary:
                os.unlink(self._temporary)
        except OSError:
            pass

    def _failed(self, error: OSError) -> OutputError:
        return OutputError(f"{self._target} cannot be written: {error.strerror}")


def write_folded(
    capture: Capture,
    measure: Measure,
    path: StrPath | None = None,
    tree: Tree | None = None,
) -> Path:
    """Writes a measure's folded file, by default beside the capture, and returns its path.

    A file that is there is replaced in one step. `tree` is the capture's, if the caller has it. Raises OutputError.
    """
    from pathlib import Path

    target = folded_path(capture.path, measure) if path is None else Path(path)
    with replacing(target, capture.files if path is None else ()) as descriptor:
        tree = capture.tree_of(capture.tree(), measure.column) if tree is None else tree
        capture.write_folded(tree, measure.column, descriptor)
    return target


def write_all(capture: str, measures: Sequence[Measure], most: int, files: list[str]) -> int:
    """Writes the folded files of a recording that has ended, their paths to `files`; the number of its stacks.

    Of more stacks than `most` none is written. Does what `write_folded` does without `prof.capture`, which is for
    reports and takes long to import. Raises InputError and OutputError.
    """
    reader = made(capture, lib.prof_reader_close, lib.prof_reader_open, os.fsencode(capture))
    try:
        everything = reader, lib.PROF_READER_ALL_THREADS
        tree = made(capture, lib.prof_reader_tree_free, lib.prof_reader_tree_new, *everything)
        count: int = tree.count
        if count > most:
            return count
        ops = lib.prof_reader_column(b"ops")
        if lib.prof_reader_recorded(reader, ops):  # a column of the tree that is there once it has been solved
            free, new = lib.prof_reader_operations_free, lib.prof_reader_operations_new
            made(capture, free, new, reader, tree, 0, tree.own[ops])
        stacks = tree  # until they are asked for
        for measure in measures:
            column = lib.prof_reader_column(measure.column.encode())
            if stacks is tree and lib.prof_reader_in_stacks(column):
                stacks = made(capture, lib.prof_reader_tree_free, lib.prof_reader_stacks_new, reader, tree, 0)
            target = _beside(capture, f"-{measure.name}.folded")
            with replacing(target, (capture,)) as descriptor:
                of = stacks if stacks is not None and lib.prof_reader_in_stacks(column) else tree
                lines = lib.prof_reader_fold(reader, of, of.own[column], descriptor)
                if lines < 0:
                    raise OSError(-lines, os.strerror(-lines))
            files.append(target)
    finally:
        ffi.release(reader)
    return count
