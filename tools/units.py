"""Numbers as people read them: three digits and a unit."""

from __future__ import annotations

from itertools import accumulate
from unicodedata import combining, east_asian_width

_STEPS = ((1.0, "ns"), (1e3, "µs"), (1e6, "ms"), (1e9, "s"))


def _three_digits(value: float) -> str:
    if value < 9.995:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 99.95 else f"{value:,.0f}"


def duration(ns: int) -> str:
    """`870 ns`, `4.50 ms`, `1.23 s`; a dash for zero."""
    if ns == 0:
        return "-"
    for scale, unit in _STEPS:
        if ns / scale < 999.5:
            return f"{ns} ns" if unit == "ns" else f"{_three_digits(ns / scale)} {unit}"
    return f"{_three_digits(ns / 1e9)} s"


def count(number: int) -> str:
    """`1,234,567`; a dash for zero."""
    return f"{number:,}" if number else "-"


def many(number: int, noun: str) -> str:
    """`1 call`, `2,345 calls`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def signed(text: str, number: int) -> str:
    """The text of an amount's size, with the amount's sign; a dash for zero."""
    return "-" if not number else f"{'+' if number > 0 else '-'}{text}"


def percent(part: float, whole: float) -> str:
    """`12.3%`; a dash for none of it."""
    if not part or not whole:
        return "-"
    share = 100 * part / whole
    return f"{share:.1f}%" if share >= 0.05 else "<0.1%"


def size(number: int) -> str:
    """`512 B`, `4.0 KiB`, `1.2 GiB`."""
    value, unit = float(number), "B"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < (1024 if unit == "B" else 1023.95) or unit == "GiB":
            break
        value /= 1024
    return f"{number} B" if unit == "B" else f"{value:.1f} {unit}"


def volume(number: int | None) -> str:
    """A `size`; a dash for none and for what is not known."""
    return size(number) if number else "-"


def columns(text: str) -> int:
    """How many columns of a terminal the text takes: a wide character takes two, a combining one none."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def _fitting(text: str, width: int) -> int:
    """How many characters at the beginning take `width` columns at most."""
    if text.isascii():
        return max(0, width)
    ends = accumulate(map(columns, text))
    return sum(1 for end in ends if end <= width)


def shorten(text: str, width: int) -> str:
    """The text, its beginning replaced by `…` where it is longer than `width`: the end of a name says most."""
    if columns(text) <= width:
        return text
    return "…" + text[len(text) - _fitting(text[::-1], width - 1) :] if width > 0 else ""


def shorten_end(text: str, width: int) -> str:
    """The text, its end replaced by `…` where it is longer than `width`: of code, the beginning says most."""
    if columns(text) <= width:
        return text
    return text[: _fitting(text, width - 1)] + "…" if width > 0 else ""
