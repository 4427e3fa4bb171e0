"""Numbers and names read alike wherever they are read: in reports, in a flame graph and on a page."""

from __future__ import annotations

import html
import json
import random
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import browser
import pytest
from prof.tools.screen.markup import units_script
from prof.tools.screen.units import amount, count, duration, fit, percent, size, volume, widest

needs_browser = pytest.mark.skipif(browser.CHROMIUM is None, reason="needs Chromium (apt-get install chromium)")

# Where the unit or the number of digits changes; where two numbers of so many digits are equally near.
STEPS = [999, 1000, 9_994, 9_995, 99_940, 99_949, 99_950, 999_499, 999_500, 999_499_999, 999_500_000, 4 * 10**12]
STEPS += [1023, 1024, 1536, 1_048_524, 1_048_525, 1_048_575, 1 << 20, 3 << 30, 1023 << 30, 3 << 41]
HALVES = [1125, 1375, 2_250_000, 12_250, 12_750, 100_500, 101_500, 99_250_000, 1280, 1408, 1_310_720, 5_000_500_000_000]
NAMES = [
    "main", "a.b.work", "package.module.Class.method", ".hidden", "..a.b", "a..b", "...", "encoder.py:258", "a.py:1",
    "profile!totals", "import json.decoder", "計測.する.関数の名前", "x.<locals>.<lambda>", "a b.c d",
    "\N{MATHEMATICAL BOLD SMALL F}un.\N{MATHEMATICAL BOLD SMALL N}ame",
]  # fmt: skip


def numbers() -> list[int]:
    chance = random.Random(7)
    return [0, 1, 7, *STEPS, *HALVES, *(chance.randrange(10 ** chance.randint(1, 15)) for _ in range(400))]


def in_browser(folder: Path, expression: str) -> Any:
    """The value of an expression, with what `units.js` defines."""
    page = folder / "units.html"
    script = f"{units_script()}\ndocument.body.textContent = JSON.stringify({expression});"
    page.write_text(f'<!DOCTYPE html><meta charset="utf-8"><body><script>{script}</script>', "utf-8")
    body = re.search(r"<body>(.*)</body>", browser.dump_dom(page), re.DOTALL)
    assert body is not None
    return json.loads(html.unescape(body[1]))


@needs_browser
def test_python_and_the_browser_read_alike(tmp_path: Path) -> None:
    values = numbers()
    names = [(name, letters) for name in NAMES for letters in range(len(name) + 2)]
    shares = [(part, whole) for whole in (1000, 1 << 20, 999_999) for part in (1, 3, 499, 500, 501, 122_500, 1000)]
    found = in_browser(
        tmp_path,
        f"""{{
          ns: {values}.map((x) => amount(x, "ns")), bytes: {values}.map((x) => amount(x, "B")),
          counts: {values}.map((x) => amount(x, "samples")), bare: {values}.map((x) => amount(x, "")),
          names: {json.dumps(names)}.map(([name, letters]) => fit(name, letters)),
          shares: {json.dumps(shares)}.map(([part, whole]) => percent(part, whole)),
        }}""",
    )
    for key, unit in (("ns", "ns"), ("bytes", "B"), ("counts", "samples"), ("bare", "")):
        assert found[key] == [amount(value, unit) for value in values]
    assert found["names"] == [fit(name, letters) for name, letters in names]
    assert found["shares"] == [percent(part, whole) for part, whole in shares]


def test_of_two_that_are_equally_near_the_even_one() -> None:
    assert (duration(1125), duration(1135), duration(100_500)) == ("1.12 µs", "1.14 µs", "100 µs")
    assert (size(1280), size(1408)) == ("1.2 KiB", "1.4 KiB")


def test_zero_is_a_figure_or_none() -> None:
    assert (amount(0, "ns"), amount(0, "B"), amount(0, ""), amount(1234, "samples")) == (
        "0 ns",
        "0 B",
        "0",
        "1,234 samples",
    )
    assert (duration(0), count(0), volume(0), percent(0, 5)) == ("-",) * 4


@pytest.mark.parametrize("words", [duration, count, size, volume, partial(percent, whole=10**6)])
def test_no_text_is_wider_than_the_widest(words: Callable[[int], str]) -> None:
    for most in numbers():
        room = widest(words, most)
        assert room is not None
        assert room >= max(len(words(value)) for value in numbers() if value <= most)


def test_fit() -> None:
    assert fit("a.b.work", 8) == "a.b.work"
    assert fit("a.b.work", 7) == "b.work"
    assert fit("a.b.work", 4) == "work"
    assert fit("a.b.work", 3) == "wo…"
    assert fit("a.b.work", 2) == ""
    assert fit("ab", 2) == "ab"
    assert fit("encoder.py:258", 14) == "encoder.py:258"
    assert fit("encoder.py:258", 13) == ":258"
    assert fit("encoder.py:258", 3) == ":2…"
