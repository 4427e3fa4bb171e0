# ruff: noqa: B015, RUF059, UP028 - odd on purpose
"""Generators: closed, thrown into, abandoned, collected, delegated, returning values, never started."""

import gc
import itertools
import types

from prof import profiled


@profiled
def count(n):
    for i in range(n):
        yield i
    return "done"


@profiled
def delegating(n):
    result = yield from count(n)
    yield result


@profiled
def guarded():
    try:
        yield 1
        yield 2
    finally:
        helper()


@profiled
def catching():
    while True:
        try:
            yield
        except ValueError:
            helper()


@profiled
def around_catching():
    yield from catching()


@profiled
def returning_on_throw():
    try:
        yield 1
    except ValueError:
        return 2


@profiled
def going_on():
    got = yield from returning_on_throw()
    yield got


@profiled
def yielding_in_finally():
    try:
        yield 1
    finally:
        yield 2


@profiled
def ignoring_exit():
    try:
        yield 1
    except GeneratorExit:
        yield 2


@profiled
def stopping():
    yield 1
    raise StopIteration("as RuntimeError")


@profiled
def walk(tree):
    if tree:
        left, value, right = tree
        yield from walk(left)
        yield value
        yield from walk(right)


@profiled
def ping(other):
    for _ in range(3):
        yield next(other)


@profiled
def received():
    total = 0
    while total < 10:
        total += yield total


@profiled
def helper():
    return 1


@profiled
def in_cycle():
    me = yield
    yield me
    helper()


@types.coroutine
@profiled
def awaitable():
    yield 1


@profiled
def expression():
    return sum(x for x in count(5)) + len([*count(4)]) + len({x: x for x in count(3)})


@profiled
def close(generator):
    try:
        generator.close()
    except RuntimeError:
        pass


def main():
    list(count(10))
    list(delegating(5))
    g = guarded()
    next(g)
    g.close()
    g = guarded()
    next(g)
    del g
    guarded().close()
    guarded()
    for make in (catching, around_catching):
        g = make()
        next(g)
        g.throw(ValueError)
        g.throw(ValueError())
        try:
            g.throw(KeyError)
        except KeyError:
            pass
    for make in (catching, around_catching, guarded):
        try:
            make().throw(KeyError)
        except KeyError:
            pass
    g = going_on()
    next(g)
    assert g.throw(ValueError) == 2
    g.close()
    for make in (yielding_in_finally, ignoring_exit):
        g = make()
        next(g)
        close(g)
        close(g)
    try:
        list(stopping())
    except RuntimeError:
        pass
    tree = None
    for n in range(8):
        tree = (tree, n, (None, -n, None))
    list(walk(tree))
    list(ping(ping(count(9))))
    g = received()
    next(g)
    try:
        for n in range(10):
            g.send(n)
    except StopIteration:
        pass
    g = in_cycle()
    next(g)
    g.send(g)
    del g
    gc.collect()
    c = awaitable()
    c.send(None)
    c.close()
    expression()
    list(zip(count(3), count(5), strict=False))
    list(itertools.islice(count(100), 3))
    a, *b = count(4)
    2 in count(5)
    kept.extend([count(3), count(3)])
    next(kept[0])


kept = []

if __name__ == "__main__":
    main()
