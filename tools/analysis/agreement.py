"""Two measurements of one thing, held against each other: exact self times and sampled self times, by function.

A sample stands for the time since the thread's last one, so a function's sampled time is a weighted count, and weighted
samples are worth (sum w)² / (sum w²) even ones: where the sampler could not run for a while, little is known of it.
Of n samples in spans, as many should fall on a function as its share p of the exact time in spans says. How many do is
binomial, so where a count is so far from n p that fewer than one in a hundred would be, the two disagree: either a mode
is wrong, or something keeps the sampler from running while that function does.

Where a span begins and ends inside its probes differs between the two by what a probe takes: a sample may find a
function on the stack while its probe still runs, of which the exact time is its caller's. So much is allowed for.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log1p, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING

from attrs import frozen
from prof.capture import Function, Tree

if TYPE_CHECKING:
    from prof.tools.analysis.summary import Summary

CONFIDENCE = 0.99
_TAIL = (1 - CONFIDENCE) / 2
_Z = NormalDist().inv_cdf(1 - _TAIL)
_LARGE = 200.0  # variance from which on the normal distribution serves


@frozen
class Comparison:
    """A function's exact share of the time in spans, and its share of the samples there; 0 to 1."""

    function: Function
    samples: int
    exact: float
    sampled: float
    error: float
    """Half the width of the sampled share's 99 % interval."""
    agrees: bool


def at_most(k: int, n: int, p: float) -> float:
    """The probability that of n events, each with probability p, at most k happen."""
    if k >= n or p <= 0:
        return 1.0
    if k < 0 or p >= 1:
        return 0.0
    variance = n * p * (1 - p)
    if variance > _LARGE:
        return NormalDist(n * p, sqrt(variance)).cdf(k + 0.5)
    if p > 0.5:
        return 1 - at_most(n - k - 1, n, 1 - p)
    term = total = exp(n * log1p(-p))
    for i in range(1, k + 1):
        term *= (n - i + 1) / i * p / (1 - p)
        total += term
        if i > n * p and term < total * 1e-12:
            break
    return min(1.0, total)


def plausible(k: int, n: int, p: float) -> bool:
    """Whether k of n is inside the 99 % interval for events of probability p."""
    return at_most(k, n, p) > _TAIL and 1 - at_most(k - 1, n, p) > _TAIL


def agrees(k: int, n: int, least: float, most: float) -> bool:
    """The same for events of a probability between `least` and `most`."""
    share = k / n
    return least <= share <= most or plausible(k, n, least if share < least else most)


def half_width(k: int, n: int) -> float:
    """Half of Wilson's 99 % interval for a share of which k of n samples were seen."""
    share, z2 = k / n, _Z * _Z
    return _Z / (1 + z2 / n) * sqrt(share * (1 - share) / n + z2 / (4 * n * n))


def _calls_made(summary: Summary, tree: Tree) -> dict[int, int]:
    """By label, the calls and resumes that it made."""
    made: dict[int, int] = {}
    for edge in summary.capture.edges(tree):
        if edge.caller is not None:
            made[edge.caller.index] = made.get(edge.caller.index, 0) + edge.calls + edge.resumes
    return made


def _weights(summary: Summary, spans: Sequence[Function]) -> tuple[list[int], float]:
    """The sampled self times of spans, in ns, and how many even samples they are worth together.

    Exact times by the processor's clock are held against sampled processor time, of samples on a processor.
    """
    if summary.capture.clock == "cpu":
        return [f.sampled_cpu_self_ns or 0 for f in spans], float(sum(f.samples_cpu_self or 0 for f in spans))
    weights = [f.sampled_self_ns or 0 for f in spans]
    squares = sum(f.sampled_square_self or 0 for f in spans)
    return weights, (sum(weights) / 1e3) ** 2 / squares if squares else 0.0


def compare(summary: Summary, tree: Tree, functions: Sequence[Function]) -> list[Comparison]:
    """All spans that either mode has anything of, the largest exact share first; empty where a mode was off."""
    if not all(map(summary.capture.recorded, ("self_ns", "sampled_ns"))):
        return []
    spans = [f for f in functions if f.label.kind not in ("frame", "thread", "profiler")]
    if any(not f.label.has("self_ns") for f in spans):
        return []  # their exact times are their callers', their samples are not
    weights, worth = _weights(summary, spans)
    n, whole, inside = int(worth), sum(weights), sum(f.self_ns for f in spans)
    if not n or not whole or not inside:
        return []
    made, probe = _calls_made(summary, tree), summary.capture.probe_cost_ps / 1000
    found = []
    for f, weight in zip(spans, weights, strict=True):
        if weight or f.self_ns:
            k = round(n * weight / whole)
            least = max(0.0, f.self_ns - made.get(f.label.index, 0) * probe) / inside
            most = min(1.0, (f.self_ns + (f.calls + f.resumes) * probe) / inside)
            fits, error = agrees(k, n, least, most), half_width(k, n)
            found.append(Comparison(f, f.samples_self or 0, f.self_ns / inside, weight / whole, error, fits))
    return sorted(found, key=lambda c: (-c.exact, -c.sampled, c.function.label.name))
