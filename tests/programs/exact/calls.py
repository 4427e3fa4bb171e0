# ruff: noqa: B012 - odd on purpose
"""Plain calls: recursion, exceptions through many frames, finally, with, callbacks from C."""

import functools
import operator
import re

from prof import profiled


@profiled
def factorial(n):
    return 1 if n < 2 else n * factorial(n - 1)


@profiled
def even(n):
    return n == 0 or odd(n - 1)


@profiled
def odd(n):
    return n != 0 and even(n - 1)


@profiled
def thrower(depth):
    if depth:
        return thrower(depth - 1)
    raise KeyError("deep")


@profiled
def catcher(depth):
    try:
        return thrower(depth)
    except KeyError:
        return helper()
    finally:
        helper()


@profiled
def helper():
    return 1


@profiled
def finally_returns():
    try:
        raise ValueError
    finally:
        return 7


@profiled
def reraises():
    try:
        thrower(1)
    except KeyError as error:
        raise RuntimeError from error


class Manager:
    @profiled
    def __enter__(self):
        return self

    @profiled
    def __exit__(self, *exc):
        return exc[0] is KeyError


@profiled
def managed(fail):
    with Manager(), Manager():
        if fail:
            thrower(2)
    return helper()


@profiled
def key(x):
    return -x


@profiled
def add(a, b):
    return a + b


@profiled
def replace(match):
    return match[0].upper()


class Value:
    @profiled
    def __init__(self, n):
        self.n = n

    @profiled
    def __hash__(self):
        return hash(self.n)

    @profiled
    def __eq__(self, other):
        return self.n == other.n

    @profiled
    def __lt__(self, other):
        return self.n < other.n

    @profiled
    def __del__(self):
        helper()

    @property
    @profiled
    def double(self):
        return self.n * 2

    @double.setter
    @profiled
    def double(self, value):
        self.n = value // 2

    @staticmethod
    @profiled
    def static():
        return helper()

    @classmethod
    @profiled
    def make(cls, n):
        return cls(n)

    @profiled
    def __getattr__(self, name):
        raise AttributeError(name)

    @functools.cached_property
    @profiled
    def cached(self):
        return helper()


class Descriptor:
    @profiled
    def __get__(self, instance, owner):
        return helper()

    @profiled
    def __set_name__(self, owner, name):
        helper()


class Meta(type):
    @profiled
    def __new__(cls, *args, **kwargs):
        return super().__new__(cls, *args)

    @classmethod
    @profiled
    def __prepare__(cls, name, bases, **kwargs):
        return {}


@profiled
def classes():
    class Made(metaclass=Meta):
        field = Descriptor()

        @profiled
        def __init_subclass__(cls):
            helper()

    class Child(Made):
        pass

    return Child().field + Made.field


@functools.lru_cache
@profiled
def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


@profiled
def arguments(a, /, b, *rest, c=1, **more):
    @profiled
    def closure():
        nonlocal a
        a += 1
        return a + b

    return sum(closure() for _ in range(3))


def main():
    factorial(30)
    even(41)
    catcher(25)
    finally_returns()
    for fail in (True, False):
        managed(fail)
    try:
        reraises()
    except RuntimeError:
        pass
    sorted(range(20), key=key)
    functools.reduce(add, range(10))
    list(map(key, range(5)))
    re.sub("[a-c]", replace, "abcabcxyz")
    values = [Value.make(n % 7) for n in range(30)]
    {value: None for value in values}
    values.sort()
    values[0].double = values[1].double
    hasattr(values[0], "nothing")
    values[0].cached, values[0].cached
    operator.attrgetter("double")(values[3])
    Value.static()
    values[-1].static()
    del values
    classes()
    fibonacci(20)
    arguments(1, 2, 3, 4, c=5, d=6)
    arguments(*[1, 2], **{"e": 3})
    try:
        arguments()
    except TypeError:
        pass


if __name__ == "__main__":
    main()
