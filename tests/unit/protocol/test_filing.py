"""Adopt, create, or stop: one instance stands for a key."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from altinn.exceptions import (
    AltinnAmbiguousError,
    AltinnFilingError,
    AltinnForbiddenError,
    AltinnForeignInstanceError,
    AltinnInputError,
    AltinnNotSurvivorError,
    AltinnNotYetError,
    AltinnRefusedError,
    AltinnSupersededError,
    AltinnUnknownOutcomeError,
)
from altinn.protocol.app_api import App
from altinn.protocol.filing import Filed, Filing, FilingKey, choose, is_delivered, refuse_taken_stamps
from altinn.protocol.identifiers import AppId, InstanceId, InstanceOwner
from altinn.protocol.model import Instance
from altinn.protocol.session import Session
from altinn.protocol.storage_api import Storage
from altinn.protocol.survivor import Survivor
from altinn.protocol.wire import Flow, Sleep
from tests.unit.protocol import recorded_answers as recorded
from tests.unit.protocol.flow_driver import Client, session
from tests.unit.protocol.remote_altinn import APP_BASE, OWNER, PARTY, PLATFORM, Kept, RemoteAltinn, _json

COMPANY = InstanceOwner(organisation_number=OWNER)
KEY = FilingKey.of(AppId("ttd", "basic"), COMPANY, "2026-T5", "main", 0)
CREATE = "POST /ttd/basic/instances"
WITH_FEEDBACK = (("Task_1", "data"), ("Task_2", "confirmation"), ("Task_3", "feedback"))


def filing(**more: Any) -> Filing:
    fields = {"settle": 2.0, "key": KEY, "session": session(), **more}
    return Filing(app=App(APP_BASE), storage=Storage(PLATFORM), **fields)


def file(remote: RemoteAltinn, **more: Any) -> tuple[Filed, Client]:
    client = Client(remote)
    return client.run(filing(**more).find_or_create({})), client


def creations(client: Client) -> int:
    return client.sent.count(CREATE)


# -- the key


def test_a_key_is_normalised_and_stamped() -> None:
    key = FilingKey.of(AppId("ttd", "basic"), COMPANY, " 2026-t5 ", "correction", 2)
    assert key.stamps() == {"filingversion": "1", "filingperiod": "2026-T5", "filingkind": "correction-2"}
    assert str(key) == "ttd/basic, organisation 974760673, 2026-T5, correction-2"
    assert KEY.stamps()["filingkind"] == "main"


@pytest.mark.parametrize(
    "period", ["", " ", "2026 T5", "2026/T5", "-T5", "x" * 33, "2026\nT5", "{{ params.period }}", "å"]
)
def test_a_period_that_cannot_be_a_key_is_refused(period: str) -> None:
    with pytest.raises(AltinnInputError, match="cannot be a filing key"):
        FilingKey.of(AppId("ttd", "basic"), COMPANY, period, "main", 0)


@pytest.mark.parametrize(
    ("kind", "number"), [("main", 1), ("main", -1), ("correction", 0), ("correction", -1), ("Main", 0), ("", 0)]
)
def test_a_kind_and_its_number_fit_together(kind: str, number: int) -> None:
    with pytest.raises(AltinnInputError, match="kind="):
        FilingKey.of(AppId("ttd", "basic"), COMPANY, "2026-T5", kind, number)


# -- adopt and create


def test_nothing_there_is_created_with_its_stamps_and_looked_at_again() -> None:
    remote = RemoteAltinn()
    filed, client = file(remote)
    assert filed.created
    assert remote.instances[filed.instance.id.guid].stamps == KEY.stamps()
    query = "GET /storage/api/v1/instances"
    assert [line for line in client.sent if line in (CREATE, query)] == [query, CREATE, query]


def test_what_the_app_wants_is_stamped_beside_the_key() -> None:
    remote = RemoteAltinn()
    client = Client(remote)
    filed = client.run(filing().find_or_create({"inntektsaar": "2026"}, {"filingsha256": "ab"}))
    assert filed.instance.stamps == {**KEY.stamps(), "inntektsaar": "2026", "filingsha256": "ab"}


@pytest.mark.parametrize("name", ["filingversion", "filingperiod", "filingkind", "filingsha256"])
def test_data_values_must_not_touch_the_key(name: str) -> None:
    client = Client(RemoteAltinn())
    with pytest.raises(AltinnInputError, match=name):
        client.run(filing().find_or_create({name: "x", "other": "y"}))
    assert client.sent == []


def test_a_second_run_adopts_what_the_first_one_made() -> None:
    remote = RemoteAltinn()
    first, _ = file(remote)
    second, client = file(remote)
    assert (second.instance.id, second.created, creations(client)) == (first.instance.id, False, 0)


@pytest.mark.parametrize(
    "stamps",
    [
        {"filingversion": "1", "filingperiod": "2026-T4", "filingkind": "main"},
        {"filingversion": "1", "filingperiod": "2026-T5", "filingkind": "correction-1"},
    ],
)
def test_another_key_is_not_adopted(stamps: dict[str, str]) -> None:
    remote = RemoteAltinn()
    remote.make(stamps)
    filed, _ = file(remote)
    assert filed.created
    assert filed.others == ()


@pytest.mark.parametrize("stranger", [{"app": "ttd/other"}, {"party": "59999999"}])
def test_a_server_that_ignores_a_filter_does_no_harm(stranger: dict[str, str]) -> None:
    remote = RemoteAltinn()
    kept = remote.make(KEY.stamps(), **stranger)
    kept.party, kept.app = PARTY, "ttd/basic"  # What the query goes by.
    shown = remote._shown

    def of_a_stranger(row: Kept, *, storage: bool) -> dict[str, Any]:
        body = shown(row, storage=storage)
        if row is kept:
            party = stranger.get("party", PARTY)
            body |= {"id": f"{party}/{row.guid}", "appId": stranger.get("app", "ttd/basic")}
            body["instanceOwner"] = {
                "partyId": party,
                "organisationNumber": "991825827" if "party" in stranger else OWNER,
            }
        return body

    remote._shown = of_a_stranger  # type: ignore[method-assign, assignment]
    filed, _ = file(remote)
    assert filed.created
    assert filed.instance.id.guid != kept.guid


def test_one_companys_filings_are_asked_for_by_its_number() -> None:
    _, client = file(RemoteAltinn())
    assert client.requests[0].headers["X-Ai-InstanceOwnerIdentifier"] == f"Organisation:{OWNER}"


# -- one survivor


def test_the_oldest_draft_stands_for_the_key_whatever_its_id() -> None:
    remote = RemoteAltinn()
    oldest, younger = remote.make(KEY.stamps()), remote.make(KEY.stamps())
    assert younger.id < oldest.id
    filed, _ = file(remote)
    assert (str(filed.instance.id), filed.others) == (oldest.id, (younger.id,))


def test_of_two_creators_at_once_the_younger_gives_way() -> None:
    remote = RemoteAltinn()
    remote.meanwhile("POST", "/instances$", lambda: remote.make(KEY.stamps()))
    filed, client = file(remote)
    assert creations(client) == 1
    assert not filed.created
    assert len(filed.others) == 1
    assert filed.instance.created < remote.instances[filed.others[0].partition("/")[2]].created


def test_an_own_instance_that_does_not_show_yet_is_known_and_never_made_twice() -> None:
    remote = RemoteAltinn(lag=99)
    filed, client = file(remote)
    assert filed.created
    assert client.sleeps == []
    again, second = file(remote, known=(str(filed.instance.id),))
    assert again.instance.id == filed.instance.id
    assert creations(second) == 0


def test_an_older_one_that_shows_after_the_creation_is_the_one_to_be_filed() -> None:
    remote = RemoteAltinn()
    older = remote.make(KEY.stamps(), hidden=1)
    filed, client = file(remote)
    assert (str(filed.instance.id), filed.created, creations(client)) == (older.id, False, 1)
    assert len(filed.others) == 1


def test_a_remembered_id_is_a_hint_that_is_held_against_the_stamp() -> None:
    """A mapped list that was reordered and then cleared remembers the instance of another company or period."""
    remote = RemoteAltinn(lag=99)
    other = remote.make({**KEY.stamps(), "filingperiod": "2026-T4"}, hidden=99)
    filed, _ = file(remote, known=(other.id,))
    assert filed.created
    assert str(filed.instance.id) != other.id


def test_a_remembered_instance_that_altinn_refuses_to_show_is_not_taken_for_gone() -> None:
    remote = RemoteAltinn()
    gone = str(InstanceId(PARTY, "00000000-0000-4000-8000-000000000000"))
    client = Client(remote)
    with pytest.raises(AltinnForbiddenError):
        client.run(filing(known=(gone,)).find_or_create({}))
    assert creations(client) == 0


def test_one_refusal_of_a_remembered_instance_is_asked_again() -> None:
    remote = RemoteAltinn(lag=99)
    made, _ = file(remote)
    remote.fault("GET", "/storage/api/v1/instances/.+", "before 404")
    again, _ = file(remote, known=(str(made.instance.id),))
    assert again.instance.id == made.instance.id


def test_on_existing_fail_stops_at_what_this_task_has_not_made() -> None:
    remote = RemoteAltinn()
    kept = remote.make(KEY.stamps())
    with pytest.raises(AltinnFilingError, match="on_existing is 'fail'") as caught:
        file(remote, on_existing="fail")
    assert list(caught.value.instance_ids) == [kept.id]
    filed, _ = file(remote, on_existing="fail", known=(kept.id,))
    assert str(filed.instance.id) == kept.id


def test_a_creation_is_only_sent_by_the_living_try() -> None:
    remote = RemoteAltinn()

    def refuse(what: str) -> None:
        raise AltinnSupersededError(what)

    with pytest.raises(AltinnSupersededError, match="the creation for ttd/basic"):
        file(remote, fence=refuse)
    assert remote.instances == {}


def test_what_is_delivered_wins_over_an_older_draft() -> None:
    remote = RemoteAltinn()
    remote.make(KEY.stamps())
    remote.make(KEY.stamps(), task=1)
    delivered = remote.make(KEY.stamps())
    remote.move(delivered)
    remote.move(delivered)
    filed, _ = file(remote)
    assert str(filed.instance.id) == delivered.id


def test_waiting_for_the_authority_is_delivered() -> None:
    remote = RemoteAltinn(WITH_FEEDBACK)
    remote.make(KEY.stamps())
    waiting = remote.make(KEY.stamps(), task=2)
    filed, _ = file(remote)
    assert str(filed.instance.id) == waiting.id
    assert is_delivered(filed.instance)


def test_two_delivered_ones_are_named_instead_of_chosen() -> None:
    remote = RemoteAltinn(WITH_FEEDBACK)
    ids = {remote.make(KEY.stamps(), task=2).id, remote.make(KEY.stamps(), task=2).id}
    with pytest.raises(AltinnAmbiguousError) as caught:
        file(remote)
    assert set(caught.value.instance_ids) == ids


@pytest.mark.parametrize("mark", ["isSoftDeleted", "isHardDeleted"])
def test_a_deleted_draft_does_not_count(mark: str) -> None:
    remote = RemoteAltinn()
    deleted = remote.make(KEY.stamps(), status={mark: True})
    filed, _ = file(remote)
    assert filed.created
    assert str(filed.instance.id) != deleted.id


@pytest.mark.parametrize("mark", ["isSoftDeleted", "isHardDeleted"])
def test_a_delivered_filing_counts_even_if_somebody_deleted_it(mark: str) -> None:
    remote = RemoteAltinn(WITH_FEEDBACK)
    deleted = remote.make(KEY.stamps(), task=2, status={mark: True})
    filed, client = file(remote)
    assert str(filed.instance.id) == deleted.id
    assert creations(client) == 0


def test_nobody_is_chosen_from_nothing() -> None:
    assert choose([]) is None


def test_an_archived_instance_is_delivered() -> None:
    archived = Instance.from_json({**recorded.APP, "status": {"isArchived": True}})
    assert is_delivered(archived)
    assert not is_delivered(Instance.from_json(recorded.APP))


# -- the creation's answer is lost


@pytest.mark.parametrize("kind", ["lost after", "401", "500", "502", "503", "504", "200"])
def test_a_creation_that_was_made_is_found_and_not_repeated(kind: str) -> None:
    remote = RemoteAltinn()
    remote.fault("POST", "/instances$", kind)
    filed, client = file(remote)
    assert creations(client) == 1
    assert [kept.id for kept in remote.instances.values()] == [str(filed.instance.id)]


def test_a_creation_that_shows_late_is_waited_for() -> None:
    remote = RemoteAltinn(lag=1)
    remote.fault("POST", "/instances$", "lost after")
    client = Client(remote)
    with pytest.raises(AltinnNotYetError) as caught:
        client.run(filing().find_or_create({}))
    assert caught.value.seconds == 2.0
    filed, again = file(remote)
    assert len(remote.instances) == creations(client) + creations(again) == 1
    assert filed.instance.stamps == KEY.stamps()


@pytest.mark.parametrize("kind", ["lost before", "before 401", "before 503", "before 500"])
def test_a_creation_that_never_shows_is_waited_for_and_then_made_again(kind: str) -> None:
    remote = RemoteAltinn()
    remote.fault("POST", "/instances$", kind)
    client = Client(remote)
    with pytest.raises(AltinnNotYetError, match="got no clean answer and no instance shows yet"):
        client.run(filing().find_or_create({}))
    assert creations(client) == 1
    filed, _ = file(remote)
    assert filed.created
    assert len(remote.instances) == 1


def test_a_creation_that_never_left_is_repeated() -> None:
    remote = RemoteAltinn()
    remote.fault("POST", "/instances$", "not sent")
    filed, client = file(remote)
    assert filed.created
    assert creations(client) == 2


@pytest.mark.parametrize(("status", "error"), [(400, AltinnRefusedError), (403, AltinnForbiddenError)])
def test_a_refused_creation_is_the_end(status: int, error: type[Exception]) -> None:
    remote = RemoteAltinn()
    remote.fault("POST", "/instances$", f"before {status}")
    client = Client(remote)
    with pytest.raises(error):
        client.run(filing().find_or_create({}))
    assert creations(client) == 1
    assert client.sleeps == []


def test_what_is_found_instead_of_a_lost_creation_is_adopted_not_created() -> None:
    """Somebody else's delivered filing must not pass for our own creation: its documents are to be compared."""
    remote = RemoteAltinn(WITH_FEEDBACK)
    remote.fault("POST", "/instances$", "lost before")
    remote.meanwhile("POST", "/instances$", lambda: remote.make({**KEY.stamps(), "filingsha256": "theirs"}, task=2))
    filed, _ = file(remote)
    assert not filed.created
    assert filed.instance.stamps["filingsha256"] == "theirs"


def test_a_draft_whose_creation_goes_on_is_waited_for() -> None:
    remote = RemoteAltinn()
    kept = remote.make(KEY.stamps())
    history, kept.history = kept.history, []
    with pytest.raises(AltinnNotYetError, match="still under way"):
        file(remote)
    kept.history.extend(history)
    filed, client = file(remote)
    assert (str(filed.instance.id), creations(client)) == (kept.id, 0)


@pytest.mark.parametrize(("age", "adopted"), [(599, None), (601, False)])
def test_a_draft_whose_creation_never_ends_is_not_adopted(age: int, adopted: bool | None) -> None:
    remote = RemoteAltinn()
    kept = remote.make(KEY.stamps())
    kept.history.clear()
    now = datetime.fromisoformat(kept.created) + timedelta(seconds=age)
    lines: list[str] = []
    patient = filing(report=lines.append, session=replace(session(), now=lambda: now))
    if adopted is None:
        with pytest.raises(AltinnNotYetError):
            Client(remote).run(patient.find_or_create({}))
        return
    filed = Client(remote).run(patient.find_or_create({}))
    assert filed.created
    assert any(kept.id in line and "never adopted" in line for line in lines)


@pytest.mark.parametrize(("age", "stops"), [(599, AltinnNotYetError), (601, None)])
def test_before_a_push_an_older_creation_that_never_ended_is_left_alone_as_well(
    age: int, stops: type[Exception] | None
) -> None:
    """Else instantiate would make another one for ever, and each push would point at the one that nobody adopts."""
    remote = RemoteAltinn()
    older, own = remote.make(KEY.stamps()), remote.make(KEY.stamps())
    older.history.clear()
    now = datetime.fromisoformat(older.created) + timedelta(seconds=age)
    timed, storage = replace(session(), now=lambda: now), Storage(PLATFORM)
    guard = Survivor(timed, storage, App(APP_BASE), InstanceId.parse(own.id), settle=0.0)
    client = Client(remote)
    instance = client.run(timed.perform(storage.get_instance(InstanceId.parse(own.id))))
    if stops is not None:
        with pytest.raises(stops, match="still under way"):
            client.run(guard.check(instance))
        return
    assert client.run(guard.check(instance)) == (older.id,)
    # One that has finished goes first, as ever.
    older.history.extend(own.history)
    with pytest.raises(AltinnNotSurvivorError, match="is older"):
        client.run(guard.check(instance))


class Stuck(RemoteAltinn):
    """Version 9: the workflow engine makes the instance, or moves it, and may stop.

    :ivar target: where it is on its way to: the first task itself when it is made.
    """

    workflow = "processing"
    target = "Task_1"
    resumed = 0

    def _process(self, kept: Kept, *, fresh: bool) -> dict[str, Any]:
        workflow = {"status": self.workflow}
        if self.workflow != "idle":
            workflow["targetTask"] = self.target
        return {**super()._process(kept, fresh=fresh), **({"workflow": workflow} if fresh else {})}

    def _of_instance(self, request: Any, kept: Kept, below: str, query: Any) -> Any:
        if (request.method, below) == ("POST", "/process/resume"):
            self.resumed += 1
            self.workflow = "idle"
            return _json(200, self._process(kept, fresh=True))
        return super()._of_instance(request, kept, below, query)


def test_version_9_a_draft_is_adopted_when_the_engine_has_come_to_rest() -> None:
    remote = Stuck()
    kept = remote.make(KEY.stamps())
    with pytest.raises(AltinnNotYetError):
        file(remote)
    remote.workflow = "idle"
    assert str(file(remote)[0].instance.id) == kept.id


def test_version_9_a_creation_that_stopped_is_resumed_and_not_repeated() -> None:
    remote = Stuck()
    kept = remote.make(KEY.stamps())
    remote.workflow = "failed"
    filed, client = file(remote)
    assert (str(filed.instance.id), remote.resumed, creations(client)) == (kept.id, 1, 0)


def test_version_9_a_creation_is_not_resumed_by_who_only_looks() -> None:
    remote = Stuck()
    kept = remote.make(KEY.stamps())
    remote.workflow = "failed"
    client = Client(remote)
    found = client.run(filing().find())
    assert found is not None
    assert (str(found.instance.id), remote.resumed) == (kept.id, 0)


def test_version_9_a_creation_is_not_resumed_by_a_try_that_is_not_the_living_one() -> None:
    remote = Stuck()
    remote.make(KEY.stamps())
    remote.workflow = "failed"

    def replaced(what: str) -> None:
        raise AltinnSupersededError(what)

    with pytest.raises(AltinnSupersededError, match="the resumption of the creation"):
        file(remote, fence=replaced)
    assert remote.resumed == 0


@pytest.mark.parametrize("target", ["Task_2", ""])
def test_version_9_a_push_that_failed_is_not_resumed_by_who_adopts(target: str) -> None:
    """It may deliver; the push that follows compares before it."""
    remote = Stuck()
    kept = remote.make(KEY.stamps())
    remote.workflow, remote.target = "failed", target
    filed, client = file(remote)
    assert (str(filed.instance.id), remote.resumed, creations(client)) == (kept.id, 0, 0)


def test_version_9_a_push_that_is_under_way_is_waited_for_however_long_it_takes() -> None:
    remote = Stuck()
    kept = remote.make(KEY.stamps())
    remote.target = "Task_2"
    for age in (5.0, 10_000.0):
        with pytest.raises(AltinnNotYetError, match="a push from Task_1") as caught:
            file(remote, session=_after(kept, age))
        assert caught.value.limit == 6 * 3600.0
    remote.workflow = "idle"
    assert str(file(remote)[0].instance.id) == kept.id


@pytest.mark.parametrize(("target", "waits"), [("Task_2", True), ("", True), ("Task_1", False)])
def test_version_9_a_draft_that_was_deleted_beneath_its_push_is_waited_for(target: str, waits: bool) -> None:
    """Altinn delivers it all the same; a creation that hangs delivers nothing."""
    remote = Stuck()
    kept = remote.make(KEY.stamps())
    kept.status["isSoftDeleted"] = True
    remote.target = target
    if waits:
        with pytest.raises(AltinnNotYetError, match="was deleted while Altinn was at a push"):
            file(remote)
        remote.workflow = "idle"
    filed, client = file(remote)
    assert (filed.created, creations(client)) == (True, 1)


@pytest.mark.parametrize(("workflow", "creations_"), [("idle", 0), ("processing", 1)])
def test_version_9_a_creation_that_never_reached_the_engine_is_adopted_late(workflow: str, creations_: int) -> None:
    """Its history stays empty; after the limit what it lacks is uploaded."""
    remote = Stuck()
    kept = remote.make(KEY.stamps())
    kept.history.clear()
    remote.workflow = workflow
    with pytest.raises(AltinnNotYetError):
        file(remote, session=_after(kept, 5))
    filed, client = file(remote, session=_after(kept, 601))
    assert creations(client) == creations_
    assert (str(filed.instance.id) == kept.id) is (workflow == "idle")


def _after(kept: Kept, seconds: float) -> Session:
    """Return a session in which it is so many seconds after a creation."""
    now = datetime.fromisoformat(kept.created) + timedelta(seconds=seconds)
    return replace(session(), now=lambda: now)


@pytest.mark.parametrize(
    ("advice", "resumed"), [("resumeCurrentTask", 1), ("inspectInstance", 0), ("retryInstanceCreation", 0), ("", 0)]
)
def test_version_9_the_advice_of_a_failed_creation_is_taken_and_then_looked(advice: str, resumed: int) -> None:
    remote = Stuck()
    remote.workflow = "failed" if resumed else "idle"

    def fail(template: dict[str, Any]) -> Any:
        kept = remote.make(template["dataValues"])
        body = {
            "title": "Instance initialization failed.",
            "status": 500,
            "initializationState": "workflowFailed",
            "recommendedAction": advice,
            "instanceId": kept.id,
        }
        return _json(500, body)

    remote._create = fail  # type: ignore[method-assign]
    filed, client = file(remote)
    assert (creations(client), len(remote.instances), remote.resumed) == (1, 1, resumed)
    assert not filed.created


def test_an_app_that_drops_the_stamps_is_named() -> None:
    remote = RemoteAltinn(keeps_stamps=False)
    with pytest.raises(AltinnFilingError, match="does not keep filingversion, filingperiod, filingkind") as caught:
        file(remote)
    assert len(caught.value.instance_ids) == 1


def test_an_app_that_writes_the_stamps_itself_is_named() -> None:
    refuse_taken_stamps(KEY.app_id, {"dataFields": [{"id": "period"}, {}]})
    refuse_taken_stamps(KEY.app_id, {"dataFields": None})
    with pytest.raises(AltinnFilingError, match="filingkind"):
        refuse_taken_stamps(KEY.app_id, {"dataFields": [{"id": "filingkind"}]})


# -- pages


@pytest.mark.parametrize("rows", [3, 7, 25])
def test_the_key_is_found_on_any_page(rows: int) -> None:
    for wanted in (0, rows // 2, rows - 1):
        remote = RemoteAltinn(page_size=3)
        made = [remote.make(KEY.stamps() if n == wanted else {"filingversion": "1"}) for n in range(rows)]
        filed, client = file(remote)
        assert str(filed.instance.id) == made[wanted].id
        assert creations(client) == 0


def test_an_empty_page_with_a_next_is_not_the_end() -> None:
    remote = RemoteAltinn(page_size=1)
    made = remote.make(KEY.stamps())
    empty = {"count": 0, "instances": [], "next": f"{PLATFORM}/storage/api/v1/instances?appId=ttd/basic"}

    def answer(request: Any) -> Any:
        response = remote(request)
        if "order=" not in request.url:
            return response
        return replace(response, body=json.dumps(empty).encode())

    filed = Client(answer).run(filing().find_or_create({}))
    assert str(filed.instance.id) == made.id


def test_more_than_one_page_is_read_until_two_scans_agree() -> None:
    """A row that is changed while the pages are read moves to the end, and the row after it slips over the border."""
    remote = RemoteAltinn(page_size=2)
    rows = [remote.make({"filingversion": "1"}) for _ in range(2)]
    hidden = remote.make(KEY.stamps())
    rows += [remote.make({"filingversion": "1"}) for _ in range(2)]
    queries = 0

    def answer(request: Any) -> Any:
        nonlocal queries
        response = remote(request)
        if "/storage/api/v1/instances?" in request.url:
            queries += 1
            if queries == 1:
                rows[0].changed = remote.now()
        return response

    client = Client(answer)
    filed = client.run(filing().find_or_create({}))
    assert str(filed.instance.id) == hidden.id
    assert creations(client) == 0


def test_rows_that_never_rest_end_in_an_error() -> None:
    remote = RemoteAltinn(page_size=1)
    rows = [remote.make({"filingversion": "1"}) for _ in range(3)]

    def answer(request: Any) -> Any:
        response = remote(request)
        if "/storage/api/v1/instances?" in request.url:
            rows[0].changed = remote.now()
        return response

    with pytest.raises(AltinnUnknownOutcomeError, match="kept changing"):
        Client(answer).run(filing().find_or_create({}))


def test_pages_without_an_end_end_in_an_error() -> None:
    remote = RemoteAltinn()
    endless = {"instances": [], "next": f"{PLATFORM}/storage/api/v1/instances?appId=ttd/basic"}

    def answer(request: Any) -> Any:
        return replace(remote(request), body=json.dumps(endless).encode())

    with pytest.raises(AltinnUnknownOutcomeError, match="more than 200 pages"):
        Client(answer).run(filing().find_or_create({}))


# -- what somebody else made


def reader(periods: dict[str, str | None]) -> Callable[[Instance], Flow[str | None]]:
    def period_of(instance: Instance) -> Flow[str | None]:
        yield Sleep(0.0, "reading the form")
        return periods[str(instance.id)]

    return period_of


def test_a_filing_of_the_period_by_hand_stops_the_run() -> None:
    remote = RemoteAltinn()
    same, other, unreadable = remote.make(), remote.make(), remote.make()
    periods = {same.id: "2026-T5", other.id: "2026-T4", unreadable.id: None}
    client = Client(remote)
    with pytest.raises(AltinnForeignInstanceError, match="on_foreign='ignore'") as caught:
        client.run(filing(period_of=reader(periods)).find_or_create({}))
    assert list(caught.value.instance_ids) == [same.id, unreadable.id]
    assert creations(client) == 0


def test_it_stops_the_run_even_if_our_own_draft_is_there() -> None:
    remote = RemoteAltinn()
    remote.make(KEY.stamps())
    by_hand = remote.make()
    with pytest.raises(AltinnForeignInstanceError):
        file(remote, period_of=reader({by_hand.id: "2026-T5"}))


def test_other_periods_by_hand_do_not_matter() -> None:
    remote = RemoteAltinn()
    other = remote.make()
    filed, _ = file(remote, period_of=reader({other.id: "2026-T4"}))
    assert filed.created


def test_foreign_filings_can_be_ignored() -> None:
    remote = RemoteAltinn()
    same = remote.make()
    filed, _ = file(remote, period_of=reader({same.id: "2026-T5"}), on_foreign="ignore")
    assert filed.created


def test_without_a_reader_they_are_counted() -> None:
    lines: list[str] = []
    remote = RemoteAltinn()
    remote.make()
    filed, _ = file(remote, report=lines.append)
    assert filed.created
    assert any(line.startswith("1 instance(s) without a stamp") for line in lines)


@pytest.mark.parametrize(("task", "stops"), [(0, False), (2, True)])
def test_a_deleted_draft_by_hand_does_not_matter_but_a_deleted_delivery_does(task: int, stops: bool) -> None:
    remote = RemoteAltinn(WITH_FEEDBACK)
    deleted = remote.make(task=task, status={"isSoftDeleted": True})
    period_of = reader({deleted.id: "2026-T5"})
    if stops:
        with pytest.raises(AltinnForeignInstanceError):
            file(remote, period_of=period_of)
    else:
        assert file(remote, period_of=period_of)[0].created


def test_a_stamp_of_a_version_not_known_here_stops_the_run() -> None:
    remote = RemoteAltinn()
    newer = remote.make({"filingversion": "2", "filingperiod": "2026-T5", "filingkind": "main"})
    remote.make({"filingversion": "2", "filingperiod": "2026-T4", "filingkind": "main"})
    with pytest.raises(AltinnForeignInstanceError) as caught:
        file(remote)
    assert list(caught.value.instance_ids) == [newer.id]
