"""What the app would refuse is said before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altinn.validation.preflight import MISSING, PlannedDocument, check_owner, check_plan, safe_file_name

FORM = {"id": "model", "allowedContentTypes": ["application/xml"], "minCount": 1, "maxCount": 1,
        "appLogic": {"autoCreate": True, "classRef": "App.Model"}}  # fmt: skip
LETTER = {"id": "letter", "allowedContentTypes": ["application/pdf"], "maxCount": 1, "minCount": 1, "maxSize": 1}
PICTURE = {"id": "picture", "allowedContentTypes": ["image/jpeg", "image/png", "text/xml"], "maxCount": 2}
NOTE = {"id": "note", "allowedContentTypes": None}
OWNER = {"id": "owner-note", "allowedContentTypes": ["text/plain"], "allowedContributers": ["org:ttd"], "minCount": 1}
APP: dict[str, Any] = {"dataTypes": [FORM, LETTER, PICTURE, NOTE, OWNER]}


def codes(*documents: PlannedDocument, required: bool = False) -> list[tuple[str, str]]:
    return [(issue.severity, issue.code) for issue in check_plan(APP, documents, required=required)]


def letter(name: str | None = "letter.pdf", content_type: str = "application/pdf", size: int = 10) -> PlannedDocument:
    return PlannedDocument("letter", name, content_type, size)


def test_a_fitting_plan_has_no_issue() -> None:
    form = PlannedDocument("model", None, "application/xml", 100)
    assert codes(form, letter(), PlannedDocument("note", "a.bin", "x/y", 5), required=True) == []


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (letter(size=MISSING), "file-missing"),
        (letter(size=0), "file-empty"),
        (letter(size=1024 * 1024 + 1), "file-too-large"),
        (letter(name=None), "file-name-missing"),
        (letter(name="årsbrev.pdf"), "file-name-changed"),
        (letter(name="a+b.pdf"), "file-name-changed"),
        (letter(name="../letter.pdf"), "file-name-changed"),
        (letter(name="letter"), "file-name-extension"),
        (letter(content_type=""), "wrong-content-type"),
        (letter(content_type="application/pdf; charset=utf-8"), "wrong-content-type"),
        (letter(content_type="text/plain"), "wrong-content-type"),
        (letter(name="letter.png"), "wrong-extension"),
        (PlannedDocument("Letter", "letter.pdf", "application/pdf", 1), "unknown-data-type"),
        (PlannedDocument("model", None, "application/pdf", 1), "wrong-content-type"),
    ],
)
def test_each_wrong_document_is_one_error(document: PlannedDocument, code: str) -> None:
    assert codes(document) == [("error", code)]


def test_exactly_the_largest_size_is_taken() -> None:
    assert codes(letter(size=1024 * 1024)) == []


def test_aliases_of_an_extension_are_taken() -> None:
    assert codes(PlannedDocument("picture", "a.jpg", "image/jpeg", 1)) == []
    assert codes(PlannedDocument("picture", "a.xml", "text/xml", 1)) == []


def test_an_unknown_data_type_lists_those_the_app_has() -> None:
    (issue,) = check_plan(APP, [PlannedDocument("leter", "a.pdf", "application/pdf", 1)], required=False)
    assert "did you mean 'letter'?" in issue.message
    assert "letter, model, note, owner-note, picture" in issue.message


def test_counts_are_held_against_the_app() -> None:
    assert ("error", "too-many") in codes(letter(), letter(name="second.pdf"))
    assert codes(required=True) == [("warning", "form-not-planned"), ("error", "too-few")]
    assert codes() == []


def test_equal_file_names_are_refused_whatever_their_case() -> None:
    twice = [PlannedDocument("picture", name, "image/png", 1) for name in ("a.png", "A.PNG")]
    assert codes(*twice) == [("error", "file-name-twice")]


def test_a_form_sent_as_another_listed_type_is_a_warning() -> None:
    assert codes(PlannedDocument("model", None, "application/json", 1)) == [("warning", "wrong-content-type")]


def test_a_data_type_of_the_service_owner_is_pointed_out() -> None:
    assert codes(PlannedDocument("owner-note", "a.txt", "text/plain", 1)) == [("warning", "contributors")]


@pytest.mark.parametrize(
    ("given_name", "expected"),
    [("Årsregnskap 2024 – endelig.pdf", "Arsregnskap_2024_-_endelig.pdf"), ("", "document"), ("..x", "x")],
)
def test_a_safe_name_stays_recognisable(given_name: str, expected: str) -> None:
    assert safe_file_name(given_name) == expected


@given(st.text())
def test_a_safe_name_is_always_accepted(name: str) -> None:
    safe = safe_file_name(name) + ".pdf"
    assert codes(letter(name=safe)) == []
    assert safe_file_name(safe) == safe


@given(
    st.builds(
        PlannedDocument,
        st.sampled_from(["letter", "model", "nothing"]),
        st.none() | st.text(),
        st.text(),
        st.integers(min_value=-1),
    )
)
def test_no_document_breaks_the_check(document: PlannedDocument) -> None:
    for issue in check_plan(APP, [document], required=True):
        assert issue.message
        assert issue.source == "preflight"


@pytest.mark.parametrize(
    ("allowed", "kind", "codes"),
    [
        ({"organisation": True, "person": False}, "organisation", []),
        ({"organisation": True, "person": False}, "person", ["party-type"]),
        ({"person": True}, "organisation", ["party-type"]),
        ({"subUnit": True}, "organisation", []),
        ({"organisation": False, "person": False, "subUnit": False, "bankruptcyEstate": False}, "person", []),
        (None, "person", []),
    ],
)
def test_who_may_file(allowed: object, kind: str, codes: list[str]) -> None:
    """An app that names no party type takes every one."""
    assert [issue.code for issue in check_owner({"partyTypesAllowed": allowed}, kind)] == codes


@pytest.mark.parametrize(
    ("planned", "task_id", "codes"),
    [
        (["a"], "Task_1", []),
        (["b"], "Task_1", ["wrong-task"]),
        (["free"], "Task_1", []),
        (["a", "b"], "", ["several-tasks"]),
        (["a", "free"], "", []),
    ],
)
def test_a_document_belongs_to_its_task(planned: list[str], task_id: str, codes: list[str]) -> None:
    metadata = {"dataTypes": [{"id": "a", "taskId": "Task_1"}, {"id": "b", "taskId": "Task_2"}, {"id": "free"}]}
    documents = [PlannedDocument(name, f"{name}.pdf", "application/pdf", 1) for name in planned]
    found = check_plan(metadata, documents, required=False, task_id=task_id)
    assert [(issue.code, issue.severity) for issue in found] == [(code, "warning") for code in codes]
