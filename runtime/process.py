"""What the operating system knows of the process, read when a recording begins and when it ends, by psutil.

What samples need over time the sampler reads itself (csrc/modes/samples/usage.c), without the interpreter's lock,
which psutil needs. psutil knows more, and on more systems. It takes as long to import as all else that a recording
begins with: so it is loaded where `process=true` asks for it, and nowhere else.
"""

from __future__ import annotations

from prof.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_NS = 1_000_000_000

# By method of `psutil.Process`: names and units that captures have, and the fields of what it returns. On Linux
# `read_chars` are by system calls, and `read_bytes` what disks were asked for.
_FIELDS: dict[str, tuple[tuple[str, str, int], ...]] = {
    "memory_info": (("rss_bytes", "rss", 1), ("virtual_bytes", "vms", 1)),
    "cpu_times": (
        ("user_ns", "user", _NS),
        ("system_ns", "system", _NS),
        ("children_user_ns", "children_user", _NS),
        ("children_system_ns", "children_system", _NS),
    ),
    "io_counters": (
        ("read_bytes", "read_chars", 1),
        ("written_bytes", "write_chars", 1),
        ("disk_read_bytes", "read_bytes", 1),
        ("disk_written_bytes", "write_bytes", 1),
    ),
    "num_ctx_switches": (("waits", "voluntary", 1), ("preemptions", "involuntary", 1)),
}
# Methods that return a number, or a list of which the length counts.
_COUNTS: dict[str, str] = {"num_threads": "threads", "num_fds": "descriptors", "net_connections": "connections"}


def load() -> None:
    """Imports psutil. UsageError where it is not installed."""
    try:
        import psutil  # noqa: F401
    except ImportError as error:
        raise UsageError(f"process=true needs psutil: {error}") from None


def read() -> dict[str, int]:
    """Figures of this process now, since it began: those that the system has, and lets it read."""
    import psutil

    process = psutil.Process()
    found: dict[str, int] = {}
    for method, rows in _FIELDS.items():
        values = _asked(getattr(process, method, None))
        for name, field, scale in rows:
            if (value := getattr(values, field, None)) is not None:
                found[name] = round(value * scale)
    for method, name in _COUNTS.items():
        value = _asked(getattr(process, method, None))
        if value is not None:
            found[name] = value if isinstance(value, int) else len(value)
    return found


def _asked(method: Callable[[], Any] | None) -> Any:
    """What it returns; None where this system has no such thing, or keeps it to itself."""
    try:
        return method() if method is not None else None
    except Exception:  # psutil.AccessDenied, and whatever a system without /proc, or in a chroot, makes of it
        return None
