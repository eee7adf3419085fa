"""AltinnInstantiateOperator: one instance per key, whatever happens on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from altinn.exceptions import (
    AltinnDiffersError,
    AltinnFilingError,
    AltinnForeignInstanceError,
    AltinnInputError,
)
from altinn.operators import AltinnInstantiateOperator
from tests.altinn_proxy import AltinnProxy
from tests.system.conftest import Look, Outcome, RunTask

CREATE = r"^/ttd/basic/instances$"


def _create(run_task: RunTask, **arguments: Any) -> Outcome:
    return run_task(
        AltinnInstantiateOperator(task_id="instantiate", **{"app": "ttd/basic", "period": "2026-T5", **arguments})
    )


def test_the_instance_carries_the_key_and_the_link(run_task: RunTask, connection: str, look: Look) -> None:
    made = _create(run_task, data_values={"reference": 17}, content_sha256="ab" * 32)

    assert made.state == "success", made.error
    instance = look.instance(made.result)
    assert instance["dataValues"] == {
        "reference": "17",
        "filingversion": "1",
        "filingperiod": "2026-T5",
        "filingkind": "main",
        "filingsha256": "ab" * 32,
    }
    assert made.xcoms["altinn_adopted"] is False
    assert made.xcoms["altinn_delivered"] is False
    assert made.xcoms["altinn_instance_url"].endswith(made.result)


def test_the_app_is_asked_for_its_metadata_once(run_task: RunTask, connection: str, look: Look, form: str) -> None:
    made = _create(run_task, documents=[{"data_type": "model", "path": form}])
    assert made.state == "success", made.error
    assert len(look.requests("GET", "/applicationmetadata$")) == 1


def test_a_retry_after_success_adopts(run_task: RunTask, connection: str, look: Look) -> None:
    first, again = _create(run_task), _create(run_task)
    assert again.result == first.result
    assert again.xcoms["altinn_adopted"] is True
    assert len(look.requests("POST", CREATE)) == 1


def test_a_lost_answer_is_looked_for(run_task: RunTask, proxied: str, proxy: AltinnProxy, look: Look) -> None:
    proxy.lose_answer("POST", CREATE)
    made = _create(run_task)
    assert made.state == "success", made.error
    assert made.xcoms["altinn_adopted"] is True
    assert len(look.requests("POST", CREATE)) == 1


@pytest.mark.parametrize("status", [500, 502, 504])
def test_so_is_one_behind_a_server_error(
    run_task: RunTask, proxied: str, proxy: AltinnProxy, look: Look, status: int
) -> None:
    proxy.falsify("POST", CREATE, status, forward=True)
    made = _create(run_task)
    assert made.state == "success", made.error
    assert look.instance(made.result)["dataValues"]["filingperiod"] == "2026-T5"
    assert len(look.requests("POST", CREATE)) == 1


def test_a_creation_that_never_arrived_is_made_after_a_wait_without_a_worker_slot(
    run_task: RunTask, proxied: str, proxy: AltinnProxy, look: Look
) -> None:
    proxy.lose_request("POST", CREATE)
    made = _create(run_task)
    assert made.state == "success", made.error
    assert len(made.waited) == 1
    assert made.xcoms["altinn_adopted"] is False
    assert len(look.requests("POST", CREATE)) == 1


def test_periods_and_corrections_have_instances_of_their_own(run_task: RunTask, connection: str) -> None:
    ids = {
        _create(run_task).result,
        _create(run_task, period="2026-T6").result,
        _create(run_task, kind="correction", correction_number="1").result,
        _create(run_task, kind="correction", correction_number=2).result,
    }
    assert len(ids) == 4
    assert None not in ids


def test_a_delivered_instance_is_adopted(run_task: RunTask, connection: str, look: Look) -> None:
    first = _create(run_task, content_sha256="ab" * 32).result
    look.submit(first)

    again = _create(run_task, content_sha256="ab" * 32)
    assert again.result == first
    assert again.xcoms["altinn_delivered"] is True

    other = _create(run_task, content_sha256="cd" * 32)
    assert other.state == "failed"
    assert isinstance(other.error, AltinnDiffersError)
    assert "kind='correction'" in str(other.error)


def test_prefill_makes_an_instance_without_a_key(run_task: RunTask, connection: str, look: Look) -> None:
    made = _create(run_task, period=None, prefill={"property1": "prefilled"}, instance_owner="self")
    assert made.state == "success", made.error
    assert look.instance(made.result)["dataValues"] in (None, {})
    base = f"/ttd/basic/instances/{made.result}"
    (form,) = [e["id"] for e in look.instance(made.result)["data"] if e["dataType"] == "model"]
    assert look.api("GET", f"{base}/data/{form}").json()["property1"] == "prefilled"


def test_prefill_and_a_period_exclude_each_other(run_task: RunTask, connection: str, look: Look) -> None:
    refused = _create(run_task, prefill={"property1": "x"})
    assert refused.state == "failed"
    assert isinstance(refused.error, AltinnInputError)
    assert "drops the stamps" in str(refused.error)
    assert look.writes() == []


def test_a_creation_without_a_key_is_never_repeated(
    run_task: RunTask, proxied: str, proxy: AltinnProxy, look: Look
) -> None:
    proxy.lose_answer("POST", "/instances/create")
    lost = _create(run_task, period=None, prefill={"property1": "prefilled"})
    assert lost.state == "failed"
    assert isinstance(lost.error, AltinnFilingError)
    assert "look for a draft in Altinn" in str(lost.error)
    assert len(look.requests("POST", "/instances/create")) == 1


def test_an_instance_with_an_unknown_stamp_stops_the_filing(run_task: RunTask, connection: str, look: Look) -> None:
    template = {
        "instanceOwner": {"partyId": "501337"},
        "dataValues": {"filingversion": "99", "filingperiod": "2026-T5", "filingkind": "main"},
    }
    foreign = look.api("POST", "/ttd/basic/instances", json=template).json()["id"]
    written = look.writes()

    refused = _create(run_task)
    assert refused.state == "failed"
    assert isinstance(refused.error, AltinnForeignInstanceError)
    assert refused.error.instance_ids == (foreign,)
    assert look.writes() == written
    assert _create(run_task, on_foreign="ignore").state == "success"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"period": None}, "set period, for example '2026-T5'"),
        ({"period": ""}, "set period, for example '2026-T5'"),
        ({"period": "2026/T5"}, "cannot be a filing key: use letters, digits"),
        ({"kind": "correction"}, "kind='correction' with correction_number=1"),
        ({"correction_number": "one"}, "correction_number must be a whole number, not 'one'"),
        ({"correction_number": 1}, "use kind='main' without a number"),
        ({"on_foreign": "shrug"}, "on_foreign must be 'fail' or 'ignore'"),
        ({"data_values": {"filingperiod": "x"}}, "data_values must not set filingperiod"),
        ({"username": "SophieDDG"}, "give the party id instead of the user name"),
        ({"party_id": "501337", "organisation_number": "897069650"}, "is given more than once"),
        ({"instance_owner": "me"}, "owner only knows 'self'"),
        ({"party_id": "Sophie"}, "party_id must be Altinn's number for the party"),
    ],
)
def test_what_cannot_be_a_filing_is_refused_before_anything_is_sent(
    run_task: RunTask, connection: str, look: Look, arguments: dict[str, Any], said: str
) -> None:
    refused = _create(run_task, **arguments)
    assert refused.state == "failed"
    assert isinstance(refused.error, AltinnInputError)
    assert said in str(refused.error)
    assert look.writes() == []


@pytest.mark.parametrize(
    ("name", "entry", "said"),
    [
        ("form.exe", {"data_type": "model"}, "model: form.exe"),
        ("form.xml", {"data_type": "modell"}, "did you mean 'model'?"),
        ("gone.xml", {"data_type": "model"}, "is not there"),
    ],
)
def test_documents_that_the_app_would_refuse_make_no_draft(
    run_task: RunTask,
    connection: str,
    look: Look,
    tmp_path: Path,
    form: str,
    name: str,
    entry: dict[str, str],
    said: str,
) -> None:
    path = tmp_path / name
    if name != "gone.xml":
        path.write_bytes(Path(form).read_bytes())
    refused = _create(run_task, documents=[{**entry, "path": str(path)}], content_sha256="0" * 64)
    assert refused.state == "failed"
    assert isinstance(refused.error, AltinnInputError)
    assert said in str(refused.error)
    assert look.writes() == []
