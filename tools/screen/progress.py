"""What is said on a terminal while something takes long."""

from __future__ import annotations

import os
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prof.tools.screen.output import STDOUT

PATIENCE_SECONDS = 2.0
REFRESH_SECONDS = 0.2


@contextmanager
def working(what: str) -> Iterator[None]:
    """Shows a spinner on a terminal's standard error once the block has taken two seconds."""
    if not sys.stderr.isatty():
        yield
        return
    done = threading.Event()
    spinner = threading.Thread(target=_spin, args=(what, done), daemon=True)
    spinner.start()
    try:
        yield
    finally:
        done.set()
        spinner.join()


@contextmanager
def writing(path: str | None) -> Iterator[None]:
    """`working`, where the result goes to a file: what comes out on a terminal, or in a pager, tells its progress."""
    if path in (None, STDOUT) and not (sys.stderr.isatty() and stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)):
        yield
        return
    with working("Writing" if path in (None, STDOUT) else f"Writing {path}"):
        yield


@contextmanager
def counting(what: str, whole: int) -> Iterator[Callable[[int], None]]:
    """Gives a function to tell how many of `whole` are done; a terminal's standard error shows that, once the block has
    taken two seconds."""
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import Progress

    began = time.monotonic()
    with Progress(console=Console(stderr=True), transient=True, auto_refresh=False) as progress:
        task = progress.add_task(what, total=whole, visible=False)

        def tell(done: int) -> None:
            if (now := time.monotonic()) > began + PATIENCE_SECONDS and now > shown[0] + REFRESH_SECONDS:
                shown[0] = now
                progress.update(task, completed=done, visible=True, refresh=True)

        shown = [began]
        yield tell


def _spin(what: str, done: threading.Event) -> None:
    if done.wait(PATIENCE_SECONDS):
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        done.wait()
