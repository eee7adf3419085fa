"""What is sent to an app, byte for byte, and how its answers are read."""

from __future__ import annotations

import io
import json
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altinn.exceptions import AltinnAnswerError, AltinnInputError
from altinn.protocol.app_api import App, Part, content_disposition, multipart_body
from altinn.protocol.identifiers import InstanceId, InstanceOwner
from altinn.protocol.wire import Call, HttpRequest, HttpResponse, MultipartBody, StreamBody
from altinn.request_bodies import SizedBody, opened_body
from tests.unit.protocol import recorded_answers as recorded

BASE = "https://ttd.apps.example/ttd/basic"
APP = App(BASE)
ID = InstanceId("501337", recorded.GUID)
OWNER = InstanceOwner(organisation_number="974760673")
INSTANCE = f"{BASE}/instances/501337/{recorded.GUID}"


def json_answer(body: object, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {}, json.dumps(body).encode())


def request(call: Call[Any]) -> tuple[str, str, dict[str, str], object]:
    sent: HttpRequest = call.request
    return sent.method, sent.url, dict(sent.headers), sent.body


ACCEPT = {"Accept": "application/json"}
JSON = {"Content-Type": "application/json", "Accept": "application/json"}


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (APP.metadata(), ("GET", f"{BASE}/api/v1/applicationmetadata", ACCEPT, None)),
        (
            APP.create(OWNER, {"filingperiod": "2026-T4"}),
            (
                "POST",
                f"{BASE}/instances",
                JSON,
                b'{"instanceOwner": {"organisationNumber": "974760673"}, "dataValues": {"filingperiod": "2026-T4"}}',
            ),
        ),
        (
            APP.create(InstanceOwner(party_id="50001234"), {}),
            ("POST", f"{BASE}/instances", JSON, b'{"instanceOwner": {"partyId": "50001234"}}'),
        ),
        (
            APP.create_simplified(OWNER, {"a.b": "c"}),
            (
                "POST",
                f"{BASE}/instances/create",
                JSON,
                b'{"instanceOwner": {"organisationNumber": "974760673"}, "prefill": {"a.b": "c"}}',
            ),
        ),
        (APP.delete(ID), ("DELETE", f"{INSTANCE}?hard=false", ACCEPT, None)),
        (APP.get_process(ID), ("GET", f"{INSTANCE}/process", ACCEPT, None)),
        (APP.next(ID, "confirm"), ("PUT", f"{INSTANCE}/process/next", JSON, b'{"action": "confirm"}')),
        (APP.history(ID), ("GET", f"{INSTANCE}/process/history", ACCEPT, None)),
        (APP.validate(ID), ("GET", f"{INSTANCE}/validate", ACCEPT, None)),
        (APP.validate(ID, "nb"), ("GET", f"{INSTANCE}/validate?language=nb", ACCEPT, None)),
        (APP.feedback_status(ID), ("GET", f"{INSTANCE}/feedback/status", ACCEPT, None)),
        (APP.read_data(ID, recorded.FILE), ("GET", f"{INSTANCE}/data/{recorded.FILE}", {"Accept": "*/*"}, None)),
        (
            APP.read_data(ID, recorded.FORM, accept="application/xml"),
            ("GET", f"{INSTANCE}/data/{recorded.FORM}", {"Accept": "application/xml"}, None),
        ),
        (
            APP.replace_data(ID, recorded.FORM, b"<a/>", "application/xml"),
            ("PUT", f"{INSTANCE}/data/{recorded.FORM}", {"Content-Type": "application/xml", **ACCEPT}, b"<a/>"),
        ),
        (
            APP.replace_data(ID, recorded.FILE, b"x", "application/pdf", "a.pdf"),
            (
                "PUT",
                f"{INSTANCE}/data/{recorded.FILE}",
                {"Content-Type": "application/pdf", **ACCEPT, "Content-Disposition": "attachment; filename=a.pdf"},
                b"x",
            ),
        ),
        (
            APP.add_data(ID, "my type&x", b"x", "application/pdf", "å.pdf"),
            (
                "POST",
                f"{INSTANCE}/data?dataType=my+type%26x",
                {
                    "Content-Type": "application/pdf",
                    **ACCEPT,
                    "Content-Disposition": "attachment; filename=\"_.pdf\"; filename*=UTF-8''%C3%A5.pdf",
                },
                b"x",
            ),
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Call) else "",
)
def test_requests(call: Call[Any], expected: tuple[str, str, dict[str, str], object]) -> None:
    assert request(call) == expected


def test_only_what_is_harmless_may_be_repeated() -> None:
    body = StreamBody(lambda: io.BytesIO(b"x"), 1)
    harmless: list[Call[Any]] = [
        APP.metadata(),
        APP.get_process(ID),
        APP.history(ID),
        APP.validate(ID),
        APP.feedback_status(ID),
        APP.read_data(ID, recorded.FILE),
        APP.replace_data(ID, recorded.FORM, body, "application/xml"),
    ]
    once: list[Call[Any]] = [
        APP.create(OWNER, {}),
        APP.create_simplified(OWNER, {}),
        APP.create_multipart(OWNER, {}, [], "b"),
        APP.next(ID, "write"),
        APP.add_data(ID, "attachment", body, "application/pdf", "a.pdf"),
    ]
    assert [call.name for call in harmless if not call.harmless] == []
    assert [call.name for call in once if call.harmless] == []


def test_writes_wait_longer_than_the_servers_own_limit_and_renew_their_token_before() -> None:
    for call in (
        APP.create(OWNER, {}),
        APP.next(ID, "write"),
        APP.add_data(ID, "a", b"x", "a/b"),
        APP.replace_data(ID, recorded.FORM, b"x", "a/b"),
    ):
        assert call.request.read_timeout >= 150
        assert call.min_validity >= 300


def test_names_for_logs_hold_no_person_number() -> None:
    assert "01039012345" not in APP.create(InstanceOwner(person_number="01039012345"), {}).name
    assert "01039012345" not in repr(APP.create(InstanceOwner(person_number="01039012345"), {}).request)


def test_a_push_without_an_action_is_refused() -> None:
    with pytest.raises(AltinnInputError, match="confirms whatever it meets"):
        APP.next(ID, "")


@pytest.mark.parametrize("element", ["", "a/../b", "0a64ef5d", recorded.FORM + "/x", "?" * 36])
def test_what_is_no_element_id_is_refused(element: str) -> None:
    with pytest.raises(AltinnInputError, match="expected a GUID"):
        APP.read_data(ID, element)


# -- answers


def test_a_creation_is_an_instance() -> None:
    call = APP.create(OWNER, {})
    assert call.accept == {200, 201}
    assert call.parse(json_answer(recorded.APP, 201)).id == ID


def test_next_is_a_process() -> None:
    assert APP.next(ID, "write").parse(json_answer(recorded.PROCESS)).task_id == "Task_2"


def test_calculated_fields_are_named() -> None:
    call = APP.replace_data(ID, recorded.FORM, b"<a/>", "application/xml")
    calculated = {**recorded.FORM_ELEMENT, "changedFields": {"property3": "7"}}
    assert call.parse(json_answer(calculated, 200)) == {"property3": "7"}
    assert call.parse(json_answer(recorded.FORM_ELEMENT, 201)) == {}
    assert call.parse(json_answer({**recorded.FORM_ELEMENT, "changedFields": None}, 200)) == {}
    assert call.parse(HttpResponse(303)) == {}
    assert call.accept == {200, 201, 303}


@pytest.mark.parametrize(
    "body",
    [{"newDataElementId": recorded.FILE, "instance": recorded.APP}, {**recorded.FORM_ELEMENT, "id": recorded.FILE}],
)
def test_both_answers_of_post_data_name_the_element(body: dict[str, Any]) -> None:
    call = APP.add_data(ID, "attachment", b"x", "application/pdf", "a.pdf")
    assert call.accept == {200, 201}
    assert call.parse(json_answer(body, 201)) == recorded.FILE


@pytest.mark.parametrize("body", [{}, [], None, {"id": ""}])
def test_a_post_that_names_no_element_is_an_answer_error(body: object) -> None:
    with pytest.raises(AltinnAnswerError):
        APP.add_data(ID, "attachment", b"x", "application/pdf").parse(json_answer(body))


@pytest.mark.parametrize(
    ("body", "there"), [({"isFeedbackProvided": True}, True), ({"isFeedbackProvided": False}, False)]
)
def test_feedback_status(body: object, there: bool) -> None:
    assert APP.feedback_status(ID).parse(json_answer(body)) is there


# -- file names


@pytest.mark.parametrize("name", ["a.pdf", "Return_2026-T4.v2.xml"])
def test_a_plain_name_goes_without_quotes(name: str) -> None:
    assert content_disposition(name) == f"attachment; filename={name}"


@pytest.mark.parametrize(
    "name", ['a".pdf', "a\\b.pdf", "a\r\nX-Evil: 1.pdf", "a\x00.pdf", "a\x7f.pdf", "a\x85.pdf", "a\ud800.pdf"]
)
def test_a_name_that_would_break_the_header_is_refused(name: str) -> None:
    with pytest.raises(AltinnInputError, match="rename it"):
        content_disposition(name)


@given(st.text(min_size=1, max_size=40))
def test_any_name_arrives_or_is_refused(name: str) -> None:
    try:
        header = content_disposition(name)
    except AltinnInputError:
        return
    assert header.isascii()
    assert header.isprintable()
    message = Message()
    message["Content-Disposition"] = header
    if "filename*=" in header:
        assert unquote(header.rpartition("''")[2], errors="strict") == name
    else:
        assert message.get_filename() == name


# -- multipart


def bytes_of(body: object) -> bytes:
    """Read a multipart body as a driver sends it."""
    assert isinstance(body, MultipartBody)
    opened, close = opened_body(body, lambda _line: None)
    assert isinstance(opened, SizedBody)
    content = b"".join(opened)
    close()
    assert len(content) == len(opened)
    return content


def test_multipart_byte_for_byte() -> None:
    parts = [
        Part("model", "application/xml", b"<a/>"),
        Part("attachment", "application/pdf", b"%PDF\r\n--b", "min fil.pdf"),
    ]
    call = APP.create_multipart(OWNER, {"k": "v"}, parts, "b0undary")
    assert request(call)[:3] == (
        "POST",
        f"{BASE}/instances",
        {"Content-Type": "multipart/form-data; boundary=b0undary", "Accept": "application/json"},
    )
    assert bytes_of(call.request.body) == (
        b'--b0undary\r\nContent-Disposition: form-data; name="instance"\r\nContent-Type: application/json\r\n\r\n'
        b'{"instanceOwner": {"organisationNumber": "974760673"}, "dataValues": {"k": "v"}}\r\n'
        b'--b0undary\r\nContent-Disposition: form-data; name="model"\r\nContent-Type: application/xml\r\n\r\n'
        b"<a/>\r\n"
        b'--b0undary\r\nContent-Disposition: form-data; name="attachment"; filename="min fil.pdf"; '
        b"filename*=UTF-8''min%20fil.pdf\r\nContent-Type: application/pdf\r\n\r\n"
        b"%PDF\r\n--b\r\n"
        b"--b0undary--\r\n"
    )


@given(st.lists(st.tuples(st.from_regex(r"[a-zA-Z0-9-]{1,12}", fullmatch=True), st.binary(max_size=50)), max_size=5))
def test_an_independent_reader_gets_the_parts_back(parts: list[tuple[str, bytes]]) -> None:
    body = bytes_of(
        multipart_body({"a": 1}, [Part(name, "application/octet-stream", raw) for name, raw in parts], "=_b0undary")
    )
    parser = BytesParser(policy=HTTP)
    message = parser.parsebytes(b'Content-Type: multipart/form-data; boundary="=_b0undary"\r\n\r\n' + body)
    sections = list(message.iter_parts())
    names = [section.get_param("name", header="content-disposition") for section in sections]
    assert names == ["instance", *(name for name, _ in parts)]
    assert [section.get_content_type() for section in sections][1:] == ["application/octet-stream"] * len(parts)


@pytest.mark.parametrize(
    "part",
    [
        Part('a"; filename="x', "application/xml", b"x"),
        Part("a\r\nX: 1", "application/xml", b"x"),
        Part("a", "application/xml\r\nX: 1", b"x"),
        Part("a", "", b"x"),
        Part("a", "application/xml", b"x", "a\n.xml"),
    ],
)
def test_a_part_that_would_break_the_body_is_refused(part: Part) -> None:
    with pytest.raises(AltinnInputError):
        multipart_body({}, [part], "b")


@pytest.mark.parametrize("content_type", ["", "pdf", "application/pdf\r\nX: 1", "application/pdf\n", "søknad/pdf"])
def test_what_is_no_content_type_is_refused(content_type: str) -> None:
    with pytest.raises(AltinnInputError, match="content type"):
        APP.add_data(ID, "a", b"x", content_type, "a.pdf")
    with pytest.raises(AltinnInputError, match="content type"):
        APP.replace_data(ID, recorded.FILE, b"x", content_type, "a.pdf")
