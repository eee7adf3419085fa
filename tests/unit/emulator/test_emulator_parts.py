"""Rights, uploads, multipart bodies, gateways, time: the emulator's parts by themselves."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altinn.emulator import world as world_module
from altinn.emulator.appfolder import load_apps
from altinn.emulator.behaviour import Settings
from altinn.emulator.clock import SimulatedClock
from altinn.emulator.expressions import evaluate, parse_expression
from altinn.emulator.identity import Principal
from altinn.emulator.metadata import DataType, MetadataError, data_types
from altinn.emulator.multipartbody import MultipartError, filename_of, split_parts
from altinn.emulator.negotiation import form_media_type
from altinn.emulator.parties import load_register
from altinn.emulator.processmoves import NoWay, next_element
from altinn.emulator.rights import Rights
from altinn.emulator.seededids import id_source
from altinn.emulator.storagequery import page_of, when
from altinn.emulator.store import Store
from altinn.emulator.uploads import check_headers, replaced_name, stored_name

APPS = load_apps([world_module.OWN_APPS / "ttd"], Settings(), 8)
RIGHTS = Rights(load_register())
SOPHIE = Principal("user", user_id=1337, party_id=501337, auth_level=2)
TTD = Principal("service_owner", org_code="ttd", org_number="405003309", auth_level=3)
TASK, END = "urn:altinn:task", "urn:altinn:end-event"


@pytest.mark.parametrize(
    ("who", "party", "action", "place", "permitted"),
    [
        (SOPHIE, 501337, "write", (TASK, "Task_1"), True),
        (SOPHIE, 501337, "write", (TASK, "Task_2"), False),
        (SOPHIE, 501337, "confirm", (TASK, "Task_2"), True),
        (SOPHIE, 501337, "read", (END, "EndEvent_1"), True),
        (SOPHIE, 501337, "complete", (END, "EndEvent_1"), False),
        (SOPHIE, 510002, "read", None, False),
        (SOPHIE, 500700, "instantiate", None, False),
        (TTD, 501337, "complete", (END, "EndEvent_1"), True),
        (TTD, 501337, "complete", (TASK, "Task_1"), False),
        (Principal("org", org_number="897069650", auth_level=3), 500000, "read", None, False),
    ],
)
def test_rights_go_by_role_task_and_end_event(
    who: Principal, party: int, action: str, place: tuple[str, str] | None, permitted: bool
) -> None:
    assert RIGHTS.decide(who, APPS["ttd/basic"], party, action, place).permitted is permitted


def data_type(**members: object) -> DataType:
    plain = {
        "id": "file", "task_id": None, "content_types": ("application/pdf",), "contributors": (), "max_bytes": 10,
        "max_count": 0, "min_count": 0, "is_form": False, "auto_create": False, "class_ref": None,
        "user_may_create": True, "user_may_delete": True, "file_scan": False, "pending_scan_blocks": False,
        "action_to_read": None, "action_to_write": None,
    }  # fmt: skip
    return DataType(**(plain | members))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("disposition", "content_type", "length", "code"),
    [
        ("attachment; filename=a.pdf", "application/pdf", 10, None),
        ("attachment; filename=a.pdf", "application/octet-stream", 1, "ContentTypeNotAllowed"),
        ("attachment; filename=a.pdf", "application/pdf", 11, "DataElementTooLarge"),
        (None, "application/pdf", 1, "ContentTypeNotAllowed"),
        ("attachment", "application/pdf", 1, "MissingFileName"),
        ("attachment; filename=a", "application/pdf", 1, "InvalidFileNameFormat"),
        ("attachment; filename=a.txt", "application/pdf", 1, "InvalidFileNameFormat"),
        ("attachment; filename=a.txt", "text/plain", 1, "ContentTypeNotAllowed"),
        ("attachment; filename=a b.pdf", "application/pdf", 1, "MissingFileName"),
        ("attachment; filename=", "application/pdf", 1, "MissingFileName"),
        ("filename=a.pdf", "application/pdf", 1, "MissingFileName"),
        ('attachment; filename="a"b.pdf"', "application/pdf", 1, "MissingFileName"),
        ("attachment; filename=a.pdf;", "application/pdf", 1, "MissingFileName"),
        ("", "application/pdf", 1, "MissingFileName"),
    ],
)
def test_uploads_keep_their_data_types_rules(
    disposition: str | None, content_type: str, length: int, code: str | None
) -> None:
    fault = check_headers(data_type(), disposition, content_type, length)
    assert (fault.code if fault else None) == code


def test_xml_files_may_be_called_by_either_type() -> None:
    allowed = data_type(content_types=("text/xml",))
    assert check_headers(allowed, "attachment; filename=melding.xml", "text/xml", 1) is None
    assert check_headers(allowed, "attachment; filename=melding.xml", "application/xml", 1) is not None


def test_file_names_are_decoded_twice() -> None:
    assert stored_name("a+b%2541.pdf") == "a bA.pdf"
    assert stored_name("a/b:c.pdf") == "a_b_c.pdf"


@pytest.mark.parametrize(
    ("disposition", "new", "replaced"),
    [
        ("attachment; filename=x.txt; filename*=UTF-8''%C3%A5.txt", "å.txt", "x.txt"),
        ("attachment; filename*=iso-8859-1'no'%E6.txt", "æ.txt", None),
        ("attachment; filename*=nothing; filename=b.txt", "b.txt", "b.txt"),
        ("attachment; filename*=moon''a.txt; filename=b.txt", "b.txt", "b.txt"),
        ('form-data; name="x"; filename="a+%41.txt"', "a+%41.txt", "a A.txt"),
        ('attachment; filename="a\\b.txt"', "a\\b.txt", "a\\b.txt"),
        ('attachment; filename="=?utf-8?B?w6YudHh0?="', "æ.txt", "æ.txt"),
        ('attachment; filename="=?utf-8?B?w?="', "=?utf-8?B?w?=", "=?utf-8?B?w?="),
        ("attachment", None, None),
    ],
)
def test_a_new_element_is_named_by_either_parameter_a_replaced_one_by_the_plain(
    disposition: str, new: str | None, replaced: str | None
) -> None:
    assert (filename_of(disposition), replaced_name(disposition)) == (new, replaced)


@given(st.lists(st.tuples(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.binary(max_size=50)), max_size=4))
def test_parts_are_split_as_they_were_joined(parts: list[tuple[str, bytes]]) -> None:
    body = b""
    for name, content in parts:
        body += b'--b0undary\r\nContent-Disposition: form-data; name="' + name.encode() + b'"\r\n'
        body += b"Content-Type: application/octet-stream\r\n\r\n" + content + b"\r\n"
    found = split_parts(body + b"--b0undary--\r\n", "multipart/form-data; boundary=b0undary")
    assert [(part.name, part.content) for part in found] == parts


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"--b\r\nContent-Type: a/b\r\n\r\nx\r\n--b--", "Part number 1 doesn't have a content disposition"),
        (
            b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\nx\r\n--b--',
            "Part number 1 doesn't have a content type",
        ),
        (b'--b\r\nContent-Disposition: form-data; name="x"\r\nContent-Type: a/b\r\n\r\nx', "Unexpected end of Stream"),
    ],
)
def test_a_part_that_cannot_be_read_is_named(body: bytes, message: str) -> None:
    with pytest.raises(MultipartError, match=message):
        split_parts(body, "multipart/form-data; boundary=b")


def test_gateways_follow_the_action() -> None:
    process = APPS["ttd/basic-signing"].process

    def follow(action: str | None) -> str:
        return next_element(process, "Task_2", action, lambda _: None, lambda _: None)

    assert [follow(action) for action in ("sign", None, "reject")] == ["EndEvent_1", "EndEvent_1", "Task_1"]
    with pytest.raises(NoWay):
        next_element(process, "EndEvent_1", None, lambda _: None, lambda _: None)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ('["equals", ["dataModel", "a"], "1"]', True),
        ('["equals", ["dataModel", "yes"], true]', True),
        ('["and", ["notEquals", ["gatewayAction"], "reject"], ["not", false]]', True),
        ('["if", ["greaterThan", ["dataModel", "a"], 2], "x", "else", "y"]', "y"),
    ],
)
def test_expressions_are_evaluated(expression: str, value: object) -> None:
    model = {"a": "1", "yes": "true"}
    assert evaluate(parse_expression(expression), "sign", model.get, lambda _: None) == value


@given(st.lists(st.integers(0, 10**6), unique=True, max_size=30), st.integers(1, 7), st.booleans())
def test_pages_hold_everything_once_in_order(times: list[int], size: int, ascending: bool) -> None:
    records = [{"lastChanged": f"{n:08}", "guid": str(n)} for n in times]
    query = {"size": str(size), "order": f"{'asc' if ascending else 'desc'}:lastChanged"}
    seen: list[str] = []
    token: str | None = ""
    while token is not None:
        page = page_of(records, query | ({"continuationtoken": token} if token else {}))
        seen += [r["guid"] for r in page.records]
        token = page.token
    assert seen == [str(n) for n in sorted(times, reverse=not ascending)]


def test_dates_are_read_with_and_without_a_zone() -> None:
    assert when("2026-11-24T10:00:00.1234567Z") == when("2026-11-24T11:00:00.123456+01:00")
    assert when("2026-11-24") == when("2026-11-24T00:00:00Z")


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/xml", "application/xml"),
        ("text/xml", "text/xml"),
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        ("", "application/json"),
        ("text/html, application/xml;q=0.9, */*;q=0.8", "application/json"),
        ("text/html, application/xml;q=0.9", "application/xml"),
        ("application/xml;q=0.5, application/json", "application/json"),
        ("text/csv", "application/json"),
        ("application/xml;q=much", "application/xml"),
    ],
)
def test_a_form_is_answered_in_the_better_liked_kind_but_as_json_to_who_takes_anything(accept: str, kind: str) -> None:
    assert form_media_type(accept) == kind


def test_time_only_goes_forward_and_never_stands_still() -> None:
    wall = iter([100.0, 100.0, 90.0, 101.0])
    clock = SimulatedClock(lambda: next(wall))
    first, second, third = (clock.seconds() for _ in range(3))
    clock.advance(60)
    assert first < second < third < clock.seconds() == 161.0
    with pytest.raises(ValueError, match="only goes forward"):
        clock.advance(-1)


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_the_emulator_shares_no_code_with_the_client() -> None:
    package = Path(world_module.__file__).parent
    files = list(package.rglob("*.py"))
    foreign = {
        f"{path.relative_to(package)}: {name}"
        for path in files
        for name in imports(path)
        if name.split(".")[0] in ("altinn", "altinn_plugin", "airflow") and not name.startswith("altinn.emulator")
    }
    assert len(files) > 40
    assert foreign == set()


@pytest.mark.parametrize("seed", [None, 3])
def test_ids_go_on_where_a_kept_state_left_off(tmp_path: Path, seed: int | None) -> None:
    drawn = []
    for _ in range(3):
        store = Store(tmp_path)
        draw = id_source(seed, store)
        drawn += [draw(), draw()]
        store.close()
    assert len(set(drawn)) == 6


def test_an_id_that_exists_is_neither_drawn_nor_overwritten() -> None:
    store = Store(None)
    taken = str(id_source(3, Store(None))())
    store.add_element({"id": taken, "instanceGuid": "g"}, b"first")
    assert str(id_source(3, store)()) != taken
    with pytest.raises(ValueError, match="already"):
        store.add_element({"id": taken, "instanceGuid": "g"}, b"second")
    assert store.content(taken) == b"first"
    store.add_instance({"guid": "g"})
    with pytest.raises(ValueError, match="already"):
        store.add_instance({"guid": "g"})


@pytest.mark.parametrize(
    ("limits", "says"),
    [({"maxSize": "big"}, "maxSize is 'big'"), ({"maxCount": -1}, "maxCount is -1"), ({"minCount": 1.5}, "1.5"),
     ({"maxCount": True}, "maxCount is True")],
)  # fmt: skip
def test_a_limit_that_is_none_is_named(limits: dict[str, object], says: str) -> None:
    with pytest.raises(MetadataError, match=f"data type model: .*{says}.*whole number"):
        data_types({"dataTypes": [{"id": "model", **limits}]})
    assert data_types({"dataTypes": [{"id": "model", "maxCount": "2"}]})["model"].max_count == 2
