"""Classes of named values that do not change, as `dataclasses` makes them: that module takes longer to import than a
recording takes to begin."""

from __future__ import annotations

# As type checkers know it; `typing` itself takes too long to import.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar, dataclass_transform

    T = TypeVar("T")
else:

    def dataclass_transform(**_):
        return lambda decorator: decorator


@dataclass_transform(frozen_default=True)
def values(kind: type[T]) -> type[T]:
    """Gives a class an `__init__` with its annotated names, in order or by keyword, and their defaults.

    Two of them are equal if all their values are. Raises TypeError and AttributeError as a frozen dataclass does.
    """
    names = tuple(vars(kind).get("__annotations__") or kind.__annotations__)
    defaults = {name: vars(kind)[name] for name in names if name in vars(kind)}

    def __init__(self: Any, *args: Any, **named: Any) -> None:
        found = dict(zip(names, args, strict=False))
        wrong = set(found) & set(named) or set(named) - set(names)
        missing = [name for name in names if name not in found and name not in named and name not in defaults]
        if wrong or missing or len(args) > len(names):
            words = f"missing {', '.join(missing)}" if missing else f"unexpected {', '.join(sorted(wrong)) or 'values'}"
            raise TypeError(f"{kind.__name__}({', '.join(names)}): {words}")
        found = defaults | found | named
        vars(self).update((name, found[name]) for name in names)

    def __setattr__(self: Any, name: str, value: object) -> None:
        raise AttributeError(f"{kind.__name__}.{name} cannot be changed")

    def __eq__(self: Any, other: object) -> bool:
        return type(other) is kind and vars(self) == vars(other)

    def __hash__(self: Any) -> int:
        return hash(tuple(vars(self).values()))

    def __repr__(self: Any) -> str:
        return f"{kind.__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"

    for method in (__init__, __setattr__, __eq__, __hash__, __repr__):
        setattr(kind, method.__name__, method)
    return kind


def replaced(value: T, **changes: Any) -> T:
    """The same values but for some."""
    return type(value)(**(vars(value) | changes))
