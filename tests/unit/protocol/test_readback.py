"""What the app keeps is read back after each upload, and again before each push."""

from __future__ import annotations

import pytest

from altinn.exceptions import AltinnAnswerError, AltinnDiffersError, AltinnDocumentError
from altinn.protocol.app_api import App
from altinn.protocol.filed_document import Document, Placed
from altinn.protocol.identifiers import InstanceId
from altinn.protocol.manifest import ExpectedElement, Manifest
from altinn.protocol.model import Process
from altinn.protocol.storage_api import Storage
from tests.unit.protocol.flow_driver import Client, session
from tests.unit.protocol.remote_altinn import APP_BASE, PLATFORM
from tests.unit.protocol.test_upload import Stage, document

SENT = b"<model><a>1</a><b>2</b></model>"


def form(content: bytes = SENT) -> Document:
    return document("model", "form.xml", content)


def dropping(old: bytes, new: bytes = b"") -> Stage:
    stage = Stage()
    stage.remote.rewrite = lambda sent: sent.replace(old, new)
    return stage


def test_a_form_that_survives_gets_a_hash_over_its_meaning() -> None:
    one, two = Stage().put(form())[0], Stage().put(form(b"<model>\n <a>1.0</a> <b>2</b></model>"))[0]
    assert len(one.meaning) == 64
    assert one.meaning == two.meaning == one.as_json()["meaning_sha256"]


@pytest.mark.parametrize("present", [True, False])
@pytest.mark.parametrize(
    ("stage", "said"),
    [
        (dropping(b"<b>2</b>"), r"dropped /model/b"),
        (dropping(b"2", b"3"), r"changed /model/b"),
    ],
    ids=["dropped", "changed"],
)
def test_what_the_app_drops_or_changes_stops_the_filing(stage: Stage, said: str, present: bool) -> None:
    if not present:
        stage.kept.elements.clear()
    with pytest.raises(AltinnDiffersError, match=said) as caught:
        stage.put(form())
    assert caught.value.instance_ids == (stage.kept.id,)
    assert any("/model/b" in line and "sent '2'" in line for line in stage.lines)


def test_of_long_values_the_part_that_differs_is_shown() -> None:
    long = b"x" * 500
    stage = dropping(long + b"2y", long + b"3y")
    stage.put(form(b"<model><a>1</a><b>" + long + b"2y</b></model>"), allow_changes=["/model/b"])
    [line] = [line for table in stage.lines for line in table.splitlines() if "changed" in line]
    assert f"sent '…{'x' * 20}2y', kept '…{'x' * 20}3y'" in line


def test_what_is_expected_is_told_and_stops_nothing() -> None:
    stage = dropping(b"2", b"3")
    [placed] = stage.put(form(), allow_changes=["/model/b"])
    assert placed.meaning
    assert any("changed" in line and "sent '2', kept '3' (expected)" in line for line in stage.lines)


def test_what_the_app_adds_is_told_with_where_it_comes_from() -> None:
    stage = dropping(b"<b>2</b>", b"<b>2</b><sum>3</sum><who>me</who>")
    stage.remote.calculated = {"sum": 3}
    stage.put(form())
    [table] = [line for line in stage.lines if "differs from what was sent" in line]
    added = [line.split() for line in table.splitlines() if line.lstrip().startswith("added")]
    assert added == [
        ["added", "/model/sum", "kept", "'3'", "(calculated", "by", "the", "app)"],
        ["added", "/model/who", "kept", "'me'"],
    ]


def test_prefill_that_an_upload_erases_is_told_before_it_is_sent() -> None:
    stage = Stage()
    stage.kept.content[stage.kept.elements[0]["id"]] = b"<model><a>9</a><unit>974760673</unit></model>"
    told_before: list[str] = []
    stage.remote.meanwhile("PUT", "/data/", lambda: told_before.extend(stage.lines))
    stage.put(form())
    [table] = told_before
    assert "overwritten" in table
    assert "sent '1', kept '9'" in table
    assert "erased" in table
    assert "/model/unit" in table


def test_person_numbers_in_values_are_not_logged() -> None:
    stage = dropping(b"<b>01010112345</b>")
    with pytest.raises(AltinnDiffersError):
        stage.put(form(b"<model><a>1</a><b>01010112345</b></model>"))
    assert not any("01010112345" in line for line in stage.lines)


def test_a_form_that_cannot_be_read_is_refused_before_anything_is_sent() -> None:
    for stage in (Stage(), Stage()):
        with pytest.raises(AltinnDocumentError):
            stage.put(form(b"<model><a></model>"))
        assert stage.writes() == []


def test_a_kept_form_that_cannot_be_read_is_no_success() -> None:
    with pytest.raises(AltinnAnswerError, match="cannot be read"):
        dropping(b"</model>").put(form())


def test_a_json_form_is_read_back_as_json() -> None:
    stage = Stage()
    stage.remote.rewrite = lambda sent: sent
    sent = Document("model", "form.json", "application/json", 9, "0" * 64, document("m", "x", b'{"a": 1}').open)
    with pytest.raises(AltinnAnswerError):  # The small Altinn of these tests answers with XML whatever is asked for.
        stage.put(sent)
    reads = [r for r in stage.client.requests if r.method == "GET" and "/data/" in r.url]
    assert {r.headers["Accept"] for r in reads} == {"application/json"}


def test_a_file_that_altinn_keeps_otherwise_is_no_success() -> None:
    stage = Stage()
    stage.remote.meanwhile("GET", "/data/", lambda: stage.kept.content.update(dict.fromkeys(stage.kept.content, b"x")))
    with pytest.raises(AltinnDiffersError, match=r"keeps attachment a\.pdf with 1 bytes"):
        stage.put(document())


# -- before a push


def look(stage: Stage, placed: list[Placed]) -> None:
    expected = tuple(ExpectedElement.from_json(one.as_json()) for one in placed)
    manifest = Manifest(session(), Storage(PLATFORM), App(APP_BASE), InstanceId.parse(stage.kept.id), expected)
    Client(stage.remote).run(manifest.check(Process.from_json({})))


def test_before_a_push_the_form_still_says_the_same() -> None:
    stage = Stage()
    placed = stage.put(form())
    look(stage, placed)
    element = placed[0].element_id
    stage.kept.content[element] = b"<model ><a>1.0</a><b>2</b></model>"
    look(stage, placed)
    stage.kept.content[element] = b"<model><a>1</a><b>5</b></model>"
    with pytest.raises(AltinnDiffersError, match="no longer says what it said after the upload"):
        look(stage, placed)


def test_a_delivered_form_that_says_something_else_is_told() -> None:
    stage = Stage()
    stage.put(form())
    stage.kept.task = None
    other = form(b"<model><a>1</a><b>7</b></model>")
    with pytest.raises(AltinnDiffersError, match="has been delivered with other documents"):
        stage.put(other)
    [allowed] = stage.put(other, allow_changes=["/model/b"])
    assert allowed.how == "delivered"
    [placed] = stage.put(other, takes_other=True)
    assert (placed.how, placed.document.size) == ("delivered", stage.kept.elements[0]["size"])
    assert any("the delivered form says something else" in line for line in stage.lines)
    stage.lines.clear()
    stage.put(form())
    assert not any("something else" in line for line in stage.lines)
