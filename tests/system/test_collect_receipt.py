"""AltinnCollectReceiptOperator: green only when accepted, the proof in storage, one event for each acceptance."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from airflow.sdk import DAG, Asset
from airflow.sdk.api.datamodels._generated import DagRunType
from airflow.sdk.execution_time.comms import SucceedTask
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]

from altinn import evidence
from altinn.authorities.authority import Authority
from altinn.cli import main
from altinn.documents import opened, storage_path
from altinn.evidence import Bundled, problems_of, write_document, write_manifest
from altinn.exceptions import AltinnDiffersError
from altinn.operators import (
    AltinnCollectReceiptOperator,
    AltinnInstantiateOperator,
    AltinnProcessNextOperator,
    AltinnUploadDataOperator,
    collect_receipt,
)
from altinn.operators.earlier_bundle import shows_person_numbers
from altinn.protocol.model import Instance
from altinn.protocol.outcome import ACCEPTED, REJECTED, WAITING_FOR_AUTHORITY
from altinn.protocol.outcome import Outcome as Verdict
from tests.system.conftest import NOW, Connect, Look, Outcome, RunTask
from tests.system.test_waiting import Pushed, control, pushed

__all__ = ["pushed"]

RULE = {"accepted_when": "ended"}
PERSON = "01039012345"


def local(path: str) -> Path:
    return Path(path.removeprefix("file://"))


def collect(run_task: RunTask, folder: Path, arguments: dict[str, Any], **more: Any) -> Outcome:
    options: dict[str, Any] = {"authority": RULE, "folder": str(folder)} | more
    return run_task(AltinnCollectReceiptOperator(task_id="receipt", retries=0, **options, **arguments))


def events(outcome: Outcome) -> list[dict[str, Any]]:
    assert isinstance(outcome.message, SucceedTask)
    return [dict(event) for event in outcome.message.outlet_events or ()]


def decided(pushed: Pushed, look: Look, **decision: Any) -> dict[str, Any]:
    arguments = pushed("ttd/basic-feedback", "data", "confirmation")
    control(look, arguments["instance_id"], "decide", **decision)
    return arguments


def test_an_accepted_report_leaves_its_proof(run_task: RunTask, pushed: Pushed, look: Look, tmp_path: Path) -> None:
    arguments = decided(pushed, look, outcome="accepted")
    done = collect(run_task, tmp_path / "receipts", arguments, validation=[], documents=[])
    assert done.state == "success", done.error
    bundle = local(done.result["bundle"])
    assert problems_of(bundle, expected_sha256=done.result["manifest_sha256"]) == []
    assert sorted(p.name for p in bundle.iterdir()) == [
        "documents.json",
        "events.json",
        "manifest.json",
        "process.json",
        "validation.json",
    ]
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert (manifest["outcome"], manifest["period"], manifest["app"]) == ("accepted", "2026-T5", "ttd/basic-feedback")
    assert manifest["confirmed_by"] == "user 1337"
    kept = json.loads((bundle / "documents.json").read_text())["kept"]
    (form,) = [one for one in look.instance(arguments["instance_id"])["data"] if one["dataType"] == "model"]
    form_url = f"/ttd/basic-feedback/instances/{arguments['instance_id']}/data/{form['id']}"
    digest = hashlib.sha256(look.api("GET", form_url, headers={"Accept": "*/*"}).content).hexdigest()
    assert [(d["data_type"], d["sha256"]) for d in kept] == [("model", digest)]
    history = json.loads((bundle / "process.json").read_text())["processHistory"]
    assert {entry["elementId"] for entry in history} >= {"Task_1", "Task_2", "Task_3"}
    assert main(["verify-receipt", str(bundle)]) == 0


def test_person_numbers_are_masked_unless_asked_for(
    run_task: RunTask, pushed: Pushed, look: Look, tmp_path: Path
) -> None:
    arguments = decided(pushed, look, outcome="accepted")
    hidden = local(collect(run_task, tmp_path / "a", arguments).result["bundle"])
    shown = local(collect(run_task, tmp_path / "b", arguments, show_person_numbers=True).result["bundle"])
    for name in ("process.json", "events.json"):
        assert PERSON not in (hidden / name).read_text()
        assert PERSON in (shown / name).read_text()


def test_a_rejection_is_red_with_the_codes_and_keeps_its_proof(
    run_task: RunTask, pushed: Pushed, look: Look, tmp_path: Path
) -> None:
    arguments = decided(pushed, look, outcome="rejected", codes=["R061: tidligere periode mangler"])
    done = collect(run_task, tmp_path / "receipts", arguments)
    assert done.state == "failed"
    assert "R061: tidligere periode mangler" in str(done.error)
    (bundle,) = (tmp_path / "receipts").iterdir()
    assert json.loads((bundle / "manifest.json").read_text())["outcome"] == "rejected"
    assert problems_of(bundle) == []


def test_waiting_is_not_accepted(run_task: RunTask, pushed: Pushed, look: Look, tmp_path: Path) -> None:
    arguments = decided(pushed, look, outcome="silent")
    done = collect(run_task, tmp_path / "x", arguments)
    assert done.state != "success"
    assert "waiting for authority" in str(done.error)
    assert not (tmp_path / "x").exists()


class AnswersLate(Authority):
    """An authority that has ended the process, and adds the last of what its verdict needs after some looks."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def verdict(self, instance: Instance, documents: Mapping[str, bytes]) -> Verdict:
        self.looks -= 1
        return Verdict(WAITING_FOR_AUTHORITY, "the receipt is not there") if self.looks else Verdict(ACCEPTED, "yes")


@pytest.mark.parametrize(("looks", "state", "waits"), [(2, "success", 1), (100, "failed", 3)])
def test_what_the_authority_adds_late_is_waited_for_without_a_worker(
    run_task: RunTask,
    pushed: Pushed,
    look: Look,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    looks: int,
    state: str,
    waits: int,
) -> None:
    monkeypatch.setattr(collect_receipt, "_BETWEEN_LOOKS", 0.1)
    arguments = decided(pushed, look, outcome="accepted")
    done = collect(run_task, tmp_path / "receipts", arguments, authority=AnswersLate(looks), patience=0.25)
    assert (done.state, len(done.waited)) == (state, waits), done.error
    assert (tmp_path / "receipts").exists() is (state == "success")
    if state == "failed":
        assert "the receipt is not there" in str(done.error)


def test_an_event_tells_of_the_acceptance_once(run_task: RunTask, pushed: Pushed, look: Look, tmp_path: Path) -> None:
    arguments = decided(pushed, look, outcome="accepted")
    first = collect(run_task, tmp_path, arguments)
    (event,) = events(first)
    assert event["dest_asset_key"]["name"] == "altinn_accepted"
    assert event["extra"]["instance_id"] == arguments["instance_id"]
    assert event["extra"]["bundle"] == first.result["bundle"]
    assert set(event["extra"]) == {
        "instance_id",
        "app",
        "organisation_number",
        "period",
        "kind",
        "correction_number",
        "outcome",
        "bundle",
        "manifest_sha256",
    }
    assert (event["extra"]["kind"], event["extra"]["correction_number"]) == ("main", 0)
    again = collect(run_task, tmp_path, arguments)
    assert again.state == "success"
    assert events(again) == []
    assert again.result["manifest_sha256"] == first.result["manifest_sha256"]


def test_a_try_that_died_after_the_bundle_still_announces(
    run_task: RunTask, pushed: Pushed, look: Look, tmp_path: Path
) -> None:
    arguments = decided(pushed, look, outcome="accepted")
    collect(run_task, tmp_path, arguments)
    (marker,) = tmp_path.glob("*.announced")
    marker.unlink()
    assert len(events(collect(run_task, tmp_path, arguments))) == 1


def test_a_damaged_bundle_is_written_anew(run_task: RunTask, pushed: Pushed, look: Look, tmp_path: Path) -> None:
    arguments = decided(pushed, look, outcome="accepted")
    bundle = local(collect(run_task, tmp_path, arguments).result["bundle"])
    (bundle / "events.json").write_bytes(b"{}")
    again = collect(run_task, tmp_path, arguments)
    assert problems_of(bundle, expected_sha256=again.result["manifest_sha256"]) == []


def test_a_receipt_that_altinn_has_replaced_leaves_the_bundle(
    run_task: RunTask, pushed: Pushed, look: Look, tmp_path: Path
) -> None:
    arguments = decided(pushed, look, outcome="accepted")
    rule = {"accepted_when": "receipt", "receipt_types": ["model"]}
    bundle = local(collect(run_task, tmp_path, arguments, authority=rule).result["bundle"])
    (receipt,) = (bundle / "receipts").iterdir()
    # As an earlier run would have left it, had the authority's document had another name then.
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest.pop("seal")
    (entry,) = (e for e in manifest.pop("files") if e["path"] == f"receipts/{receipt.name}")
    receipt.rename(receipt.with_name("old.xml"))
    old = Bundled("receipts/old.xml", entry["sha256"], entry["size"], entry["what"])
    about = {k: v for k, v in manifest.items() if k != "format"} | {"last_changed": "before"}
    write_manifest(bundle, about, [old])
    again = collect(run_task, tmp_path, arguments, authority=rule)
    assert again.state == "success", again.error
    assert [path.name for path in (bundle / "receipts").iterdir()] == [receipt.name]
    assert main(["verify-receipt", str(bundle)]) == 0


def test_a_bundle_with_something_else_in_it_is_no_proof(
    run_task: RunTask, pushed: Pushed, look: Look, tmp_path: Path
) -> None:
    arguments = decided(pushed, look, outcome="accepted")
    bundle = local(collect(run_task, tmp_path, arguments).result["bundle"])
    (bundle / "note.txt").write_text("added by somebody")
    (marker,) = tmp_path.glob("*.announced")
    marker.unlink()
    again = collect(run_task, tmp_path, arguments)
    assert again.state == "failed"
    assert "note.txt is not in the manifest" in str(again.error)
    assert (bundle / "note.txt").exists(), "what others put there is theirs"
    (bundle / "note.txt").unlink()
    assert collect(run_task, tmp_path, arguments).state == "success"
    assert main(["verify-receipt", str(bundle)]) == 0


def test_a_link_in_the_bundle_stops_the_task_before_anything_is_changed(
    run_task: RunTask, pushed: Pushed, look: Look, tmp_path: Path
) -> None:
    arguments = decided(pushed, look, outcome="accepted")
    bundle = local(collect(run_task, tmp_path, arguments, documents=[sent(look, arguments)]).result["bundle"])
    (bundle / "validation.json").unlink()
    (bundle / "elsewhere").symlink_to("/nonexistent")
    before = content_of(bundle)
    again = collect(run_task, tmp_path, arguments)
    assert again.state == "failed"
    assert content_of(bundle) == before
    assert "elsewhere is not in the manifest" in str(again.error)
    (bundle / "elsewhere").unlink()
    assert collect(run_task, tmp_path, arguments).state == "success"
    assert main(["verify-receipt", str(bundle)]) == 0


def test_a_bundle_lies_on_any_storage(
    run_task: RunTask, pushed: Pushed, look: Look, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = decided(pushed, look, outcome="accepted")
    attach(protocol="memory", fs=MemoryFileSystem())
    folder = f"memory://{tmp_path.name}/receipts"

    def collected(**more: Any) -> Outcome:
        done = run_task(AltinnCollectReceiptOperator(task_id="receipt", retries=0, folder=folder, **more, **arguments))
        assert done.state == "success", done.error
        return done

    first = collected(authority=RULE, documents=[sent(look, arguments)])
    bundle, digest = first.result["bundle"], first.result["manifest_sha256"]
    assert main(["verify-receipt", bundle, "--sha256", digest]) == 0
    assert collected(authority=RULE).result["manifest_sha256"] == digest
    later = collected(authority=RECEIPT_RULE)
    (receipt,) = later.result["files"]
    assert main(["verify-receipt", bundle, "--sha256", later.result["manifest_sha256"]]) == 0
    with opened(storage_path(receipt), "wb") as stream:
        stream.write(b"forged")
    assert main(["verify-receipt", bundle]) == 1
    assert "was changed" in capsys.readouterr().out
    again = collected(authority=RECEIPT_RULE)
    assert main(["verify-receipt", bundle, "--sha256", again.result["manifest_sha256"]]) == 0
    assert json.loads((storage_path(bundle) / "documents.json").read_text())["sent"] == sent(look, arguments)


def test_what_a_person_confirmed_is_compared_with_what_was_uploaded(
    run_task: RunTask, connection: str, form: str, look: Look, tmp_path: Path
) -> None:
    """The machine pushed over the data task alone; what was added before the confirmation was filed with the rest."""
    order = {"fault": "rights_not_split", "path": "^/ttd/basic/"}
    requests.post(f"{look.base_url}/_emulator/faults", json=[order], timeout=10).raise_for_status()
    made = run_task(AltinnInstantiateOperator(task_id="instantiate", app="ttd/basic", period="2026-T5")).result
    arguments = {"app": "ttd/basic", "instance_id": made, "altinn_conn_id": connection}
    put = run_task(AltinnUploadDataOperator(task_id="upload", data_type="model", path=form, **arguments))
    push = AltinnProcessNextOperator(task_id="push", from_task="data", documents=put.result, **arguments)
    assert run_task(push).state == "success"
    base = f"/ttd/basic/instances/{made}"
    headers = {"Content-Type": "text/plain", "Content-Disposition": "attachment; filename=x.txt"}
    look.api("POST", f"{base}/data?dataType=attachment", data=b"not meant", headers=headers)
    look.api("PUT", f"{base}/process/next", json={"action": "confirm"})
    done = collect(run_task, tmp_path, arguments, documents=put.result)
    assert isinstance(done.error, AltinnDiffersError)
    assert "attachment x.txt" in str(done.error)
    assert list(tmp_path.glob("*/manifest.json")) != []
    assert collect(run_task, tmp_path, arguments, documents=put.result).state == "failed"
    assert collect(run_task, tmp_path, arguments, documents=put.result, ignored_types=["attachment"]).state == "success"


def filed_with_a_letter(
    run_task: RunTask, connection: str, form: str, tmp_path: Path
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """File a form and a letter; return the arguments that name the instance, and what the upload returned."""
    letter = tmp_path / "letter.txt"
    letter.write_text("hello")
    made = run_task(AltinnInstantiateOperator(task_id="instantiate", app="ttd/basic", period="2026-T5")).result
    arguments = {"app": "ttd/basic", "instance_id": made, "altinn_conn_id": connection}
    documents = [{"data_type": "model", "path": form}, {"data_type": "attachment", "path": str(letter)}]
    put = run_task(AltinnUploadDataOperator(task_id="upload", documents=documents, **arguments)).result
    for step in ("data", "confirmation"):
        push = AltinnProcessNextOperator(task_id=step, from_task=step, documents=put, **arguments)
        assert run_task(push).state == "success"
    return arguments, put


@pytest.mark.parametrize("path", ["/process$", "/data/"])
def test_what_may_not_be_read_after_the_end_is_not_compared(
    run_task: RunTask, connection: str, form: str, look: Look, tmp_path: Path, path: str
) -> None:
    arguments, put = filed_with_a_letter(run_task, connection, form, tmp_path)
    order = {"method": "GET", "path": f"^/ttd/basic/.*{path}", "fault": "403", "occurrence": "every"}
    requests.post(f"{look.base_url}/_emulator/faults", json=[order], timeout=10).raise_for_status()
    done = collect(run_task, tmp_path / "r", arguments, documents=put)
    requests.delete(f"{look.base_url}/_emulator/faults", timeout=10)
    assert done.state == "success", done.error


def test_only_what_is_known_of_the_uploads_is_compared(
    run_task: RunTask, connection: str, form: str, tmp_path: Path
) -> None:
    """An upload's answer that is gone says nothing of what it has uploaded, and a record by hand names no element."""
    arguments, put = filed_with_a_letter(run_task, connection, form, tmp_path)
    for number, documents in enumerate(([put[:1], None], [{"data_type": "model", "file_name": "f.xml"}], [put])):
        done = collect(run_task, tmp_path / str(number), arguments, documents=documents)
        assert done.state == "success", done.error
    done = collect(run_task, tmp_path / "half", arguments, documents=put[:1])
    assert isinstance(done.error, AltinnDiffersError)
    assert "attachment letter.txt" in str(done.error)
    other = [put[0], {**put[1], "sha256": "b" * 64}]
    done = collect(run_task, tmp_path / "other", arguments, documents=other)
    assert isinstance(done.error, AltinnDiffersError)
    assert "attachment letter.txt is not what was uploaded" in str(done.error)


def test_what_was_sent_outlives_a_later_run(run_task: RunTask, pushed: Pushed, look: Look, tmp_path: Path) -> None:
    arguments = decided(pushed, look, outcome="accepted")
    told = [{**sent(look, arguments)[0], "how": "put"}]
    collect(run_task, tmp_path, arguments, documents=[told])
    later = collect(run_task, tmp_path, arguments, documents=[], already_filed="True")
    assert later.result["documents"] == [
        {"data_type": "model", "file_name": "f.xml", "sha256": "a" * 64, "size": 5, "how": "put"}
    ]
    assert later.result["already_filed"] is True


def test_a_dry_run_is_skipped_and_says_nothing(run_task: RunTask, pushed: Pushed, look: Look, tmp_path: Path) -> None:
    arguments = decided(pushed, look, outcome="accepted")
    done = collect(run_task, tmp_path / "x", arguments, dry_run="True")
    assert done.state == "skipped"
    assert not (tmp_path / "x").exists()


def test_a_verifying_backfill_ends_skipped_with_its_outcome_and_fires_nothing(
    run_task: RunTask, pushed: Pushed, look: Look, tmp_path: Path
) -> None:
    arguments = decided(pushed, look, outcome="accepted")
    verify = AltinnCollectReceiptOperator(
        task_id="receipt", retries=0, authority=RULE, folder=str(tmp_path), on_backfill="verify_only", **arguments
    )
    done = run_task(verify, of_run={"run_type": DagRunType.BACKFILL})
    assert done.state == "skipped"
    assert (done.xcoms["altinn_verified"]["outcome"], done.result) == ("accepted", None)
    assert not isinstance(done.message, SucceedTask)
    assert list(tmp_path.glob("*.announced")) == []
    assert len(events(run_task(verify))) == 1, "another run files, and tells of it"


def test_a_verifying_backfill_of_a_rejected_report_is_red(
    run_task: RunTask, pushed: Pushed, look: Look, tmp_path: Path
) -> None:
    arguments = decided(pushed, look, outcome="rejected", codes=["R061: no"])
    verify = AltinnCollectReceiptOperator(
        task_id="receipt", retries=0, authority=RULE, folder=str(tmp_path), on_backfill="verify_only", **arguments
    )
    done = run_task(verify, of_run={"run_type": DagRunType.BACKFILL})
    assert done.state == "failed"
    assert "R061: no" in str(done.error)


def test_no_asset_no_event(run_task: RunTask, pushed: Pushed, look: Look, tmp_path: Path) -> None:
    arguments = decided(pushed, look, outcome="accepted")
    assert events(collect(run_task, tmp_path, arguments, accepted_asset=None)) == []
    other = collect(run_task, tmp_path, arguments, accepted_asset=Asset("mine"))
    assert other.state == "success"


@pytest.mark.parametrize("authority", [{"accepted_when": "sometimes"}, "nobody", {}])
def test_a_wrong_authority_is_one_clear_error(
    run_task: RunTask, pushed: Pushed, look: Look, tmp_path: Path, authority: Any
) -> None:
    arguments = decided(pushed, look, outcome="accepted")
    done = collect(run_task, tmp_path, arguments, authority=authority)
    assert done.state == "failed"
    assert type(done.error).__name__ == "AltinnConfigurationError"


def test_where_the_app_may_not_be_read_any_more(
    run_task: RunTask, pushed: Pushed, look: Look, tmp_path: Path, connect: Connect
) -> None:
    arguments = decided(pushed, look, outcome="accepted")
    fault = [{"method": "GET", "path": "/process/history", "fault": "403", "occurrence": "every"}]
    answer = requests.post(f"{look.base_url}/_emulator/faults", json=fault, timeout=10)
    assert answer.status_code < 300, answer.text
    try:
        done = collect(run_task, tmp_path, arguments)
    finally:
        requests.delete(f"{look.base_url}/_emulator/faults", timeout=10)
    assert done.state == "success", done.error
    assert "not_readable" in (local(done.result["bundle"]) / "process.json").read_text()


def sent(look: Look, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what an upload of the form would have returned, without a hash of its meaning."""
    (form,) = [e for e in look.instance(arguments["instance_id"])["data"] if e["dataType"] == "model"]
    told = {"data_type": "model", "file_name": "f.xml", "sha256": "a" * 64, "size": 5, "how": "kept"}
    return [{**told, "element_id": form["id"]}]


RECEIPT_RULE = {"accepted_when": "receipt", "receipt_types": ["model"]}
ISSUE = {"severity": "warning", "code": "c", "message": "m"}


@contextmanager
def unreadable(look: Look, path: str = "/data/") -> Iterator[None]:
    """Have the emulator refuse to read what lies under a path."""
    fault = [{"method": "GET", "path": path, "fault": "403", "occurrence": "every"}]
    requests.post(f"{look.base_url}/_emulator/faults", json=fault, timeout=10).raise_for_status()
    try:
        yield
    finally:
        requests.delete(f"{look.base_url}/_emulator/faults", timeout=10).raise_for_status()


def content_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("rule", [RULE, RECEIPT_RULE])
def test_a_later_run_leaves_the_proof_as_it_is(
    run_task: RunTask, pushed: Pushed, look: Look, tmp_path: Path, rule: Any
) -> None:
    arguments = decided(pushed, look, outcome="accepted")
    first = collect(
        run_task, tmp_path / "r", arguments, documents=[sent(look, arguments)], validation=[ISSUE], authority=rule
    )
    bundle, digest = local(first.result["bundle"]), first.result["manifest_sha256"]
    assert json.loads((bundle / "validation.json").read_text()) == {"issues": [ISSUE]}
    before = content_of(bundle)
    touched = look.instance(arguments["instance_id"])["lastChanged"]
    control(look, arguments["instance_id"], "decide", outcome="accepted")
    assert look.instance(arguments["instance_id"])["lastChanged"] != touched
    again = collect(run_task, tmp_path / "r", arguments, documents=[], validation=[], authority=rule)
    assert again.result["manifest_sha256"] == digest
    assert content_of(bundle) == before
    assert main(["verify-receipt", str(bundle), "--sha256", digest]) == 0
    assert sorted(path.name for path in (tmp_path / "r").iterdir()) == [bundle.name, f"{bundle.name}.announced"]


def test_a_run_that_cannot_read_everything_leaves_the_proof_as_it_is(
    run_task: RunTask, pushed: Pushed, look: Look, tmp_path: Path
) -> None:
    arguments = decided(pushed, look, outcome="accepted")
    first = collect(run_task, tmp_path, arguments, documents=[sent(look, arguments)], authority=RECEIPT_RULE)
    bundle = local(first.result["bundle"])
    before = content_of(bundle)
    control(look, arguments["instance_id"], "decide", outcome="accepted")
    with unreadable(look):
        assert collect(run_task, tmp_path, arguments, authority=RECEIPT_RULE).state == "failed"
    assert content_of(bundle) == before
    assert main(["verify-receipt", str(bundle), "--sha256", first.result["manifest_sha256"]]) == 0


def test_another_outcome_is_kept_with_what_was_sent_at_first(
    run_task: RunTask, pushed: Pushed, look: Look, tmp_path: Path
) -> None:
    arguments = decided(pushed, look, outcome="rejected", codes=["R1: x"])
    first = collect(
        run_task,
        tmp_path / "r",
        arguments,
        documents=[sent(look, arguments)],
        validation=[ISSUE],
        authority=RECEIPT_RULE,
    )
    assert type(first.error).__name__ == "AltinnRejectedError"
    (bundle,) = (tmp_path / "r").iterdir()
    receipts = content_of(bundle / "receipts")
    assert receipts
    # The same instance, judged by another rule: nothing is downloaded again.
    other_rule = {**RECEIPT_RULE, "rejected_labels": ["Noe"], "accepted_labels": ["Avvist"]}
    again = collect(run_task, tmp_path / "r", arguments, authority=other_rule)
    assert again.state == "success", again.error
    assert json.loads((bundle / "manifest.json").read_text())["outcome"] == "accepted"
    assert json.loads((bundle / "documents.json").read_text())["sent"] == sent(look, arguments)
    assert json.loads((bundle / "validation.json").read_text()) == {"issues": [ISSUE]}
    assert content_of(bundle / "receipts") == receipts
    assert problems_of(bundle, expected_sha256=again.result["manifest_sha256"]) == []


def test_what_was_sent_anew_is_recorded(run_task: RunTask, pushed: Pushed, look: Look, tmp_path: Path) -> None:
    arguments = decided(pushed, look, outcome="accepted")
    bundle = local(collect(run_task, tmp_path, arguments, documents=[sent(look, arguments)]).result["bundle"])
    anew = [{**sent(look, arguments)[0], "how": "replaced", "sha256": "b" * 64}]
    assert collect(run_task, tmp_path, arguments, documents=[anew]).state == "success"
    assert json.loads((bundle / "documents.json").read_text())["sent"] == anew


@pytest.mark.parametrize("manifest", [None, b"[", b"{}"])
def test_a_changed_record_of_what_was_sent_is_not_taken_over(
    run_task: RunTask, pushed: Pushed, look: Look, tmp_path: Path, manifest: bytes | None
) -> None:
    arguments = decided(pushed, look, outcome="accepted")
    bundle = local(collect(run_task, tmp_path, arguments, documents=[sent(look, arguments)]).result["bundle"])
    (bundle / "documents.json").write_text(json.dumps({"sent": [{"data_type": "forged"}], "kept": []}))
    if manifest is not None:
        (bundle / "manifest.json").write_bytes(manifest)
    collect(run_task, tmp_path, arguments, documents=[sent(look, arguments)])
    assert json.loads((bundle / "documents.json").read_text())["sent"] == sent(look, arguments)


def test_half_files_of_an_interrupted_run_leave_the_bundle(
    run_task: RunTask, pushed: Pushed, look: Look, tmp_path: Path
) -> None:
    arguments = decided(pushed, look, outcome="accepted")
    bundle = local(collect(run_task, tmp_path, arguments, documents=[sent(look, arguments)]).result["bundle"])
    (bundle / ".manifest.json.partial").write_bytes(b"{")
    (bundle / "manifest.json").unlink()
    again = collect(run_task, tmp_path, arguments)
    assert again.state == "success", again.error
    assert json.loads((bundle / "documents.json").read_text())["sent"] == sent(look, arguments)
    assert main(["verify-receipt", str(bundle)]) == 0


def test_what_this_login_may_not_read_is_noted(run_task: RunTask, pushed: Pushed, look: Look, tmp_path: Path) -> None:
    arguments = decided(pushed, look, outcome="accepted")
    with unreadable(look):
        done = collect(run_task, tmp_path, arguments)
    assert done.state == "success", done.error
    bundle = local(done.result["bundle"])
    (kept,) = json.loads((bundle / "documents.json").read_text())["kept"]
    assert kept["sha256"] is None
    assert "may not read it" in kept["not_readable"]
    assert problems_of(bundle) == []


def test_a_user_s_callback_comes_besides_the_note(
    run_task: RunTask, pushed: Pushed, look: Look, tmp_path: Path
) -> None:
    arguments = decided(pushed, look, outcome="accepted")
    called: list[int] = []
    found = []
    for number in range(2):
        defaults = {"on_success_callback": lambda _context: called.append(1)}
        with DAG(f"dag_{number}", schedule=None, start_date=NOW, default_args=defaults):
            task = AltinnCollectReceiptOperator(
                task_id="receipt", retries=0, authority=RULE, folder=str(tmp_path), **arguments
            )
        found.append(len(events(run_task(task))))
    assert (found, called) == ([1, 0], [1, 1])


def test_a_run_that_announces_nothing_notes_nothing(
    run_task: RunTask, pushed: Pushed, look: Look, tmp_path: Path
) -> None:
    arguments = decided(pushed, look, outcome="accepted")
    assert events(collect(run_task, tmp_path, arguments, accepted_asset=None)) == []
    assert events(collect(run_task, tmp_path, arguments, outlets=[])) == []
    assert list(tmp_path.glob("*.announced")) == []
    assert len(events(collect(run_task, tmp_path, arguments))) == 1


def test_no_json_of_a_bundle_holds_a_person_number(
    run_task: RunTask, pushed: Pushed, look: Look, tmp_path: Path
) -> None:
    arguments = decided(pushed, look, outcome="rejected", codes=[f"R061: {PERSON} er ikke gyldig"])
    more = {
        "documents": [[{**sent(look, arguments)[0], "file_name": f"lonn_{PERSON}.xml"}]],
        "validation": [{**ISSUE, "message": f"person {PERSON}"}],
    }
    collect(run_task, tmp_path / "hidden", arguments, **more)
    collect(run_task, tmp_path / "shown", arguments, show_person_numbers=True, **more)
    assert [path.name for path in (tmp_path / "hidden").rglob("*.json") if PERSON in path.read_text()] == []
    shown = {path.name for path in (tmp_path / "shown").rglob("*.json") if PERSON in path.read_text()}
    assert shown >= {"documents.json", "validation.json", "events.json", "process.json"}


class SaysTwice(Authority):
    """An authority whose verdict stands in a document."""

    receipt_types = ("notes",)

    def verdict(self, instance: Instance, documents: Mapping[str, bytes]) -> Verdict:
        said = documents["notes"].decode()
        return Verdict(ACCEPTED if said == "yes" else REJECTED, said)


def with_notes(run_task: RunTask, connection: str, form: str, look: Look, notes: Mapping[str, str]) -> dict[str, Any]:
    """File an accepted report that has further documents, by their names."""
    app = "ttd/basic-feedback"
    made = run_task(AltinnInstantiateOperator(task_id="instantiate", app=app, period="2026-T5"))
    arguments = {"app": app, "instance_id": made.result, "altinn_conn_id": connection}
    run_task(AltinnUploadDataOperator(task_id="upload", data_type="model", path=form, **arguments))
    for name, text in notes.items():  # As the authority does it: no name of its own is refused.
        headers = {"Content-Type": "text/plain", "Content-Disposition": f"attachment; filename={name}"}
        look.api("POST", f"/{app}/instances/{made.result}/data?dataType=notes", data=text.encode(), headers=headers)
    for task in ("data", "confirmation"):
        run_task(AltinnProcessNextOperator(task_id=f"push_{task}", from_task=task, **arguments))
    control(look, arguments["instance_id"], "decide", outcome="accepted")
    return arguments


@pytest.mark.parametrize(("said", "state"), [(["yes", "no"], "failed"), (["yes", "yes"], "success")])
def test_two_verdicts_that_differ_are_none(
    run_task: RunTask, connection: str, form: str, look: Look, tmp_path: Path, said: list[str], state: str
) -> None:
    notes = {f"note{number}.txt": text for number, text in enumerate(said)}
    arguments = with_notes(run_task, connection, form, look, notes)
    done = collect(run_task, tmp_path / "receipts", arguments, authority=SaysTwice())
    assert done.state == state, done.error
    if state == "failed":
        assert "2 documents of the type notes, which differ: note0.txt, note1.txt" in str(done.error)


NOTES = {"accepted_when": "receipt", "receipt_types": ["notes"]}
BOTH = {"accepted_when": "receipt", "receipt_types": ["notes", "model"]}


def receipts_of(bundle: Path) -> dict[str, bytes]:
    return content_of(bundle / "receipts") if (bundle / "receipts").exists() else {}


@pytest.mark.parametrize("changed", [False, True])
def test_a_receipt_that_is_wanted_later_joins_the_bundle_and_stays_there(
    run_task: RunTask, connection: str, form: str, look: Look, tmp_path: Path, changed: bool
) -> None:
    arguments = with_notes(run_task, connection, form, look, {"note.txt": "yes"})
    first = collect(run_task, tmp_path / "r", arguments, documents=[sent(look, arguments)], ignored_types=["notes"])
    bundle = local(first.result["bundle"])
    counts = [len(receipts_of(bundle))]
    for rule in (NOTES, BOTH, NOTES, RULE):
        if changed:
            control(look, arguments["instance_id"], "decide", outcome="accepted")
        before = receipts_of(bundle)
        done = collect(run_task, tmp_path / "r", arguments, authority=rule)
        assert done.state == "success", done.error
        now = receipts_of(bundle)
        counts.append(len(now))
        assert before.items() <= now.items()
        assert sorted(done.result["files"]) == sorted(f"file://{bundle}/receipts/{name}" for name in now)
        assert main(["verify-receipt", str(bundle), "--sha256", done.result["manifest_sha256"]]) == 0
        assert json.loads((bundle / "documents.json").read_text())["sent"] == sent(look, arguments)
    assert counts == [0, 1, 2, 2, 2]
    assert receipts_of(bundle)["note.txt"] == b"yes"


def test_a_receipt_that_nobody_asks_for_any_more_takes_no_part_in_the_verdict(
    run_task: RunTask, connection: str, form: str, look: Look, tmp_path: Path
) -> None:
    arguments = with_notes(run_task, connection, form, look, {"note.txt": "yes"})
    seen: list[list[str]] = []

    class Looks(Authority):
        def verdict(self, instance: Instance, documents: Mapping[str, bytes]) -> Verdict:
            seen.append(sorted(documents))
            return Verdict(ACCEPTED, "yes")

    authority = Looks()
    for types in (("notes", "model"), ("model",)):
        authority.receipt_types = types
        assert collect(run_task, tmp_path / "r", arguments, authority=authority).state == "success"
    assert seen == [["model", "notes"], ["model"]]


@pytest.mark.parametrize("shown", [False, True])
@pytest.mark.parametrize("name", [f"lonn_{PERSON}.txt", "lonn_010390-12345.txt"])
def test_no_receipt_s_name_holds_a_person_number(
    run_task: RunTask, connection: str, form: str, look: Look, tmp_path: Path, shown: bool, name: str
) -> None:
    arguments = with_notes(run_task, connection, form, look, {name: "yes", f"2_{name}": "yes"})
    done = collect(run_task, tmp_path / "r", arguments, authority=NOTES, show_person_numbers=shown)
    assert done.state == "success", done.error
    bundle = local(done.result["bundle"])
    assert sorted(receipts_of(bundle)) == ["2_lonn_eleven digits.txt", "lonn_eleven digits.txt"]
    for text in (json.dumps(done.xcoms), (bundle / "manifest.json").read_text()):
        assert PERSON not in text.replace("-", "")
    assert {local(path).read_bytes() for path in done.result["files"]} == {b"yes"}
    assert (name in (bundle / "documents.json").read_text()) == shown
    assert main(["verify-receipt", str(bundle)]) == 0


@pytest.mark.parametrize("shown", [False, True])
def test_a_receipt_that_was_kept_under_a_person_number_gets_another_name(
    run_task: RunTask, connection: str, form: str, look: Look, tmp_path: Path, shown: bool
) -> None:
    arguments = with_notes(run_task, connection, form, look, {f"lonn_{PERSON}.txt": "yes"})
    done = collect(run_task, tmp_path / "r", arguments, authority=NOTES, show_person_numbers=shown)
    bundle = local(done.result["bundle"])
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest.pop("seal")
    files = [Bundled(**entry) for entry in manifest.pop("files")]
    (receipt,) = (file for file in files if file.path.startswith("receipts/"))
    old = f"receipts/lonn_{PERSON}.txt"
    (bundle / receipt.path).rename(bundle / old)
    files = [file for file in files if file is not receipt] + [Bundled(old, receipt.sha256, receipt.size, "notes")]
    write_manifest(bundle, {k: v for k, v in manifest.items() if k != "format"}, files)
    assert problems_of(bundle) == []
    again = collect(run_task, tmp_path / "r", arguments, authority=NOTES, show_person_numbers=shown)
    assert again.state == "success", again.error
    assert receipts_of(bundle) == {"lonn_eleven digits.txt": b"yes"}
    assert PERSON not in json.dumps(again.xcoms)
    assert main(["verify-receipt", str(bundle), "--sha256", again.result["manifest_sha256"]]) == 0


def test_a_bundle_that_showed_person_numbers_is_masked_once_they_are_not_asked_for(
    run_task: RunTask, pushed: Pushed, look: Look, tmp_path: Path
) -> None:
    arguments = decided(pushed, look, outcome="accepted")
    told = [{**sent(look, arguments)[0], "file_name": f"lonn_{PERSON}.xml"}]
    collect(run_task, tmp_path, arguments, documents=[told], validation=[ISSUE], show_person_numbers=True)
    hidden = collect(run_task, tmp_path, arguments, documents=[])
    bundle = local(hidden.result["bundle"])
    assert [path.name for path in bundle.rglob("*.json") if PERSON in path.read_text()] == []
    assert json.loads((bundle / "documents.json").read_text())["sent"] == [
        {**sent(look, arguments)[0], "file_name": "lonn_<eleven digits>.xml"}
    ]
    assert json.loads((bundle / "validation.json").read_text()) == {"issues": [ISSUE]}
    digest = hidden.result["manifest_sha256"]
    assert main(["verify-receipt", str(bundle), "--sha256", digest]) == 0
    assert collect(run_task, tmp_path, arguments).result["manifest_sha256"] == digest
    assert collect(run_task, tmp_path, arguments, show_person_numbers=True).result["manifest_sha256"] == digest


@pytest.mark.parametrize(
    "place", ["reason", "codes", "documents.json", "validation.json", "process.json", "events.json", "receipts/", ""]
)
def test_a_number_is_seen_wherever_a_bundle_shows_it(tmp_path: Path, place: str) -> None:
    def told(where: str) -> str:
        return PERSON if where == place else "nobody"

    names = ("documents.json", "validation.json", "process.json", "events.json", f"receipts/{told('receipts/')}.txt")
    files = [write_document(tmp_path, name, [told(name)], "x") for name in names]
    files.append(write_document(tmp_path, "receipts/own.json", [PERSON], "the authority's document, never changed"))
    write_manifest(tmp_path, {"reason": told("reason"), "codes": [told("codes")]}, files)
    bundle, folder = evidence.read_manifest(tmp_path), storage_path(str(tmp_path))
    assert bundle is not None
    assert shows_person_numbers(bundle, folder) == bool(place)
    assert shows_person_numbers(bundle, folder, receipts_only=True) == (place == "receipts/")


class SaysANumber(Authority):
    """An authority whose words hold a person's number."""

    def verdict(self, instance: Instance, documents: Mapping[str, bytes]) -> Verdict:
        return Verdict(ACCEPTED, f"accepted for {PERSON}", (f"A1: {PERSON}",))


def test_xcoms_and_events_hold_no_person_number_whatever_the_bundle_shows(
    run_task: RunTask, pushed: Pushed, look: Look, tmp_path: Path
) -> None:
    arguments = decided(pushed, look, outcome="accepted")
    told = [{**sent(look, arguments)[0], "file_name": f"lonn_{PERSON}.xml"}]
    done = collect(run_task, tmp_path, arguments, authority=SaysANumber(), documents=[told], show_person_numbers=True)
    assert (done.result["reason"], done.result["codes"]) == ("accepted for <eleven digits>", ["A1: <eleven digits>"])
    assert [one["file_name"] for one in done.result["documents"]] == ["lonn_<eleven digits>.xml"]
    assert PERSON not in json.dumps(events(done))
    manifest = json.loads((local(done.result["bundle"]) / "manifest.json").read_text())
    assert manifest["codes"] == [f"A1: {PERSON}"]


@pytest.mark.parametrize("state", [ACCEPTED, REJECTED, "unknown"])
def test_no_log_or_error_repeats_a_person_number_of_the_authority_s_words(
    run_task: RunTask, pushed: Pushed, look: Look, tmp_path: Path, capfd: pytest.CaptureFixture[str], state: str
) -> None:
    class Says(Authority):
        def verdict(self, instance: Instance, documents: Mapping[str, bytes]) -> Verdict:
            return Verdict(state, f"the word for {PERSON}", (f"A1: {PERSON}",))

    arguments = decided(pushed, look, outcome="accepted")
    capfd.readouterr()
    done = collect(run_task, tmp_path, arguments, authority=Says())
    written = "".join(capfd.readouterr()) + repr(done.error) + str(getattr(done.error, "codes", ""))
    assert "the word for <eleven digits>" in written
    assert PERSON not in written


def test_a_storage_that_does_not_answer_is_no_damage(
    run_task: RunTask, pushed: Pushed, look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken for damaged, the bundle would be written anew over a proof that is whole."""
    arguments = decided(pushed, look, outcome="accepted")
    first = collect(run_task, tmp_path, arguments, documents=[sent(look, arguments)])
    bundle = local(first.result["bundle"])
    before, opened = content_of(bundle), evidence._opened

    def broken(path: Any, mode: str) -> Any:
        if path.name == "events.json" and mode == "rb":
            raise OSError(errno.EIO, "the disk does not answer")
        return opened(path, mode)

    with monkeypatch.context() as patched:
        patched.setattr(evidence, "_opened", broken)
        done = collect(run_task, tmp_path, arguments, documents=[sent(look, arguments)])
    assert done.state == "failed"
    assert isinstance(done.error, OSError)
    assert "events.json cannot be read" in str(done.error)
    assert content_of(bundle) == before
    assert collect(run_task, tmp_path, arguments).result["manifest_sha256"] == first.result["manifest_sha256"]
