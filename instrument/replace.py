"""Replacing a file's content so that at every moment the old file or the new one is there, whole."""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from contextlib import suppress

from attrs import frozen
from prof.errors import OutputError

from . import leftovers
from .refusal import Refusal


@frozen
class Snapshot:
    """A file's bytes and what `stat` said while they were read."""

    data: bytes
    status: os.stat_result


def read(path: str) -> Snapshot:
    """Read a regular file. Raises `Refusal`."""
    try:
        with open(path, "rb", buffering=0, opener=_open) as f:
            status = os.fstat(f.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise Refusal(0, "is not a regular file")
            return Snapshot(f.readall(), status)
    except FileNotFoundError:
        raise Refusal(0, "vanished before it could be read") from None
    except OSError as e:
        raise Refusal(0, f"cannot be read: {e.strerror or e}") from None


def _open(path: str, flags: int) -> int:
    # A pipe without a writer would keep us waiting.
    return os.open(path, flags | os.O_NONBLOCK)


def replace(path: str, seen: Snapshot, data: bytes) -> None:
    """Put `data` where `seen` was read, through a temporary file with the same mode, owner and attributes.

    A file of several names (hard links) is written where it is, and keeps them. Raises `Refusal` if the file is
    read-only, is no longer what was seen, or would change owner; `OutputError` if the folder cannot be written to or
    the disk is full. In all of these cases the file is untouched and nothing is left behind.
    """
    if not seen.status.st_mode & 0o222 or not os.access(path, os.W_OK):
        raise Refusal(0, f"is read-only (mode {stat.S_IMODE(seen.status.st_mode):04o})")
    linked = seen.status.st_nlink > 1
    handle, temporary = _beside(path, leftovers.SAVED if linked else leftovers.TEMPORARY)
    try:
        with open(handle, "wb", buffering=0) as f:
            fcntl.flock(f, fcntl.LOCK_EX)  # until it is closed, it is not a leftover
            _write(f.fileno(), seen.data if linked else data)
            if linked:
                os.fsync(f.fileno())
            else:
                _dress(f.fileno(), path, seen.status)
            _check_unchanged(path, seen)
            if linked:
                _rewrite(path, seen, data)
            else:
                os.replace(temporary, path)
    except _Half:
        raise OutputError(f"cannot be written; its bytes from before are in {temporary}") from None
    except OSError as e:
        _remove(temporary)
        raise OutputError(f"cannot be written: {e.strerror or e}") from None
    except BaseException:
        _remove(temporary)
        raise
    _remove(temporary)


class _Half(Exception):
    """A file could neither be written nor put back: what was saved of it must stay."""


def _beside(path: str, suffix: str) -> tuple[int, str]:
    folder, name = os.path.split(path)
    try:
        return tempfile.mkstemp(suffix, f".{name[:64]}{leftovers.PREFIX}", folder or ".")
    except OSError as e:
        raise OutputError(f"cannot write in its folder: {e.strerror}") from None


def _remove(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)


def _rewrite(path: str, seen: Snapshot, data: bytes) -> None:
    """Write into the file itself. Whoever is killed half-way leaves what was saved, which the next run finds."""
    with open(path, "r+b", buffering=0) as f:
        try:
            _overwrite(f.fileno(), data, seen.status)
        except BaseException:
            try:
                _overwrite(f.fileno(), seen.data, seen.status)
            except OSError:
                raise _Half from None
            raise


def _overwrite(descriptor: int, data: bytes, status: os.stat_result) -> None:
    os.lseek(descriptor, 0, os.SEEK_SET)
    _write(descriptor, data)
    os.ftruncate(descriptor, len(data))
    if os.fstat(descriptor).st_mode != status.st_mode:
        os.fchmod(descriptor, stat.S_IMODE(status.st_mode))  # writing clears set-id bits
    os.fsync(descriptor)


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _dress(descriptor: int, path: str, status: os.stat_result) -> None:
    """Give the new file the old one's owner, mode and extended attributes (access lists are among them)."""
    own = os.fstat(descriptor)
    if (own.st_uid, own.st_gid) != (status.st_uid, status.st_gid):
        try:
            os.fchown(descriptor, status.st_uid, status.st_gid)
        except PermissionError:
            raise Refusal(0, "belongs to another user or group, which a new file could not keep") from None
    # After fchown, which clears set-id bits.
    os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
    if not hasattr(os, "listxattr"):
        return
    with suppress(OSError):  # not every file system has them
        for attribute in os.listxattr(path):
            with suppress(OSError):  # security.* may be the kernel's own business
                os.setxattr(descriptor, attribute, os.getxattr(path, attribute))


def _check_unchanged(path: str, seen: Snapshot) -> None:
    try:
        with open(path, "rb", buffering=0) as f:
            now = os.fstat(f.fileno())
            # Clocks of file systems tick slowly: the bytes have the last word.
            same = (now.st_ino, now.st_size, now.st_mtime_ns) == (
                seen.status.st_ino,
                seen.status.st_size,
                seen.status.st_mtime_ns,
            )
            if same and f.readall() == seen.data:
                return
    except FileNotFoundError:
        raise Refusal(0, "vanished while it was being edited") from None
    raise Refusal(0, "was changed by somebody else while it was being edited")
