"""JSON of what a capture says of itself: text, numbers, lists and tables of them. The module `json` takes milliseconds
to import, and is asked for anything else."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

try:
    from _json import encode_basestring_ascii as _quoted
except ImportError:
    _quoted = None  # type: ignore[assignment]


def dumps(value: Any) -> str:
    """As `json.dumps`."""
    if _quoted is None:
        import json

        return json.dumps(value)
    kind = type(value)
    if kind is str:
        return _quoted(value)
    if value is None or kind is bool:
        return {None: "null", True: "true", False: "false"}[value]
    if kind is int:
        return repr(value)
    if kind is list or kind is tuple:
        return f"[{', '.join(map(dumps, value))}]"
    if kind is dict and all(type(key) is str for key in value):
        return f"{{{', '.join(f'{_quoted(key)}: {dumps(item)}' for key, item in value.items())}}}"
    import json

    return json.dumps(value)
