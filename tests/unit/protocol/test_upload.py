"""Documents are put in place once, whatever is lost on the way."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altinn.exceptions import (
    AltinnAmbiguousError,
    AltinnConflictError,
    AltinnDiffersError,
    AltinnDocumentError,
    AltinnError,
    AltinnInputError,
    AltinnRefusedError,
    AltinnTimeoutError,
    AltinnUnknownOutcomeError,
)
from altinn.protocol.app_api import App, ascii_name
from altinn.protocol.filed_document import Document, Placed, form_types, same_name
from altinn.protocol.identifiers import InstanceId
from altinn.protocol.storage_api import Storage
from altinn.protocol.upload import Upload
from altinn.protocol.wire import Flow
from tests.unit.protocol.flow_driver import Client, session
from tests.unit.protocol.remote_altinn import ANEW, APP_BASE, DATA_TYPES, PLATFORM, Kept, RemoteAltinn

POST = "/data$"
PUT = "/data/[0-9a-f-]{36}$"


def document(data_type: str = "attachment", file_name: str = "a.pdf", content: bytes = b"%PDF a") -> Document:
    return Document(
        data_type=data_type,
        file_name=file_name,
        content_type="application/pdf",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        open=lambda: io.BytesIO(content),
    )


FORM = document("model", "form.xml", b"<model>1</model>")


class Stage:
    def __init__(self, remote: RemoteAltinn | None = None) -> None:
        self.remote = remote or RemoteAltinn()
        self.kept: Kept = self.remote.make()
        self.lines: list[str] = []
        self.client = Client(self.remote)

    def put(self, *documents: Document, **more: Any) -> list[Placed]:
        upload = Upload(
            session(),
            App(APP_BASE),
            Storage(PLATFORM),
            InstanceId.parse(self.kept.id),
            form_types({"dataTypes": DATA_TYPES}),
            report=self.lines.append,
            **more,
        )
        return self.client.run(upload.run(documents))

    def elements(self, data_type: str) -> list[tuple[str, bytes]]:
        return [
            (e["filename"] or "", self.kept.content[e["id"]]) for e in self.kept.elements if e["dataType"] == data_type
        ]

    def writes(self) -> list[str]:
        return [r.method for r in self.client.requests if r.method != "GET"]


def test_form_types_are_what_the_app_reads() -> None:
    metadata = {"dataTypes": [*DATA_TYPES, {"id": "x", "appLogic": None}, {"id": "y", "appLogic": {"classRef": None}}]}
    assert form_types(metadata) == {"model", "subform", "summary"}
    assert form_types({}) == form_types({"dataTypes": None}) == frozenset()


# -- forms


def test_the_auto_created_form_is_replaced() -> None:
    stage = Stage()
    [placed] = stage.put(FORM)
    assert (placed.how, placed.element_id) == ("replaced", stage.kept.elements[0]["id"])
    assert stage.elements("model") == [("", ANEW + b"<model>1</model>")]
    assert "Content-Disposition" not in next(r for r in stage.client.requests if r.method == "PUT").headers


def test_a_form_can_be_replaced_again_and_a_lost_replacement_is_repeated() -> None:
    stage = Stage()
    stage.remote.fault("PUT", PUT, "lost after")
    assert [p.how for p in (*stage.put(FORM), *stage.put(FORM))] == ["replaced", "replaced"]
    assert len(stage.elements("model")) == 1


def test_a_form_that_is_not_there_is_added() -> None:
    stage = Stage()
    stage.kept.elements.clear()
    [placed] = stage.put(FORM)
    assert placed.how == "added"
    assert len(stage.elements("model")) == 1


def test_a_lost_addition_of_a_form_is_found_although_it_has_no_name() -> None:
    stage = Stage()
    stage.kept.elements.clear()
    stage.remote.fault("POST", POST, "lost after")
    [placed] = stage.put(FORM)
    assert (placed.how, placed.element_id) == ("added", stage.kept.elements[0]["id"])
    assert stage.writes() == ["POST"]


def test_of_two_forms_none_is_overwritten() -> None:
    stage = Stage()
    stage.remote.add(stage.kept, "model", "", b"<b/>")
    with pytest.raises(AltinnAmbiguousError, match="2 elements of form model"):
        stage.put(FORM)
    assert stage.writes() == []


# -- files


def test_files_are_added_once_and_kept_by_a_second_run() -> None:
    stage = Stage()
    wanted = [document(), document(file_name="b.pdf"), document("letter", "l.pdf")]
    first = stage.put(*wanted)
    assert [p.how for p in first] == ["added"] * 3
    second = stage.put(*wanted)
    assert [p.how for p in second] == ["kept"] * 3
    assert [p.element_id for p in second] == [p.element_id for p in first]
    assert stage.writes() == ["POST"] * 3


def test_a_run_goes_on_where_it_stopped() -> None:
    stage = Stage()
    stage.remote.fault("POST", POST, "before 400", at=2)
    wanted = [document(file_name=f"{n}.pdf") for n in range(3)]
    with pytest.raises(AltinnRefusedError):
        stage.put(*wanted)
    assert [p.how for p in stage.put(*wanted)] == ["kept", "added", "added"]


def test_a_changed_file_replaces_the_old_one() -> None:
    stage = Stage()
    stage.put(document(content=b"old!"))
    [placed] = stage.put(document(content=b"new!"))
    assert placed.how == "replaced"
    assert stage.elements("attachment") == [("a.pdf", b"new!")]


def test_a_file_replaced_under_a_norwegian_name_is_still_known() -> None:
    """Altinn reads only the ASCII form of the name when a file is replaced."""
    stage = Stage()
    stage.put(document(file_name="årsrapport.pdf", content=b"old!"))
    stage.put(document(file_name="årsrapport.pdf", content=b"new!"))
    [placed] = stage.put(document(file_name="årsrapport.pdf", content=b"new!"))
    assert placed.how == "kept"
    assert stage.elements("attachment") == [("_rsrapport.pdf", b"new!")]


def test_a_file_of_another_name_is_left_alone() -> None:
    stage = Stage()
    stage.remote.add(stage.kept, "attachment", "by-hand.pdf", b"%PDF a")
    [placed] = stage.put(document())
    assert placed.how == "added"
    assert [name for name, _ in stage.elements("attachment")] == ["by-hand.pdf", "a.pdf"]


def test_of_two_elements_of_one_name_the_one_with_the_content_is_meant() -> None:
    stage = Stage()
    stage.remote.add(stage.kept, "attachment", "a.pdf", b"%PDF x")
    element = stage.remote.add(stage.kept, "attachment", "a.pdf", b"%PDF a")
    [placed] = stage.put(document())
    assert (placed.how, placed.element_id) == ("kept", element)


def test_of_two_elements_with_other_content_none_is_overwritten() -> None:
    stage = Stage()
    for _ in range(2):
        stage.remote.add(stage.kept, "attachment", "a.pdf", b"other")
    with pytest.raises(AltinnAmbiguousError, match="remove them first"):
        stage.put(document())
    assert stage.writes() == []


@pytest.mark.parametrize(
    "twins",
    [
        [document(), document(content=b"%PDF b")],
        [document(), document(file_name="A.PDF")],
        [document(file_name="a b.pdf"), document(file_name="a+b.pdf")],
        [FORM, document("model", "other.xml")],
    ],
)
def test_two_documents_that_would_overwrite_each_other_are_refused(twins: list[Document]) -> None:
    stage = Stage()
    with pytest.raises(AltinnInputError, match="overwrite the first"):
        stage.put(*twins)
    assert stage.client.requests == []


def test_one_name_may_be_used_for_two_types() -> None:
    assert [p.how for p in Stage().put(document(), document("letter"))] == ["added", "added"]


# -- lost answers


@pytest.mark.parametrize("kind", ["lost after", "401", "500", "502", "503", "504", "200"])
def test_an_addition_that_was_made_is_found_and_not_repeated(kind: str) -> None:
    stage = Stage()
    stage.remote.fault("POST", POST, kind)
    [placed] = stage.put(document())
    assert (placed.how, len(stage.elements("attachment")), stage.writes()) == ("added", 1, ["POST"])


@pytest.mark.parametrize("kind", ["lost before", "before 401", "before 500", "before 503"])
def test_an_addition_that_was_not_made_is_unknown_and_a_retry_makes_it(kind: str) -> None:
    stage = Stage()
    stage.remote.fault("POST", POST, kind)
    with pytest.raises(AltinnUnknownOutcomeError, match=r"attachment a\.pdf"):
        stage.put(document())
    assert [p.how for p in stage.put(document())] == ["added"]
    assert len(stage.elements("attachment")) == 1


def test_one_too_many_may_mean_that_it_is_there() -> None:
    stage = Stage()
    wanted = document("letter", "l.pdf")
    stage.remote.meanwhile("POST", POST, lambda: stage.remote.add(stage.kept, "letter", "l.pdf", b"%PDF a"))
    [placed] = stage.put(wanted)
    assert (placed.how, len(stage.elements("letter"))) == ("added", 1)


@pytest.mark.parametrize(("name", "content"), [("other.pdf", b"%PDF a"), ("l.pdf", b"other!")])
def test_one_too_many_means_what_it_says_when_something_else_is_there(name: str, content: bytes) -> None:
    stage = Stage()
    stage.remote.meanwhile("POST", POST, lambda: stage.remote.add(stage.kept, "letter", name, content))
    with pytest.raises(AltinnConflictError, match="Max Count Exceeded"):
        stage.put(document("letter", "l.pdf"))


def test_what_was_there_before_is_not_taken_for_the_lost_one() -> None:
    stage = Stage()
    stage.remote.add(stage.kept, "attachment", "b.pdf", b"%PDF a")
    stage.remote.fault("POST", POST, "lost before")
    with pytest.raises(AltinnUnknownOutcomeError):
        stage.put(document())


# -- delivered


@pytest.mark.parametrize("wanted", [document(), FORM])
def test_a_delivered_instance_is_not_changed(wanted: Document) -> None:
    stage = Stage()
    stage.put(document(), FORM)
    writes = len(stage.writes())
    stage.kept.task = None
    assert [p.how for p in stage.put(wanted)] == ["delivered"]
    assert len(stage.writes()) == writes


def test_of_what_was_delivered_the_hash_is_what_altinn_keeps() -> None:
    stage = Stage()
    stage.put(document(content=b"sent"))
    stage.kept.task = None
    with pytest.raises(AltinnDiffersError, match="has been delivered with other documents"):
        stage.put(document(content=b"today's"))
    [placed] = stage.put(document(content=b"today's"), takes_other=True)
    assert (placed.document.sha256, placed.document.size) == (hashlib.sha256(b"sent").hexdigest(), 4)
    assert any("other bytes" in line for line in stage.lines)


def test_what_was_not_delivered_cannot_be_added_any_more() -> None:
    stage = Stage()
    stage.kept.task = None
    with pytest.raises(AltinnDiffersError, match="file a correction"):
        stage.put(document())


# -- virus scan


def scanned(stage: Stage, result: str, after: int) -> None:
    """Let the scan end after some waits."""
    waits = 0

    def on_sleep(_seconds: float) -> None:
        nonlocal waits
        waits += 1
        if waits == after:
            for element in stage.kept.elements:
                element["fileScanResult"] = result

    stage.client = Client(stage.remote, on_sleep)


def test_the_scan_is_waited_for() -> None:
    stage = Stage()
    stage.remote.scan_result = "Pending"
    scanned(stage, "Clean", after=3)
    stage.put(document())
    assert stage.client.sleeps == [1.0, 2.0, 4.0]


def test_an_infected_file_is_named() -> None:
    stage = Stage()
    stage.remote.scan_result = "Pending"
    scanned(stage, "Infected", after=1)
    with pytest.raises(AltinnDocumentError, match=r"refused a\.pdf") as caught:
        stage.put(document())
    assert [i.code for i in caught.value.issues] == ["DataElementFileInfected"]


def test_a_scan_that_never_ends_ends_in_an_error() -> None:
    stage = Stage()
    stage.remote.scan_result = "Pending"
    with pytest.raises(AltinnTimeoutError, match="not scanned after"):
        stage.put(document(), scan_timeout=20.0)
    assert sum(stage.client.sleeps) >= 20.0


def test_other_peoples_scans_are_not_waited_for() -> None:
    stage = Stage()
    stage.remote.add(stage.kept, "attachment", "by-hand.pdf", b"x")
    stage.kept.elements[-1]["fileScanResult"] = "Pending"
    stage.put(document())
    assert stage.client.sleeps == []


# -- what leaves


def test_the_result_is_plain_json() -> None:
    stage = Stage()
    [placed] = stage.put(document())
    assert placed.as_json() == {
        "data_type": "attachment",
        "file_name": "a.pdf",
        "content_type": "application/pdf",
        "size": 6,
        "sha256": hashlib.sha256(b"%PDF a").hexdigest(),
        "element_id": placed.element_id,
        "how": "added",
    }


def test_a_file_is_compared_without_keeping_it() -> None:
    stage = Stage()
    stage.put(document())
    stage.put(document())
    reads = [r for r in stage.client.requests if r.method == "GET" and "/data/" in r.url]
    assert reads
    assert all(r.sink is not None for r in reads)


# -- file names

NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters='"\\'), min_size=1, max_size=30)


@given(NAMES)
def test_a_name_is_the_same_as_itself(name: str) -> None:
    assert same_name(name, name)
    assert same_name(ascii_name(name), name)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters='"\\%+'), min_size=1, max_size=30))
def test_a_name_is_the_same_however_often_it_is_encoded(name: str) -> None:
    assert same_name(quote(name), name)
    assert same_name(quote(quote(name)), name)
    assert same_name(name.replace(" ", "+"), name)


@given(st.from_regex(r"[a-z0-9]{1,8}\.pdf", fullmatch=True), st.from_regex(r"[a-z0-9]{1,8}\.pdf", fullmatch=True))
def test_other_names_are_other_names(one: str, other: str) -> None:
    assert same_name(one, other) == (one == other)


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_two_names_can_be_compared(kept: str, sent: str) -> None:
    assert same_name(kept, sent) in (True, False)


# -- two runs at once


@given(
    st.lists(st.booleans(), max_size=60), st.sampled_from(["", "lost after", "lost before", "503"]), st.integers(1, 3)
)
def test_two_runs_at_once_lose_nothing(turns: list[bool], fault: str, at: int) -> None:
    """Two runs may both add a file (Altinn has no guard), but afterwards both name elements with the right content."""
    stage = Stage()
    wanted = [FORM, document(), document("letter", "l.pdf")]
    if fault:
        stage.remote.fault("POST", POST, fault, at=at)

    def upload() -> Flow[list[Placed]]:
        instance_id = InstanceId.parse(stage.kept.id)
        forms = form_types({"dataTypes": DATA_TYPES})
        return Upload(session(), App(APP_BASE), Storage(PLATFORM), instance_id, forms).run(wanted)

    results: list[list[Placed]] = []

    def walk() -> Iterator[None]:
        client = Client(stage.remote)
        for _ in range(3):  # Airflow's retries.
            try:
                results.append((yield from client.walk(upload())))
            except AltinnError:
                continue
            return

    walks = [walk(), walk()]
    for turn in [*turns, *[False, True] * 200]:
        next(walks[turn], None)
    assert len(results) == 2
    for placed in results:
        for one in placed:
            kept = stage.kept.content[one.element_id]
            assert kept.endswith(b"1</model>") or hashlib.sha256(kept).hexdigest() == one.document.sha256
    assert len(stage.elements("model")) == len(stage.elements("letter")) == 1
