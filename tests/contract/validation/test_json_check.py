"""The JSON check gives the verdict that JSON Schema gives, fetches nothing, and repeats nothing of the document."""

from __future__ import annotations

import http.server
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altinn.exceptions import AltinnInputError, Issue
from altinn.validation.json_check import check_json

PERSON: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["orgnr", "amount"],
    "additionalProperties": False,
    "properties": {
        "orgnr": {"type": "string", "pattern": "^[0-9]{9}$"},
        "amount": {"type": "number", "multipleOf": 0.01},
        "count": {"type": "integer", "minimum": 0},
        "kind": {"enum": ["a", "b"]},
        "rows": {"type": "array", "uniqueItems": True, "maxItems": 3},
        "either": {"oneOf": [{"type": "integer"}, {"type": "object", "properties": {"x": {"type": "integer"}}}]},
        "day": {"type": "string", "format": "date"},
        "digits": {"type": "string", "pattern": "^\\d+[\\w$]$"},
    },
}
GOOD = {"orgnr": "999999999", "amount": 1234567.89}


def errors(document: object, schema: Any = None) -> list[Issue]:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    return [issue for issue in check_json(data, schema or PERSON) if issue.severity == "error"]


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"count": 1.0},
        {"count": 10**30},
        {"rows": [1, True, "1"]},
        {"rows": [{"a": 1}, {"a": 2}]},
        {"either": {"x": 1}},
        {"day": "2022-10-31"},
        {"digits": "12$"},
    ],
)
def test_what_the_schema_allows_passes(more: dict[str, object]) -> None:
    assert errors({**GOOD, **more}) == []


@pytest.mark.parametrize(
    ("more", "code", "where", "says"),
    [
        ({"orgnr": "12345678"}, "json-pattern", "$.orgnr", "[0-9]{9}"),
        ({"orgnr": "123456789\n"}, "json-pattern", "$.orgnr", "[0-9]{9}"),
        ({"digits": "\u0661a"}, "json-pattern", "$.digits", "pattern"),
        ({"digits": "1æ"}, "json-pattern", "$.digits", "pattern"),
        ({"amount": 0.001}, "json-multipleOf", "$.amount", "0.01"),
        ({"amount": "1"}, "json-type", "$.amount", "number"),
        ({"count": 1.5}, "json-type", "$.count", "integer"),
        ({"count": True}, "json-type", "$.count", "integer"),
        ({"count": -1}, "json-minimum", "$.count", "at least 0"),
        ({"kind": "c"}, "json-enum", "$.kind", "a, b"),
        ({"rows": [1, 1.0]}, "json-uniqueItems", "$.rows", "more than once"),
        ({"rows": [{"a": 1, "b": 2}, {"b": 2, "a": 1}]}, "json-uniqueItems", "$.rows", "more than once"),
        ({"rows": [1, 2, 3, 4]}, "json-maxItems", "$.rows", "at most 3"),
        ({"either": {"x": "y"}}, "json-type", "$.either.x", "integer"),
        ({"day": "31.10.2022"}, "json-format", "$.day", "date"),
        ({"extra": 1}, "json-additionalProperties", "$", "extra"),
    ],
)
def test_each_mistake_is_found_where_it_is(more: dict[str, object], code: str, where: str, says: str) -> None:
    (issue,) = errors({**GOOD, **more})
    assert (issue.code, issue.where) == (code, where)
    assert says in issue.message


def test_missing_names_are_told_at_once() -> None:
    (issue,) = errors({})
    assert (issue.code, issue.message) == ("json-required", "lacks orgnr, amount")


def test_no_value_is_repeated_unless_asked_for() -> None:
    document = dict.fromkeys(PERSON["properties"], "hemmelig")
    data = json.dumps(document).encode()
    found = check_json(data, PERSON)
    assert len([issue for issue in found if issue.severity == "error"]) >= 6
    assert "hemmelig" not in repr(found)
    assert "hemmelig" in repr(check_json(data, PERSON, show_values=True))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "json-not-well-formed"),
        (b"{", "json-not-well-formed"),
        (b'{"a": NaN}', "json-not-well-formed"),
        (b'{"a": -Infinity}', "json-not-well-formed"),
        (b'{"a": 1, "a": 2}', "json-name-twice"),
        (b"[" * 100_000, "refused-depth"),
        (b"[" * 300 + b"]" * 300, "refused-depth"),
        (b"1" * 5000, "refused-number"),
        (b'{"a": "\xe6"}', "refused-encoding"),
        ('{"a": 1}'.encode("utf-16"), "refused-encoding"),
        ('{"a": 1}'.encode("utf-16-le"), "refused-encoding"),
    ],
)
def test_what_is_not_json_says_so(data: bytes, code: str) -> None:
    assert [issue.code for issue in errors(data)] == [code]


def test_a_byte_order_mark_is_forgiven() -> None:
    assert errors(b"\xef\xbb\xbf" + json.dumps(GOOD).encode()) == []


def test_many_problems_are_cut_off_and_the_cut_is_told() -> None:
    rows = {"type": "array", "items": {"type": "integer"}}
    found = check_json(json.dumps(["x"] * 10).encode(), rows, max_issues=3)
    assert [issue.code for issue in found] == ["json-type"] * 3 + ["more-issues"]


def test_a_large_list_without_doubles_is_judged_at_once() -> None:
    rows = [{"row": number} for number in range(20_000)]
    assert errors(rows, {"type": "array", "uniqueItems": True}) == []


# ── what Altinn Studio makes of a form ───────────────────────────────────────────────────────────────────────────────
WRAPPED: dict[str, Any] = {
    "$schema": "http://json-schema.org/schema#",
    "$id": "schema.json",
    "type": "object",
    "properties": {"Skjema": {"$ref": "#/definitions/Skjema"}, "Navn": {"type": "string"}},
    "definitions": {
        "Skjema": {
            "required": ["skjemanummer"],
            "properties": {"skjemanummer": {"type": "integer", "const": "1533"}, "sum": {"type": "number"}},
        }
    },
}


def test_a_wrapped_form_is_judged_by_its_own_type() -> None:
    assert errors({"skjemanummer": 1533}, WRAPPED) == []
    assert [issue.code for issue in errors({"sum": 1}, WRAPPED)] == ["json-required"]
    assert [issue.code for issue in errors({"skjemanummer": 1534}, WRAPPED)] == ["json-const"]


def test_what_was_changed_in_the_schema_is_told() -> None:
    found = check_json(b'{"skjemanummer": 1533}', WRAPPED)
    assert [(issue.severity, issue.code) for issue in found] == [("information", "schema-changed")] * 2


def test_a_schema_that_only_looks_wrapped_is_left_alone() -> None:
    own = {key: value for key, value in WRAPPED.items() if key != "$id"}
    assert errors({"Navn": "x"}, own) == []


def test_formats_that_nobody_checks_are_told() -> None:
    found = check_json(b'"x"', {"type": "string", "format": "no-such-format"})
    assert [(issue.severity, issue.code) for issue in found] == [("information", "format-not-checked")]


# ── schemas ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("schema", "says"),
    [
        (b"{", "no JSON"),
        (b"[]", "no JSON Schema"),
        (b'{"type": "nothing"}', "no JSON Schema"),
        (b'{"$ref": "#/definitions/none"}', "not inside it"),
        (b'{"$ref": "file:///etc/hostname"}', "not inside it"),
        (b'{"$ref": "#"}', "without end"),
        (b'{"pattern": "("}', "no JSON Schema|cannot be used"),
        (b'{"pattern": "\\\\p{L}"}', "no JSON Schema|cannot be used"),
    ],
)
def test_a_schema_that_cannot_be_used_is_the_caller_s_error(schema: bytes, says: str) -> None:
    with pytest.raises(AltinnInputError, match=says):
        check_json(b'"x"', schema)


def test_a_missing_schema_is_the_caller_s_error(tmp_path: Path) -> None:
    with pytest.raises(AltinnInputError, match="cannot be read"):
        check_json(b"{}", tmp_path / "none.json")


def test_a_schema_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_text(json.dumps(PERSON), encoding="utf-8-sig")
    assert errors(GOOD, path) == []


def test_nothing_is_fetched() -> None:
    asked: list[str] = []

    class Recorder(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Recorder) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}"
        with pytest.raises(AltinnInputError, match="not inside it"):
            check_json(b"{}", {"$ref": f"{base}/other.json"})
        assert check_json(b"{}", {"$schema": f"{base}/draft", "type": "object"}) == []
        server.shutdown()
    assert asked == []


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=8,
)


@given(st.lists(_JSON, max_size=6))
def test_items_are_unique_when_no_two_have_the_same_meaning(items: list[Any]) -> None:
    def same(a: Any, b: Any) -> bool:
        if isinstance(a, bool) or isinstance(b, bool):
            return a is b
        if isinstance(a, list) and isinstance(b, list):
            return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
        if isinstance(a, dict) and isinstance(b, dict):
            return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
        return bool(a == b)

    doubled = any(same(a, b) for index, a in enumerate(items) for b in items[:index])
    assert bool(errors(items, {"type": "array", "uniqueItems": True})) == doubled


@given(st.binary(max_size=60))
def test_no_bytes_crash_the_check(data: bytes) -> None:
    for issue in check_json(data, {"type": "object"}):
        assert issue.message
