"""AltinnCollectReceiptOperator: green only when accepted, the proof in storage, one event for each acceptance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests
from airflow.sdk import Asset
from airflow.sdk.api.datamodels._generated import DagRunType
from airflow.sdk.execution_time.comms import SucceedTask

from altinn.cli import main
from altinn.evidence import Bundled, problems_of, write_manifest
from altinn.operators import AltinnCollectReceiptOperator
from tests.system.conftest import Connect, Look, Outcome, RunTask
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
    assert [(d["data_type"], len(d["sha256"])) for d in kept] == [("model", 64)]
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
        "outcome",
        "bundle",
        "manifest_sha256",
    }
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


def test_what_was_sent_outlives_a_later_run(run_task: RunTask, pushed: Pushed, look: Look, tmp_path: Path) -> None:
    arguments = decided(pushed, look, outcome="accepted")
    sent = [
        {"data_type": "model", "file_name": "f.xml", "sha256": "a" * 64, "size": 5, "how": "put", "element_id": "e"}
    ]
    collect(run_task, tmp_path, arguments, documents=[sent])
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
