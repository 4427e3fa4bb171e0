"""JSON that can be read, and searched with grep."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from attrs import frozen

encode = json.JSONEncoder(ensure_ascii=False).encode  # one for all rows: json.dumps would make one for each

_Row = TypeVar("_Row")
# An object's keys and values, one by one: the rows of one list can be let go of before the next is made.
Pairs = Iterable[tuple[str, Any]]


@frozen
class Rows:
    """A list that is written with an item a line, as the items come."""

    items: Iterable[dict[str, Any]]

    def parts(self) -> Iterator[str]:
        yield "["
        for index, item in enumerate(self.items):
            yield (",\n" if index else "\n") + encode(item)
        yield "]"


@frozen
class Object:
    """An object whose lists may be `Rows`, each of which begins a line."""

    pairs: Pairs

    def parts(self) -> Iterator[str]:
        yield "{"
        rows = False
        for number, (key, value) in enumerate(self.pairs):
            rows, after_rows = isinstance(value, Rows), rows
            if number:
                yield ",\n" if rows or after_rows else ", "
            yield f"{encode(key)}: "
            yield from parts(value)
        yield "}"


def parts(value: Any) -> Iterator[str]:
    """The JSON of `Rows`, of an `Object`, or of what `json` encodes."""
    if isinstance(value, (Rows, Object)):
        yield from value.parts()
    else:
        yield encode(value)


def document(pairs: Pairs) -> Iterator[str]:
    """A whole file: an object with a key a line."""
    for number, (key, value) in enumerate(pairs):
        yield (",\n" if number else "{") + f"{encode(key)}: "
        yield from parts(value)
    yield "}\n"


def known(values: dict[str, Any]) -> dict[str, Any]:
    """Without what was not recorded."""
    return {key: value for key, value in values.items() if value is not None}


def thinned(items: Sequence[_Row], limit: int) -> Sequence[_Row]:
    """At most `limit` of the items (0: all), evenly over all of them, the first and the last among them."""
    if not limit or len(items) <= limit:
        return items
    last = len(items) - 1
    return [items[last * k // max(1, limit - 1)] for k in range(limit)]
