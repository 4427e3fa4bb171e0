"""Why a file, or a marker in it, is left alone."""

from __future__ import annotations

from prof.errors import ProfError


class Refusal(ProfError):
    """A file that is left as it is. `line` counts from 1; 0 when the reason is not one line's."""

    exit_status = 1

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(line, reason)
        self.line = line
        self.reason = reason

    def __str__(self) -> str:
        return self.reason
