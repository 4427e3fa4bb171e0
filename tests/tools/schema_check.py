"""The part of JSON Schema that tools/schema.json uses. Not recursive: call trees may be deep."""

from __future__ import annotations

from typing import Any

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
KNOWN = {
    "$schema", "$defs", "$ref", "title", "description", "type", "required", "additionalProperties", "properties",
    "items", "enum", "const", "minimum",
}  # fmt: skip


def _is(value: Any, kind: str) -> bool:
    if kind in ("integer", "number"):
        numbers = (int,) if kind == "integer" else (int, float)
        return isinstance(value, numbers) and not isinstance(value, bool)
    return isinstance(value, TYPES[kind])


def problems(document: Any, schema: dict[str, Any]) -> list[str]:
    """What in the document the schema does not allow, with its place."""
    found: list[str] = []
    waiting = [("$", document, schema)]
    while waiting:
        place, value, rule = waiting.pop()
        assert rule.keys() <= KNOWN, f"schema_check.py does not know {rule.keys() - KNOWN}"
        if "$ref" in rule:
            waiting.append((place, value, schema["$defs"][rule["$ref"].rpartition("/")[2]]))
        kinds = rule.get("type", [])
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if kinds and not any(_is(value, kind) for kind in kinds):
            found.append(f"{place}: {value!r} is not {kinds}")
            continue
        if "enum" in rule and value not in rule["enum"]:
            found.append(f"{place}: {value!r} is not in {rule['enum']}")
        if "const" in rule and value != rule["const"]:
            found.append(f"{place}: {value!r} is not {rule['const']}")
        if "minimum" in rule and value < rule["minimum"]:
            found.append(f"{place}: {value} is too small")
        if isinstance(value, dict):
            found += [f"{place}: no {key}" for key in rule.get("required", []) if key not in value]
            other = rule.get("additionalProperties", {})
            for key, item in value.items():
                below = rule.get("properties", {}).get(key, other)
                if below is False:
                    found.append(f"{place}: unknown key {key}")
                else:
                    waiting.append((f"{place}.{key}", item, below))
        if isinstance(value, list):
            waiting += [(f"{place}[{i}]", item, rule.get("items", {})) for i, item in enumerate(value)]
    return found
