"""The Python functions inside what wraps them: descriptors, partial functions, caches, dispatchers, classes.

Nothing of the program's runs to find them: attributes are read where they are stored, not asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType
from typing import Any

# Where wrappers keep what they wrap: methods, functools and its many likes, properties, functools.singledispatchmethod.
_NAMES = ("__func__", "__wrapped__", "func", "fget", "fset", "fdel", "dispatcher")


def functions(target: Any) -> Iterator[FunctionType]:
    """The functions that `target` is made of, each once; none where there is no Python function in it."""
    return _functions(target, set())


def hollow_members(cls: type) -> Iterator[str]:
    """Names of what a class defines and can be called, without a Python function in it: compiled methods."""
    prefix = f"{cls.__qualname__}."
    for member in list(vars(cls).values()):
        name = None if isinstance(member, type) or not callable(member) else _stored(member, "__qualname__")
        if isinstance(name, str) and name.startswith(prefix) and not any(functions(member)):
            yield f"{cls.__module__}.{name}"


def _functions(target: Any, seen: set[int]) -> Iterator[FunctionType]:
    if id(target) in seen:
        return
    seen.add(id(target))
    # Not isinstance(): a proxy says that it is of the class of what it wraps.
    if type(target) is FunctionType:
        chosen = vars(target).get("registry") if "dispatch" in vars(target) else None
        if chosen is None:
            yield target
        else:  # functools.singledispatch: the function itself is functools' own
            for each in list(chosen.values()):
                yield from _functions(each, seen)
    elif issubclass(type(target), type):
        yield from _of_class(target, seen)
    else:
        yield from _held(target, seen)


def _of_class(cls: type, seen: set[int]) -> Iterator[FunctionType]:
    """Each function in it; of what its members wrap, and of the classes in it, those that it defines."""
    prefix = f"{cls.__qualname__}."
    for member in list(vars(cls).values()):
        if type(member) is FunctionType:
            yield from _functions(member, seen)
        elif not issubclass(type(member), type) or _belongs(member, cls.__module__, prefix):
            for each in _functions(member, seen):
                if _belongs(each, cls.__module__, prefix):
                    yield each


def _belongs(target: Any, module: str, prefix: str) -> bool:
    return type(target.__module__) is str and target.__module__ == module and target.__qualname__.startswith(prefix)


def _held(target: Any, seen: set[int]) -> Iterator[FunctionType]:
    """What a wrapper wraps: by the usual names, else the functions among its attributes."""
    known = [each for each in (_stored(target, name) for name in _NAMES) if each is not None]
    if not known:
        known = [each for each in list(_attributes(target).values()) if type(each) is FunctionType]
    for each in known:
        yield from _functions(each, seen)


def _attributes(target: Any) -> dict[str, Any]:
    try:
        found = object.__getattribute__(target, "__dict__")
    except Exception:
        return {}
    return found if type(found) is dict else {}


def _stored(target: Any, name: str) -> Any:
    """The attribute as the object, or its C type, stores it; None where it has none, or code would have to run."""
    for cls in type(target).__mro__:
        found = cls.__dict__.get(name)
        if isinstance(found, (GetSetDescriptorType, MemberDescriptorType)):
            try:
                return found.__get__(target, type(target))
            except Exception:
                return None
    return _attributes(target).get(name)
