"""One filing per key, whoever comes, comes back or comes late: the rules right before and after a push."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import requests

from altinn.emulator import Emulator
from altinn.exceptions import (
    AltinnAmbiguousError,
    AltinnConfigurationError,
    AltinnDiffersError,
    AltinnFilingError,
    AltinnInputError,
    AltinnNotSurvivorError,
    AltinnSupersededError,
    AltinnUnexpectedStateError,
    AltinnUnknownOutcomeError,
)
from altinn.filing_ledger import FilingLedger
from altinn.hooks.altinn_hook import AltinnHook
from altinn.operators import (
    AltinnDeleteInstanceOperator,
    AltinnInstantiateOperator,
    AltinnProcessNextOperator,
    AltinnUploadDataOperator,
)
from altinn.operators.approval_check import approved_sha256, flat_documents
from altinn.operators.living_try import FENCE_KEY, LivingTry
from altinn.protocol.app_api import UPLOAD_VALIDITY
from tests.altinn_proxy import AltinnProxy
from tests.system.conftest import FORM, SOPHIE, Connect, Look, MemorySupervisor, Outcome, RunTask

NEXT = "/process/next"
CREATE = "/ttd/basic/instances$"
STAMPS = {"filingversion": "1", "filingperiod": "2026-T5", "filingkind": "main"}


def create(run_task: RunTask, **arguments: Any) -> Outcome:
    given = {"app": "ttd/basic", "period": "2026-T5", **arguments}
    return run_task(AltinnInstantiateOperator(task_id="instantiate", **given))


def push(run_task: RunTask, draft: dict[str, Any], from_task: str = "data", **arguments: Any) -> Outcome:
    return run_task(AltinnProcessNextOperator(task_id="push", from_task=from_task, **draft, **arguments))


def upload(run_task: RunTask, draft: dict[str, Any], path: str, **arguments: Any) -> list[dict[str, Any]]:
    put = run_task(AltinnUploadDataOperator(task_id="upload", data_type="model", path=path, **draft, **arguments))
    assert put.state == "success", put.error
    documents: list[dict[str, Any]] = put.result
    return documents


def end_this_process() -> None:
    """Tell the task to end, as Airflow's supervisor does when somebody has marked it."""
    os.kill(os.getpid(), signal.SIGTERM)


def make(look: Look, stamps: dict[str, str]) -> str:
    """Make an instance as another client would."""
    body = {"instanceOwner": {"partyId": "501337"}, "dataValues": stamps}
    return str(look.api("POST", "/ttd/basic/instances", json=body).json()["id"])


def test_the_first_push_waits_for_the_rest_of_settle_without_a_worker_slot(
    run_task: RunTask, connect: Connect, proxy: AltinnProxy, look: Look, form: str
) -> None:
    connect(proxy.base_url, **{**SOPHIE, "settle": 2})
    made = create(run_task)
    draft = {"app": "ttd/basic", "instance_id": made.result}
    upload(run_task, draft, form)
    first = push(run_task, draft)
    assert first.state == "success", first.error
    assert len(first.waited) == 1
    assert 0 < first.waited[0] <= 3.0
    assert len(look.requests("PUT", NEXT)) == 1
    assert push(run_task, draft, "confirmation").waited == []


def test_two_clients_that_could_not_see_each_other_push_the_same_instance(
    run_task: RunTask, connection: str, look: Look, form: str
) -> None:
    older = make(look, STAMPS)
    younger = make(look, STAMPS)
    refused = push(run_task, {"app": "ttd/basic", "instance_id": younger})
    assert refused.state == "failed"
    assert isinstance(refused.error, AltinnNotSurvivorError)
    assert refused.error.instance_ids == (older, younger)
    assert look.requests("PUT", NEXT) == []

    draft = {"app": "ttd/basic", "instance_id": create(run_task).result}
    assert draft["instance_id"] == older
    documents = upload(run_task, draft, form)
    for task in ("data", "confirmation"):
        assert push(run_task, draft, task, documents=documents).state == "success"
    assert [filing["instance"] for filing in look.filings()] == [older]
    assert look.instance(younger)["status"]["isSoftDeleted"], "a surplus draft is marked as deleted after delivery"


def test_a_push_that_was_the_second_delivery_of_its_key_is_red(
    run_task: RunTask, connection: str, proxied: str, proxy: AltinnProxy, look: Look, form: str
) -> None:
    """What no client can prevent (somebody else's push came in between) is at least told."""
    draft = {"app": "ttd/basic", "instance_id": create(run_task).result}
    documents = upload(run_task, draft, form)
    assert push(run_task, draft, documents=documents).state == "success"
    other = make(look, STAMPS)
    proxy.before("PUT", NEXT, lambda: look.submit(other))
    pushed = push(run_task, draft, "confirmation", documents=documents)
    assert pushed.state == "failed"
    assert isinstance(pushed.error, AltinnAmbiguousError)
    assert {filing["instance"] for filing in look.filings()} == {other, draft["instance_id"]}


@pytest.mark.parametrize("number", [1, 2])
def test_a_task_that_is_ended_while_it_looks_pushes_nothing(
    run_task: RunTask, connection: str, proxied: str, proxy: AltinnProxy, look: Look, form: str, number: int
) -> None:
    """The second look at the process comes after the proof to be the living try, right before the push."""
    draft = {"app": "ttd/basic", "instance_id": create(run_task).result}
    documents = upload(run_task, draft, form)
    proxy.before("GET", "/process$", end_this_process, number=number)
    ended = push(run_task, draft, documents=documents)
    assert isinstance(ended.error, AltinnSupersededError)
    assert len(proxy.requests("GET", "/process$")) == number
    assert look.requests("PUT", NEXT) == []


@pytest.mark.parametrize("late", ["the ledger is written", "the token is renewed"])
def test_a_task_that_is_ended_after_its_last_look_pushes_nothing(
    run_task: RunTask,
    connection: str,
    look: Look,
    form: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    late: str,
) -> None:
    draft = {"app": "ttd/basic", "instance_id": create(run_task).result}
    documents = upload(run_task, draft, form)
    end_when(monkeypatch, late, "pushing")
    ended = push(run_task, draft, documents=documents, ledger=str(tmp_path / "ledger"))
    assert isinstance(ended.error, AltinnSupersededError)
    assert look.requests("PUT", NEXT) == []


@pytest.mark.parametrize("late", ["the ledger is written", "the token is renewed"])
def test_a_task_that_is_ended_after_its_last_look_creates_nothing(
    run_task: RunTask, connection: str, look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: str
) -> None:
    end_when(monkeypatch, late, "creating")
    ended = create(run_task, ledger=str(tmp_path / "ledger"))
    assert isinstance(ended.error, AltinnSupersededError)
    assert look.requests("POST", CREATE) == []


def end_when(monkeypatch: pytest.MonkeyPatch, late: str, event: str) -> None:
    """Tell the task to end in the middle of what comes between its last look and what it sends."""
    record, token = FilingLedger.record, AltinnHook._token

    def recorded(self: FilingLedger, told: str, more: Any) -> None:
        if told == event and late == "the ledger is written":
            end_this_process()
        record(self, told, more)

    def renewed(self: AltinnHook, settings: Any, need: Any) -> str:
        if need.min_validity >= UPLOAD_VALIDITY and late == "the token is renewed":
            end_this_process()
        return token(self, settings, need)

    monkeypatch.setattr(FilingLedger, "record", recorded)
    monkeypatch.setattr(AltinnHook, "_token", renewed)


def test_a_push_that_was_refused_is_not_taken_for_the_one_that_filed(
    run_task: RunTask,
    connection: str,
    proxied: str,
    proxy: AltinnProxy,
    look: Look,
    form: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It met the lock; while it waited, a person added something, confirmed, and deleted the proof of it."""
    draft = {"app": "ttd/basic", "instance_id": create(run_task).result}
    documents = upload(run_task, draft, form)
    assert push(run_task, draft, documents=documents).state == "success"
    rights = {"fault": "rights_not_split", "path": "^/ttd/basic/"}
    locked = {"fault": "409_lock", "method": "PUT", "path": NEXT}
    requests.post(f"{look.base_url}/_emulator/faults", json=[rights, locked], timeout=10).raise_for_status()
    base = f"/ttd/basic/instances/{draft['instance_id']}"

    def meanwhile(_task: Any, _seconds: float) -> None:
        headers = {"Content-Type": "text/plain", "Content-Disposition": "attachment; filename=x.txt"}
        look.api("POST", f"{base}/data?dataType=attachment", data=b"not meant", headers=headers)
        look.api("PUT", f"{base}/process/next", json={"action": "confirm"})
        look.api("DELETE", f"{base}?hard=true")

    monkeypatch.setattr(AltinnProcessNextOperator, "_sleep", meanwhile)
    confirmed = push(run_task, draft, "confirmation", documents=documents, deferrable=False, lock_wait=0.0)
    assert confirmed.state != "success"
    assert isinstance(confirmed.error, AltinnUnknownOutcomeError)


def test_what_an_earlier_try_may_have_pushed_is_not_withdrawn(
    run_task: RunTask, connection: str, proxied: str, proxy: AltinnProxy, look: Look, form: str
) -> None:
    """Its push may be stuck on the way, and would file a deleted draft beside the one made instead."""
    draft = {"app": "ttd/basic", "instance_id": create(run_task).result}
    documents = upload(run_task, draft, form)
    options: dict[str, Any] = {"documents": documents, "delete_draft_on_kill": True, "lock_wait": 0.0}
    proxy.lose_request("PUT", NEXT)
    assert push(run_task, draft, **options).state == "up_for_retry"
    proxy.before("GET", "/process$", end_this_process)
    ended = push(run_task, draft, **options)
    assert isinstance(ended.error, AltinnSupersededError)
    assert not look.instance(draft["instance_id"])["status"].get("isSoftDeleted")


def test_what_may_be_on_its_way_is_not_withdrawn(
    run_task: RunTask, connection: str, proxied: str, proxy: AltinnProxy, look: Look, form: str
) -> None:
    """In an app whose data task is its last one the push that got no answer may still deliver it."""
    draft = {"app": "ttd/basic", "instance_id": create(run_task).result}
    documents = upload(run_task, draft, form)
    proxy.lose_request("PUT", NEXT)
    # The third look at the process is the first one after the push.
    proxy.before("GET", "/process$", end_this_process, number=3)
    ended = push(run_task, draft, documents=documents, delete_draft_on_kill=True)
    assert isinstance(ended.error, AltinnSupersededError)
    assert not look.instance(draft["instance_id"])["status"].get("isSoftDeleted")


def test_a_push_compares_with_nothing_only_where_nothing_is_given(
    run_task: RunTask, connection: str, look: Look, form: str
) -> None:
    """An upload's answer is lost with Airflow's database, and when somebody marks the task as done by hand."""
    draft = {"app": "ttd/basic", "instance_id": create(run_task).result}
    documents = upload(run_task, draft, form)
    for lost in (None, [None], [documents, None]):
        operator = AltinnProcessNextOperator(task_id="push", from_task="data", documents=["a template"], **draft)
        operator.documents = lost  # As Airflow renders it.
        refused = run_task(operator)
        assert refused.state == "failed"
        assert isinstance(refused.error, AltinnInputError)
        assert "an upload task's answer is not there" in str(refused.error)
    assert look.requests("PUT", NEXT) == []
    assert run_task(AltinnProcessNextOperator(task_id="push", from_task="data", **draft)).state == "success"


def test_a_draft_that_was_left_behind_is_marked_when_the_filing_is_found_again(
    run_task: RunTask, connection: str, look: Look
) -> None:
    delivered = make(look, STAMPS)
    look.submit(delivered)
    late, other_period = make(look, STAMPS), make(look, {**STAMPS, "filingperiod": "2026-T4"})
    again = create(run_task)
    assert again.result == delivered
    assert look.instance(late)["status"]["isSoftDeleted"]
    assert not look.instance(other_period)["status"].get("isSoftDeleted")


def test_somebody_who_filed_by_hand_meanwhile_stops_the_push(
    run_task: RunTask, draft: dict[str, Any], look: Look, form: str
) -> None:
    documents = upload(run_task, draft, form)
    make(look, {**STAMPS, "filingversion": "2"})
    stopped = push(run_task, draft, documents=documents)
    assert stopped.state == "failed"
    assert "somebody else made an instance" in str(stopped.error)
    assert look.requests("PUT", NEXT) == []
    assert push(run_task, draft, documents=documents, on_foreign="ignore").state == "success"


@pytest.mark.parametrize("app", ["ttd/basic", "ttd/basic-feedback"])
@pytest.mark.parametrize("theirs", ["attachment", "notes"])
def test_a_push_that_delivers_something_else_is_red(
    run_task: RunTask,
    proxied: str,
    proxy: AltinnProxy,
    emulator: Emulator,
    look: Look,
    tmp_path: Path,
    app: str,
    theirs: str,
) -> None:
    """Somebody adds a file between the last look and the push: where rights are not split, that is open."""
    emulator.faults.order([{"fault": "rights_not_split", "path": f"/{app}/"}])
    draft = {"app": app, "instance_id": create(run_task, app=app).result}
    path = tmp_path / "note.txt"
    path.write_bytes(b"ours")
    put = run_task(AltinnUploadDataOperator(task_id="upload", data_type="attachment", path=str(path), **draft))
    assert push(run_task, draft, documents=put.result).state == "success"
    address = f"/{app}/instances/{draft['instance_id']}/data/{theirs}"
    headers = {"Content-Type": "text/plain", "Content-Disposition": "attachment; filename=more.txt"}
    proxy.before("PUT", NEXT, lambda: look.api("POST", address, data=b"theirs", headers=headers))
    confirmed = push(run_task, draft, "confirmation", documents=put.result)
    assert confirmed.state == "failed"
    assert isinstance(confirmed.error, AltinnDiffersError)
    assert "is delivered, and differs from what was meant" in str(confirmed.error)
    assert "more.txt" in str(confirmed.error)
    assert len(look.filings()) == 1
    look.decide(draft["instance_id"], "accepted")
    again = push(run_task, draft, "confirmation", documents=put.result)
    assert isinstance(again.error, AltinnDiffersError)
    assert look.instance(draft["instance_id"])["process"]["ended"]
    ignoring = push(run_task, draft, "confirmation", documents=put.result, ignored_types=[theirs])
    assert ignoring.state == "success"


@pytest.mark.parametrize("deleted", ["softly", "for good"])
def test_what_somebody_else_delivered_is_compared_also_when_it_has_been_thrown_away(
    run_task: RunTask, draft: dict[str, Any], look: Look, tmp_path: Path, deleted: str
) -> None:
    """Another run brings the same draft up to date with its own documents, files it, and a person deletes it."""
    path = tmp_path / "note.txt"

    def put(content: bytes) -> list[dict[str, Any]]:
        path.write_bytes(content)
        more: dict[str, Any] = {"task_id": "upload", "data_type": "attachment", "path": str(path)}
        return list(run_task(AltinnUploadDataOperator(**more, **draft)).result)

    ours, theirs = put(b"ours"), put(b"theirs")
    look.submit(draft["instance_id"])
    address = f"/ttd/basic/instances/{draft['instance_id']}"
    assert look.api("DELETE", address, params={"hard": str(deleted == "for good").lower()}).ok
    for task in ("data", "confirmation"):
        others = push(run_task, draft, task, documents=ours)
        if deleted == "softly":
            assert isinstance(others.error, AltinnDiffersError), others.error
            assert push(run_task, draft, task, documents=theirs).state == "success"
        else:
            assert isinstance(others.error, AltinnUnknownOutcomeError), others.error
            assert draft["instance_id"] in str(others.error)


def test_a_task_that_the_app_has_lost_is_not_pushed_over(
    run_task: RunTask, draft: dict[str, Any], look: Look, form: str
) -> None:
    upload(run_task, draft, form)
    refused = push(run_task, draft, to_task="signing")
    assert isinstance(refused.error, AltinnUnexpectedStateError)
    assert "has no task signing any more" in str(refused.error)
    assert look.requests("PUT", NEXT) == []
    assert push(run_task, draft, to_task="confirmation").state == "success"


def test_a_draft_that_a_person_must_approve_passes_that_on(
    run_task: RunTask, connection: str, look: Look, form: str
) -> None:
    made = create(run_task, approval="required")
    assert made.xcoms["altinn_approval"] == "required"
    assert create(run_task).xcoms["altinn_approval"] == "required"
    draft = {"app": "ttd/basic", "instance_id": made.result}
    documents = upload(run_task, draft, form)
    refused = push(run_task, draft, documents=documents)
    assert isinstance(refused.error, AltinnFilingError)
    assert "approved by a person first" in str(refused.error)
    approved = {
        "chosen_options": ["Approve"],
        "responded_by_user": {"id": "anna", "name": "anna"},
        "content_sha256": approved_sha256(flat_documents(documents)),
    }
    assert push(run_task, draft, documents=documents, approved=approved).state == "success"


def test_a_run_that_is_cleared_at_the_confirmation_finds_its_documents_and_goes_on(
    run_task: RunTask, draft: dict[str, Any], look: Look, form: str, tmp_path: Path
) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_bytes(b"ours")
    entries = [{"data_type": "model", "path": form}, {"data_type": "attachment", "path": str(letter)}]

    def put() -> Outcome:
        return run_task(AltinnUploadDataOperator(task_id="upload", documents=entries, **draft))

    assert push(run_task, draft, documents=put().result).state == "success"
    assert create(run_task).result == draft["instance_id"]
    again = put()
    assert again.state == "success", again.error
    assert [entry["how"] for entry in again.result] == ["kept", "kept"]
    letter.write_bytes(b"other")
    changed = put()
    assert changed.state == "failed"
    assert isinstance(changed.error, AltinnDiffersError)
    assert "nothing is overwritten there" in str(changed.error)
    letter.write_bytes(b"ours")
    Path(form).write_bytes(FORM.replace(b">a<", b">c<"))
    assert isinstance(put().error, AltinnDiffersError)
    assert push(run_task, draft, "confirmation", documents=again.result).state == "success"
    assert len(look.filings()) == 1


def test_an_upload_that_arrived_twice_stops_the_push_and_is_mended_by_the_upload_task(
    run_task: RunTask, draft: dict[str, Any], look: Look, tmp_path: Path
) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_bytes(b"ours")
    arguments: dict[str, Any] = {"data_type": "attachment", "path": str(letter), **draft}
    first = run_task(AltinnUploadDataOperator(task_id="upload", **arguments))
    address = f"/ttd/basic/instances/{draft['instance_id']}/data/attachment"
    headers = {"Content-Type": "text/plain", "Content-Disposition": "attachment; filename=letter.txt"}
    look.api("POST", address, data=b"ours", headers=headers)
    assert isinstance(push(run_task, draft, documents=first.result).error, AltinnDiffersError)
    again = run_task(AltinnUploadDataOperator(task_id="upload", **arguments))
    assert again.result[0]["element_id"] == first.result[0]["element_id"]
    assert [name for data_type, name in look.elements(draft["instance_id"]) if data_type == "attachment"] == [
        "letter.txt"
    ]
    assert push(run_task, draft, documents=again.result).state == "success"


def test_the_hash_over_the_documents_is_stamped(run_task: RunTask, connection: str, look: Look, form: str) -> None:
    entries = [{"data_type": "model", "path": form}]
    first = create(run_task, documents=entries)
    look.submit(first.result)
    assert create(run_task, documents=entries).result == first.result
    Path(form).write_bytes(FORM.replace(b">a<", b">c<"))
    changed = create(run_task, documents=entries)
    assert isinstance(changed.error, AltinnDiffersError)
    assert "delivered for this period with other documents" in str(changed.error)


# -- what is there already


def test_on_existing_fail_stops_at_others_and_goes_on_with_its_own(
    run_task: RunTask, supervisor: MemorySupervisor, proxied: str, proxy: AltinnProxy, look: Look
) -> None:
    proxy.lose_answer("POST", CREATE)
    first = create(run_task, on_existing="fail")
    assert first.state == "success", first.error
    assert create(run_task, on_existing="fail").result == first.result
    supervisor.store.clear()
    refused = create(run_task, on_existing="fail")
    assert refused.state == "failed"
    assert "on_existing is 'fail'" in str(refused.error)


def test_on_existing_fail_stops_at_others_also_where_its_own_creation_was_refused(
    run_task: RunTask, supervisor: MemorySupervisor, connection: str, look: Look
) -> None:
    order = {"fault": "403", "method": "POST", "path": CREATE}
    requests.post(f"{look.base_url}/_emulator/faults", json=[order], timeout=10).raise_for_status()
    assert create(run_task, on_existing="fail").state != "success"
    own = dict(supervisor.store)
    supervisor.store.clear()
    other = create(run_task).result
    supervisor.store = own
    refused = create(run_task, on_existing="fail")
    assert refused.state == "failed"
    assert str(other) in str(refused.error)


def test_changed_documents_become_the_next_correction_when_that_is_wanted(
    run_task: RunTask, connection: str, look: Look, tmp_path: Path
) -> None:
    path = tmp_path / "note.txt"

    def made(content: str) -> Outcome:
        path.write_text(content)
        return create(run_task, documents=[{"data_type": "attachment", "path": str(path)}], on_changed="correction")

    main = made("a").result
    look.submit(main)
    first = made("b")
    assert first.state == "success", first.error
    assert look.instance(first.result)["dataValues"]["filingkind"] == "correction-1"
    assert made("b").result == first.result
    look.submit(first.result)
    assert made("b").result == first.result
    second = made("c")
    assert look.instance(second.result)["dataValues"]["filingkind"] == "correction-2"
    assert made("a").result == main


def test_a_hash_alone_makes_no_correction(run_task: RunTask, connection: str, look: Look) -> None:
    """A draft keeps its first hash and is brought up to date in place, so the hash cannot tell what was delivered."""
    main = create(run_task, content_sha256="aa" * 32).result
    look.submit(main)
    writes = look.writes()
    refused = create(run_task, content_sha256="bb" * 32, on_changed="correction")
    assert isinstance(refused.error, AltinnDiffersError)
    assert "no correction is filed" in str(refused.error)
    assert look.writes() == writes


@pytest.mark.parametrize("more", [(), ("other.txt",)])
def test_what_was_delivered_with_more_than_is_meant_is_something_else(
    run_task: RunTask, connection: str, look: Look, tmp_path: Path, more: tuple[str, ...]
) -> None:
    paths = [tmp_path / name for name in ("note.txt", "late.txt", *more)]
    for path in paths:
        path.write_text(path.name)
    meant = [{"data_type": "attachment", "path": str(path)} for path in paths]
    draft = {"app": "ttd/basic", "instance_id": create(run_task, documents=meant[:1]).result}
    put = run_task(AltinnUploadDataOperator(task_id="upload", documents=meant, **draft))
    assert put.state == "success", put.error
    look.submit(draft["instance_id"])
    again = create(run_task, documents=meant[:2])
    assert again.state == ("failed" if more else "success"), again.error


@pytest.mark.parametrize("place", ["/api/v1/applicationmetadata", r"/storage/api/v1/instances\?"])
def test_a_draft_that_is_deleted_during_the_last_look_is_not_pushed(
    run_task: RunTask, draft: dict[str, Any], proxied: str, proxy: AltinnProxy, look: Look, form: str, place: str
) -> None:
    documents = upload(run_task, draft, form)
    address = f"/ttd/basic/instances/{draft['instance_id']}?hard=false"
    proxy.before("GET", place, lambda: look.api("DELETE", address))
    refused = push(run_task, draft, documents=documents)
    assert isinstance(refused.error, AltinnUnexpectedStateError)
    assert look.requests("PUT", NEXT) == []


@pytest.mark.parametrize("name", ["on_existing", "on_changed", "on_foreign"])
def test_a_choice_that_is_none_is_refused_before_anything_is_sent(
    run_task: RunTask, connection: str, look: Look, name: str
) -> None:
    refused = create(run_task, **{name: "perhaps"})
    assert refused.state == "failed"
    assert f"{name} must be" in str(refused.error)
    assert look.writes() == []


# -- the fence


def test_a_try_that_was_replaced_creates_nothing(
    run_task: RunTask, supervisor: MemorySupervisor, proxied: str, proxy: AltinnProxy, look: Look
) -> None:
    """Another process of the same try has left its mark while this one was looking."""
    proxy.before("GET", "/storage/api/v1/instances", lambda: supervisor.store.update({FENCE_KEY: "another"}))
    refused = create(run_task)
    assert refused.state == "failed"
    assert isinstance(refused.error, AltinnSupersededError)
    assert look.requests("POST", CREATE) == []


@pytest.mark.parametrize("state", ["failed", "success", "restarting", "removed"])
def test_a_task_that_somebody_marked_pushes_nothing(
    run_task: RunTask, supervisor: MemorySupervisor, draft: dict[str, Any], look: Look, form: str, state: str
) -> None:
    upload(run_task, draft, form)
    supervisor.state = state
    refused = push(run_task, draft)
    assert refused.state == "failed"
    assert f"Airflow says that this task is {state}" in str(refused.error)
    assert look.requests("PUT", NEXT) == []
    assert look.instance(draft["instance_id"])["process"]["currentTask"]["elementId"] == "Task_1"


def test_a_task_that_is_being_ended_pushes_nothing_and_leaves_its_draft(
    run_task: RunTask, draft: dict[str, Any], proxied: str, proxy: AltinnProxy, look: Look, form: str
) -> None:
    upload(run_task, draft, form)
    operator = AltinnProcessNextOperator(task_id="push", from_task="data", **draft)
    proxy.before("GET", "/process$", end_this_process)
    refused = run_task(operator)
    assert isinstance(refused.error, AltinnSupersededError)
    assert look.requests("PUT", NEXT) == []
    assert not look.instance(draft["instance_id"])["status"].get("isSoftDeleted")


def test_a_task_that_is_being_ended_marks_its_own_draft_as_deleted_when_asked_to(
    run_task: RunTask, draft: dict[str, Any], proxied: str, proxy: AltinnProxy, look: Look, form: str
) -> None:
    upload(run_task, draft, form)
    operator = AltinnProcessNextOperator(task_id="push", from_task="data", delete_draft_on_kill=True, **draft)
    proxy.before("GET", "/process$", end_this_process)
    run_task(operator)
    assert look.instance(draft["instance_id"])["status"]["isSoftDeleted"]


def test_a_submitted_instance_is_not_deleted_on_kill(
    run_task: RunTask, draft: dict[str, Any], proxied: str, proxy: AltinnProxy, look: Look, form: str
) -> None:
    upload(run_task, draft, form)
    operator = AltinnProcessNextOperator(task_id="push", from_task="data", delete_draft_on_kill=True, **draft)
    proxy.before("PUT", NEXT, end_this_process)
    run_task(operator)
    kept = look.instance(draft["instance_id"])
    assert kept["process"]["currentTask"]["elementId"] == "Task_2"
    assert not kept["status"].get("isSoftDeleted")


def test_a_draft_that_a_newer_try_may_have_adopted_is_not_deleted_on_kill(
    run_task: RunTask,
    supervisor: MemorySupervisor,
    draft: dict[str, Any],
    proxied: str,
    proxy: AltinnProxy,
    look: Look,
    form: str,
) -> None:
    upload(run_task, draft, form)
    operator = AltinnProcessNextOperator(task_id="push", from_task="data", delete_draft_on_kill=True, **draft)

    def replaced() -> None:
        end_this_process()
        supervisor.store[FENCE_KEY] = "a newer try"

    proxy.before("GET", "/process$", replaced)
    run_task(operator)
    assert not look.instance(draft["instance_id"])["status"].get("isSoftDeleted")


def test_a_process_without_supervisor_is_not_the_living_try() -> None:
    class Broken:
        def get(self, _key: str) -> None:
            raise BrokenPipeError

        set = get

    class Context(dict[str, Any]):
        pass

    living = LivingTry(Context(task_state_store=Broken(), ti=None), lambda: False)  # type: ignore[arg-type]
    with pytest.raises(AltinnSupersededError, match="lost its supervisor"):
        living.prove("a push")


# -- Storage's lock as a fence


def test_the_instance_lock_is_held_during_the_last_look_only(
    run_task: RunTask, draft: dict[str, Any], look: Look, form: str
) -> None:
    upload(run_task, draft, form)
    done = push(run_task, draft, fence="instance_lock")
    assert done.state == "success", done.error
    steps = [e["method"] for e in look.journal() if "/lock" in e["path"] or NEXT in e["path"]]
    assert steps == ["POST", "PATCH", "PUT"]


def test_a_lock_that_somebody_holds_is_waited_for(
    run_task: RunTask, draft: dict[str, Any], look: Look, form: str
) -> None:
    upload(run_task, draft, form)
    address = f"/storage/api/v1/instances/{draft['instance_id']}/lock"
    look.api("POST", address, json={"ttlSeconds": 1})
    done = push(run_task, draft, fence="instance_lock")
    assert done.state == "success", done.error
    assert len(done.waited) == 1


def test_a_fence_that_is_not_known_is_refused(run_task: RunTask, draft: dict[str, Any]) -> None:
    assert "fence must be 'instance_lock'" in str(push(run_task, draft, fence="wall").error)


# -- the ledger


def test_the_ledger_has_a_line_for_each_decision_and_effect(
    run_task: RunTask, connect: Connect, proxy: AltinnProxy, look: Look, form: str, tmp_path: Path
) -> None:
    folder = tmp_path / "ledger"
    connect(proxy.base_url, **SOPHIE, ledger=str(folder))
    draft = {"app": "ttd/basic", "instance_id": create(run_task, content_sha256="ab" * 32).result}
    documents = upload(run_task, draft, form)
    for task in ("data", "confirmation"):
        assert push(run_task, draft, task, documents=documents).state == "success"
    create(run_task, content_sha256="ab" * 32)
    lines = [json.loads(line) for file in sorted(folder.iterdir()) for line in file.read_text().splitlines()]
    lines.sort(key=lambda line: line["at"])
    assert [line["event"] for line in lines] == [
        *("creating", "created"),
        *("looked", "pushing", "pushed"),
        *("looked", "pushing", "pushed", "delivered"),
        "adopted",
    ]
    delivered = lines[-2]
    assert delivered["period"] == "2026-T5"
    assert delivered["sha256"] == "ab" * 32
    assert delivered["instance_id"] == draft["instance_id"]
    assert {"environment", "dag_id", "run_id", "task_id", "try_number"} <= set(delivered)


def test_nothing_is_sent_that_the_ledger_cannot_hold(
    run_task: RunTask, connect: Connect, proxy: AltinnProxy, look: Look, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    connect(proxy.base_url, **SOPHIE, ledger=str(blocked))
    refused = create(run_task)
    assert refused.state == "failed"
    assert isinstance(refused.error, AltinnConfigurationError)
    assert "cannot be written" in str(refused.error)
    assert look.requests("POST", CREATE) == []


def test_a_deletion_is_written_down(
    run_task: RunTask, connect: Connect, proxy: AltinnProxy, look: Look, tmp_path: Path
) -> None:
    connect(proxy.base_url, **SOPHIE)
    made = create(run_task)
    folder = tmp_path / "ledger"
    arguments = {"app": "ttd/basic", "instance_id": made.result, "ledger": str(folder)}
    assert run_task(AltinnDeleteInstanceOperator(task_id="delete", **arguments)).result is True
    (file,) = folder.iterdir()
    assert [json.loads(line)["event"] for line in file.read_text().splitlines()] == ["deleting", "deleted"]


def test_a_draft_that_was_brought_up_to_date_is_known_again_after_delivery(
    run_task: RunTask, connection: str, look: Look, tmp_path: Path
) -> None:
    path = tmp_path / "report.xml"
    documents = [{"data_type": "model", "path": str(path)}]

    def instantiate(**more: Any) -> Any:
        return run_task(
            AltinnInstantiateOperator(
                task_id="instantiate", app="ttd/basic", period="2026-T5", documents=documents, **more
            )
        )

    path.write_bytes(FORM)
    first = instantiate()
    path.write_bytes(FORM.replace(b">a<", b">mended<"))
    adopted = instantiate()
    assert adopted.result == first.result
    instance: dict[str, Any] = {"app": "ttd/basic", "instance_id": first.result}
    put = run_task(AltinnUploadDataOperator(task_id="upload", documents=documents, **instance))
    for task in ("data", "confirmation"):
        pushed = run_task(
            AltinnProcessNextOperator(task_id=f"push_{task}", from_task=task, documents=put.result, **instance)
        )
        assert pushed.state == "success", pushed.error

    for choice in ("fail", "correction"):
        again = instantiate(on_changed=choice)
        assert again.state == "success", again.error
        assert again.result == first.result
    path.write_bytes(FORM.replace(b">a<", b">other<"))
    refused = instantiate()
    assert refused.state == "failed"
    assert "delivered for this period with other documents" in str(refused.error)
    assert len(look.filings()) == 1
