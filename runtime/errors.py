"""The one exception root. A `ProfError` knows the exit status its command ends with."""

from __future__ import annotations


class ProfError(Exception):
    """A mistake the user can mend. `str()` is the one line they read; `exit_status` ends the command.

    Exit statuses, the same for every command: 1 the answer is "no" (`--check` found work to do),
    2 the call was wrong, 3 the input could not be used, 4 the output could not be written.
    """

    exit_status = 2


class UsageError(ProfError):
    """The call was wrong: an unknown mode, a malformed option."""

    exit_status = 2


class NotMeantError(UsageError):
    """A value of PROF in which nothing is ours: another program's, or a switch. It ends no program."""


class InputError(ProfError):
    """The input could not be used: missing, truncated, corrupt, of another version."""

    exit_status = 3


class OutputError(ProfError):
    """The output could not be written: no permission, no space."""

    exit_status = 4
