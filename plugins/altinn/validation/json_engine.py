"""Run `jsonschema` in the way that its traps allow. Importing this module imports the engine: do so in functions only.

Why each setting: references are fetched by default, so the registry is empty; patterns and whole numbers follow
Python's rules instead of JSON Schema's, `uniqueItems` compares every pair, and messages repeat the whole document, so
these are replaced.
"""

# ruff: noqa: TID253 - this module is imported inside a function only, together with the engine
from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, DecimalException
from itertools import islice
from typing import Any

import jsonschema
import referencing
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.validators import extend, validator_for
from referencing.exceptions import Unresolvable

from altinn.exceptions import AltinnInputError, Issue
from altinn.validation.json_schema_shapes import unwrapped

_CLASS = re.compile(r"\\(.)|(\[)|(\])|(\$)", re.DOTALL)
_SETS = {"d": "0-9", "w": "A-Za-z0-9_"}
_PLAIN = {
    "minLength": "must have at least {} characters",
    "maxLength": "must have at most {} characters",
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "exclusiveMinimum": "must be more than {}",
    "exclusiveMaximum": "must be less than {}",
    "multipleOf": "must be a multiple of {}",
    "minItems": "must have at least {} items",
    "maxItems": "must have at most {} items",
    "uniqueItems": "has the same item more than once",
    "pattern": "must match the pattern {}",
    "format": "must be of the format {}",
    "const": "must be {}",
}


def find_issues(
    value: object, schema: Mapping[str, object] | bool, *, max_issues: int, show_values: bool
) -> list[Issue]:
    """Judge a decoded document; see `altinn.validation.json_check.check_json`."""
    changes: tuple[str, ...] = ()
    judged: Any = schema
    if isinstance(schema, Mapping):
        judged, changes = unwrapped(schema)
    issues = [Issue("information", "schema-changed", "", text, "json-schema") for text in changes]
    validator = _validator(judged)
    unchecked = sorted(_formats(judged) - set(validator.format_checker.checkers))
    if unchecked:
        text = f"the schema's formats {', '.join(unchecked)} are not checked"
        issues.append(Issue("information", "format-not-checked", "", text, "json-schema"))
    try:
        errors = list(islice(validator.iter_errors(value), max_issues + 1))
    except Unresolvable as exc:
        raise AltinnInputError(f"the schema refers to {exc.ref!r}, which is not inside it; nothing is fetched") from exc
    except (RecursionError, DecimalException) as exc:
        raise AltinnInputError("the schema cannot be applied: it refers to itself without end") from exc
    # One object that lacks three names is three errors of the engine and one of ours.
    issues += dict.fromkeys(_issue(_deepest(error), show_values=show_values) for error in errors[:max_issues])
    if len(errors) > max_issues:
        text = f"there are more problems; the check stopped after {max_issues}"
        issues.append(Issue("information", "more-issues", "", text, "json-schema"))
    return issues


def _validator(schema: Any) -> Any:
    base: Any = validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        base.check_schema(schema)
    except SchemaError as exc:
        raise AltinnInputError(
            f"the schema is no JSON Schema: {exc.json_path} breaks the rule {exc.validator}"
        ) from exc
    build: Any = extend
    strict = build(
        base,
        {"pattern": _pattern, "uniqueItems": _unique_items},
        type_checker=base.TYPE_CHECKER.redefine("integer", _is_integer),
    )
    return strict(schema, registry=referencing.Registry(), format_checker=base.FORMAT_CHECKER)


def _formats(node: object) -> set[str]:
    """Return every format that a schema asks for."""
    found: set[str] = set()
    level = [node]
    while level:
        item = level.pop()
        if isinstance(item, Mapping):
            stated = item.get("format")
            found |= {stated} if isinstance(stated, str) else set()
            level += item.values()
        elif isinstance(item, list):
            level += item
    return found


def _is_integer(checker: object, value: object) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, Decimal) and value == value.to_integral_value())


def _pattern(validator: Any, pattern: str, value: object, schema: object) -> Iterator[ValidationError]:
    if not isinstance(value, str):
        return
    try:
        compiled = re.compile(_ecma(pattern))
    except re.error as exc:
        raise AltinnInputError(f"the schema's pattern {pattern!r} cannot be used: {exc}") from exc
    if not compiled.search(value):
        yield ValidationError("pattern")


def _ecma(pattern: str) -> str:
    """Return the pattern with `$`, `\\d` and `\\w` as ECMA 262 means them: no trailing newline, ASCII only."""
    inside = False

    def replace(match: re.Match[str]) -> str:
        nonlocal inside
        escaped, opens, closes, dollar = match.groups()
        if escaped in _SETS:
            return _SETS[escaped] if inside else f"[{_SETS[escaped]}]"
        if escaped and escaped.lower() in _SETS and not inside:
            return f"[^{_SETS[escaped.lower()]}]"
        if opens:
            text, inside = ("\\[" if inside else "["), True
            return text
        if closes:
            inside = False
        return r"\Z" if dollar and not inside else match[0]

    return _CLASS.sub(replace, pattern)


def _unique_items(validator: Any, unique: object, value: object, schema: object) -> Iterator[ValidationError]:
    if unique and isinstance(value, list) and len({_key(item) for item in value}) < len(value):
        yield ValidationError("uniqueItems")


def _key(value: object) -> object:
    """Return something hashable that is equal exactly for equal JSON values: 1 is 1.0, but not true."""
    if isinstance(value, dict):
        return "object", frozenset((name, _key(item)) for name, item in value.items())
    if isinstance(value, list):
        return "array", tuple(_key(item) for item in value)
    return isinstance(value, bool), value


def _deepest(error: ValidationError) -> ValidationError:
    """Return the problem behind an `anyOf` or `oneOf` whose own words say nothing."""
    while error.context:
        error = max(error.context, key=lambda inner: len(inner.absolute_path))
    return error


def _issue(error: ValidationError, *, show_values: bool) -> Issue:
    message = _message(error)
    if show_values:
        message += f"; found {str(error.instance)[:80]!r}"
    return Issue("error", f"json-{error.validator}", error.json_path, message, "json-schema")


def _message(error: ValidationError) -> str:
    rule, wanted = str(error.validator), error.validator_value
    if rule == "required" and isinstance(error.instance, dict) and isinstance(wanted, list):
        return "lacks " + ", ".join(str(name) for name in wanted if name not in error.instance)
    if rule == "type":
        return "must be of the type " + (" or ".join(map(str, wanted)) if isinstance(wanted, list) else str(wanted))
    if rule == "enum" and isinstance(wanted, list):
        return "must be one of " + ", ".join(map(str, wanted[:20])) + (" …" if len(wanted) > 20 else "")
    if rule == "additionalProperties" and isinstance(error.instance, dict) and isinstance(error.schema, Mapping):
        unknown = [name for name in error.instance if name not in (error.schema.get("properties") or {})]
        return "has properties that the schema does not know: " + ", ".join(name[:60] for name in unknown[:5])
    if rule in _PLAIN:
        return _PLAIN[rule].format(wanted)
    return f"breaks the schema's rule {rule}"
