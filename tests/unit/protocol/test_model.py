"""Answers of both dialects become the same objects, and leave person numbers behind."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altinn.exceptions import AltinnAnswerError, Issue
from altinn.protocol.identifiers import InstanceId
from altinn.protocol.model import (
    DataElement,
    Instance,
    Page,
    Process,
    events_from_json,
    history_from_json,
    issues_from_json,
)
from tests.unit.protocol import recorded_answers as recorded


def changed(node: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {**copy.deepcopy(node), **members}


@pytest.mark.parametrize("dialect", [recorded.APP, recorded.STORAGE], ids=["app", "storage"])
def test_an_instance_is_read_in_either_dialect(dialect: dict[str, Any]) -> None:
    instance = Instance.from_json(dialect)
    assert instance.id == InstanceId("501337", recorded.GUID)
    assert (instance.app_id, instance.organisation_number) == ("ttd/basic", "")
    assert instance.stamps == {"filingversion": "1", "filingperiod": "2026-T4", "filingkind": "main"}
    assert (instance.is_archived, instance.is_soft_deleted, instance.is_hard_deleted) == (False, False, False)
    assert (instance.substatus, instance.confirmed_by) == ("", ())
    assert (instance.created, instance.last_changed) == ("2026-11-23T10:00:00Z", "2026-11-23T10:00:01Z")
    assert instance.process.where == "Task_1 (data, flow 2)"
    assert instance.process.actions is None
    form = instance.elements[0]
    assert (form.id, form.data_type, form.file_name, form.size, form.locked, form.file_scan) == (
        recorded.FORM,
        "model",
        "",
        146,
        False,
        "NotApplicable",
    )


def test_the_dialects_agree() -> None:
    assert Instance.from_json(recorded.APP) == Instance.from_json(recorded.STORAGE)


@pytest.mark.parametrize("dialect", [recorded.APP, recorded.STORAGE], ids=["app", "storage"])
def test_a_person_number_is_left_behind(dialect: dict[str, Any]) -> None:
    assert recorded.PERSON in json.dumps(dialect)
    assert recorded.PERSON not in repr(Instance.from_json(dialect))
    assert recorded.PERSON not in repr(history_from_json(recorded.HISTORY))
    assert recorded.PERSON not in repr(events_from_json(recorded.EVENTS))


def test_an_accepted_filing_shows_what_the_owner_did() -> None:
    owner = {"partyId": "50999999", "organisationNumber": "999999999"}
    node = changed(
        recorded.APP,
        instanceOwner=owner,
        process=recorded.ENDED,
        completeConfirmations=[{"stakeholderId": "ttd", "confirmedOn": "2026-11-23T11:00:00Z"}],
    )
    node["status"] |= {
        "isArchived": True,
        "isSoftDeleted": True,
        "isHardDeleted": True,
        "substatus": {"label": "godkjent", "description": "ok"},
    }
    instance = Instance.from_json(node)
    assert instance.organisation_number == "999999999"
    assert instance.process.is_ended
    assert instance.process.end_event == "EndEvent_1"
    assert (instance.substatus, instance.confirmed_by) == ("godkjent", ("ttd",))
    assert (instance.is_archived, instance.is_soft_deleted, instance.is_hard_deleted) == (True, True, True)


def test_stamps_are_texts_and_nulls_are_none() -> None:
    node = changed(recorded.APP, dataValues={"inntektsaar": 2021, "a": None, "b": "x"})
    assert Instance.from_json(node).stamps == {"inntektsaar": "2021", "b": "x"}
    assert Instance.from_json(changed(recorded.APP, dataValues=None)).stamps == {}


@pytest.mark.parametrize("broken", [None, [], "x", {}, {"id": "abc"}, {"id": None}, {"id": f"/{recorded.GUID}"}])
def test_an_instance_without_an_id_is_an_answer_error(broken: object) -> None:
    with pytest.raises(AltinnAnswerError):
        Instance.from_json(broken)


def test_elements_of_a_type_come_oldest_first() -> None:
    times = ("2026-11-23T10:00:02Z", "2026-11-23T10:00:00.5Z", "2026-11-23T10:00:00Z", "2026-11-23T10:00:00.1234567Z")
    rows = [changed(recorded.FORM_ELEMENT, id=str(n), created=moment) for n, moment in enumerate(times)]
    rows.append(changed(recorded.FORM_ELEMENT, id="other", dataType="attachment"))
    instance = Instance.from_json(changed(recorded.APP, data=rows))
    assert [e.id for e in instance.of_type("model")] == ["2", "3", "1", "0"]


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("Pending", "Pending"),
        ("Clean", "Clean"),
        ("Infected", "Infected"),
        (0, "NotApplicable"),
        (1, "Pending"),
        (2, "Clean"),
        (3, "Infected"),
        (99, "NotApplicable"),
        (None, "NotApplicable"),
    ],
)
def test_the_virus_scan_is_a_name_or_a_number(sent: object, read: str) -> None:
    assert DataElement.from_json(changed(recorded.FORM_ELEMENT, fileScanResult=sent)).file_scan == read


def test_a_fresh_process_tells_what_the_caller_may_do() -> None:
    process = Process.from_json(recorded.PROCESS)
    assert (process.task_id, process.task_type, process.task_name, process.flow) == (
        "Task_2",
        "confirmation",
        "Bekreftelse",
        3,
    )
    assert process.actions == {"read": True, "write": False, "confirm": True}
    assert set(process.task_ids) == {"Task_1", "Task_2"}
    assert (process.is_ended, process.workflow) == (False, "")


def test_an_ended_process_has_no_task() -> None:
    process = Process.from_json(recorded.ENDED)
    assert (process.is_ended, process.where, process.task_id, process.flow, process.actions) == (
        True,
        "ended",
        "",
        0,
        None,
    )


def test_a_process_that_has_not_started_says_so() -> None:
    for nothing in (None, {}, {"started": None, "currentTask": None}):
        assert Process.from_json(nothing).where == "not started"


def test_version_9_tells_about_its_engine() -> None:
    assert Process.from_json({**recorded.PROCESS, "workflow": recorded.WORKFLOW}).workflow == "processing"
    assert Process.from_json({**recorded.PROCESS, "workflow": None}).workflow == ""


@pytest.mark.parametrize(
    "following", [None, "", "https://platform.example/storage/api/v1/instances?continuationToken=1"]
)
def test_a_page_names_the_next_one(following: str | None) -> None:
    page = Page.from_json({"count": 1, "next": following, "instances": [recorded.STORAGE]})
    assert [str(i.id) for i in page.instances] == [f"501337/{recorded.GUID}"]
    assert page.next == (following or "")


def test_a_page_may_be_empty_and_have_a_next() -> None:
    assert Page.from_json({"count": 0, "next": "https://p/2", "instances": []}) == Page((), "https://p/2")
    assert Page.from_json({"count": 0}) == Page((), "")


def test_history_is_read() -> None:
    lines = history_from_json(recorded.HISTORY)
    assert [(e.element_id, e.started, e.ended) for e in lines] == [
        ("StartEvent_1", "", ""),
        ("Task_1", "2026-11-23T10:00:00Z", "2026-11-23T10:01:00Z"),
    ]


def test_events_come_oldest_first_and_name_who() -> None:
    events = events_from_json(recorded.EVENTS)
    assert [(e.event_type, e.actor) for e in events] == [
        ("Created", "user 1337"),
        ("process_EndTask", f"system user {recorded.GUID} of organisation 974760673"),
        ("process_EndTask", "organisation ttd"),
    ]
    assert (events[1].task_id, events[1].task_type) == ("Task_2", "confirmation")


def test_issues_are_read() -> None:
    assert issues_from_json(recorded.ISSUES) == (
        Issue(
            "error",
            "property1.feil",
            "property1",
            "property1 kan ikke være FEIL",
            "Altinn.App.logic.ModelValidator-model",
        ),
        Issue("warning", "property1.advarsel", "", "property1.advarsel.text", "Custom"),
    )


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (0, "unspecified"),
        (1, "error"),
        (2, "warning"),
        (3, "information"),
        (4, "fixed"),
        (5, "success"),
        (17, "severity 17"),
        ("Error", "error"),
        ("Informational", "information"),
        ("Strange", "strange"),
        (None, "unspecified"),
    ],
)
def test_a_severity_is_a_number_or_a_name_and_unknown_ones_are_kept(sent: object, read: str) -> None:
    assert [i.severity for i in issues_from_json([{"severity": sent, "code": "c"}])] == [read]


@pytest.mark.parametrize("nothing", [None, "text", 3, {}, [], ["a", 1]])
def test_what_is_no_list_of_issues_has_none(nothing: object) -> None:
    assert issues_from_json(nothing) == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
READERS: list[tuple[Callable[[object], object], dict[str, Any]]] = [
    (Instance.from_json, recorded.APP),
    (Instance.from_json, recorded.STORAGE),
    (Process.from_json, recorded.PROCESS),
    (Page.from_json, {"instances": [recorded.STORAGE], "next": "x"}),
    (history_from_json, recorded.HISTORY),
    (events_from_json, recorded.EVENTS),
]


@given(st.sampled_from(READERS), st.data())
def test_an_answer_with_any_member_changed_is_read_or_refused(
    reader: tuple[Callable[[object], object], dict[str, Any]], data: st.DataObject
) -> None:
    read, sample = reader
    node = copy.deepcopy(sample)
    place: Any = node
    while isinstance(place, dict):
        name = data.draw(st.sampled_from(sorted(place)))
        if not isinstance(place[name], dict) or data.draw(st.booleans()):
            place[name] = data.draw(JSON)
            break
        place = place[name]
    # What a session turns into an AltinnAnswerError (an AltinnError is no ValueError here).
    expected = (AltinnAnswerError, ValueError, TypeError, LookupError, AttributeError)
    try:
        read(node)
    except expected:
        return
