"""AltinnUploadDataOperator: every document once, whatever happens on the way."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import altinn.emulator
from altinn.emulator import Emulator
from altinn.exceptions import (
    AltinnDiffersError,
    AltinnDocumentError,
    AltinnInputError,
    AltinnTimeoutError,
    AltinnUnknownOutcomeError,
)
from altinn.operators import AltinnInstantiateOperator, AltinnUploadDataOperator
from tests.altinn_proxy import AltinnProxy
from tests.system.conftest import SOPHIE, Connect, Look, Outcome, RunTask

POST = "/data"
RECEIVED = ("data_type", "file_name", "how")
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


@pytest.fixture
def attachments(tmp_path: Path) -> list[dict[str, str]]:
    """Write five text files of different content."""
    documents = []
    for number in range(5):
        path = tmp_path / f"attachment-{number}.txt"
        path.write_text(f"attachment {number}")
        documents.append({"data_type": "attachment", "path": str(path)})
    return documents


def _upload(run_task: RunTask, draft: dict[str, Any], **arguments: Any) -> Outcome:
    return run_task(AltinnUploadDataOperator(task_id="upload", **draft, **arguments))


def _how(outcome: Outcome) -> list[str]:
    return [entry["how"] for entry in outcome.result]


def test_the_form_is_put_into_its_own_element(run_task: RunTask, draft: dict[str, Any], look: Look, form: str) -> None:
    put = _upload(run_task, draft, data_type="model", path=form)
    assert put.state == "success", put.error
    (entry,) = put.result
    assert [entry[name] for name in RECEIVED] == ["model", "form.xml", "replaced"]
    assert look.elements(draft["instance_id"]) == [("model", "")]
    read = look.api("GET", f"/ttd/basic/instances/{draft['instance_id']}/data/{entry['element_id']}").json()
    assert read["property1"] == "a"


def test_json_is_a_form_as_well(run_task: RunTask, draft: dict[str, Any], look: Look, tmp_path: Path) -> None:
    path = tmp_path / "form.json"
    path.write_text(json.dumps({"property1": "from json"}))
    put = _upload(run_task, draft, data_type="model", path=str(path))
    assert put.state == "success", put.error
    element = put.result[0]["element_id"]
    read = look.api("GET", f"/ttd/basic/instances/{draft['instance_id']}/data/{element}").json()
    assert read["property1"] == "from json"


def test_what_the_app_drops_fails_the_task_unless_it_is_expected(
    run_task: RunTask, draft: dict[str, Any], tmp_path: Path
) -> None:
    """The app answers 201 to an element that it does not know, and drops it with all that follows."""
    path = tmp_path / "form.xml"
    path.write_text("<model><unknown>1</unknown><property1>2</property1></model>")
    put = _upload(run_task, draft, data_type="model", path=str(path))
    assert isinstance(put.error, AltinnDiffersError)
    assert "dropped /model/unknown, dropped /model/property1" in str(put.error)
    allowed = _upload(run_task, draft, data_type="model", path=str(path), allow_changes=["/model"])
    assert allowed.state == "success", allowed.error
    assert len(allowed.result[0]["meaning_sha256"]) == 64


@pytest.mark.parametrize("wrong", ["sum", [3], [{"path": "/a"}], {"/a": 1}])
def test_expected_changes_are_paths(run_task: RunTask, draft: dict[str, Any], form: str, wrong: Any) -> None:
    put = _upload(run_task, draft, data_type="model", path=form, allow_changes=wrong)
    assert isinstance(put.error, AltinnInputError)


def test_a_list_is_added_in_its_order_and_kept_by_a_retry(
    run_task: RunTask, draft: dict[str, Any], look: Look, attachments: list[dict[str, str]]
) -> None:
    first = _upload(run_task, draft, documents=attachments)
    assert first.state == "success", first.error
    assert _how(first) == ["added"] * 5
    assert [e["file_name"] for e in first.result] == [f"attachment-{n}.txt" for n in range(5)]
    written = look.writes()

    again = _upload(run_task, draft, documents=attachments)
    assert _how(again) == ["kept"] * 5
    assert [e["element_id"] for e in again.result] == [e["element_id"] for e in first.result]
    assert look.writes() == written


def test_a_task_that_died_in_the_middle_goes_on(
    run_task: RunTask,
    draft: dict[str, Any],
    proxied: str,
    proxy: AltinnProxy,
    look: Look,
    attachments: list[dict[str, str]],
) -> None:
    proxy.lose_request("POST", POST, number=3)
    died = _upload(run_task, draft, documents=attachments)
    assert died.state == "up_for_retry"
    assert isinstance(died.error, AltinnUnknownOutcomeError)
    assert len(look.elements(draft["instance_id"])) == 3  # the form and two attachments

    resumed = _upload(run_task, draft, documents=attachments)
    assert _how(resumed) == ["kept", "kept", "added", "added", "added"]
    assert look.elements(draft["instance_id"]) == [
        *(("attachment", f"attachment-{n}.txt") for n in range(5)),
        ("model", ""),
    ]


def test_a_lost_answer_adds_nothing_twice(
    run_task: RunTask,
    draft: dict[str, Any],
    proxied: str,
    proxy: AltinnProxy,
    look: Look,
    attachments: list[dict[str, str]],
) -> None:
    proxy.lose_answer("POST", POST, number=2)
    put = _upload(run_task, draft, documents=attachments)
    assert put.state == "success", put.error
    assert _how(put) == ["added"] * 5
    assert len(look.elements(draft["instance_id"])) == 6


def test_a_file_that_has_changed_replaces_its_element(
    run_task: RunTask, draft: dict[str, Any], look: Look, attachments: list[dict[str, str]]
) -> None:
    first = _upload(run_task, draft, documents=attachments[:1])
    Path(attachments[0]["path"]).write_text("changed")
    again = _upload(run_task, draft, documents=attachments[:1])
    assert _how(again) == ["replaced"]
    assert again.result[0]["element_id"] == first.result[0]["element_id"]
    assert len(look.elements(draft["instance_id"])) == 2


def test_a_refused_token_in_the_middle_is_renewed_for_the_retry(
    run_task: RunTask,
    draft: dict[str, Any],
    proxied: str,
    proxy: AltinnProxy,
    look: Look,
    attachments: list[dict[str, str]],
) -> None:
    proxy.falsify("POST", POST, 401, number=2)
    refused = _upload(run_task, draft, documents=attachments)
    assert refused.state == "up_for_retry"
    again = _upload(run_task, draft, documents=attachments)
    assert _how(again) == ["kept", "added", "added", "added", "added"]
    first, second, third = [seen.headers["authorization"] for seen in proxy.requests("POST", POST)][:3]
    assert first == second != third


def test_a_delivered_instance_is_left_as_it_is(
    run_task: RunTask, draft: dict[str, Any], look: Look, form: str, attachments: list[dict[str, str]]
) -> None:
    documents = [*attachments[:1]]
    _upload(run_task, draft, documents=documents)
    look.submit(draft["instance_id"])
    written = look.writes()

    again = _upload(run_task, draft, documents=[*documents, {"data_type": "model", "path": form}])
    assert again.state == "success", again.error
    assert _how(again) == ["delivered", "delivered"]

    filed = again.result[0]["sha256"]
    Path(attachments[0]["path"]).write_text("not what was filed")
    other = _upload(run_task, draft, documents=documents)
    assert isinstance(other.error, AltinnDiffersError)
    assert "has been delivered with other documents" in str(other.error)
    told = _upload(run_task, draft, documents=documents, on_delivered="tell")
    assert told.result[0]["sha256"] == filed

    missing = _upload(run_task, draft, documents=attachments[1:2])
    assert missing.state == "failed"
    assert isinstance(missing.error, AltinnDiffersError)
    assert "file a correction" in str(missing.error)
    assert look.writes() == written


@pytest.fixture
def scanning(tmp_path: Path) -> Path:
    """Copy the basic app with a data type whose files are scanned for viruses."""
    basic = Path(altinn.emulator.__file__).parent / "apps" / "ttd" / "basic"
    folder = tmp_path / "apps" / "scanning"
    shutil.copytree(basic, folder)
    path = folder / "config" / "applicationmetadata.json"
    metadata = json.loads(path.read_text())
    metadata["id"] = "ttd/scanning"
    for data_type in metadata["dataTypes"]:
        data_type["enableFileScan"] = data_type["id"] == "attachment"
    path.write_text(json.dumps(metadata))
    policy = folder / "config" / "authorization" / "policy.xml"
    policy.write_text(re.sub(r">basic<", ">scanning<", policy.read_text()))
    return tmp_path / "apps"


@pytest.fixture
def slow_scan(scanning: Path) -> Iterator[Emulator]:
    with Emulator(apps=[scanning], scan_delay=3600.0) as running:
        yield running


@pytest.fixture
def quick_scan(scanning: Path) -> Iterator[Emulator]:
    with Emulator(apps=[scanning]) as running:
        yield running


def _scanned(run_task: RunTask, path: Path, content: bytes, **arguments: Any) -> Outcome:
    path.write_bytes(content)
    made = run_task(AltinnInstantiateOperator(task_id="instantiate", app="ttd/scanning", period="2026-T5"))
    draft = {"app": "ttd/scanning", "instance_id": made.result}
    return _upload(run_task, draft, data_type="attachment", path=str(path), **arguments)


def test_an_infected_file_fails_the_task_at_once(
    run_task: RunTask, connect: Connect, quick_scan: Emulator, tmp_path: Path
) -> None:
    connect(quick_scan.base_url, **SOPHIE)
    infected = _scanned(run_task, tmp_path / "virus.txt", EICAR)
    assert infected.state == "failed"
    assert isinstance(infected.error, AltinnDocumentError)
    assert "the virus scan refused virus.txt: replace the file" in str(infected.error)

    clean = _scanned(run_task, tmp_path / "virus.txt", b"clean")
    assert clean.state == "success", clean.error
    assert _how(clean) == ["replaced"]


def test_a_scan_that_does_not_end_is_waited_for_by_the_retry(
    run_task: RunTask, connect: Connect, slow_scan: Emulator, tmp_path: Path
) -> None:
    connect(slow_scan.base_url, **SOPHIE)
    waiting = _scanned(run_task, tmp_path / "clean.txt", b"clean", scan_timeout=0)
    assert waiting.state == "up_for_retry"
    assert isinstance(waiting.error, AltinnTimeoutError)
    slow_scan.world.advance(3600.0)
    again = _scanned(run_task, tmp_path / "clean.txt", b"clean", scan_timeout=0)
    assert again.state == "success", again.error
    assert _how(again) == ["kept"]
