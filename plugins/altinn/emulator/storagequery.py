"""Storage's query for instances: filters, order, pages (InstanceQueryParameters, readinstancefromquery.sql)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from altinn.emulator.store import Record

PAGE = 100
TOKEN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z;[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
FIRST = "0001-01-01T00:00:00.0000000Z;00000000-0000-0000-0000-000000000000"
LAST = "9999-12-31T23:59:59.9999999Z;ffffffff-ffff-ffff-ffff-ffffffffffff"
DATES = ("created", "lastchanged", "visibleafter", "duebefore", "process.ended")
FLAGS = ("status.isarchived", "status.issoftdeleted", "status.isharddeleted", "process.iscomplete")
MEMBERS = {
    "created": "created",
    "lastchanged": "lastChanged",
    "visibleafter": "visibleAfter",
    "duebefore": "dueBefore",
    "process.ended": "ended",
}
OPERATORS: dict[str, Callable[[datetime, datetime], bool]] = {
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
    "eq": lambda a, b: a == b,
}


class QueryError(ValueError):
    """A parameter cannot be used; the text is what Storage would say.

    :ivar parameter: its name when it is model binding that refuses it, None when Storage's own code does.
    """

    def __init__(self, text: str, parameter: str | None = None) -> None:
        super().__init__(text)
        self.parameter = parameter


def _unbindable(value: str, name: str) -> QueryError:
    return QueryError(f"The value '{value}' is not valid for {name}.", name)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of records and where the next one begins.

    :param token: of the next page, None when this is the last.
    """

    records: list[Record]
    token: str | None


def when(text: str) -> datetime:
    """Read a date as Storage does; without a zone it is UTC.

    :raises ValueError: it is no date.
    """
    value = text.strip().replace(" ", "+")
    if "." in value:
        head, _, rest = value.partition(".")
        digits = rest[: next((i for i, c in enumerate(rest) if not c.isdigit()), len(rest))]
        value = f"{head}.{digits[:6]:0<6}{rest[len(digits) :]}"
    read = datetime.fromisoformat(value)
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


def utc_stamp(text: str) -> str:
    """Return a date as .NET writes it, in UTC and without zeros at the end of a fraction.

    :raises ValueError: it is no date.
    """
    read = when(text)
    fraction = f".{read:%f}".rstrip("0").rstrip(".")
    return f"{read:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def _date_of(record: Record, key: str) -> str | None:
    holder = (record["process"] or {}) if key == "process.ended" else record
    found = holder.get(MEMBERS[key])
    return str(found) if found is not None else None


def _date_filter(key: str, expression: str) -> Callable[[Record], bool]:
    operator, separator, value = expression.partition(":")
    if not separator or operator.lower() not in OPERATORS:
        operator, value = "eq", expression
    compare = OPERATORS[operator.lower()]
    try:
        limit = when(value)
    except ValueError as exc:
        raise QueryError(f"Invalid date expression: {expression} for query key: {key}") from exc

    def fits(record: Record) -> bool:
        found = _date_of(record, key)
        return found is not None and compare(when(found), limit)

    return fits


def _flag(name: str, value: str) -> bool:
    """Read a boolean.

    :raises QueryError: it is none.
    """
    if value.lower() not in ("true", "false"):
        raise _unbindable(value, name)
    return value.lower() == "true"


def _flag_filter(key: str, name: str, value: str) -> Callable[[Record], bool]:
    wanted = _flag(name, value)
    if key == "process.iscomplete":
        return lambda record: bool((record["process"] or {}).get("ended")) == wanted
    name = {
        "status.isarchived": "isArchived",
        "status.issoftdeleted": "isSoftDeleted",
        "status.isharddeleted": "isHardDeleted",
    }[key]
    return lambda record: bool(record["status"][name]) == wanted


def _confirmed_by(record: Record, org: str) -> bool:
    return any(c["stakeholderId"] == org for c in record["completeConfirmations"] or ())


def _confirmed_filter(org: str, wanted: bool) -> Callable[[Record], bool]:
    return lambda record: _confirmed_by(record, org) == wanted


def _simple_filter(key: str, value: str) -> Callable[[Record], bool] | None:
    """Return the filter of a parameter that is compared as it is, None for one that filters nothing."""
    if key == "process.currenttask":
        return lambda r: ((r["process"] or {}).get("currentTask") or {}).get("elementId") == value
    if key == "excludeconfirmedby":
        return lambda r: not _confirmed_by(r, value)
    if key == "searchstring":
        needle = value.strip("%").lower()
        return lambda r: any(needle in str(t).lower() for t in (r["presentationTexts"] or {}).values())
    if key == "a3ref":
        if len(value) != 12:
            raise QueryError("A3Ref must be the last 12 characters of the instance guid.")
        return lambda r: r["guid"].endswith(value.lower())
    if key == "datavalues.a2archref":
        return lambda r: (r["dataValues"] or {}).get("A2ArchRef") == value
    if key == "mainversioninclude":
        return lambda r: value == "3"
    if key == "mainversionexclude":
        return lambda r: value != "3"
    return None


def filters_of(pairs: Iterable[tuple[str, str]], org: str | None) -> list[Callable[[Record], bool]]:
    """Return the filters of a query.

    :param pairs: names and values as they were sent; an empty value is none.
    :param org: of the caller, for `confirmed`.
    :raises QueryError: a value that Storage refuses.
    """
    found: list[Callable[[Record], bool]] = []
    for name, value in pairs:
        key = name.lower()
        if not value:
            continue
        if key in DATES:
            found.append(_date_filter(key, value))
        elif key in FLAGS:
            found.append(_flag_filter(key, name, value))
        elif key == "confirmed" and org:
            found.append(_confirmed_filter(org, _flag(name, value)))
        else:
            simple = _simple_filter(key, value)
            if simple is not None:
                found.append(simple)
    return found


def page_of(records: list[Record], query: dict[str, str]) -> Page:
    """Cut one page out of the filtered records, by `lastChanged`.

    :raises QueryError: size, order or continuation token that cannot be read.
    """
    size = query.get("size") or str(PAGE)
    if not size.isdigit() or not 0 < int(size) < 2**31:
        raise _unbindable(size, "size")
    order = (query.get("order") or "desc:lastChanged").lower()
    if order not in ("asc:lastchanged", "desc:lastchanged"):
        raise QueryError(f"Invalid order expression: {order}")
    descending = order.startswith("desc")

    def key(record: Record) -> tuple[str, str]:
        return record["lastChanged"], record["guid"]

    ordered = sorted(records, key=key, reverse=descending)
    token = query.get("continuationtoken")
    if token:
        at = _position(token)
        ordered = [r for r in ordered if (key(r) < at if descending else key(r) > at)]
    rows = ordered[: int(size)]
    more = len(ordered) > len(rows)
    return Page(rows, ";".join(key(rows[-1])) if more and rows else None)


def check_token(token: str | None) -> None:
    """Refuse a continuation token that no page has given.

    :raises QueryError: it is not a time and a guid.
    """
    if token and TOKEN.fullmatch(token) is None:
        raise QueryError(f"Invalid continuation token: {token}")


def first_token(query: dict[str, str]) -> str:
    """Return a continuation token that stands before every row."""
    return LAST if query.get("order", "desc").lower().startswith("desc") else FIRST


def _position(token: str) -> tuple[str, str]:
    changed, separator, guid = token.partition(";")
    if not separator:
        raise QueryError(f"Invalid continuation token: {token}")
    return changed, guid


def shown_to_end_users(query: dict[str, Any]) -> bool:
    """Say whether a query can have results at all: end users never get what is deleted for good."""
    return str(query.get("status.isharddeleted", "false")).lower() != "true"
