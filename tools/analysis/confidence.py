"""Whether figures of several runs a side differ, and by how much: times and samples, which are never the same twice.

Each row is a figure (the time of a function, say) with a value a run. Two questions are asked of it.

*By how much?* The difference of the trimmed means: of each side, the lowest and the highest fifth are left out, since
what disturbs a run makes it slower, and sometimes much. Its 95 % interval is the bootstrap's: the runs of each side are
drawn again and again, with replacement, and the middle 95 % of the differences that come of it are the interval.

*Is there a difference at all?* Of a thousand functions, fifty intervals of 95 % miss nothing by chance. So all rows are
asked together, by a permutation test of the largest statistic (Westfall and Young, 1993: max T). If the two sides are
the same code, it does not matter which run is of which side. So the runs are dealt out anew, many times, and each time
the row that then differs most is what chance alone does. A row differs if at most 4 % of the deals have any row that
differs as much. The probability of one false alarm *anywhere in the report* is then below 5 %, however many rows there
are and however they depend on each other: functions of one run are slow together. Benjamini-Hochberg would bound only
the share of false alarms among the alarms, and needs more of independence.

Chance is drawn from a fixed seed: the same captures have the same answer each time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import combinations
from math import ceil, comb, inf, sqrt
from operator import itemgetter
from random import Random
from statistics import median

from attrs import frozen

CONFIDENCE = 0.95
ALPHA = 1 - CONFIDENCE
CHANCE = 0.04
"""Of reports of the same code, so many have a false alarm. Below 5 %, since the deals are a sample of all ways."""
DRAWS = 999
"""Of the bootstrap, and of the runs dealt out anew where there are more ways than that."""
TRIMMED = 0.2
"""Of each end of a side's values."""
PRECISION = 0.05
"""An interval that reaches no further than this part of the value says that there is no difference worth the name."""
WORTH = 0.005
"""Likewise, of the value of the whole run: what is below that is not worth more runs."""
MOST_RUNS = 1000
_OUTLIER = 3 * 1.4826  # times the median absolute deviation: three standard deviations

SLOWER, FASTER, SAME, FEW = "slower", "faster", "no difference shown", "too few runs"

_Draw = Callable[[Sequence[float]], Sequence[float]]


@frozen
class Interval:
    """What two sides say of a row. All but `p` is in the row's own unit."""

    before: float
    after: float
    low: float
    high: float
    """Between these, with 95 % confidence, the difference lies. It is about this row alone."""
    p: float
    """How often chance alone lets some row of the report differ as much as this one."""
    verdict: str
    more: int = 0
    """Of `FEW`, how many runs a side more would do."""

    @property
    def change(self) -> float:
        return self.after - self.before

    @property
    def shown(self) -> bool:
        """Whether a difference is shown."""
        return self.verdict in (SLOWER, FASTER)

    @property
    def relative(self) -> tuple[float, float, float] | None:
        """The change and the ends of its interval as parts of what was before; None where that was nothing."""
        if not self.before:
            return None
        return self.change / self.before, self.low / self.before, self.high / self.before

    @property
    def words(self) -> str:
        """The verdict, in full."""
        if self.verdict != FEW:
            return self.verdict
        more = f"over {MOST_RUNS:,}" if self.more > MOST_RUNS else f"{self.more:,}"
        return f"{FEW} ({more} more would do)"


Row = tuple[Sequence[float], Sequence[float]]
"""The values of the runs before, and after: as many in every row."""


def trimmed_mean(values: Sequence[float]) -> float:
    """The mean without a fifth at each end."""
    cut = int(len(values) * TRIMMED)
    kept = sorted(values)[cut : len(values) - cut]
    return sum(kept) / len(kept)


def judged(rows: Sequence[Row], wholes: Sequence[float] = (), precision: float = PRECISION) -> list[Interval]:
    """An interval and a verdict for each row; `wholes` are the values of a whole run, each in the unit of its row."""
    if not rows:
        return []
    n, m = len(rows[0][0]), len(rows[0][1])
    chances = _chances(rows, n, m)
    wholes = wholes or [0.0] * len(rows)
    return [_interval(row, chance, whole, precision) for row, chance, whole in zip(rows, chances, wholes, strict=True)]


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """The trimmed mean of one side's runs, between the ends of its 95 % interval."""
    ordered = sorted(values)
    size = len(values) - 2 * int(len(values) * TRIMMED)
    means = sorted(sum(draw(ordered)) / size for draw in _draws(len(values), 1))
    tail = int(len(means) * ALPHA / 2)
    return means[tail], trimmed_mean(values), means[-1 - tail]


def least_runs(n: int, m: int) -> int:
    """How many runs a side more it takes until a difference can be shown at all."""
    more = 0
    while _least_p(n + more, m + more) > CHANCE:
        more += 1
    return more


def _least_p(n: int, m: int) -> float:
    """The smallest p that there is: all sides that chance can deal are `comb`; a mirrored one differs as much."""
    return (2 if n == m else 1) / comb(n + m, n)


# ---- by how much ----


def _interval(row: Row, chance: _Chance, whole: float, precision: float) -> Interval:
    before, after = map(trimmed_mean, row)
    n, m = map(len, row)
    low, high = _bootstrap(row) if max(n, m) > 1 else (after - before, after - before)

    def said(verdict: str, more: int = 0) -> Interval:
        return Interval(before, after, low, high, chance.p, verdict, more)

    if least := least_runs(n, m):
        return said(FEW, least) if any(map(any, row)) else said(SAME)
    if chance.p <= CHANCE and (low > 0 or high < 0):
        return said(SLOWER if after > before else FASTER)
    worth = max(precision * max(before, after), WORTH * whole)
    if max(high, -low) <= worth:
        return said(SAME)
    # Either the difference is there, and shows, or all of the interval is below what is worth the name.
    wanted = [chance.times]
    if abs(after - before) < worth:
        wanted.append(((high - low) / 2 / (worth - abs(after - before))) ** 2)
    return said(FEW, max(1, ceil(min(MOST_RUNS + 1.0, min(n, m) * (min(wanted) - 1)))))


def _bootstrap(row: Row) -> tuple[float, float]:
    """The ends of the interval of the difference."""
    ordered = map(sorted, row)
    means = [[sum(draw(values)) for draw in draws] for values, draws in zip(ordered, _all_draws(row), strict=True)]
    sizes = [len(values) - 2 * int(len(values) * TRIMMED) for values in row]
    differences = sorted(after / sizes[1] - before / sizes[0] for before, after in zip(*means, strict=True))
    tail = int(len(differences) * ALPHA / 2)
    return differences[tail], differences[-1 - tail]


def _all_draws(row: Row) -> tuple[list[_Draw], list[_Draw]]:
    return _draws(len(row[0]), 1), _draws(len(row[1]), 2)


@cache
def _draws(size: int, seed: int) -> list[_Draw]:
    """Draws with replacement from so many values that are in order, each already without a fifth at its ends."""
    chance, cut = Random(seed), int(size * TRIMMED)
    return [_picker(sorted(int(chance.random() * size) for _ in range(size))[cut : size - cut]) for _ in range(DRAWS)]


def _picker(indexes: Sequence[int]) -> _Draw:
    """What takes those out of a sequence, fast."""
    if len(indexes) == 1:
        (only,) = indexes
        return lambda values: (values[only],)
    return itemgetter(*indexes)


# ---- whether at all ----


@frozen
class _Chance:
    """How often chance lets the largest row differ as much as one does, and how many times as many runs it takes until
    that is seldom enough, if runs go on to differ as these do."""

    p: float
    times: float


def _chances(rows: Sequence[Row], n: int, m: int) -> list[_Chance]:
    """For each row."""
    standard = [_standardised([*before, *after]) for before, after in rows]
    # The difference of two means of standardised values, whose sum is nothing, is told by the sum of one side.
    observed = [abs(sum(values[:n])) if values else 0.0 for values in standard]
    known = [values for values in standard if values]
    largest = sorted(max((abs(sum(deal(values))) for values in known), default=0.0) for deal in _deals(n, m))
    critical = _squared_t(largest[min(len(largest) - 1, ceil((1 - CHANCE) * len(largest)))], n, m)
    found = []
    for each in observed:
        squared = _squared_t(each, n, m)
        # What is added in another order is the same.
        found.append(_Chance(_at_least(largest, each * (1 - 1e-9)), critical / squared if squared else inf))
    return found


def _squared_t(one_side: float, n: int, m: int) -> float:
    """The square of the t statistic, without its degrees of freedom, by the sum of one side's standardised values."""
    between = one_side * one_side / (n * m)  # the part of all variance that the sides explain
    return between / (1 - between) if between < 1 else inf


def _at_least(ordered: Sequence[float], value: float) -> float:
    """The share of values that are as large, with the sides as they are among them."""
    exhaustive = len(ordered) != DRAWS
    found = len(ordered) - bisect_left(ordered, value)
    return found / len(ordered) if exhaustive else (found + 1) / (len(ordered) + 1)


@cache
def _deals(n: int, m: int) -> list[_Draw]:
    """Which runs are of the first side: all ways where these are few, else ways by chance."""
    if comb(n + m, n) < DRAWS:
        return list(map(_picker, combinations(range(n + m), n)))
    return list(_by_chance(n, m))


def _by_chance(n: int, m: int) -> Iterator[_Draw]:
    chance = Random(3)
    for _ in range(DRAWS):
        keys = [chance.random() for _ in range(n + m)]
        yield _picker(sorted(range(n + m), key=keys.__getitem__)[:n])


def _standardised(values: list[float]) -> list[float]:
    """Around nothing, with deviation one, what is far out brought in; empty where all are the same."""
    middle = median(values)
    reach = _OUTLIER * median(abs(value - middle) for value in values)
    if reach:
        values = [min(max(value, middle - reach), middle + reach) for value in values]
    mean = sum(values) / len(values)
    deviation = sqrt(sum((value - mean) ** 2 for value in values) / len(values))
    if deviation <= 1e-12 * abs(mean):
        return []
    return [(value - mean) / deviation for value in values]
