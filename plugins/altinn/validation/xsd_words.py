"""The words that both XSD engines' findings are put into: they speak of the schema, and repeat no value."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from altinn.exceptions import Issue

FACETS = {
    "length": "must have exactly {} characters",
    "minLength": "must have at least {} characters",
    "maxLength": "must have at most {} characters",
    "minInclusive": "must be at least {}",
    "maxInclusive": "must be at most {}",
    "minExclusive": "must be more than {}",
    "maxExclusive": "must be less than {}",
    "totalDigits": "must have at most {} digits",
    "fractionDigits": "must have at most {} decimals",
}
_HINTS = {
    "decimal": "write digits with a full stop before the decimals and no spaces, as in -1234.50",
    "integer": "write digits only, as in -1234",
    "date": "write YYYY-MM-DD",
    "dateTime": "write YYYY-MM-DDThh:mm:ss",
    "gYear": "write four digits",
    "boolean": "write true or false",
}


def one_of(allowed: Sequence[str]) -> str:
    """Say which values are allowed; a long list is cut."""
    return (
        "must be one of "
        + ", ".join(value or "nothing" for value in allowed[:20])
        + (" …" if len(allowed) > 20 else "")
    )


def not_a(name: str) -> str:
    """Say that a value is not of a type, and how such values are written."""
    if not name:
        return "the value is of none of the types that the schema allows here"
    article = "an" if name[:1] in "aeiou" else "a"
    hint = _HINTS.get(name)
    return f"not {article} {name}" + (f"; {hint}" if hint else "")


def local(name: str) -> str:
    """Return the part of a name after its namespace or prefix, shortened."""
    return name.rpartition("}")[2].rpartition(":")[2][:100]


def root_issue(root: str, roots: Collection[str], namespace: str, schema: str) -> Issue | None:
    """Say that a document's root is not one that the schema describes; None when it is.

    :param namespace: the schema's.
    """
    if root in roots:
        return None
    expected = ", ".join(sorted(roots)[:10]) or "no element at all"
    message = f"the root element is {root[:200]}; the schema {schema} describes {expected}"
    if namespace and f"{{{namespace}}}{root}" in roots:
        message += f'. The namespace is missing: add xmlns="{namespace}" to the root element'
    return Issue("error", "xsd-root", f"/{root.rpartition('}')[2][:100]}", message, "xsd", 1)
