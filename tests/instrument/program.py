"""Decorators that are particular about what they are given. Read by test_semantics, never imported."""

import abc
import asyncio
import contextlib
import dataclasses
import enum
import functools
import inspect
import types
import typing


def observe():
    """Everything that could tell an instrumented module from the original, but line numbers."""
    seen = {}
    for name, check in sorted(globals().items()):
        if name.startswith("check_"):
            try:
                seen[name] = repr(check())
            except Exception as e:
                seen[name] = f"{type(e).__name__}: {e}"
    return seen


def check_property():
    class X:
        @property
        def p(self):
            return 1

        @p.setter
        def p(self, value):
            self.v = value

        @functools.cached_property
        def c(self):
            return 2

    x = X()
    x.p = 3
    return x.p, x.v, x.c


def check_static_and_class_methods():
    class X:
        @staticmethod
        def s():
            return 1

        @classmethod
        def c(cls):
            return cls.__name__

    return X.s(), X().s(), X.c(), X().c()


def check_implicit_class_methods():
    class X:
        def __new__(cls, *a):
            return object.__new__(cls)

        def __init_subclass__(cls, **k):
            cls.k = k

        def __class_getitem__(cls, item):
            return cls.__name__, item

        def __set_name__(self, owner, name):
            owner.told = name

    class Y(X, a=1):
        x = X()

    return X[int], Y.k, Y.told


def check_kinds():
    async def a():
        return 1

    def g():
        yield 1

    async def ag():
        yield 1

    return (
        inspect.iscoroutinefunction(a),
        inspect.isgeneratorfunction(g),
        inspect.isasyncgenfunction(ag),
        asyncio.run(a()),
        list(g()),
    )


def check_caches():
    calls = []

    @functools.lru_cache
    def f(x):
        calls.append(x)
        return x

    f(1)
    f(1)
    return calls, f.cache_info().hits


def check_contextmanager():
    @contextlib.contextmanager
    def cm():
        yield 1

    with cm() as x:
        return x


def check_abstract():
    class A(abc.ABC):
        @abc.abstractmethod
        def f(self): ...

        @property
        @abc.abstractmethod
        def g(self): ...

    return sorted(A.__abstractmethods__)


def check_signature():
    def f(a: int, /, b=2, *c, d="x", **e) -> str:
        "doc"
        return d

    return str(inspect.signature(f)), f.__doc__, f.__name__, f.__qualname__, f.__defaults__, f.__kwdefaults__


def check_recursion():
    def r(n):
        return 0 if n == 0 else r(n - 1)

    return r(500)


def check_attribute_hooks():
    class X:
        def __init__(self):
            self.d = {}

        def __getattr__(self, name):
            return name

        def __setattr__(self, name, value):
            object.__setattr__(self, name, value)

    return X().zz, X().d


def check_dataclass():
    @dataclasses.dataclass
    class D:
        x: int = 0

        def __post_init__(self):
            self.x += 1

        def __eq__(self, other):
            return True

    return D(1).x, D(1) == D(5)


def check_enum():
    class E(enum.Enum):
        A = 1

        def label(self):
            return self.name

        @classmethod
        def _missing_(cls, value):
            return cls.A

    return E(9).label(), list(E)


def check_singledispatch():
    @functools.singledispatch
    def f(x):
        return "object"

    @f.register
    def _(x: int):
        return "int"

    return f(1), f("")


def check_overload():
    @typing.overload
    def f(x: int) -> int: ...
    @typing.overload
    def f(x: str) -> str: ...
    def f(x):
        return x

    return [str(inspect.signature(o)) for o in typing.get_overloads(f)], f(1)


def check_no_type_check():
    @typing.no_type_check
    def f(x: "bad syntax("):
        return x

    return typing.get_type_hints(f)


def check_super():
    class B:
        def f(self):
            return "B"

    class C(B):
        def f(self):
            return super().f() + __class__.__name__

        def __private(self):
            return 1

        def g(self):
            return self.__private()

    return C().f(), C().g()


def check_types_coroutine():
    @types.coroutine
    def c():
        yield 1

    async def m():
        await c()

    return m().send(None)


def check_loops_and_paragraphs():
    # count the even ones
    n = 0
    for i in range(10):
        if i % 2:
            continue
        n += 1
    else:
        n += 100
    # and look for one
    found = None
    while n:
        n -= 1
        if n == 50:
            found = n
            break
    return n, found


def check_closures():
    def outer():
        x = 1

        def inner():
            nonlocal x
            x += 1
            return x

        return inner

    f = outer()
    f()
    return f(), f.__closure__ is not None


def check_exceptions():
    def f():
        raise ValueError("no")

    try:
        f()
    except ValueError as e:
        names = []
        frame = e.__traceback__
        while frame:
            names.append(frame.tb_frame.f_code.co_name)
            frame = frame.tb_next
        return names


def check_named_tuple():
    class N(typing.NamedTuple):
        x: int

        def double(self):
            return self.x * 2

    return N(2).double()


def check_protocol():
    @typing.runtime_checkable
    class P(typing.Protocol):
        def m(self): ...

    class X:
        def m(self): ...

    return isinstance(X(), P), isinstance(1, P)
