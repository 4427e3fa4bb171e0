"""How every command of this package ends: its exit status, and one line on standard error if it failed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from prof.errors import OutputError, ProfError

INTERRUPTED = 130


def finish(prog: str, work: Callable[[], int]) -> int:
    """Runs `work` and returns the command's exit status: what `work` returns, or what `ProfError.exit_status` says."""
    if sys.stderr is None:
        # Closed by whoever started us: its number must not go to a file that is opened next.
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    try:
        if sys.stdout is None:
            raise OutputError("standard output is closed")
        _forgive()
        status = work()
        sys.stdout.flush()
        return status
    except ProfError as error:
        print(f"{prog}: {_shown(str(error))}", file=sys.stderr)
        return error.exit_status
    except BrokenPipeError:
        # The reader went away, as `head` does.
        _forget_stdout()
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        if error.filename is not None:
            raise
        _forget_stdout()
        print(f"{prog}: standard output cannot be written: {error.strerror}", file=sys.stderr)
        return OutputError.exit_status


def _shown(text: str) -> str:
    """The text, without what a terminal would obey: it may name a file."""
    if text.isprintable():
        return text
    from prof.text import shown  # loads the C core

    return shown(text)


def _forgive() -> None:
    # A terminal that cannot show a name shows a question mark, and the command goes on.
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def _forget_stdout() -> None:
    # Python would complain again when it flushes at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
