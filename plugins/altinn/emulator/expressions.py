"""Altinn's JSON expressions, as process gateways use them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

Lookup = Callable[[str], Any]
KNOWN = frozenset({"equals", "notEquals", "not", "and", "or", "if", "gatewayAction", "dataModel", "instanceContext"})
COMPARING = frozenset({"greaterThan", "greaterThanEq", "lessThan", "lessThanEq", "contains", "lowerCase", "upperCase"})


class ExpressionError(ValueError):
    """The expression uses something that the emulator does not know."""


def parse_expression(text: str) -> Any:
    """Read an expression and refuse functions that are not known.

    :raises ExpressionError: not JSON, or an unknown function.
    """
    try:
        expression = json.loads(text)
    except json.JSONDecodeError as exc:
        raise ExpressionError(f"condition is not a JSON expression: {text.strip()[:80]!r}") from exc
    _check(expression)
    return expression


def _check(expression: Any) -> None:
    if not isinstance(expression, list):
        return
    if not expression or not isinstance(expression[0], str) or expression[0] not in KNOWN | COMPARING:
        raise ExpressionError(f"condition uses an expression that is not known here: {json.dumps(expression)[:80]}")
    for argument in expression[1:]:
        _check(argument)


def evaluate(expression: Any, action: str | None, data_model: Lookup, context: Lookup) -> Any:
    """Return the value of an expression.

    :param action: what `["gatewayAction"]` stands for: the action of this `process/next`.
    :param data_model: value of a field of the form, by path.
    :param context: value of the instance's context, by name.
    """
    if not isinstance(expression, list):
        return expression
    name, *arguments = expression
    if name == "gatewayAction":
        return action
    values = [evaluate(argument, action, data_model, context) for argument in arguments]
    if name == "dataModel":
        return data_model(str(values[0]))
    if name == "instanceContext":
        return context(str(values[0]))
    return _FUNCTIONS[name](*values)


def _text(value: Any) -> str | None:
    """Return a value as expressions compare it: numbers, booleans and texts are alike."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _same(left: Any, right: Any) -> bool:
    one, other = _text(left), _text(right)
    if one is not None and other is not None and {one.lower(), other.lower()} <= {"true", "false"}:
        return one.lower() == other.lower()
    return one == other


def _true(value: Any) -> bool:
    return (_text(value) or "").lower() in ("true", "1")


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "equals": _same,
    "notEquals": lambda a, b: not _same(a, b),
    "not": lambda a: not _true(a),
    "and": lambda *values: all(_true(v) for v in values),
    "or": lambda *values: any(_true(v) for v in values),
    "if": lambda test, then, *rest: then if _true(test) else (rest[-1] if rest else None),
    "greaterThan": lambda a, b: a is not None and b is not None and float(a) > float(b),
    "greaterThanEq": lambda a, b: a is not None and b is not None and float(a) >= float(b),
    "lessThan": lambda a, b: a is not None and b is not None and float(a) < float(b),
    "lessThanEq": lambda a, b: a is not None and b is not None and float(a) <= float(b),
    "contains": lambda a, b: (_text(b) or "") in (_text(a) or ""),
    "lowerCase": lambda a: (_text(a) or "").lower(),
    "upperCase": lambda a: (_text(a) or "").upper(),
}
