"""Talking to the services on this machine."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.airflow_api import AirflowApi
from scripts.failure import CommandError
from scripts.local_ports import FIRST_CHOICE
from scripts.rest import Service, wait_until
from tests.unit.scripts.local_http import serving


def test_a_refusal_says_who_refused_what_and_why() -> None:
    with serving(lambda _method, _path, _body: (422, {"detail": "no such period"})) as (url, _):
        with pytest.raises(CommandError) as error:
            Service("Airflow", url).call("POST", "/api/v2/dags/x/dagRuns", {})
        assert str(error.value) == 'Airflow answered 422 to POST /api/v2/dags/x/dagRuns: {"detail": "no such period"}'


def test_no_answer_says_where_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(lambda _method, _path, _body: (200, {})) as (url, _):
        pass
    service = Service("Airflow", url)
    assert not service.answers("/")
    with pytest.raises(CommandError, match=f"Airflow does not answer at {url}"):
        service.call("GET", "/")


def test_a_proxy_of_the_machine_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{FIRST_CHOICE['airflow'] - 1}")
    with serving(lambda _method, _path, _body: (200, {"version": "3.3.2"})) as (url, _):
        assert Service("Airflow", url).call("GET", "/api/v2/version") == {"version": "3.3.2"}


def test_a_login_is_sent_along_afterwards() -> None:
    def answer(_method: str, path: str, _body: Any) -> tuple[int, object]:
        return (201, {"access_token": "abc"}) if path == "/auth/token" else (200, {"import_errors": []})

    with serving(answer) as (url, asked):
        api = AirflowApi(Service("Airflow", url))
        api.log_in("admin", "secret")
        assert api.import_errors() == []
    assert asked == [
        ("POST", "/auth/token", {"username": "admin", "password": "secret"}, None),
        ("GET", "/api/v2/importErrors", None, "Bearer abc"),
    ]


@pytest.mark.parametrize("exists", [False, True])
def test_a_connection_is_created_or_brought_up_to_date(exists: bool) -> None:
    def answer(method: str, _path: str, _body: Any) -> tuple[int, object]:
        return (409, {"detail": "exists"}) if method == "POST" and exists else (201, {})

    connection = {"connection_id": "altinn_vat", "conn_type": "altinn"}
    with serving(answer) as (url, asked):
        AirflowApi(Service("Airflow", url)).keep_connection(connection)
    expected = [("POST", "/api/v2/connections", connection, None)]
    if exists:
        expected.append(("PATCH", "/api/v2/connections/altinn_vat", connection, None))
    assert asked == expected


def test_ids_are_escaped_in_addresses_and_xcoms_come_decoded() -> None:
    with serving(lambda _method, _path, _body: (200, {"value": '{"outcome": "accepted"}'})) as (url, asked):
        found = AirflowApi(Service("Airflow", url)).xcom("vat_return", "manual__2026-11-24T18:00:00+00:00", "receipt")
    assert found == {"outcome": "accepted"}
    assert asked[0][1].startswith("/api/v2/dags/vat_return/dagRuns/manual__2026-11-24T18%3A00%3A00%2B00%3A00/")


def test_waiting_ends_with_the_answer_or_with_the_limit() -> None:
    time = 0.0
    answers = iter([False, False, True])

    def sleep(seconds: float) -> None:
        nonlocal time
        time += seconds

    assert wait_until(lambda: next(answers), 10, clock=lambda: time, sleep=sleep)
    assert time == pytest.approx(0.4)
    assert not wait_until(lambda: False, 3, clock=lambda: time, sleep=sleep)
    assert time == pytest.approx(3.4, abs=0.21)


def test_what_is_done_between_two_questions_may_give_up() -> None:
    def give_up() -> None:
        raise CommandError("scheduler has stopped by itself")

    with pytest.raises(CommandError, match="stopped by itself"):
        wait_until(lambda: False, 10, tick=give_up)
