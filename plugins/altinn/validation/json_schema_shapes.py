"""Undo what older versions of Altinn Studio did to JSON Schemas, so that they judge a form at all.

* The root describes a wrapper `{"melding": …}` that the app's JSON never has, so every object passes. Known by its
  `$id`, "schema.json", and by its first property being a reference to a definition.
* A fixed number became text: `{"type": "integer", "const": "1533"}`, which nothing can satisfy.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation


def unwrapped(schema: Mapping[str, object]) -> tuple[Mapping[str, object], tuple[str, ...]]:
    """Return the schema with its real root and with numbers as numbers, and what was changed, in words."""
    changes = []
    root = _wrapped_root(schema)
    if root is not None:
        kept = {key: value for key, value in schema.items() if key not in ("properties", "type")}
        schema = {**kept, "$ref": root}
        changes.append(f"the schema wraps the form; judged by {root}")
    numbers, count = _numbers(schema)
    if count:
        changes.append(f"{count} fixed numbers that the schema has as text are taken as numbers")
    return (numbers if isinstance(numbers, Mapping) else schema), tuple(changes)


def _wrapped_root(schema: Mapping[str, object]) -> str | None:
    """Return the reference to the form's type if the root only wraps it."""
    properties = schema.get("properties")
    if schema.get("$id") != "schema.json" or not isinstance(properties, Mapping) or not properties:
        return None
    if any(key in schema for key in ("required", "additionalProperties", "$ref", "oneOf", "allOf", "anyOf")):
        return None
    first = next(iter(properties.values()))
    reference = first.get("$ref") if isinstance(first, Mapping) else None
    return reference if isinstance(reference, str) and reference.startswith("#/") else None


def _numbers(node: object) -> tuple[object, int]:
    """Return a copy with numeric `const` as numbers and fractions as `Decimal`, and how many `const` changed."""
    if isinstance(node, float):
        return Decimal(repr(node)), 0
    if isinstance(node, list | tuple):
        items = [_numbers(item) for item in node]
        return [item for item, _ in items], sum(count for _, count in items)
    if not isinstance(node, Mapping):
        return node, 0
    pairs = {key: _numbers(value) for key, value in node.items()}
    copy = {key: value for key, (value, _) in pairs.items()}
    count = sum(count for _, count in pairs.values())
    if node.get("type") in ("integer", "number") and isinstance(node.get("const"), str):
        number = _number(str(node["const"]))
        if number is not None:
            copy["const"] = number
            count += 1
    return copy, count


def _number(text: str) -> int | Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    if not number.is_finite():
        return None
    return int(number) if number == number.to_integral_value() else number
