"""The calendar's reader: every state, read from Altinn."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from jwt.algorithms import RSAAlgorithm

from altinn.authorities.authority import Authority
from altinn.authorities.vat_undelivered import STATUS_PATH
from altinn.emulator import Emulator
from altinn.exceptions import AltinnError
from altinn.operators import (
    AltinnInstantiateOperator,
    AltinnProcessNextOperator,
    AltinnReconcileOperator,
    AltinnUploadDataOperator,
)
from altinn.periods import parse_period
from altinn.protocol.model import Instance
from altinn.protocol.outcome import ACCEPTED, REJECTED, Outcome, standing
from tests.system.conftest import Connect, Look, RunTask
from tests.system.conftest import Outcome as TaskOutcome
from tests.unit.login_samples import pem, private_key

FITNESS, OSLO = "897069650", "897069651"
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


class TestReport(Authority):
    """A report whose form says its period in the first field, and in the second what the authority thinks of it."""

    __test__ = False
    name = "A test authority"
    period_types = ("model",)

    def period_of(self, content: bytes) -> str | None:
        text = content.decode().partition("<property1>")[2].partition("</property1>")[0]
        try:
            return parse_period(text).name
        except AltinnError:
            return None

    def verdict(self, instance: Instance, documents: Mapping[str, bytes]) -> Outcome:
        found = standing(instance)
        if not instance.process.is_ended:
            return found
        return Outcome(REJECTED, "no", ("E1: wrong",)) if instance.stamps.get("verdict") else Outcome(ACCEPTED, "yes")


AUTHORITY = TestReport()
NAME = "tests.system.test_reconcile_calendar"


def reconcile(connection: str, **arguments: Any) -> AltinnReconcileOperator:
    arguments = {
        "app": "ttd/basic",
        "report": "vat_terms",
        "authority": {"accepted_when": "ended"},
        "companies": [{"organisation_number": FITNESS, "name": "DDG Fitness"}],
        "periods": ["2026-T4", "2026-T5"],
        "altinn_conn_id": connection,
        "now": lambda: NOW,
        **arguments,
    }
    return AltinnReconcileOperator(task_id="reconcile", **arguments)


@pytest.fixture
def authority(monkeypatch: pytest.MonkeyPatch) -> str:
    import sys

    monkeypatch.setitem(sys.modules, NAME, sys.modules[__name__])
    return NAME


def states(outcome: TaskOutcome) -> dict[str, str]:
    assert outcome.state == "success", outcome.error
    return {row["period"]: row["state"] for row in outcome.xcoms["altinn_filing_calendar"]["rows"]}


class Filer:
    """Makes and files instances, as this provider and as others do."""

    def __init__(self, run_task: RunTask, look: Look, connection: str) -> None:
        self.run_task, self.look, self.connection = run_task, look, connection

    def draft(self, period: str, app: str = "ttd/basic", **more: Any) -> str:
        arguments = {"organisation_number": FITNESS, "altinn_conn_id": self.connection, **more}
        made = self.run_task(AltinnInstantiateOperator(task_id="instantiate", app=app, period=period, **arguments))
        assert made.state == "success", made.error
        return str(made.result)

    def file(self, period: str, **more: Any) -> str:
        instance_id = self.draft(period, **more)
        self.look.submit(instance_id)
        return instance_id

    def wait_for_a_person(self, instance_id: str) -> None:
        """Fill in a draft and push it to its confirmation."""
        base = f"/ttd/basic/instances/{instance_id}"
        (form,) = [e["id"] for e in self.look.instance(instance_id)["data"] if e["dataType"] == "model"]
        content = "<model><property1>a</property1><property2>b</property2></model>"
        self.look.api("PUT", f"{base}/data/{form}", data=content, headers={"Content-Type": "application/xml"})
        self.look.api("PUT", f"{base}/process/next", json={"action": "write"})

    def file_elsewhere(
        self, field: str, values: dict[str, str] | None = None, actions: tuple[str, ...] = ("write", "confirm")
    ) -> str:
        """File as a person does in the portal: no stamp, only the form says the period."""
        owner = {"instanceOwner": {"organisationNumber": FITNESS}, "dataValues": values or {}}
        made = self.look.api("POST", "/ttd/basic/instances", json=owner).json()["id"]
        base = f"/ttd/basic/instances/{made}"
        (form,) = [e["id"] for e in self.look.instance(made)["data"] if e["dataType"] == "model"]
        content = f"<model><property1>{field}</property1><property2>b</property2></model>"
        self.look.api("PUT", f"{base}/data/{form}", data=content, headers={"Content-Type": "application/xml"})
        for action in actions:
            self.look.api("PUT", f"{base}/process/next", json={"action": action})
        return str(made)


@pytest.fixture
def filer(run_task: RunTask, look: Look, connection: str) -> Filer:
    return Filer(run_task, look, connection)


def test_what_is_missing_and_what_is_not_due(run_task: RunTask, connection: str, look: Look) -> None:
    before = look.writes()
    outcome = run_task(reconcile(connection))
    assert states(outcome) == {"2026-T4": "missing", "2026-T5": "not_due"}
    assert outcome.result == {"csv_path": None, "counts": {"missing": 1, "not_due": 1}}
    assert look.writes() == before


def test_what_is_filed(run_task: RunTask, connection: str, filer: Filer) -> None:
    filed = filer.file("2026-T4")
    drafted = filer.draft("2026-T5")
    outcome = run_task(reconcile(connection))
    first, second = outcome.xcoms["altinn_filing_calendar"]["rows"]
    assert (first["state"], first["instance_id"], first["kind"]) == ("accepted", filed, "main")
    assert first["url"].endswith(f"/ttd/basic/#/instance/{filed}")
    assert first["filed_at"]
    assert (second["state"], second["instance_id"], second["filed_at"]) == ("not_due", drafted, "")
    assert "a draft is at Task_1" in second["reason"]


def test_a_newer_correction_counts(run_task: RunTask, connection: str, filer: Filer) -> None:
    filer.file("2026-T4")
    corrected = filer.file("2026-T4", kind="correction", correction_number=1)
    row = run_task(reconcile(connection)).xcoms["altinn_filing_calendar"]["rows"][0]
    assert (row["state"], row["instance_id"], row["kind"]) == ("accepted", corrected, "correction-1")


def test_what_waits_for_a_person(run_task: RunTask, connection: str, filer: Filer) -> None:
    waiting = filer.draft("2026-T4")
    filer.wait_for_a_person(waiting)
    row = run_task(reconcile(connection)).xcoms["altinn_filing_calendar"]["rows"][0]
    assert (row["state"], row["instance_id"]) == ("waiting_for_signature", waiting)


def test_a_correction_that_waits_for_a_person_is_not_hidden_by_what_it_corrects(
    run_task: RunTask, connection: str, filer: Filer
) -> None:
    filer.file("2026-T4")
    correction = filer.draft("2026-T4", kind="correction", correction_number=1)
    first = run_task(reconcile(connection)).xcoms["altinn_filing_calendar"]["rows"][0]
    assert (first["state"], first["kind"]) == ("accepted", "main")
    assert "a draft of correction-1 is at Task_1" in first["reason"]
    filer.wait_for_a_person(correction)
    row = run_task(reconcile(connection)).xcoms["altinn_filing_calendar"]["rows"][0]
    assert (row["state"], row["instance_id"], row["kind"]) == ("waiting_for_signature", correction, "correction-1")
    assert "main is accepted" in row["reason"]
    filer.file("2026-T4", kind="correction", correction_number=2)
    row = run_task(reconcile(connection)).xcoms["altinn_filing_calendar"]["rows"][0]
    assert (row["state"], row["instance_id"]) == ("waiting_for_signature", correction)
    assert "correction-2 is accepted" in row["reason"]


def test_only_the_filing_that_is_asked_for_counts(run_task: RunTask, connection: str, filer: Filer) -> None:
    wanted: dict[str, Any] = {"kind": "correction", "correction_number": "1", "periods": ["2026-T4"]}
    main = filer.file("2026-T4")
    assert states(run_task(reconcile(connection, **wanted))) == {"2026-T4": "missing"}
    correction = filer.file("2026-T4", kind="correction", correction_number=1)
    for more, filed in ((wanted, correction), ({**wanted, "kind": "main", "correction_number": "0"}, main)):
        row = run_task(reconcile(connection, **more)).xcoms["altinn_filing_calendar"]["rows"][0]
        assert (row["state"], row["instance_id"]) == ("accepted", filed)


def test_what_the_authority_rejected(run_task: RunTask, connection: str, filer: Filer, authority: str) -> None:
    filer.file("2026-T4", data_values={"verdict": "no"})
    row = run_task(reconcile(connection, authority=authority)).xcoms["altinn_filing_calendar"]["rows"][0]
    assert (row["state"], row["reason"]) == ("rejected", "no; E1: wrong")


def test_what_was_filed_elsewhere(run_task: RunTask, connection: str, filer: Filer, authority: str) -> None:
    filed = filer.file_elsewhere("2026-T4")
    row = run_task(reconcile(connection, authority=authority)).xcoms["altinn_filing_calendar"]["rows"][0]
    assert (row["state"], row["instance_id"], row["kind"]) == ("filed_elsewhere", filed, "")


def test_what_was_filed_elsewhere_and_rejected_is_not_filed(
    run_task: RunTask, connection: str, filer: Filer, authority: str, look: Look
) -> None:
    filed = filer.file_elsewhere("2026-T4", {"verdict": "no"})
    row = run_task(reconcile(connection, authority=authority)).xcoms["altinn_filing_calendar"]["rows"][0]
    assert (row["state"], row["instance_id"]) == ("rejected", filed)
    ours = filer.draft("2026-T4", on_foreign="ignore")
    row = run_task(reconcile(connection, authority=authority)).xcoms["altinn_filing_calendar"]["rows"][0]
    assert (row["state"], row["instance_id"]) == ("missing", ours)
    assert f"and rejected: {filed}" in row["reason"]
    look.submit(ours)
    row = run_task(reconcile(connection, authority=authority)).xcoms["altinn_filing_calendar"]["rows"][0]
    assert (row["state"], row["instance_id"]) == ("accepted", ours)


def test_what_somebody_began_by_hand_waits_for_a_person_once_it_is_filled_in(
    run_task: RunTask, connection: str, filer: Filer, authority: str
) -> None:
    filer.file_elsewhere("2026-T4", actions=())
    row = run_task(reconcile(connection, authority=authority)).xcoms["altinn_filing_calendar"]["rows"][0]
    assert (row["state"], row["instance_id"]) == ("missing", "")
    waiting = filer.file_elsewhere("2026-T4", actions=("write",))
    row = run_task(reconcile(connection, authority=authority)).xcoms["altinn_filing_calendar"]["rows"][0]
    assert (row["state"], row["instance_id"]) == ("waiting_for_signature", waiting)
    assert "without this provider's key" in row["reason"]


def test_what_was_rejected_and_then_filed_by_hand_is_filed_elsewhere(
    run_task: RunTask, connection: str, filer: Filer, authority: str
) -> None:
    refused = filer.file("2026-T4", data_values={"verdict": "no"})
    by_hand = filer.file_elsewhere("2026-T4")
    row = run_task(reconcile(connection, authority=authority)).xcoms["altinn_filing_calendar"]["rows"][0]
    assert (row["state"], row["instance_id"]) == ("filed_elsewhere", by_hand)
    assert refused in row["reason"]


def test_a_term_is_filed_by_its_months(run_task: RunTask, connection: str, filer: Filer, authority: str) -> None:
    def row(**more: Any) -> dict[str, str]:
        wanted: dict[str, Any] = {"authority": authority, "periods": ["2026-T4", "2026-T5"], **more}
        first, second = run_task(reconcile(connection, **wanted)).xcoms["altinn_filing_calendar"]["rows"]
        assert second["state"] == "not_due"
        return dict(first)

    filer.file_elsewhere("2026")  # A year's report may be another one that is owed beside the terms.
    filer.file("2026-M07")
    found = row()
    assert (found["state"], found["instance_id"]) == ("missing", "")
    assert "of it, 2026-M07 is there" in found["reason"]
    waiting = filer.file_elsewhere("2026-M08", actions=("write",))
    found = row()
    assert (found["state"], found["instance_id"], found["period"]) == ("waiting_for_signature", waiting, "2026-T4")
    assert "filed as 2026-M07, 2026-M08" in found["reason"]
    assert row(kind="correction", correction_number="1")["state"] == "missing"
    filer.look.api("PUT", f"/ttd/basic/instances/{waiting}/process/next", json={"action": "confirm"})
    filer.draft("2026-T4", on_foreign="ignore")
    found = row()
    assert (found["state"], found["instance_id"]) == ("filed_elsewhere", waiting)
    assert found["due_date"] == "2026-10-12"
    filer.file("2026-T4", on_foreign="ignore")
    found = row()
    assert found["state"] == "differing"
    assert "also as 2026-M07, 2026-M08" in found["reason"]


def test_terms_do_not_stand_for_a_year_s_return(
    run_task: RunTask, connection: str, filer: Filer, authority: str
) -> None:
    for number in range(1, 7):
        filer.file(f"2025-T{number}")
    wanted: dict[str, Any] = {"authority": authority, "report": "vat_primary", "periods": ["2025"]}
    assert states(run_task(reconcile(connection, **wanted))) == {"2025": "missing"}


def test_months_that_do_not_stand_are_no_second_filing(
    run_task: RunTask, connection: str, filer: Filer, authority: str
) -> None:
    filer.file("2026-T4")
    for month in ("2026-M07", "2026-M08"):
        filer.file(month, data_values={"verdict": "no"})
    row = run_task(reconcile(connection, authority=authority)).xcoms["altinn_filing_calendar"]["rows"][0]
    assert row["state"] == "accepted"
    assert "as 2026-M07, 2026-M08: no" in row["reason"]


def test_what_was_rejected_is_filed_by_its_months(
    run_task: RunTask, connection: str, filer: Filer, authority: str
) -> None:
    filer.file("2026-T4", data_values={"verdict": "no"})
    for month in ("2026-M07", "2026-M08"):
        filer.file(month)
    assert states(run_task(reconcile(connection, authority=authority)))["2026-T4"] == "accepted"


def test_what_is_begun_by_hand_beside_a_filing_is_told(
    run_task: RunTask, connection: str, filer: Filer, authority: str
) -> None:
    filer.file("2026-T4")
    by_hand = filer.file_elsewhere("2026-T4", actions=("write",))
    row = run_task(reconcile(connection, authority=authority)).xcoms["altinn_filing_calendar"]["rows"][0]
    assert row["state"] == "accepted"
    assert f"{by_hand}, made without this provider's key, is at" in row["reason"]


def test_what_was_rejected_and_is_begun_by_hand_waits_for_a_person(
    run_task: RunTask, connection: str, filer: Filer, authority: str
) -> None:
    refused = filer.file("2026-T4", data_values={"verdict": "no"})
    by_hand = filer.file_elsewhere("2026-T4", actions=("write",))
    row = run_task(reconcile(connection, authority=authority)).xcoms["altinn_filing_calendar"]["rows"][0]
    assert (row["state"], row["instance_id"]) == ("waiting_for_signature", by_hand)
    assert f"{refused} was rejected" in row["reason"]


def test_a_correction_is_not_what_somebody_else_has_filed(
    run_task: RunTask, connection: str, filer: Filer, authority: str
) -> None:
    filer.file_elsewhere("2026-T4")
    wanted: dict[str, Any] = {"kind": "correction", "correction_number": "1", "periods": ["2026-T4"]}
    assert states(run_task(reconcile(connection, authority=authority, **wanted))) == {"2026-T4": "missing"}


def test_what_the_authority_made_is_this_sender_s_own(
    run_task: RunTask, connection: str, emulator: Emulator, look: Look
) -> None:
    def make(quarter: str) -> str:
        prefill = {"periodeType": "KVRT", "periodeNummer": quarter, "periodeAAr": "2025"}
        document = {
            "app": "ssb/rs0182-01",
            "organisation_number": FITNESS,
            "prefill": {f"InternInfo.{name}": value for name, value in prefill.items()},
        }
        answer = requests.post(f"{emulator.base_url}/_emulator/instances", json=document, timeout=10)
        return str(answer.json()["instance"])

    unreadable = make("09")
    sent, left = make("02"), make("03")
    look.api("PUT", f"/ssb/rs0182-01/instances/{sent}/process/next", json={"action": "write"})
    wanted = {"app": "ssb/rs0182-01", "report": "ssb_quarters", "authority": "ssb_surveys"}
    outcome = run_task(reconcile(connection, **wanted, periods=["2025-Q1", "2025-Q2", "2025-Q3"], kind="main"))
    found = [(row["state"], row["instance_id"]) for row in outcome.xcoms["altinn_filing_calendar"]["rows"]]
    assert found == [("unknown", ""), ("accepted", sent), ("missing", left)]
    assert unreadable in outcome.xcoms["altinn_filing_calendar"]["rows"][0]["reason"]


def test_a_period_that_cannot_be_read_hides_nothing(
    run_task: RunTask, connection: str, filer: Filer, authority: str
) -> None:
    filed = filer.file_elsewhere("last term")
    rows = run_task(reconcile(connection, authority=authority)).xcoms["altinn_filing_calendar"]["rows"]
    assert [row["state"] for row in rows] == ["unknown", "not_due"]
    assert filed in rows[0]["reason"]


def test_what_was_filed_twice(run_task: RunTask, connection: str, filer: Filer, authority: str) -> None:
    ours = filer.file("2026-T4")
    theirs = filer.file_elsewhere("2026-T4")
    row = run_task(reconcile(connection, authority=authority)).xcoms["altinn_filing_calendar"]["rows"][0]
    assert row["state"] == "differing"
    assert ours in row["reason"]
    assert theirs in row["reason"]


def test_what_was_filed_with_other_documents(run_task: RunTask, connection: str, filer: Filer) -> None:
    filer.file("2026-T4", content_sha256="a" * 64)
    for meant, state in (("a", "accepted"), ("b", "differing")):
        expected = {FITNESS: {"2026-T4": meant * 64}}
        assert states(run_task(reconcile(connection, expected_sha256=expected)))["2026-T4"] == state


def test_a_company_that_cannot_be_read_hides_no_other(
    run_task: RunTask, connection: str, filer: Filer, emulator: Emulator
) -> None:
    filer.file("2026-T4")
    emulator.faults.add("403", method="GET", path="/storage/api/v1/instances$", occurrence=1)
    rows = run_task(reconcile(connection, companies=[OSLO, FITNESS])).xcoms["altinn_filing_calendar"]["rows"]
    found = {row["organisation_number"]: (row["state"], row["reason"]) for row in rows if row["period"] == "2026-T4"}
    assert found[FITNESS][0] == "accepted"
    assert found[OSLO][0] == "unknown"
    assert "403" in found[OSLO][1]


def test_a_number_that_is_none_hides_no_other(run_task: RunTask, connection: str, filer: Filer) -> None:
    filer.file("2026-T4")
    spaced = f"{FITNESS[:3]} {FITNESS[3:6]} {FITNESS[6:]}"
    outcome = run_task(reconcile(connection, companies=["12345678", spaced], periods=["2026-T4"]))
    rows = outcome.xcoms["altinn_filing_calendar"]["rows"]
    assert [(row["organisation_number"], row["state"]) for row in rows] == [
        ("12345678", "unknown"),
        (FITNESS, "accepted"),
    ]
    assert (
        rows[0]["reason"]
        == "organisation number '12345678' must be nine digits without spaces, for example '974760673'"
    )
    twice = run_task(reconcile(connection, companies=[FITNESS, spaced]))
    assert "is in the list 2 times" in str(twice.error)


def test_reading_nothing_is_a_failure(run_task: RunTask, connection: str, emulator: Emulator) -> None:
    emulator.faults.add("403", method="GET", path="/storage/api/v1/instances$", occurrence="every")
    outcome = run_task(reconcile(connection, companies=[OSLO, FITNESS]))
    assert outcome.state == "failed"
    assert "altinn_filing_calendar" not in outcome.xcoms


class StatusService(BaseHTTPRequestHandler):
    """Skatteetaten's list of undelivered terms, as its published schema has it; needs a token."""

    terms: tuple[str, ...] = ()
    length = "toMaaned"
    status = 200
    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        assert self.headers["Authorization"].startswith("Bearer ")
        terms = "".join(
            "<terminUtenLevertMvaMelding><meldingskategori>alminnelig</meldingskategori><skattleggingsperiode>"
            f"<periode>{term}</periode><aar>2026</aar></skattleggingsperiode>"
            f"<skattleggingsperiodeType>{self.length}</skattleggingsperiodeType>"
            "<leveringsfrist>2026-11-30</leveringsfrist></terminUtenLevertMvaMelding>"
            for term in self.terms
        )
        body = (
            '<mvaMeldingInnsendingStatus xmlns="no:skatteetaten:fastsetting:avgift:mva:mvaMeldingInnsendingStatus:v1">'
            f"<skattepliktig><organisasjonsnummer>{FITNESS}</organisasjonsnummer></skattepliktig>{terms}"
            "<harTidligereSendtMvaMelding>true</harTidligereSendtMvaMelding></mvaMeldingInnsendingStatus>"
        ).encode()
        self.send_response(self.status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def status_service(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(StatusService, "asked", [])
    server = ThreadingHTTPServer(("127.0.0.1", 0), StatusService)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}{STATUS_PATH}"
    server.shutdown()
    thread.join()
    server.server_close()


BORETTSLAG = "950474084"


@pytest.fixture
def system_user(connect: Connect) -> Iterator[str]:
    """Name a connection of a system user: only such a login, or a person's, has a token for the authority itself."""
    public = {**RSAAlgorithm.to_jwk(private_key().public_key(), as_dict=True), "kid": "key-1"}
    user = {"org_number": BORETTSLAG, "external_ref": None, "id": "d111dbab-d619-4f15-bf29-58fe570a9ae6"}
    vendor = {
        "client_id": "vendor",
        "integration": "maskinporten",
        "jwks": {"keys": [public]},
        "scopes": ["altinn:instances.read", "altinn:instances.write"],
        "org_number": "913312465",
        "system_id": "913312465_sbs",
        "system_users": [user],
    }
    with Emulator(clients=[vendor]) as running:
        login = {"auth_mode": "maskinporten", "private_key": pem(), "key_id": "key-1", "on_behalf_of": BORETTSLAG}
        yield connect(running.base_url, conn_id="vendor", login="vendor", **login)


def file_as(run_task: RunTask, conn_id: str, form: str, period: str = "2026-T4") -> None:
    """File a period of the demonstration app with the operators."""
    common: dict[str, Any] = {"app": "ttd/basic", "altinn_conn_id": conn_id}
    made = run_task(AltinnInstantiateOperator(task_id="instantiate", period=period, **common))
    on_it: dict[str, Any] = {**common, "instance_id": made.result}
    sent = run_task(AltinnUploadDataOperator(task_id="upload", data_type="model", path=form, **on_it))
    for task in ("data", "confirmation"):
        push = AltinnProcessNextOperator(task_id=f"push_{task}", from_task=task, documents=sent.result, **on_it)
        done = run_task(push)
        assert done.state == "success", done.error


def test_the_authority_s_list_is_held_against_what_altinn_has(
    run_task: RunTask, system_user: str, form: str, status_service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2026-T4 is filed though the authority lacks it; 2026-T3 is not in Altinn though the authority has it."""
    file_as(run_task, system_user, form)
    monkeypatch.setattr(StatusService, "terms", ("mars-april", "juli-august", "september-oktober"))
    wanted = {
        "companies": [BORETTSLAG],
        "periods": ["2026-T2", "2026-T3", "2026-T4", "2026-T5"],
        "undelivered_url": status_service,
        "due_dates": {"2026-T2": "2026-06-10"},
    }
    outcome = run_task(reconcile(system_user, **wanted))
    assert list(states(outcome).values()) == ["not_due", "filed_elsewhere", "differing", "not_due"]
    rows = outcome.xcoms["altinn_filing_calendar"]["rows"]
    # The authority's own deadline counts, also against what the DAG says.
    assert [row["due_date"] for row in rows] == ["2026-11-30", "2026-08-31", "2026-11-30", "2026-11-30"]
    assert "the authority lists 2026-T2 as not delivered" in rows[0]["reason"]
    assert StatusService.asked == [STATUS_PATH.replace("{organisation_number}", BORETTSLAG)]


@pytest.mark.parametrize(
    ("length", "terms", "listed"),
    [
        ("maaned", ("juli", "august"), "2026-M07, 2026-M08"),
        ("aar", ("aarlig",), "2026"),
        ("treMaaned", ("juli-september",), "2026-Q3"),
    ],
)
def test_a_company_that_reports_by_other_periods_has_not_filed_elsewhere(
    run_task: RunTask,
    system_user: str,
    status_service: str,
    monkeypatch: pytest.MonkeyPatch,
    length: str,
    terms: tuple[str, ...],
    listed: str,
) -> None:
    monkeypatch.setattr(StatusService, "length", length)
    monkeypatch.setattr(StatusService, "terms", terms)
    wanted = {"companies": [BORETTSLAG], "periods": ["2026-T4"], "undelivered_url": status_service}
    outcome = run_task(reconcile(system_user, **wanted))
    assert states(outcome) == {"2026-T4": "missing"}
    row = outcome.xcoms["altinn_filing_calendar"]["rows"][0]
    assert f"the authority lists {listed} as not delivered" in row["reason"]


@pytest.mark.parametrize(
    ("months", "state"), [((), "accepted"), (("september",), "accepted"), (("august",), "differing")]
)
def test_the_list_is_held_against_the_months_of_a_term(
    run_task: RunTask,
    system_user: str,
    form: str,
    status_service: str,
    monkeypatch: pytest.MonkeyPatch,
    months: tuple[str, ...],
    state: str,
) -> None:
    for month in ("2026-M07", "2026-M08"):
        file_as(run_task, system_user, form, month)
    monkeypatch.setattr(StatusService, "length", "maaned")
    monkeypatch.setattr(StatusService, "terms", months)
    wanted = {"companies": [BORETTSLAG], "periods": ["2026-T4"], "undelivered_url": status_service}
    assert states(run_task(reconcile(system_user, **wanted))) == {"2026-T4": state}


@pytest.mark.parametrize(("length", "term", "listed"), [("maaned", "januar", "2026-M01"), ("uke", "uke 2", "2026-W02")])
def test_a_list_of_other_periods_proves_no_delivery(
    run_task: RunTask,
    system_user: str,
    status_service: str,
    monkeypatch: pytest.MonkeyPatch,
    length: str,
    term: str,
    listed: str,
) -> None:
    """It does not name a part of this term, but nobody knows whether it would."""
    monkeypatch.setattr(StatusService, "length", length)
    monkeypatch.setattr(StatusService, "terms", (term,))
    wanted = {"companies": [BORETTSLAG], "periods": ["2026-T4"], "undelivered_url": status_service}
    outcome = run_task(reconcile(system_user, **wanted))
    assert states(outcome) == {"2026-T4": "unknown"}
    assert listed in outcome.xcoms["altinn_filing_calendar"]["rows"][0]["reason"]


def test_the_authority_s_list_proves_no_correction(
    run_task: RunTask, system_user: str, form: str, status_service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lacks the term because the main filing was delivered."""
    file_as(run_task, system_user, form)
    monkeypatch.setattr(StatusService, "terms", ())
    wanted: dict[str, Any] = {"companies": [BORETTSLAG], "periods": ["2026-T4"], "undelivered_url": status_service}
    outcome = run_task(reconcile(system_user, kind="correction", correction_number=1, **wanted))
    assert states(outcome) == {"2026-T4": "missing"}


@pytest.mark.parametrize("status", [401, 403, 404])
def test_without_the_authority_s_list_altinn_alone_counts(
    run_task: RunTask, system_user: str, status_service: str, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(StatusService, "status", status)
    outcome = run_task(reconcile(system_user, companies=[BORETTSLAG], undelivered_url=status_service))
    assert StatusService.asked
    assert states(outcome) == {"2026-T4": "missing", "2026-T5": "not_due"}


def test_the_csv_file(run_task: RunTask, connection: str, filer: Filer, tmp_path: Path) -> None:
    filed = filer.file("2026-T4")
    target = tmp_path / "new" / "calendar.csv"
    run_task(reconcile(connection, csv_path=str(target)))
    rows = list(csv.DictReader(io.StringIO(target.read_bytes().decode("utf-8-sig"))))
    assert [(row["company"], row["period"], row["state"], row["instance_id"]) for row in rows] == [
        ("DDG Fitness", "2026-T4", "accepted", filed),
        ("DDG Fitness", "2026-T5", "not_due", ""),
    ]


def test_it_can_fail_unless_everything_is_accepted(run_task: RunTask, connection: str, filer: Filer) -> None:
    filed: dict[str, Any] = {"periods": ["2026-T4"], "fail_unless_accepted": "{{ not false }}"}
    refused = run_task(reconcile(connection, **filed))
    assert refused.state == "failed"
    assert f"missing: {FITNESS} 2026-T4" in str(refused.error)
    assert refused.xcoms["altinn_filing_calendar"]["rows"]  # the page shows why
    filer.file("2026-T4")
    assert run_task(reconcile(connection, **filed)).state == "success"


def test_the_periods_by_default(run_task: RunTask, connection: str) -> None:
    outcome = run_task(reconcile(connection, periods=None, count=3))
    calendar = outcome.xcoms["altinn_filing_calendar"]
    assert calendar["periods"] == ["2026-T3", "2026-T4", "2026-T5", "2026-T6"]
    assert calendar["read_at"] == "2026-11-25T12:00:00+00:00"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"companies": []}, "companies must be a list"),
        ({"companies": [FITNESS, FITNESS]}, "is in the list 2 times"),
        ({"companies": ["12345"]}, "must be nine digits"),
        ({"companies": [""]}, "must be nine digits"),
        ({"report": "vat"}, "no report is called"),
        ({"authority": "nobody"}, "there is no authority"),
        ({"count": 0, "periods": None}, "count must be at least 1"),
    ],
)
def test_wrong_arguments_fail_before_anything_is_asked(
    run_task: RunTask, connection: str, look: Look, arguments: dict[str, Any], said: str
) -> None:
    outcome = run_task(reconcile(connection, **arguments))
    assert outcome.state == "failed"
    assert said in str(outcome.error)
    assert look.journal() == []
