# ruff: noqa: B905, UP028 - odd on purpose
"""Functions of every shape, for tests that compare them marked and not."""

import abc
import dataclasses
import enum
import functools
import sys
import types
import warnings

from prof import profiled


@profiled
def add(a, b: int = 2, *rest, c=None, **more) -> int:
    """Adds.

    >>> add(1, 2)
    3
    """
    return a + b


@profiled
def raises():
    values = [1, 2]
    return values[0] + (values[1] / 0) + values[2]


@profiled
def wraps(x):
    """
    >>> wraps(0)
    Traceback (most recent call last):
    RuntimeError: wrapped
    """
    try:
        return raises()
    except ZeroDivisionError as error:
        raise RuntimeError("wrapped") from error


@profiled
def reraises(n):
    try:
        return reraises(n - 1) if n else {}["missing"]
    except KeyError:
        with open(__file__):
            raise
    finally:
        n = None


@profiled
def many_jumps(n):
    total = 0
    for i in range(n):
        if i % 2:
            total += 1
        elif i % 3:
            total += 2
        else:
            for j in range(i):
                while j:
                    j -= 1
                    if j == 5:
                        break
                    if j == 7:
                        continue
                    total += j
                else:
                    total += 100
        total = total if total < 1000 else total if total < 2000 else total if total < 3000 else 0
        x = [k for k in range(3)] + [{k: v} for k, v in zip("ab", "cd")] + [f"{total!r:>10} {i} {n=}"]
        y = (total, i, n, x, len(x), max(i, n), min(i, n), sum((i, n)), abs(i), (total and i) or n, not i, i is n)
        total += len(y) + len(x) + (i < n < total) + (lambda q: q)(1)
    return total


@profiled
def groups():
    try:
        raise ExceptionGroup("g", [ValueError(1), TypeError(2)])
    except* ValueError:
        pass
    except* TypeError as error:
        raise KeyError from error


@profiled
def generate(n):
    for i in range(n):
        yield i


@profiled
def generator_fails():
    yield 1
    yield from [][5]


@profiled
def delegate():
    yield from generate(3)


@types.coroutine
@profiled
def pause():
    yield


@profiled
async def wait():
    await pause()
    raise LookupError("from the coroutine")


@profiled
async def agen():
    yield 1
    await pause()


@profiled
def matching(value):
    match value:
        case {"a": [x, *_]} if x > 1:
            return x
        case (1 | 2) as y:
            return y
        case _:
            raise ValueError(value)


@profiled
def closures():
    x, y = 1, 2

    @profiled
    def inner():
        nonlocal x
        x += 1
        return x + y + 2

    return inner, x


@profiled
def all_locals(x):
    y = 2
    return locals()


@profiled
def where_am_i():
    frame = sys._getframe()
    return frame.f_lineno, frame.f_code.co_name, frame.f_back.f_code.co_name, sys._getframe(1).f_code.co_name


@profiled
def deprecated():
    warnings.warn("old", DeprecationWarning, stacklevel=2)
    warnings.warn("here", stacklevel=1)


@profiled
def calls_deprecated():
    deprecated()
    return deprecated()


@functools.lru_cache
@profiled
def cached(x):
    return x * 2


@functools.singledispatch
@profiled
def dispatch(x):
    return "any"


@dispatch.register
@profiled
def _(x: int):
    return "int"


class Base(abc.ABC):
    @profiled
    def method(self):
        return 1

    @abc.abstractmethod
    def __class_cell__(self): ...


class Child(Base):
    @profiled
    def method(self):
        def nested():
            return super(Child, self).method()

        return super().method() + 9 + nested()

    @profiled
    def __class_cell__(self):
        return __class__


@dataclasses.dataclass(slots=True)
class Point:
    x: int
    y: int
    total: int = 0

    @profiled
    def __post_init__(self):
        self.total = self.x + self.y

    @property
    @profiled
    def norm(self):
        return self.total


class Colour(enum.Enum):
    RED = 1

    @profiled
    def describe(self):
        return f"{self.name}={self.value}"


@profiled
class Whole:
    def method(self):
        return 5

    @staticmethod
    def static():
        return 5

    @classmethod
    def klass(cls):
        return 5

    @property
    def prop(self):
        return 5


def send(coroutine):
    coroutine.send(None)
    coroutine.send(None)


FAILURES = [
    raises,
    lambda: wraps(1),
    lambda: reraises(3),
    groups,
    lambda: list(generator_fails()),
    lambda: send(wait()),
    lambda: wait().throw(ValueError("into what never started")),
    lambda: delegate().throw(ValueError),
    lambda: matching(3),
    lambda: add(),
    lambda: add(1, "x"),
    lambda: Base(),
]
