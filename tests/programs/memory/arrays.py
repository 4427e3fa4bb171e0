"""Allocates in numpy: blocks of all sizes, from its cache of small ones too, resized, made in C, freed."""

import numpy


def small():
    return [numpy.zeros(size) for size in range(1000)]


def resized():
    kept = []
    for size in (3, 300, 30_000):
        array = numpy.arange(size)
        array.resize(size * 2, refcheck=False)
        kept.append(array)
        array = numpy.arange(size)
        array.resize(size // 2, refcheck=False)
        kept.append(array)
    return kept


def served_again():
    """Small blocks that were freed, for other lines."""
    for _ in range(20):
        gone = [numpy.ones(size) for size in range(100)]
        del gone
    return [numpy.empty(size) for size in range(0, 100, 2)]


def work():
    kept = [small(), resized(), served_again()]
    large = numpy.arange(1_000_000) * 2.5
    kept.append(large)
    kept.append(large.reshape(1000, 1000).sum(axis=0))
    kept.append(numpy.sort(large[::-7]))
    kept.append(numpy.concatenate([large[:1000], large[5000:]]))
    kept.append(large[large > 2_000_000])
    kept.append(numpy.array([[n, n + 1] for n in range(500)]))
    kept.append(numpy.array(["a" * n for n in range(100)]))
    kept.append(numpy.array([{n: n} for n in range(100)], dtype=object))
    kept.append(numpy.fromiter((n * n for n in range(3000)), dtype=numpy.int64))
    kept.append(numpy.zeros((10, 20, 30), dtype=[("x", "f8"), ("y", "i4")]))
    kept.append(numpy.frombuffer(bytes(4000), dtype=numpy.uint8).copy())
    return kept
