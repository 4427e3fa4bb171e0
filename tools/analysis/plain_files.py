"""Plain files, opened for reading; nothing else is: a pipe would be waited for, a device may have no end."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from prof.errors import InputError


def open_plain(path: Path) -> BinaryIO:
    """Opens a plain file. Raises InputError, naming the path, where it is none or cannot be opened."""
    try:
        _check(path, os.stat(path))  # already to open a pipe or a device is to do something to it
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        file = open(descriptor, "rb")  # noqa: SIM115
        _check(path, os.fstat(descriptor))
        return file
    except OSError as error:
        raise InputError(f"{path} cannot be opened: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path} cannot be opened: {error}") from error  # a NUL in its name


def _check(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        what = "a directory" if stat.S_ISDIR(status.st_mode) else "a pipe or a device"
        raise InputError(f"{path} is {what}, and no plain file")
