"""What functions of the C core make: a pointer, or a reason why not."""

from __future__ import annotations

import os

from prof._core import ffi
from prof.errors import InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_LONGEST = 400


def made(of: str | os.PathLike[str], free: Callable[[Any], None], function: Callable[..., Any], *arguments: Any) -> Any:
    """What `function(*arguments, error, size)` returns, freed by `free`. Raises InputError, with what it is made `of`
    and the reason that the function gives."""
    error = ffi.new("char[]", _LONGEST)
    pointer = function(*arguments, error, _LONGEST)
    if pointer == ffi.NULL:
        raise InputError(f"{os.fspath(of)} {ffi.string(error).decode('utf-8', 'replace')}")
    return ffi.gc(pointer, free)
