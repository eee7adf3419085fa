"""Error answers of every dialect become typed errors whose texts can be shown."""

from __future__ import annotations

import json
import pickle
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altinn.exceptions import (
    AltinnConflictError,
    AltinnForbiddenError,
    AltinnHttpError,
    AltinnLockedError,
    AltinnNotFoundError,
    AltinnProcessEndedError,
    AltinnRefusedError,
    AltinnResumeRequiredError,
    AltinnRetryingError,
    AltinnServerError,
    AltinnUnauthorizedError,
    AltinnUnavailableError,
    AltinnValidationError,
    Issue,
)
from altinn.protocol.masking import mask
from altinn.protocol.problems import error_of, problem_of
from altinn.protocol.wire import HttpResponse

NEXT = "PUT process/next (write) of 50001234/a"
ISSUE = {
    "severity": 1,
    "dataElementId": "0a64ef5d",
    "field": "property1",
    "code": "property1.feil",
    "description": "property1 kan ikke være FEIL",
    "source": "Altinn.App.logic.ModelValidator-model",
}
NOW = datetime(2026, 11, 11, 10, 0, 0, tzinfo=UTC)


def answer(status: int, body: object, **headers: str) -> HttpResponse:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpResponse(status, headers, raw)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, AltinnRefusedError),
        (401, AltinnUnauthorizedError),
        (403, AltinnForbiddenError),
        (404, AltinnNotFoundError),
        (408, AltinnUnavailableError),
        (409, AltinnConflictError),
        (410, AltinnRefusedError),
        (413, AltinnRefusedError),
        (415, AltinnRefusedError),
        (422, AltinnRefusedError),
        (425, AltinnUnavailableError),
        (429, AltinnUnavailableError),
        (500, AltinnServerError),
        (501, AltinnServerError),
        (502, AltinnUnavailableError),
        (503, AltinnUnavailableError),
        (504, AltinnUnavailableError),
    ],
)
def test_the_status_chooses_the_error(status: int, error: type[AltinnHttpError]) -> None:
    found = error_of("GET x", HttpResponse(status))
    assert type(found) is error
    assert str(found).startswith(f"GET x answered {status}")


# The bodies below are answers of the real app library (version 8.12.7, and the version 9 preview).
CONFLICTS: list[tuple[str, Mapping[str, object] | str | None, type[AltinnConflictError]]] = [
    (
        "data wrong",
        {
            "title": "Validation failed for task",
            "status": 409,
            "detail": "1 validation errors found for task Task_1",
            "validationIssues": [ISSUE],
        },
        AltinnValidationError,
    ),
    ("ended", {"status": 409, "detail": "Process is ended.", "validationIssues": None}, AltinnProcessEndedError),
    (
        "lock",
        {
            "type": "https://tools.ietf.org/html/rfc9110#section-15.5.10",
            "title": "Conflict",
            "status": 409,
            "traceId": "00-1",
        },
        AltinnLockedError,
    ),
    (
        "not started",
        {"status": 409, "detail": "Process is not started. Use start!", "validationIssues": None},
        AltinnConflictError,
    ),
    (
        "engine retrying",
        {
            "title": "Task is still being processed.",
            "status": 409,
            "detail": "The current task is still being processed by the workflow engine.",
            "validationIssues": None,
            "processNextState": "retrying",
        },
        AltinnRetryingError,
    ),
    (
        "resume required",
        {
            "title": "Task must be resumed before it can continue.",
            "status": 409,
            "detail": "The current task has a failed workflow that must be resumed before it can continue.",
            "validationIssues": None,
            "processNextState": "resumeRequired",
        },
        AltinnResumeRequiredError,
    ),
    ("the authority's text", "Valideringsfeil: sum stemmer ikke", AltinnValidationError),
    ("user action", {"title": "User action not supported!", "status": 409}, AltinnConflictError),
    ("JSON string", "Process is ended. It cannot be restarted.", AltinnProcessEndedError),
    ("nothing", None, AltinnConflictError),
]


@pytest.mark.parametrize(("body", "error"), [case[1:] for case in CONFLICTS], ids=[case[0] for case in CONFLICTS])
def test_the_409s_of_process_next_are_told_apart(
    body: Mapping[str, object] | str | None, error: type[AltinnConflictError]
) -> None:
    assert type(error_of(NEXT, answer(409, body) if body else HttpResponse(409))) is error


def test_a_bare_conflict_is_a_lock_on_process_next_only() -> None:
    bare = answer(409, {"title": "Conflict", "status": 409, "traceId": "00-1"})
    assert type(error_of("PUT data x of y", bare)) is AltinnConflictError


def test_validation_issues_are_carried_and_shown() -> None:
    error = error_of(NEXT, answer(409, {"title": "t", "status": 409, "validationIssues": [ISSUE]}))
    assert error.issues == (
        Issue("error", "property1.feil", "property1", "property1 kan ikke være FEIL", ISSUE["source"]),  # type: ignore[arg-type]
    )
    assert "error property1.feil property1: property1 kan ikke være FEIL" in str(error)


def test_issues_of_an_upload_are_carried() -> None:
    body = {
        "title": "File validation failed",
        "status": 400,
        "detail": "Common checks failed",
        "uploadValidationIssues": [{**ISSUE, "code": "DataElementTooLarge"}],
    }
    error = error_of("POST data", answer(400, body))
    assert isinstance(error, AltinnRefusedError)
    assert [i.code for i in error.issues] == ["DataElementTooLarge"]


def test_a_long_list_of_issues_is_counted() -> None:
    error = error_of(NEXT, answer(409, {"title": "t", "validationIssues": [ISSUE] * 25}))
    assert str(error).count("property1.feil") == 20
    assert "… and 5 more" in str(error)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'"Could not find the data type"', "Could not find the data type"),
        (b"Cannot lookup party:\r\n  404", "Cannot lookup party: 404"),
        (b"", ""),
        (b"null", ""),
        (b"[]", "[]"),
        (b"\xff\xfe\x00", "\ufffd\ufffd\x00"),
        ("\ufeffmed BOM æøå".encode(), "med BOM æøå"),
        (
            b"<html><head><style>p{color:red}</style><script>var a='<b>';</script></head>"
            b"<body><h1>502 Bad Gateway</h1><hr>nginx</body></html>",
            "502 Bad Gateway nginx",
        ),
        (
            b'<?xml version="1.0"?><feil><kode>MVA-001</kode><tekst>Ugyldig periode</tekst></feil>',
            "MVA-001 Ugyldig periode",
        ),
        (b"[" * 60_000, "[" * 600),
    ],
    ids=["json string", "text", "empty", "null", "list", "bytes", "bom", "html", "xml", "deep"],
)
def test_a_body_of_any_kind_says_what_a_person_would_read(body: bytes, said: str) -> None:
    assert problem_of(HttpResponse(500, {}, body)).detail == said


@pytest.mark.parametrize("page", [b"<" * 200_000, b"<script" * 30_000, b"<!--" * 50_000])
def test_a_nasty_page_takes_no_time(page: bytes) -> None:
    start = time.process_time()
    problem_of(HttpResponse(502, {}, page))
    assert time.process_time() - start < 2


def test_problem_json_is_read() -> None:
    body = {"title": "Forbidden", "status": 403, "detail": "Insufficient\n scope", "traceId": "00-abc-01"}
    error = error_of("GET x", answer(403, body))
    assert (error.problem.title, error.problem.detail, error.problem.trace_id) == (
        "Forbidden",
        "Insufficient scope",
        "00-abc-01",
    )
    assert "scope that the token lacks" in str(error)
    assert str(error).endswith("trace 00-abc-01")


def test_the_status_line_counts_not_the_body() -> None:
    assert type(error_of("GET x", answer(503, {"status": 403, "title": "t"}))) is AltinnUnavailableError


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        (" 120 ", 120.0),
        ("9" * 400, 86_400.0),
        ("-1", None),
        ("soon", None),
        ("1.5", None),
        ("²", None),
        ("Wed, 11 Nov 2026 10:02:00 GMT", 120.0),
        ("Wed, 11 Nov 2026 10:02:00 -0000", 120.0),
        ("Wed, 11 Nov 2026 09:00:00 GMT", 0.0),
        ("Wed, 11 Nov 2126 09:00:00 GMT", 86_400.0),
        ("Wed, 99 Nov 2026 10:02:00 GMT", None),
        ("Wed, 11 Nov 99999999999999999999 10:02:00 GMT", None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    assert problem_of(HttpResponse(503, {"retry-after": value}), NOW).retry_after == seconds


def test_a_date_cannot_be_read_without_a_clock() -> None:
    assert problem_of(HttpResponse(503, {"retry-after": "Wed, 11 Nov 2026 10:02:00 GMT"})).retry_after is None


@given(st.integers(-100_000, 100_000))
def test_retry_after_as_a_date_is_the_distance(seconds: int) -> None:
    header = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    assert problem_of(HttpResponse(503, {"retry-after": header}), NOW).retry_after == min(max(seconds, 0), 86_400)


@given(st.text(max_size=80))
def test_any_retry_after_is_a_number_of_seconds_or_nothing(value: str) -> None:
    seconds = problem_of(HttpResponse(503, {"retry-after": value}), NOW).retry_after
    assert seconds is None or 0 <= seconds <= 86_400


# -- masking

PERSON = "01039012345"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJwaWQiOiIwMTAzOTAxMjM0NSJ9.c2lnbmF0dXJl"


@pytest.mark.parametrize("kind", ["title", "detail", "error", "message", "error_description", "traceId"])
def test_no_member_shows_a_person_number_or_a_token(kind: str) -> None:
    error = error_of("GET x", answer(400, {kind: f"for {PERSON} with Bearer {TOKEN}."}))
    assert PERSON not in str(error)
    assert "eyJ" not in str(error)
    assert "for <eleven digits> with Bearer <token>" in str(error)


def test_no_issue_shows_a_person_number() -> None:
    issue = {**ISSUE, "description": f"{PERSON} er ugyldig", "field": f"person[{PERSON}]"}
    for body in ({"validationIssues": [issue]}, [issue]):
        assert PERSON not in str(error_of(NEXT, answer(409, body)))


def test_the_answer_kept_for_callers_is_in_no_repr() -> None:
    error = error_of("GET x", answer(400, {"title": "t", "personNumber": PERSON}))
    assert error.problem.raw == {"title": "t", "personNumber": PERSON}
    assert PERSON not in repr(error.problem) + repr(error)


@pytest.mark.parametrize("secret", [PERSON, TOKEN])
@pytest.mark.parametrize("before", [0, 560, 575, 590, 598])
def test_the_cut_of_a_long_text_lets_no_half_of_a_secret_through(secret: str, before: int) -> None:
    detail = problem_of(answer(400, {"detail": "x" * (before - 1) + " " + secret + " y" * 900})).detail
    assert len(detail) == 600
    assert secret[:8] not in detail


@given(
    st.text(alphabet=st.characters(exclude_categories=["Nd", "Cs"]), max_size=30),
    st.from_regex(r"[0-9]{6}[ -]?[0-9]{5}", fullmatch=True),
    st.text(alphabet=st.characters(exclude_categories=["Nd", "Cs"]), max_size=30),
)
def test_eleven_digits_are_always_hidden(before: str, number: str, after: str) -> None:
    masked = mask(f"{before}{number}{after}")
    assert not re.search(r"[0-9]{6}[ -]?[0-9]{5}", masked)
    assert masked.count("<eleven digits>") >= 1


@pytest.mark.parametrize(
    "written",
    [
        "01.03.90 12345",
        "01.03.90.12345",
        "01 03 90 12345",
        "010390.12345",
        "010390 123 45",
        "410390.12345",
        "01 83 90 12345",
    ],
)
def test_person_numbers_in_groups_are_hidden(written: str) -> None:
    assert mask(f"fnr {written}, born") == "fnr <eleven digits>, born"


@pytest.mark.parametrize(
    "shown",
    [
        "1 234 567.50",
        "12 345 678 901",
        "123456.78",
        "99 99 99 12345",
        "2026.11.25 10000",
        "25.11.2026 12345",
        "991390.12345",
    ],
)
def test_amounts_and_dates_are_shown(shown: str) -> None:
    assert mask(f"NOK {shown};") == f"NOK {shown};"


@given(st.lists(st.from_regex(r"[A-Za-z0-9_-]{0,30}", fullmatch=True), min_size=2, max_size=5))
def test_tokens_of_three_and_of_five_parts_are_hidden(parts: list[str]) -> None:
    token = "eyJ" + ".".join(parts)
    assert mask(f"Bearer {token}") == "Bearer <token>"


@given(st.from_regex(r"[0-9]{1,10}|[0-9]{12,20}", fullmatch=True))
def test_other_numbers_stay(number: str) -> None:
    assert mask(f"KID {number}!") == f"KID {number}!"


@pytest.mark.parametrize(
    "shown",
    [
        "500700/3fa85f64-5717-4562-b3fc-a12345678901",
        "trace 00-9cd01039012345cea504670000000a1b-0103901234500ff1-01",
        "9cd01039012345cea504670000000a1b",
    ],
)
def test_ids_are_shown_whole(shown: str) -> None:
    assert mask(shown) == shown


@pytest.mark.parametrize("text", ["a01039012345", "fnr 010390 12345.", "id=01039012345&", "x/01039012345/0"])
def test_what_is_no_id_is_hidden(text: str) -> None:
    assert "<eleven digits>" in mask(text)


@given(st.text(max_size=200))
def test_masking_twice_changes_nothing_more(text: str) -> None:
    assert mask(mask(text)) == mask(text)


# -- every error can cross a process border


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 500, 503])
def test_an_error_survives_pickling(status: int) -> None:
    error = error_of(NEXT, answer(status, {"title": "Conflict", "validationIssues": [ISSUE]}))
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert (str(copy), copy.problem) == (str(error), error.problem)


@given(st.binary(max_size=300), st.sampled_from([400, 403, 409, 500, 503]))
def test_any_body_becomes_an_error(body: bytes, status: int) -> None:
    assert error_of("GET x", HttpResponse(status, {}, body)).status == status


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["title", "detail", "validationIssues", "status", "severity", "field", "traceId", "x"]),
            inner,
        )
    ),
    max_leaves=12,
)


@given(JSON, st.sampled_from([400, 403, 409, 500]))
def test_any_json_becomes_an_error(body: object, status: int) -> None:
    error = error_of(NEXT, answer(status, body))
    assert error.status == status
    assert str(error)
