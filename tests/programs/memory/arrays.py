"""Allocates in numpy."""

import numpy


def work():
    kept = [numpy.zeros(size) for size in range(1000)]
    kept.append(numpy.arange(1_000_000) * 2.5)
    kept.append(kept[-1].reshape(1000, 1000).sum(axis=0))
    return kept
