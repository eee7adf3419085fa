"""The last look before a push."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from altinn.exceptions import AltinnDiffersError, AltinnInputError, AltinnUnexpectedStateError
from altinn.protocol.app_api import App
from altinn.protocol.identifiers import InstanceId
from altinn.protocol.manifest import ExpectedElement, Manifest
from altinn.protocol.model import Process
from altinn.protocol.storage_api import Storage
from tests.unit.protocol.flow_driver import Client, session
from tests.unit.protocol.remote_altinn import APP_BASE, PLATFORM, Kept, RemoteAltinn

ENTRY: dict[str, Any] = {
    "data_type": "attachment",
    "file_name": "a.pdf",
    "content_type": "application/pdf",
    "size": 6,
    "sha256": hashlib.sha256(b"%PDF a").hexdigest(),
    "element_id": "",
    "how": "added",
}


class Stage:
    """An instance with a form and a file, as an upload left it."""

    def __init__(self) -> None:
        self.remote = RemoteAltinn()
        self.kept: Kept = self.remote.make()
        file = self.remote.add(self.kept, "attachment", "a.pdf", b"%PDF a")
        form = self.kept.elements[0]["id"]
        self.entries = [{**ENTRY, "element_id": file}, {**ENTRY, "data_type": "model", "element_id": form}]

    def check(self, *, nothing: bool = False) -> Client:
        client = Client(self.remote)
        expected = () if nothing else tuple(ExpectedElement.from_json(entry) for entry in self.entries)
        instance_id = InstanceId.parse(self.kept.id)
        manifest = Manifest(session(), Storage(PLATFORM), App(APP_BASE), instance_id, expected)
        client.run(manifest.check(Process.from_json({})))
        return client


def test_what_was_uploaded_is_there() -> None:
    client = Stage().check()
    assert all(request.method == "GET" for request in client.requests)


def test_the_look_after_the_push_reads_again_what_may_have_changed_and_nothing_else() -> None:
    """The instance is given as it was just read, and the app's types are those of the look before the push."""
    stage, rules = Stage(), session()
    client, instance_id = Client(stage.remote), InstanceId.parse(stage.kept.id)
    expected = tuple(ExpectedElement.from_json(entry) for entry in stage.entries)
    manifest = Manifest(rules, Storage(PLATFORM), App(APP_BASE), instance_id, expected)
    client.run(manifest.check(Process.from_json({})))
    before = len(client.requests)
    instance = client.run(rules.perform(Storage(PLATFORM).get_instance(instance_id)))
    client.run(manifest.check_seen(instance))
    read = [request.url.rpartition("/")[2] for request in client.requests[before + 1 :]]
    assert read == [stage.entries[0]["element_id"]]
    stage.kept.content[stage.entries[0]["element_id"]] = b"%PDF b"
    with pytest.raises(AltinnDiffersError):
        client.run(manifest.check_seen(instance))


def test_a_form_is_not_compared_by_its_bytes_since_the_app_writes_it_anew() -> None:
    stage = Stage()
    stage.kept.content[stage.entries[1]["element_id"]] = b"<anew/>"
    stage.check()


def test_without_expectations_only_the_deletion_is_looked_at() -> None:
    stage = Stage()
    stage.kept.elements.clear()
    assert len(stage.check(nothing=True).requests) == 1


@pytest.mark.parametrize("mark", ["isSoftDeleted", "isHardDeleted"])
@pytest.mark.parametrize("nothing", [True, False])
def test_a_deleted_instance_is_not_pushed(mark: str, nothing: bool) -> None:
    stage = Stage()
    stage.kept.status[mark] = True
    with pytest.raises(AltinnUnexpectedStateError, match="has been deleted: nothing was pushed"):
        stage.check(nothing=nothing)


def changed_content(stage: Stage) -> None:
    stage.kept.content[stage.entries[0]["element_id"]] = b"%PDF b"


def removed(stage: Stage) -> None:
    del stage.kept.elements[1]


def form_removed(stage: Stage) -> None:
    del stage.kept.elements[0]


def added(stage: Stage) -> None:
    stage.remote.add(stage.kept, "attachment", "by-hand.pdf", b"x")


def exchanged(stage: Stage) -> None:
    removed(stage)
    stage.remote.add(stage.kept, "attachment", "a.pdf", b"%PDF a")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (changed_content, r"a\.pdf is not what was uploaded"),
        (removed, r"missing: attachment a\.pdf"),
        (form_removed, r"missing: model a\.pdf"),
        (added, r"not ours: attachment by-hand\.pdf"),
        (exchanged, r"missing: attachment a\.pdf; not ours: attachment a\.pdf"),
    ],
)
def test_anything_else_stops_the_push(change: Callable[[Stage], None], said: str) -> None:
    stage = Stage()
    change(stage)
    with pytest.raises(AltinnDiffersError, match=said) as caught:
        stage.check()
    assert "nothing was pushed" in str(caught.value)
    assert list(caught.value.instance_ids) == [stage.kept.id]


def test_a_form_that_only_a_sender_makes_is_filed_with_the_rest() -> None:
    stage = Stage()
    stage.remote.add(stage.kept, "summary", "", b"<made by the app/>")
    stage.check()
    stage.remote.add(stage.kept, "subform", "", b"<x/>")
    with pytest.raises(AltinnDiffersError, match="not ours: subform"):
        stage.check()


def test_what_the_owner_adds_is_not_the_senders_business() -> None:
    stage = Stage()
    stage.remote.add(stage.kept, "owner-note", "", b"x")
    stage.check()


def test_a_type_that_names_its_contributors_is_not_missing_when_it_is_there() -> None:
    """Such a type may name the sender, who then has uploaded it."""
    stage = Stage()
    element = stage.remote.add(stage.kept, "owner-note", "n.pdf", b"%PDF a")
    stage.entries.append({**ENTRY, "data_type": "owner-note", "file_name": "n.pdf", "element_id": element})
    stage.check()


@pytest.mark.parametrize("broken", [{}, {**ENTRY, "size": "x"}, {"data_type": "a"}, {**ENTRY, "size": None}])
def test_what_no_upload_returned_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(AltinnInputError, match="AltinnUploadDataOperator"):
        ExpectedElement.from_json(broken)
