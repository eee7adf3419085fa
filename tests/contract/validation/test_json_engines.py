"""Both JSON engines give one verdict, fetch nothing, and the extra is chosen where it pays."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from altinn.exceptions import AltinnInputError, Issue
from altinn.validation.json_check import FAST_FROM, check_json

ROOT = Path(__file__).parents[3]
BOTH = pytest.mark.parametrize("engine", ["pure", "fast"])


def errors(document: str, schema: dict[str, Any], engine: str) -> list[Issue]:
    found = check_json(document.encode(), schema, engine=engine)
    return [issue for issue in found if issue.severity == "error"]


PROBES: list[tuple[dict[str, Any], str, bool]] = [
    ({"type": "string", "pattern": "^[0-9]{9}$"}, '"123456789"', True),
    ({"type": "string", "pattern": "^[0-9]{9}$"}, '"123456789\\n"', False),
    ({"type": "string", "pattern": r"^\d+$"}, '"\u0661\u0662"', False),
    ({"type": "number", "multipleOf": 0.01}, "1234567.89", True),
    ({"type": "number", "multipleOf": 0.01}, "1234567.891", False),
    ({"type": "integer"}, "1.0", True),
    ({"type": "integer"}, "1.5", False),
    ({"type": "integer"}, "true", False),
    ({"type": "integer"}, "9" * 60, True),
    ({"uniqueItems": True}, "[1, 1.0]", False),
    ({"uniqueItems": True}, "[1, true]", True),
    ({"uniqueItems": True}, '[{"a": 1, "b": 2}, {"b": 2, "a": 1}]', False),
    ({"$schema": "http://json-schema.org/draft-04/schema#", "maximum": 5, "exclusiveMaximum": True}, "5", False),
    ({"$schema": "http://json-schema.org/schema#", "type": "object"}, "{}", True),
    ({"oneOf": [{"type": "string"}, {"type": "object", "required": ["a"]}]}, '{"b": 1}', False),
    ({"properties": {"a": {"$ref": "#/$defs/t"}}, "$defs": {"t": {"type": "string"}}}, '{"a": 1}', False),
    ({"type": "object", "additionalProperties": False}, '{"a": 1}', False),
    ({"properties": {"a": {"type": "integer", "const": "1533"}}}, '{"a": 1533}', True),
]


@BOTH
@pytest.mark.parametrize(("schema", "document", "good"), PROBES)
def test_a_value_is_judged_as_json_schema_has_it(
    engine: str, schema: dict[str, Any], document: str, good: bool
) -> None:
    assert (errors(document, schema, engine) == []) is good


@BOTH
@pytest.mark.parametrize("document", ['{"a": NaN}', '{"a": 1, "a": 2}', "[" * 5000, "{", '{"a": 1e999, "b": Infinity}'])
def test_what_is_no_json_is_found_before_any_engine(engine: str, document: str) -> None:
    assert len(errors(document, {}, engine)) == 1


@contextmanager
def recorder() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Recorder(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Recorder) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


@BOTH
def test_nothing_is_fetched_and_no_file_is_read(engine: str) -> None:
    with recorder() as (base, asked):
        for reference in (f"{base}/x.json", "file:///etc/hostname", "other.json"):
            with pytest.raises(AltinnInputError):
                check_json(b"{}", {"$ref": reference}, engine=engine)
        check_json(b"{}", {"$schema": f"{base}/dialect", "type": "object"}, engine=engine)
    assert asked == []


@BOTH
def test_no_value_is_repeated(engine: str) -> None:
    schema: dict[str, Any] = {"oneOf": [{"type": "string", "maxLength": 3}, {"required": ["x"], "type": "object"}]}
    found = errors('"hemmelig"', schema, engine) + errors('{"hemmelig": "hemmelig"}', schema, engine)
    assert found
    assert "hemmelig" not in repr([issue.message for issue in found])


def large(last: str) -> bytes:
    rows = [{"n": number, "b": "1234567.89"} for number in range(60_000)]
    text = json.dumps({"rows": rows}).replace('"1234567.89"', "1234567.89")
    return text[: text.rindex("1234567.89")].encode() + last.encode() + b"}]}"


def test_a_large_document_is_judged_with_its_paths() -> None:
    row = {"type": "object", "required": ["n"], "properties": {"b": {"type": "number", "multipleOf": 0.01}}}
    schema = {"type": "object", "properties": {"rows": {"type": "array", "items": row}}}
    assert len(large("1")) > FAST_FROM
    assert check_json(large("1234567.89"), schema) == []
    [issue] = check_json(large("1.001"), schema)
    assert (issue.code, issue.where) == ("json-multipleOf", "$.rows[59999].b")


def test_where_the_engines_differ_the_stricter_counts_and_says_so() -> None:
    """Without further packages jsonschema takes anything with an @ for an address; jsonschema-rs knows the grammar."""
    schema: dict[str, Any] = {"properties": {"to": {"format": "email"}}}
    assert errors('{"to": "a@b..c"}', schema, "pure") == []
    [issue] = errors('{"to": "a@b..c"}', schema, "fast")
    assert (issue.code, issue.where) == ("engine-disagreement", "$.to")
    assert "b..c" not in issue.message
    assert errors('{"to": "a@b.no"}', schema, "fast") == []


WITHOUT = """
import sys
sys.modules["jsonschema_rs"] = None
sys.path.insert(0, "plugins")
from altinn.exceptions import AltinnInputError
from altinn.validation import json_check
json_check.FAST_FROM = 1
assert json_check.check_json(b'{"a": 1}', {"type": "object"}) == []
assert [i.code for i in json_check.check_json(b'[ ]', {"type": "object"})] == ["json-type"]
try:
    json_check.check_json(b"{}", {}, engine="fast")
except AltinnInputError as exc:
    assert "[fast]" in str(exc)
else:
    raise SystemExit("fast was not refused")
"""


def test_without_the_extra_the_other_engine_judges() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
