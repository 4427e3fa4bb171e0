"""Everything else that compiles to instructions: match, classes, closures, calls, unpacking, long functions."""

import gc
import weakref


class Point:
    __match_args__ = ("x", "y")
    zeros = [i * 0 for i in range(3)]

    def __init__(self, x, y):
        self.x = x
        self.y = y

    def __repr__(self):
        return super().__repr__() and f"{type(self).__name__}({self.x!r}, {self.y:>3})"

    @classmethod
    def origin(cls):
        return cls(0, 0)

    @property
    def both(self):
        return self.x, self.y


def matching(value):
    match value:
        case 0 | 1:
            return "small"
        case [a, b] if a == b:
            return "equal"
        case [a, *rest]:
            return rest
        case {"k": int(x), **more}:
            return x, more
        case Point(x=0, y=y) | Point(y, 0):
            return y
        case str() as s if s:
            return s
        case None:
            return "none"
        case _:
            return "?"


def classes(n):
    class Base:
        count = n
        if n > 1:
            odd = [k for k in range(n) if k % 2]

            class Inner:
                value = n + 1

        def method(self):
            return self.count

    class Child(Base, metaclass=type):
        def method(self):
            return super().method() + (lambda: self.count)()

    try:

        class Fails:
            a = 1
            a.missing
    except AttributeError:
        pass
    return Child().method(), Child.Inner.value if n > 1 else None


def closures(n):
    total = 0

    def add(k):
        nonlocal total
        total += k
        return lambda: total + k

    later = [add(k) for k in range(n)]
    return [f() for f in later], total


made = 0


def unpacking(n):
    global made
    made += 1
    a, *b = range(n)
    c = [*b, *b]
    d = {**{"x": 1}, "y": 2}
    e = (*(a if isinstance(a, tuple) else (a,)),)

    def f(*a, k=1, **more):
        return len(a) + k + len(more)

    try:
        p, q = range(n)
    except ValueError:
        p = q = 0
    c[1:2] = c[:1]
    del c[0], d["x"]
    x = y = [p, q]
    x[0], y[1] = y[1], x[0]
    return f(*b, **d) + f(1, *c, k=3) + p + len(e) + -q + ~q, f"{x} {y[0]!s:>{n}}"


def collected(n):
    told = []

    class Tells:
        def __del__(self):
            told.append(sum(k for k in range(2)))

    for _ in range(n):
        one = Tells()
        one.itself = one
        two = Tells()
        told.append(weakref.ref(two, lambda r: told.append(r() is None)))
        del one, two
        gc.collect()
    return len(told)


def long(n):
    total = 0
    for i in range(n):
        if i % 2:
            LINES  # noqa: F821 - many of them, put here by the test
        else:
            total -= 1
            continue
        if total < 0 and i > 3 or total == 5:
            break
    return total


def wide(n):
    try:
        while n:
            n -= 1
            if n % 3 == 0:
                continue
            try:
                values = VALUES  # noqa: F821 - a list of many constants
                if n > 5 and values[n] or not n:
                    raise KeyError
            except KeyError:
                n -= 1
                continue
    finally:
        n = [v for v in (n, n) if v]
    return n


def main():
    values = (0, 1, 5, [1, 1], [1, 2, 3], {"k": 3, "l": 1}, {"k": "s"}, Point(0, 4), Point(3, 0), Point(1, 1))
    return [
        [matching(v) for v in (*values, "", "ab", None, 2.5)], classes(1), classes(4), closures(4), unpacking(5),
        unpacking(2), collected(3), repr(Point.origin()), Point(1, 2).both, long(20), wide(30),
    ]  # fmt: skip
