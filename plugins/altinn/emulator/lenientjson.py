"""JSON as .NET's readers take it: an app's configuration, and what Newtonsoft reads of a request.

Comments and a comma too many are allowed; Newtonsoft takes texts in single quotes and bare names as well, does not tell
the cases of members' names apart, and makes texts of numbers and booleans where texts are wanted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

# A string is matched first, so that nothing inside one is taken for a comment or a comma.
STRAY = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n]*|/\*.*?\*/|,(?=(?>(?:\s|(?>//[^\n]*)|(?>/\*.*?\*/))*)[}\]])', re.DOTALL)
SINGLE = re.compile(r"""("(?:[^"\\]|\\.)*")|'((?:[^'\\]|\\.)*)'|([A-Za-z_$][\w$]*)(?=\s*:)""", re.DOTALL)
INNER = re.compile(r"""\\'|"|\\.""", re.DOTALL)


def loads(text: str) -> Any:
    """Read JSON.

    :raises json.JSONDecodeError: it is none, also without comments and stray commas.
    """
    return json.loads(STRAY.sub(lambda m: m[0] if m[0].startswith('"') else " ", text))


def newtonsoft(text: str) -> Any:
    """Read JSON as Newtonsoft does.

    :raises json.JSONDecodeError: it is none for Newtonsoft either.
    :raises RecursionError: it is nested too deep.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return loads(SINGLE.sub(_double_quoted, text))


def _double_quoted(found: re.Match[str]) -> str:
    if found[1] is not None:
        return found[1]
    if found[3] is not None:
        return f'"{found[3]}"'
    return '"' + INNER.sub(lambda m: {"\\'": "'", '"': '\\"'}.get(m[0], m[0]), found[2]) + '"'


def canonical(document: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return an object with the known members under their proper names, in whatever case they were sent."""
    proper = {name.lower(): name for name in names}
    return {proper.get(key.lower(), key): value for key, value in document.items()}


def as_text(value: Any, where: str) -> str | None:
    """Return a scalar as the text that .NET makes of it.

    :raises TypeError: it is an object or a list.
    """
    if isinstance(value, (dict, list)):
        raise TypeError(f"Error reading string. Unexpected token. Path '{where}'.")
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


def text_map(value: Any, where: str) -> dict[str, str]:
    """Return an object of texts; nulls in it are left out.

    :raises TypeError: it is no object, or a member is no scalar.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise TypeError(f"Cannot deserialize the current JSON value into an object of texts. Path '{where}'.")
    texts = {key: as_text(member, f"{where}.{key}") for key, member in value.items()}
    return {key: text for key, text in texts.items() if text is not None}
