"""JSON that can be read, and searched with grep."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

encode = json.JSONEncoder(ensure_ascii=False).encode  # one for all rows: json.dumps would make one for each


def rows(items: Iterable[dict[str, Any]]) -> Iterator[str]:
    """A list with an item a line."""
    yield "["
    for index, item in enumerate(items):
        yield (",\n" if index else "\n") + encode(item)
    yield "]"


def known(values: dict[str, Any]) -> dict[str, Any]:
    """Without what was not recorded."""
    return {key: value for key, value in values.items() if value is not None}


_Row = TypeVar("_Row")


def thinned(items: Sequence[_Row], limit: int) -> Sequence[_Row]:
    """At most `limit` of the items (0: all), evenly over all of them, the first and the last among them."""
    if not limit or len(items) <= limit:
        return items
    last = len(items) - 1
    return [items[last * k // max(1, limit - 1)] for k in range(limit)]
