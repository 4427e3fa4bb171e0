"""Marks without effect, as a capture's meta has them under `unrecorded`: by kind how many, and the first names."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

OTHER_CODE = "other_code"
NO_FUNCTION = "no_function"
WORDS = {
    OTHER_CODE: "marked, but run as other code (a decorator above @profiled made it anew): not recorded",
    NO_FUNCTION: "marked, but without a Python function in it: not recorded",
}
KEPT = 10  # names in the capture
SHOWN = 3


def counted(names: list[str]) -> dict[str, Any]:
    """A kind's entry."""
    return {"count": len(names), "names": names[:KEPT]}


def sentences(found: object) -> list[str]:
    """What the entries say in words; nothing of what is none."""
    lines = []
    for kind, entry in found.items() if isinstance(found, dict) else ():
        names = entry.get("names") if isinstance(entry, dict) else None
        if kind not in WORDS or not isinstance(names, list) or not names:
            continue
        shown = ", ".join(map(str, names[:SHOWN]))
        count = entry.get("count")
        more = count - SHOWN if isinstance(count, int) else 0
        lines.append(f"{shown}{f' and {more:,} more' if more > 0 else ''}: {WORDS[kind]}")
    return lines
