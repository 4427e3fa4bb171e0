"""Numbers as people read them, three digits and a unit, and names that fit: `units.js` does the same in a browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from itertools import accumulate
from typing import Any
from unicodedata import combining, east_asian_width

# A name like `file.py:42`.
_LINE = re.compile(r"\.\w+(:\d+)$", re.ASCII)


def _three_digits(value: float) -> str:
    if value < 9.995:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 99.95 else f"{value:,.0f}"


def duration(ns: int) -> str:
    """`870 ns`, `4.50 ms`, `1.23 s`; a dash for zero."""
    if ns < 1000:
        return f"{ns} ns" if ns else "-"
    if ns < 9_995:
        return f"{ns / 1e3:.2f} µs"  # the commonest, of a large tree
    if ns < 999_500:
        return f"{_three_digits(ns / 1e3)} µs"
    return f"{_three_digits(ns / 1e6)} ms" if ns < 999_500_000 else f"{_three_digits(ns / 1e9)} s"


def count(number: int) -> str:
    """`1,234,567`; a dash for zero."""
    return f"{number:,}" if number else "-"


def many(number: int, noun: str, ending: str = "s") -> str:
    """`1 call`, `2,345 calls`."""
    return f"{number:,} {noun}{'' if number == 1 else ending}"


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


def amount(number: int, unit: str) -> str:
    """An amount of a measure's unit where zero is a figure, too: `870 ns`, `4.0 KiB`, `1,234`, `3 samples`."""
    if unit == "B":
        return size(number)
    if unit == "ns":
        return duration(number) if number else "0 ns"
    return f"{number:,} {unit}".rstrip()


def rate(before: int, after: int) -> str:
    """`+4.0%`; `new` and `gone` where one of them is nothing; a dash where they are the same."""
    if before == after:
        return "-"
    if not before or not after:
        return "gone" if before else "new"
    share = 100 * (after - before) / before
    return f"{share:+.1f}%" if abs(share) >= 0.05 else f"{'+' if share > 0 else '-'}<0.1%"


def volume(number: int | None) -> str:
    """A `size`; a dash for none and for what is not known."""
    return size(number) if number else "-"


def _most_of_count(most: int) -> int:
    return len(count(most))


def _most_of_duration(most: int) -> int:
    return max(len(duration(most)), len("9.99 µs") if most > 999 else 0)


def _most_of_size(most: int) -> int:
    return max(len(size(most)), len("1023.9 KiB") if most >= 1000 << 10 else 0)


def _most_of_percent(most: float, whole: float) -> int:
    return max(len(percent(most, whole)), len("<0.1%") if most else 0)


def widest(words: Callable[..., str], most: int) -> int | None:
    """A width that none of the texts of numbers from 0 to `most` exceeds; None where that is not known."""
    of: dict[Any, Callable[..., int]] = {
        count: _most_of_count, duration: _most_of_duration, size: _most_of_size, volume: _most_of_size,
        percent: _most_of_percent,
    }  # fmt: skip
    if isinstance(words, partial):
        return of[words.func](most, *words.args, **words.keywords) if words.func in of else None
    return of[words](most) if words in of else None


def columns(text: str) -> int:
    """How many columns of a terminal the text takes: a wide character takes two, a combining one none."""
    return len(text) if text.isascii() else _columns(text)


def all_narrow(texts: Iterable[str]) -> bool:
    """Whether all characters of the texts are known to take a column each."""
    try:
        # Of Latin-1, no character is combining or wide; nor is what shortened texts have in place of the rest.
        "".join(texts).replace("…", "").encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


@lru_cache(maxsize=1 << 14)  # names and durations come again and again
def _columns(text: str) -> int:
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


def fit(name: str, letters: int) -> str:
    """The name in so many letters: without its packages, then cut; nothing where under three fit. Of a line, its number
    stays."""
    number = _LINE.search(name)
    if number and len(name) > letters:
        name = number[1]
    while len(name) > letters and "." in name.strip("."):
        name = name.partition(".")[2]
    if len(name) <= letters:
        return name
    return name[: letters - 1] + "…" if letters >= 3 else ""
