"""Which tests may be skipped, and why. In CI any other skip is a failure: what a test needs is to be there.

Each row is a pattern of the reason that the test gives, and why it is right that the test does not run.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from typing import Any

MEANT = (
    (r"a signal may look the same on 3\.12", "it is about what cannot be told there"),
    (r"sys\.monitoring came with Python 3\.12", "3.11 has no such interface"),
    (r"Python 3\.12 has sys\.monitoring", "it is about being without, as 3.11 is"),
    (r"what is not known is younger than what is: .*", "3.11 and 3.12 lack functions of C that 3.13 has"),
    (r"3\.11 does not tell which interpreter .*", "nothing can be tested there"),
    (r"profiling\.sampling needs Python 3\.15", "CPython's own sampler came with it"),
    (r"Python 3\.14 came with sys\.remote_exec", "before, no process can be asked from outside"),
    (r"it is about being without sys\.remote_exec, .*", "it is there"),
    (r"eager tasks are of Python 3\.12 on", "3.11 has none"),
    (r"this interpreter's bytecode is not rewritten", "probes in bytecode see what is awaited"),
    (r"syntax of a later Python", "an older one refuses such a file, which has a test of its own"),
    (r"root may write anywhere", "in a container tests run as root"),
    (r"only root (may|can) .*", "and on other machines they do not"),
    (r"3\.11 has one queue of calls, .*", "the main thread answers there"),
    (r"this system lets nobody make a container", "as one that is a container itself may not"),
    (r"test_operations\.py has it for the operations", "likewise"),
    (r"with debug allocators this program crashes CPython itself.*", "a defect of CPython's, from 3.12 on"),
    (r"this CPython frees a list twice .*", "a defect of CPython 3.15.0"),
    (r"dill asks code objects .*", "so it pickles no function there, without PROF neither"),
    (r"this file system has no extended attributes", "as overlay file systems of containers have not"),
    (r"seccomp filters cannot be installed here", "as in most containers"),
    (
        r"callgrind_annotate is not here: .*",
        "it comes with valgrind, which nothing else needs; the file is read by the test",
    ),
    (r"on one processor nothing runs while the sampler looks", "a matter of the machine"),
)


def why(reason: str) -> str | None:
    """Why a test with this reason may be skipped; None if it may not."""
    return next((words for pattern, words in MEANT if re.fullmatch(pattern, reason, re.DOTALL)), None)


def of_session(reporter: Any) -> Counter[str]:
    """How many tests were skipped, by their reasons."""
    found: Counter[str] = Counter()
    for report in reporter.stats.get("skipped", ()):
        text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        found[text.removeprefix("Skipped: ")] += 1
    return found


def fails(found: Counter[str]) -> bool:
    """Whether that many skips are a failure: in CI only, which `CI` in the environment says."""
    return bool(os.environ.get("CI")) and any(why(reason) is None for reason in found)


def write(reporter: Any, found: Counter[str]) -> None:
    """The reasons, each with what is said of it here."""
    reporter.section("skipped")
    for reason, count in sorted(found.items()):
        words = why(reason)
        reporter.write_line(
            f"{count:4} {reason}: {words or 'NOT MEANT (tests/skips.py has the list)'}", red=words is None
        )
