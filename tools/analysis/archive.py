"""Source in an archive: a zipapp's modules have paths like `app.pyz/pkg/core.py`, as if it were a folder."""

from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path

from prof.errors import InputError

MOST_BYTES = 64 << 20  # a member that claims more is no source


def member(path: Path) -> bytes | None:
    """What the path names in the archive that it leads through; None where it leads through none. Raises InputError."""
    for archive in path.parents:
        try:
            status = os.stat(archive)
        except (OSError, ValueError):
            continue
        if not stat.S_ISREG(status.st_mode):
            return None
        return _read(archive, path.relative_to(archive).as_posix())
    return None


def _read(archive: Path, name: str) -> bytes:
    try:
        with zipfile.ZipFile(archive) as opened, opened.open(name) as file:
            raw = file.read(MOST_BYTES + 1)
    except KeyError:
        raise InputError(f"{archive} has no file {name}") from None
    except (OSError, zipfile.BadZipFile, RuntimeError, ValueError, EOFError, NotImplementedError) as error:
        raise InputError(f"{archive} cannot be read as an archive: {error}") from error
    except Exception as error:  # the decompressors have errors of their own
        raise InputError(f"{name} in {archive} cannot be read: {error}") from error
    if len(raw) > MOST_BYTES:
        raise InputError(f"{name} in {archive} is too large for source: more than {MOST_BYTES >> 20} MiB")
    return raw
