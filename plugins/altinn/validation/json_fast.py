"""Ask jsonschema-rs about a large document, where `jsonschema` takes a second a megabyte.

Importing this module imports the engine: do so in functions only. It would fetch a reference or an unknown `$schema`,
so its retriever refuses; its messages hold the whole document, so only path and rule are taken from an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

import jsonschema_rs

from altinn.exceptions import AltinnInputError, Issue

_KNOWN = ("json-schema.org/draft-0", "json-schema.org/draft/20")


def fast_issues(value: object, schema: Mapping[str, object] | bool, *, max_issues: int) -> list[Issue] | None:
    """Return what is wrong with a decoded document, each with path and rule.

    :return: None when this engine cannot use the schema: the other one says why.
    """
    used: Any = schema
    if isinstance(schema, Mapping) and not any(name in str(schema.get("$schema", "")) for name in _KNOWN):
        used = {name: part for name, part in schema.items() if name != "$schema"}
    try:
        validator = jsonschema_rs.validator_for(used, validate_formats=True, retriever=_refuse)
        errors = list(islice(validator.iter_errors(value), max_issues + 1))
    except (ValueError, jsonschema_rs.ValidationError):
        return None
    issues = [_issue(error) for error in errors[:max_issues]]
    if len(errors) > max_issues:
        text = f"there are more problems; the check stopped after {max_issues}"
        issues.append(Issue("information", "more-issues", "", text, "json-schema"))
    return list(dict.fromkeys(issues))


def _refuse(address: str) -> Any:
    raise AltinnInputError(f"the schema refers to {address!r}, which is not inside it; nothing is fetched")


def _issue(error: Any) -> Issue:
    path = "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.instance_path)
    rules = [step for step in error.schema_path if isinstance(step, str)]
    rule = rules[-1] if rules else "schema"
    return Issue("error", f"json-{rule}", path, f"breaks the schema's rule {rule}", "json-schema")
