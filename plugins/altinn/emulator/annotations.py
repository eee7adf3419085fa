"""The attribute rules of a form's .NET class, which Altinn Studio makes from the JSON schema."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from altinn.emulator.behaviour import Form

MAX_DEPTH = 12


@dataclass(frozen=True, slots=True)
class Annotation:
    """One rule on one field: `MaxLength`, `MinLength`, `Range` or `RegularExpression`."""

    path: tuple[str, ...]
    rule: str
    limit: Any

    def violations(self, form: Form) -> Iterator[tuple[str, str]]:
        """Yield the path and the text of each value that breaks the rule."""
        for where, value in _values(form, self.path, ""):
            if not self._holds(value):
                yield where, self._text()

    def _holds(self, value: str) -> bool:
        if self.rule == "MaxLength":
            return _length(value) <= int(self.limit)
        if self.rule == "MinLength":
            return _length(value) >= int(self.limit)
        if self.rule == "RegularExpression":
            return value == "" or re.fullmatch(self.limit, value) is not None
        low, high = self.limit
        return float(low) <= float(value) <= float(high)

    def _text(self) -> str:
        name = self.path[-1]
        if self.rule == "MaxLength":
            return f"The field {name} must be a string or array type with a maximum length of '{self.limit}'."
        if self.rule == "MinLength":
            return f"The field {name} must be a string or array type with a minimum length of '{self.limit}'."
        if self.rule == "RegularExpression":
            return f"The field {name} must match the regular expression '{self.limit}'."
        return f"The field {name} must be between {self.limit[0]:g} and {self.limit[1]:g}."


def _length(value: str) -> int:
    """Length as .NET counts it, in UTF-16 units."""
    return len(value.encode("utf-16-le")) // 2


def _values(node: Any, path: tuple[str, ...], where: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from _values(item, path, f"{where}[{index}]")
    elif not path:
        if isinstance(node, str):
            yield where, node
    elif isinstance(node, dict) and path[0] in node:
        yield from _values(node[path[0]], path[1:], f"{where}.{path[0]}" if where else path[0])


def read_annotations(schema: dict[str, Any]) -> list[Annotation]:
    """Return the rules of a JSON schema as Altinn Studio writes it."""
    return list(_walk(schema, schema, (), 0))


def _target(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    reference = node.get("$ref")
    found: Any = schema
    for step in str(reference or "#").removeprefix("#").strip("/").split("/"):
        if step and isinstance(found, dict):
            found = found.get(step, {})
    return found if reference and isinstance(found, dict) else node


def _walk(schema: dict[str, Any], node: Any, path: tuple[str, ...], depth: int) -> Iterator[Annotation]:
    if not isinstance(node, dict) or depth > MAX_DEPTH:
        return
    node = _target(schema, node)
    for part in ("allOf", "oneOf", "anyOf"):
        for option in node.get(part, ()):
            yield from _walk(schema, option, path, depth + 1)
    if isinstance(node.get("items"), dict):
        yield from _walk(schema, node["items"], path, depth + 1)
    for name, child in (node.get("properties") or {}).items():
        yield from _walk(schema, child, (*path, name), depth + 1)
    if path:
        yield from _own_rules(node, path)


def _own_rules(node: dict[str, Any], path: tuple[str, ...]) -> Iterator[Annotation]:
    if isinstance(node.get("maxLength"), int):
        yield Annotation(path, "MaxLength", node["maxLength"])
    if isinstance(node.get("minLength"), int):
        yield Annotation(path, "MinLength", node["minLength"])
    if isinstance(node.get("pattern"), str) and _compiles(node["pattern"]):
        yield Annotation(path, "RegularExpression", node["pattern"])
    low, high = node.get("minimum"), node.get("maximum")
    if isinstance(low, (int, float)) and isinstance(high, (int, float)):
        yield Annotation(path, "Range", (low, high))


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True
