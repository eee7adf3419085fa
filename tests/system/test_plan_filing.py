"""The task before the first write: dry runs, verifying backfills, runs without a period."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.api.datamodels._generated import DagRunType

from altinn.emulator import Emulator
from altinn.exceptions import AltinnFilingError, AltinnInputError
from altinn.operators import AltinnInstantiateOperator, AltinnPlanFilingOperator, AltinnUploadDataOperator
from altinn.timetables import vat_terms
from tests.system.conftest import Look, MemorySupervisor, Outcome, RunTask

TERM = datetime(2026, 7, 1, tzinfo=UTC)
BACKFILL = {"run_type": DagRunType.BACKFILL, "logical_date": TERM, "data_interval_start": TERM}


def plan(connection: str, **arguments: Any) -> AltinnPlanFilingOperator:
    arguments = {"app": "ttd/basic", "period": "2026-T4", "altinn_conn_id": connection, **arguments}
    with DAG(
        "test",
        schedule=vat_terms(),
        start_date=datetime(2022, 1, 1, tzinfo=UTC),
        params={"period": None},
        render_template_as_native_obj=True,
    ):
        return AltinnPlanFilingOperator(task_id="plan", **arguments)


def file(run_task: RunTask, look: Look, connection: str, **arguments: Any) -> str:
    arguments = {"app": "ttd/basic", "period": "2026-T4", "altinn_conn_id": connection, **arguments}
    instance_id = str(run_task(AltinnInstantiateOperator(task_id="instantiate", **arguments)).result)
    look.submit(instance_id)
    return instance_id


def test_an_ordinary_run_goes_on_without_a_request(
    run_task: RunTask, connection: str, emulator: Emulator, look: Look
) -> None:
    outcome = run_task(plan(connection, kind="correction", correction_number="2"))
    assert outcome.result == {"period": "2026-T4", "kind": "correction", "correction_number": 2}
    assert look.journal() == []


def test_the_period_is_the_run_s_own(run_task: RunTask, connection: str) -> None:
    assert run_task(plan(connection, period=None), of_run=BACKFILL).result["period"] == "2026-T4"
    by_key = run_task(plan(connection, period=None), of_run={"partition_key": "2026-T3"})
    assert by_key.result["period"] == "2026-T3"


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"period": "2099-T1"}, "cannot be filed before it has ended"),
        ({"period": "last term"}, "is no period"),
        ({"period": "2099", "report": "tax_return"}, "cannot be filed before it has ended"),
        ({"period": "2025", "report": "vat_terms"}, "2025 is a year, but"),
        ({"period": "2026-M03", "kinds": ["term"]}, "2026-M03 is a month, but"),
        ({"period": "2025", "kinds": "year"}, "give a list"),
    ],
)
def test_a_period_that_a_dag_names_is_checked_as_well(
    run_task: RunTask, connection: str, look: Look, named: dict[str, str], said: str
) -> None:
    refused = run_task(plan(connection, **named))
    assert refused.state == "failed"
    assert said in str(refused.error)
    assert look.journal() == []


@pytest.mark.parametrize(
    ("key", "more", "refused"),
    [
        ("2026-M03", {}, True),
        ("2026-M03", {"kinds": ["term", "month"]}, False),
        ("2026-T1", {"report": "vat_months"}, True),
        ("2026-M03", {"report": "vat_months"}, False),
    ],
)
def test_an_event_s_period_must_be_of_an_allowed_kind(
    run_task: RunTask, connection: str, key: str, more: dict[str, Any], refused: bool
) -> None:
    done = run_task(plan(connection, period=None, **more), of_run={"partition_key": key})
    assert (done.state == "failed") is refused
    assert not refused or " is a " in str(done.error)


def test_a_run_without_a_period_fails_for_good(run_task: RunTask, connection: str) -> None:
    now = {"logical_date": datetime(2026, 11, 24, 9, 12, 3, tzinfo=UTC)}
    outcome = run_task(plan(connection, period=None), of_run=now)
    assert outcome.state == "failed"
    assert isinstance(outcome.error, AltinnInputError)
    assert "does not say which period" in str(outcome.error)


def test_a_dry_run_says_that_an_instance_would_be_made(run_task: RunTask, connection: str, look: Look) -> None:
    outcome = run_task(plan(connection, dry_run="{{ true }}"))
    assert outcome.state == "skipped"
    assert outcome.xcoms["altinn_dry_run"]["would"].startswith("an instance would be made for ttd/basic")
    assert look.requests("GET", "/storage/api/v1/instances")
    assert look.writes() == []


def test_a_dry_run_says_that_a_draft_would_be_filed(run_task: RunTask, connection: str, look: Look) -> None:
    arguments: dict[str, Any] = {"app": "ttd/basic", "period": "2026-T4", "altinn_conn_id": connection}
    made = run_task(AltinnInstantiateOperator(task_id="instantiate", **arguments)).result
    before = look.writes()
    outcome = run_task(plan(connection, dry_run=True))
    assert outcome.state == "skipped"
    assert f"draft {made}, which is at Task_1" in outcome.xcoms["altinn_dry_run"]["would"]
    assert look.writes() == before


def test_a_dry_run_says_that_the_period_is_filed(run_task: RunTask, connection: str, look: Look) -> None:
    filed = file(run_task, look, connection, content_sha256="a" * 64)
    before = look.writes()
    outcome = run_task(plan(connection, dry_run=True, content_sha256="a" * 64))
    assert outcome.xcoms["altinn_dry_run"] == {
        "period": "2026-T4",
        "kind": "main",
        "would": f"nothing would be filed: {filed} is delivered already (ended)",
        "instance_id": filed,
    }
    other = run_task(plan(connection, dry_run=True, content_sha256="b" * 64))
    assert "with other documents than these" in other.xcoms["altinn_dry_run"]["would"]
    assert look.writes() == before


def test_a_verifying_backfill_goes_on_where_the_report_is_filed(run_task: RunTask, connection: str, look: Look) -> None:
    file(run_task, look, connection)
    before = look.writes()
    outcome = run_task(plan(connection, on_backfill="verify_only"), of_run=BACKFILL)
    assert outcome.state == "success"
    assert look.writes() == before


@pytest.mark.parametrize("there_is_a_draft", [False, True])
def test_a_verifying_backfill_fails_where_nothing_is_filed(
    run_task: RunTask, connection: str, look: Look, there_is_a_draft: bool
) -> None:
    if there_is_a_draft:
        arguments: dict[str, Any] = {"app": "ttd/basic", "period": "2026-T4", "altinn_conn_id": connection}
        run_task(AltinnInstantiateOperator(task_id="instantiate", **arguments))
    before = look.writes()
    outcome = run_task(plan(connection, on_backfill="verify_only"), of_run=BACKFILL)
    assert outcome.state == "failed"
    assert isinstance(outcome.error, AltinnFilingError)
    assert "2026-T4, main is not filed" in str(outcome.error)
    assert ("draft" in str(outcome.error)) is there_is_a_draft
    assert look.writes() == before


def test_a_verifying_backfill_fails_where_other_documents_are_filed(
    run_task: RunTask, connection: str, look: Look
) -> None:
    file(run_task, look, connection, content_sha256="a" * 64)
    verify = plan(connection, on_backfill="verify_only", content_sha256="b" * 64)
    outcome = run_task(verify, of_run=BACKFILL)
    assert outcome.state == "failed"
    assert "with other documents than these" in str(outcome.error)


def test_a_dry_backfill_that_would_only_verify_says_how_it_would_end(
    run_task: RunTask, connection: str, look: Look
) -> None:
    verify = {"on_backfill": "verify_only", "dry_run": True}
    missing = run_task(plan(connection, **verify), of_run=BACKFILL)
    assert missing.state == "skipped"
    assert "only verifies: its run would fail" in missing.xcoms["altinn_dry_run"]["would"]
    file(run_task, look, connection)
    there = run_task(plan(connection, **verify), of_run=BACKFILL)
    assert there.xcoms["altinn_dry_run"]["would"].startswith("nothing would be filed: ")


def test_other_runs_do_not_verify(run_task: RunTask, connection: str) -> None:
    assert run_task(plan(connection, on_backfill="verify_only")).state == "success"


def test_a_backfill_of_too_many_periods_files_none(
    run_task: RunTask, supervisor: MemorySupervisor, connection: str, look: Look
) -> None:
    supervisor.task_states = {f"backfill__{number}": {"plan": None} for number in range(7)}
    refused = run_task(plan(connection, max_filings_per_backfill="6"), of_run=BACKFILL)
    assert refused.state == "failed"
    assert "has 7 periods to file, more than max_filings_per_backfill=6" in str(refused.error)
    assert run_task(plan(connection, max_filings_per_backfill=7), of_run=BACKFILL).state == "success"
    dry = run_task(plan(connection, max_filings_per_backfill=6, dry_run=True), of_run=BACKFILL)
    assert "has 7 periods to file" in str(dry.error)
    verify = plan(connection, max_filings_per_backfill=6, on_backfill="verify_only")
    assert "is not filed" in str(run_task(verify, of_run=BACKFILL).error)
    assert look.writes() == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"dry_run": "perhaps"}, "dry_run must be true or false"),
        ({"on_backfill": "all"}, "on_backfill must be"),
        ({"max_filings_per_backfill": "many"}, "max_filings_per_backfill must be a whole number"),
        ({"correction_number": "-1"}, "correction_number must be a whole number"),
        ({"kind": "correction"}, "correction number"),
    ],
)
def test_a_wrong_rule_fails_before_anything_is_asked(
    run_task: RunTask, connection: str, look: Look, arguments: dict[str, Any], said: str
) -> None:
    outcome = run_task(plan(connection, **arguments), of_run=BACKFILL)
    assert outcome.state == "failed"
    assert said in str(outcome.error)
    assert look.journal() == []


@pytest.mark.parametrize(("now", "state"), [("second", "success"), ("third", "failed")])
def test_a_verifying_backfill_compares_what_was_delivered_in_a_draft_that_was_brought_up_to_date(
    run_task: RunTask, connection: str, look: Look, tmp_path: Path, now: str, state: str
) -> None:
    """The draft keeps the hash of the documents that it was made with; what was delivered decides."""
    paths = {name: tmp_path / name / "note.txt" for name in ("first", "second", "third")}
    for name, path in paths.items():
        path.parent.mkdir()
        path.write_text(f"{name} version")
    meant = {name: [{"data_type": "attachment", "path": str(path)}] for name, path in paths.items()}
    filing: dict[str, Any] = {"app": "ttd/basic", "altinn_conn_id": connection}
    make = AltinnInstantiateOperator(task_id="instantiate", period="2026-T4", documents=meant["first"], **filing)
    draft = str(run_task(make).result)
    upload = AltinnUploadDataOperator(task_id="upload", instance_id=draft, documents=meant["second"], **filing)
    assert run_task(upload).state == "success"
    look.submit(draft)
    verify = plan(connection, on_backfill="verify_only", documents=meant[now])
    assert run_task(verify, of_run=BACKFILL).state == state


class Corrected:
    """A period that was filed, and documents that have changed since; `file` files one version of them."""

    def __init__(self, run_task: RunTask, look: Look, connection: str, folder: Path) -> None:
        self.look = look
        self.run_task = run_task
        self.connection = connection
        self.folder = folder

    def documents(self, version: str) -> list[dict[str, str]]:
        path = self.folder / version / "note.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(version)
        return [{"data_type": "attachment", "path": str(path)}]

    def file(self, version: str, *, submit: bool = True) -> str:
        filing: dict[str, Any] = {"app": "ttd/basic", "altinn_conn_id": self.connection}
        meant = self.documents(version)
        more: dict[str, Any] = {"period": "2026-T4", "documents": meant, "on_changed": "correction"}
        made = self.run_task(AltinnInstantiateOperator(task_id="instantiate", **more, **filing))
        assert made.state == "success", made.error
        upload = AltinnUploadDataOperator(task_id="upload", instance_id=made.result, documents=meant, **filing)
        assert self.run_task(upload).state == "success"
        if submit:
            self.look.submit(made.result)
        return str(made.result)

    def looked(self, task: str, version: str, **more: Any) -> Outcome:
        arguments: dict[str, Any] = {"documents": self.documents(version), "on_changed": "correction", **more}
        if task == "plan":
            return self.run_task(plan(self.connection, **arguments), of_run=BACKFILL)
        filing: dict[str, Any] = {"app": "ttd/basic", "period": "2026-T4", "altinn_conn_id": self.connection}
        operator = AltinnInstantiateOperator(task_id=f"looking_{version}", **filing, **arguments)
        return self.run_task(operator, of_run=BACKFILL)


@pytest.fixture
def corrected(run_task: RunTask, look: Look, connection: str, tmp_path: Path) -> Corrected:
    return Corrected(run_task, look, connection, tmp_path)


@pytest.mark.parametrize("task", ["plan", "instantiate"])
def test_a_dry_run_says_which_correction_would_be_filed(corrected: Corrected, look: Look, task: str) -> None:
    corrected.file("a")
    before = look.writes()
    dry = corrected.looked(task, "b", dry_run=True)
    assert dry.state == "skipped"
    told = dry.xcoms["altinn_dry_run"]
    assert told["would"].startswith("correction 1 would be filed: an instance would be made for ttd/basic")
    assert (told["kind"], told["instance_id"]) == ("correction-1", None)
    verify = corrected.looked(task, "b", dry_run=True, on_backfill="verify_only")
    assert "only verifies: its run would fail" in verify.xcoms["altinn_dry_run"]["would"]
    assert look.writes() == before

    draft = corrected.file("b", submit=False)
    told = corrected.looked(task, "b", dry_run=True).xcoms["altinn_dry_run"]
    assert told["would"].startswith(f"correction 1 would be filed: draft {draft}, which is at Task_1")
    look.submit(draft)
    before = look.writes()
    told = corrected.looked(task, "b", dry_run=True).xcoms["altinn_dry_run"]
    assert told["would"] == f"nothing would be filed: {draft} is delivered already as correction 1 (ended)"
    assert told["instance_id"] == draft
    told = corrected.looked(task, "c", dry_run=True).xcoms["altinn_dry_run"]
    assert told["would"].startswith("correction 2 would be filed: ")
    unasked = corrected.looked(task, "b", dry_run=True, on_changed="fail").xcoms["altinn_dry_run"]
    assert "with other documents than these" in unasked["would"]
    assert look.writes() == before


@pytest.mark.parametrize("task", ["plan", "instantiate"])
def test_a_verifying_backfill_takes_the_correction_that_these_documents_are(
    corrected: Corrected, look: Look, task: str
) -> None:
    main = corrected.file("a")
    correction = corrected.file("b")
    assert main != correction
    before = look.writes()
    verify = {"on_backfill": "verify_only"}
    for version, filed in (("a", main), ("b", correction)):
        done = corrected.looked(task, version, **verify)
        assert done.state == "success", done.error
        assert filed.split("/")[1] in done.xcoms["altinn_instance_url"]
        if task == "instantiate":
            assert done.result == filed
    refused = corrected.looked(task, "c", **verify)
    assert isinstance(refused.error, AltinnFilingError)
    assert "correction-2 is not filed: Altinn has no instance of it" in str(refused.error)
    unasked = corrected.looked(task, "b", **verify, on_changed="fail")
    assert f"is filed as {main}, but with other documents than these" in str(unasked.error)
    assert look.writes() == before


def test_without_documents_no_correction_is_foretold(corrected: Corrected) -> None:
    main = corrected.file("a")
    hashed: dict[str, Any] = {"documents": None, "content_sha256": "b" * 64}
    dry = corrected.looked("plan", "b", dry_run=True, **hashed)
    assert dry.state == "skipped"
    told = dry.xcoms["altinn_dry_run"]
    assert told["would"].startswith(f"nothing would be filed: {main} was made with other documents")
    assert told["instance_id"] == main
    verify = corrected.looked("plan", "b", on_backfill="verify_only", **hashed)
    assert "it cannot be told whether these were delivered" in str(verify.error)


def test_a_plan_takes_no_other_word_for_changed_documents(run_task: RunTask, connection: str) -> None:
    refused = run_task(plan(connection, on_changed="perhaps"))
    assert isinstance(refused.error, AltinnInputError)
    assert "on_changed must be 'fail' or 'correction'" in str(refused.error)
