"""Read JSON as the standard has it, not as Python's lenient reader does.

RFC 8259 knows no NaN, leaves doubled names undefined (readers differ on which counts, so that two parties can read
different reports), and wants UTF-8. Fractions become `Decimal`, so that 1234567.89 stays what it is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import NoReturn

from altinn.exceptions import AltinnDocumentError, Issue

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class JsonLimits:
    """What a document may at most be.

    :param size: bytes.
    :param depth: levels of objects and arrays.
    """

    size: int = 64 * 1024 * 1024
    depth: int = 200


def load_json(data: bytes, limits: JsonLimits | None = None) -> object:
    """Decode a document; fractions come back as `Decimal`.

    :raises AltinnDocumentError: it is no JSON, or is refused; its issue says why. Codes that begin with "refused-"
        mean that the document was not judged at all.
    """
    limits = limits or JsonLimits()
    if len(data) > limits.size:
        _refuse("refused-size", f"the document has {len(data):,} bytes, more than the limit of {limits.size:,}")
    try:
        text = data.removeprefix(_BYTE_ORDER_MARK).decode("utf-8")
    except UnicodeDecodeError as exc:
        _refuse("refused-encoding", "the document is not UTF-8; save it as UTF-8", cause=exc)
    if "\x00" in text[:4]:
        _refuse("refused-encoding", "the document looks like UTF-16 or UTF-32; save it as UTF-8")
    try:
        value: object = json.loads(
            text, parse_float=Decimal, parse_constant=_refuse_constant, object_pairs_hook=_unique
        )
    except json.JSONDecodeError as exc:
        _refuse("json-not-well-formed", f"not JSON: {exc.msg} (column {exc.colno})", exc.lineno, exc)
    except RecursionError as exc:
        _refuse("refused-depth", f"values lie more than {limits.depth} levels deep", cause=exc)
    except AltinnDocumentError:
        raise
    except ValueError as exc:
        _refuse("refused-number", "a whole number has more digits than any form takes", cause=exc)
    _check_depth(value, limits.depth)
    return value


def _refuse(code: str, message: str, line: int = 0, cause: Exception | None = None) -> NoReturn:
    issue = Issue("error", code, f"line {line}" if line else "", message, "json", line)
    raise AltinnDocumentError(f"line {line}: {message}" if line else message, (issue,)) from cause


def _refuse_constant(name: str) -> NoReturn:
    _refuse("json-not-well-formed", f"{name} is not JSON; leave the value out or write null")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        _refuse("json-name-twice", f"one object has the name {twice[:60]!r} more than once")
    return found


def _check_depth(value: object, limit: int) -> None:
    level = [value]
    for _ in range(limit + 1):
        level = [
            item
            for node in level
            for item in (node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())
            if isinstance(item, dict | list)
        ]
        if not level:
            return
    _refuse("refused-depth", f"values lie more than {limit} levels deep")
