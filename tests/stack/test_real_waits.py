"""Waiting with the real triggerer: answers, hours, signatures, deadlines, and a triggerer that dies meanwhile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from altinn.evidence import problems_of
from tests.stack.conftest import RealAirflow, unique_period

FORM = b"<model><property1>a</property1><property2>b</property2></model>"
WAIT = "filing.wait_for_feedback"


@pytest.fixture
def conf(tmp_path: Path) -> dict[str, Any]:
    """Write the form, and choose a period that nobody else files."""
    path = tmp_path / "form.xml"
    path.write_bytes(FORM)
    return {"period": unique_period(), "form_path": str(path)}


def waiting(airflow: RealAirflow, dag_id: str, conf: dict[str, Any], task_id: str = WAIT) -> tuple[str, str]:
    """Start a run, wait until it waits, and return its id and its instance's."""
    run_id = airflow.trigger(dag_id, conf)
    airflow.wait_for_task(dag_id, run_id, task_id, "deferred")
    return run_id, str(airflow.xcom(dag_id, run_id, "filing.instantiate"))


def test_accepted_is_green_with_its_proof(airflow: RealAirflow, conf: dict[str, Any]) -> None:
    run_id, instance_id = waiting(airflow, "stack_feedback", conf)
    airflow.control(instance_id, "decide", outcome="accepted")
    airflow.require_success("stack_feedback", run_id)
    receipt = airflow.xcom("stack_feedback", run_id, "filing.accepted")
    assert receipt["outcome"] == "accepted"
    bundle = Path(receipt["bundle"].removeprefix("file://"))
    assert problems_of(bundle, expected_sha256=receipt["manifest_sha256"]) == []


def test_rejected_is_red_with_the_codes(airflow: RealAirflow, conf: dict[str, Any]) -> None:
    run_id, instance_id = waiting(airflow, "stack_feedback", conf)
    airflow.control(instance_id, "decide", outcome="rejected", codes=["R061: tidligere periode mangler"])
    assert airflow.wait_for_run("stack_feedback", run_id) == "failed"
    states = airflow.states("stack_feedback", run_id)
    assert (states[WAIT], states["filing.accepted"]) == ("success", "failed")
    assert "R061: tidligere periode mangler" in airflow.log("stack_feedback", run_id, "filing.accepted")


def test_feedback_after_hours(airflow: RealAirflow, conf: dict[str, Any]) -> None:
    run_id, instance_id = waiting(airflow, "stack_feedback", conf)
    airflow.control(instance_id, "decide", outcome="accepted", after_seconds=6 * 3600)
    airflow.emulator.call("POST", "/_emulator/clock", {"advance_seconds": 5 * 3600})
    assert airflow.states("stack_feedback", run_id)[WAIT] == "deferred"
    airflow.emulator.call("POST", "/_emulator/clock", {"advance_seconds": 2 * 3600})
    airflow.require_success("stack_feedback", run_id)


def test_a_person_signs(airflow: RealAirflow, conf: dict[str, Any]) -> None:
    task = "filing.wait_2_signing"
    run_id, instance_id = waiting(airflow, "stack_signature", conf, task)
    path = f"/api/v2/dags/stack_signature/dagRuns/{run_id}/taskInstances/{task}/links"
    links = airflow.api.service.call("GET", path)["extra_links"]
    assert links["Altinn instance"].endswith(f"/ttd/basic-signing/#/instance/{instance_id}")
    airflow.control(instance_id, "act", action="sign", person=1337)
    airflow.require_success("stack_signature", run_id)
    receipt = airflow.xcom("stack_signature", run_id, "filing.accepted")
    events = Path(receipt["bundle"].removeprefix("file://")) / "events.json"
    signed = [e for e in json.loads(events.read_text())["instanceEvents"] if e["eventType"] == "Signed"]
    assert [event["user"]["userId"] for event in signed] == [1337]


def test_a_refused_signature_is_red(airflow: RealAirflow, conf: dict[str, Any]) -> None:
    task = "filing.wait_2_signing"
    run_id, instance_id = waiting(airflow, "stack_signature", conf, task)
    airflow.control(instance_id, "act", action="reject", person=1337)
    assert airflow.wait_for_run("stack_signature", run_id) == "failed"
    assert "refused" in airflow.log("stack_signature", run_id, task)


def test_the_deadline_passes(airflow: RealAirflow, conf: dict[str, Any]) -> None:
    run_id = airflow.trigger("stack_short_wait", conf)
    assert airflow.wait_for_run("stack_short_wait", run_id) == "failed"
    states = airflow.states("stack_short_wait", run_id)
    assert (states[WAIT], states["filing.accepted"]) == ("failed", "upstream_failed")
    assert "came to its limit" in airflow.log("stack_short_wait", run_id, WAIT)


def test_the_triggerer_dies_and_comes_back(airflow: RealAirflow, conf: dict[str, Any]) -> None:
    run_id, instance_id = waiting(airflow, "stack_feedback", conf)
    airflow.stack.kill("triggerer")
    airflow.control(instance_id, "decide", outcome="accepted")
    assert airflow.states("stack_feedback", run_id)[WAIT] == "deferred"
    airflow.stack.relaunch("triggerer")
    airflow.require_success("stack_feedback", run_id)
    pushes = [
        e for e in airflow.journal() if e["method"] == "PUT" and e["path"].endswith(f"{instance_id}/process/next")
    ]
    assert len(pushes) == 2


def test_ending_the_wait_by_hand_withdraws_nothing(airflow: RealAirflow, conf: dict[str, Any]) -> None:
    """Judged at the end, when the same run has waited anew and become green: nothing can come later."""
    run_id, instance_id = waiting(airflow, "stack_feedback", conf)
    path = f"/api/v2/dags/stack_feedback/dagRuns/{run_id}/taskInstances/{WAIT}"
    kept = f"{path}/state-store/altinn_wait_deadline"
    first = airflow.api.service.call("GET", kept)["value"]
    airflow.api.service.call("PATCH", path, {"new_state": "failed"})
    assert airflow.wait_for_run("stack_feedback", run_id) == "failed"
    assert airflow.api.service.call("GET", kept)["value"] == first, "nothing of ours ran that could forget it"
    assert airflow.states("stack_feedback", run_id)["filing.accepted"] == "upstream_failed"
    airflow.clear("stack_feedback", run_id, WAIT, "filing.accepted")
    airflow.wait_for_task("stack_feedback", run_id, WAIT, "deferred")
    assert airflow.api.service.call("GET", kept)["value"]["deadline"] > first["deadline"], "who clears it waits anew"
    airflow.control(instance_id, "decide", outcome="accepted")
    airflow.require_success("stack_feedback", run_id)
    writes = [e["method"] for e in airflow.journal() if instance_id in e["path"] and e["method"] != "GET"]
    assert sorted(writes) == ["PUT", "PUT", "PUT"], "the form and two pushes, and nothing else"


def test_an_approved_filing_is_filed(airflow: RealAirflow, conf: dict[str, Any]) -> None:
    run_id = airflow.trigger("stack_approval", conf)
    airflow.wait_for_task("stack_approval", run_id, "filing.approve", "awaiting_input")
    airflow.respond("stack_approval", run_id, "filing.approve", "Approve")
    airflow.require_success("stack_approval", run_id)
    answer = airflow.xcom("stack_approval", run_id, "filing.approve")
    assert answer["chosen_options"] == ["Approve"]
    assert len(answer["content_sha256"]) == 64


def test_a_refused_approval_is_red_and_files_nothing(airflow: RealAirflow, conf: dict[str, Any]) -> None:
    run_id = airflow.trigger("stack_approval", conf)
    airflow.wait_for_task("stack_approval", run_id, "filing.approve", "awaiting_input")
    airflow.respond("stack_approval", run_id, "filing.approve", "Reject")
    assert airflow.wait_for_run("stack_approval", run_id) == "failed"
    states = airflow.states("stack_approval", run_id)
    assert states["filing.approve"] == "failed"
    assert {state for task, state in states.items() if "push" in task} == {"upstream_failed"}
    instance_id = airflow.xcom("stack_approval", run_id, "filing.instantiate")
    assert not [e for e in airflow.journal() if e["path"].endswith(f"{instance_id}/process/next")]


def pushes_of(airflow: RealAirflow, instance_id: str) -> list[dict[str, Any]]:
    """Return the pushes of an instance that anybody has tried."""
    return [e for e in airflow.journal() if e["path"].endswith(f"{instance_id}/process/next") and e["method"] == "PUT"]


def test_what_changed_after_it_was_shown_is_not_filed(airflow: RealAirflow, conf: dict[str, Any]) -> None:
    run_id = airflow.trigger("stack_approval", conf)
    airflow.wait_for_task("stack_approval", run_id, "filing.approve", "awaiting_input")
    shown = airflow.xcom("stack_approval", run_id, "filing.upload")
    Path(conf["form_path"]).write_bytes(FORM.replace(b">a<", b">z<"))
    airflow.clear("stack_approval", run_id, "filing.upload")
    airflow.until(
        lambda: airflow.xcom("stack_approval", run_id, "filing.upload") not in (None, shown), "the changed form"
    )
    airflow.respond("stack_approval", run_id, "filing.approve", "Approve")
    push = "filing.push_1_data"
    for attempt in (1, 2):
        assert airflow.wait_for_run("stack_approval", run_id) == "failed"
        assert airflow.states("stack_approval", run_id)[push] == "failed"
        assert "is not what would be filed" in airflow.log("stack_approval", run_id, push, attempt)
        if attempt == 1:
            airflow.clear("stack_approval", run_id, push)
    assert pushes_of(airflow, airflow.xcom("stack_approval", run_id, "filing.instantiate")) == []


def test_an_approval_task_that_was_marked_as_done_is_no_approval(airflow: RealAirflow, conf: dict[str, Any]) -> None:
    run_id = airflow.trigger("stack_approval", conf)
    airflow.wait_for_task("stack_approval", run_id, "filing.approve", "awaiting_input")
    path = f"/api/v2/dags/stack_approval/dagRuns/{run_id}/taskInstances/filing.approve"
    airflow.api.service.call("PATCH", path, {"new_state": "success"})
    assert airflow.wait_for_run("stack_approval", run_id) == "failed"
    assert "this run has no approval" in airflow.log("stack_approval", run_id, "filing.push_1_data")
    assert pushes_of(airflow, airflow.xcom("stack_approval", run_id, "filing.instantiate")) == []
