"""Years of VAT terms, backfilled with a real Airflow against the emulator."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import pytest

from altinn.periods import Period, containing, preceding, report_calendar
from scripts.failure import CommandError
from tests.backfill.conftest import VAT, Installation, Returns

TERMS = report_calendar("vat_terms")
LAST_YEAR = date.today().year - 1
YEAR = TERMS.periods(LAST_YEAR, LAST_YEAR)
FIRST, LAST = date(LAST_YEAR, 1, 1), date(LAST_YEAR, 12, 31)


def days(periods: list[Period]) -> set[str]:
    return {period.start.isoformat() for period in periods}


def states_of(installation: Installation, periods: list[Period]) -> list[str]:
    states = installation.states(VAT)
    return [states.get(period.start.isoformat(), "none") for period in periods]


def conf(returns: Returns, **more: Any) -> Mapping[str, Any]:
    return {"return_path": returns.path, **more}


def test_a_year_is_filed_once_however_often_it_is_backfilled(installation: Installation, returns: Returns) -> None:
    installation.enable(VAT)
    for period in YEAR:
        returns.write(period.name)
    before = len(installation.filings())

    installation.backfill(VAT, FIRST, LAST, conf(returns))
    assert states_of(installation, YEAR) == ["success"] * 6
    assert len(installation.filings()) == before + 6
    filed, writes = installation.filings(), installation.writes()

    for reprocess in ("none", "failed", "completed"):
        try:
            installation.backfill(VAT, FIRST, LAST, conf(returns), reprocess_behavior=reprocess)
        except CommandError as exc:
            pytest.fail(f"{reprocess}: {exc}")
        assert states_of(installation, YEAR) == ["success"] * 6
    assert installation.filings() == filed
    assert installation.writes() == writes

    # Proving what is filed needs nothing but a look, and backwards is as good as forwards.
    verify = conf(returns, on_backfill="verify_only")
    installation.backfill(VAT, FIRST, LAST, verify, reprocess_behavior="completed", run_backwards=True)
    assert states_of(installation, YEAR) == ["success"] * 6
    assert (installation.filings(), installation.writes()) == (filed, writes)

    # The same period once more, by a run of its own and by clearing the one that filed.
    term = YEAR[2].name
    run = installation.run(VAT, conf(returns, period=term))
    assert run["state"] == "success"
    assert installation.api.xcom(VAT, run["dag_run_id"], "period")["period"] == term
    assert installation.api.xcom(VAT, run["dag_run_id"], "receipt")["already_filed"] is True
    installation.clear_run(VAT, YEAR[2].start)
    assert states_of(installation, [YEAR[2]]) == ["success"]
    for task in ("instantiate", "upload_return", "submit", "confirm", "receipt"):
        assert installation.clear_task(VAT, run["dag_run_id"], task) == "success", task
    assert (installation.filings(), installation.writes()) == (filed, writes)


def test_a_changed_return_is_refused_and_filed_as_a_correction(installation: Installation, returns: Returns) -> None:
    installation.enable(VAT)
    term = preceding(YEAR[0])
    returns.write(term.name)
    assert installation.run(VAT, conf(returns, period=term.name))["state"] == "success"
    filed = len(installation.filings())

    returns.write(term.name, reference="corrected")
    refused = installation.run(VAT, conf(returns, period=term.name))
    assert refused["state"] == "failed"
    assert "with other documents" in installation.log(VAT, refused["dag_run_id"], "instantiate")
    assert len(installation.filings()) == filed

    correction = conf(returns, period=term.name, kind="correction", correction_number=1)
    for _ in range(2):
        assert installation.run(VAT, correction)["state"] == "success"
        assert len(installation.filings()) == filed + 1


def test_a_range_into_the_future_files_what_has_ended(installation: Installation, returns: Returns) -> None:
    """Also what has ended and is not due yet: its run starts at once, and keeps no backfill open."""
    installation.enable(VAT)
    ended = TERMS.latest_ended(date.today())
    current = containing(date.today(), "term")
    for period in (preceding(ended), ended, current):
        returns.write(period.name)
    filed = len(installation.filings())

    installation.backfill(VAT, preceding(ended).start, current.end, conf(returns), run_backwards=True)
    assert states_of(installation, [preceding(ended), ended, current]) == ["success", "success", "none"]
    assert len(installation.filings()) == filed + 2

    refused = installation.run(VAT, conf(returns, period=current.name))
    assert refused["state"] == "failed"
    assert "cannot be filed before it has ended" in installation.log(VAT, refused["dag_run_id"], "period")
    assert len(installation.filings()) == filed + 2


def test_a_backfill_that_only_verifies_fails_where_nothing_is_filed(
    installation: Installation, returns: Returns
) -> None:
    installation.enable(VAT)
    term = TERMS.periods(LAST_YEAR - 2, LAST_YEAR - 2)[0]
    returns.write(term.name)
    writes = installation.writes()
    installation.backfill(VAT, term.start, term.start, conf(returns, on_backfill="verify_only"))
    assert states_of(installation, [term]) == ["failed"]
    assert installation.writes() == writes


def test_a_mistyped_range_files_nothing(installation: Installation, returns: Returns) -> None:
    installation.enable(VAT)
    year = TERMS.periods(LAST_YEAR - 1, LAST_YEAR - 1)[:5]
    for period in year:
        returns.write(period.name)
    writes = installation.writes()
    installation.backfill(VAT, year[0].start, year[-1].start, conf(returns, max_filings_per_backfill=3))
    assert states_of(installation, year) == ["failed"] * 5
    assert installation.writes() == writes


def test_a_dry_run_writes_nothing(installation: Installation, returns: Returns) -> None:
    installation.enable(VAT)
    term = TERMS.periods(LAST_YEAR - 2, LAST_YEAR - 2)[3].name
    returns.write(term)
    writes = installation.writes()
    run = installation.run(VAT, conf(returns, period=term, dry_run=True))
    assert run["state"] == "success"
    tasks = installation.tasks(VAT, run["dag_run_id"])
    assert (tasks["prepare"], tasks["plan"], tasks["instantiate"], tasks["receipt"]) == (
        "success", "skipped", "skipped", "skipped",
    )  # fmt: skip
    assert "an instance would be made" in installation.log(VAT, run["dag_run_id"], "plan")
    assert installation.writes() == writes


def test_a_dry_backfill_is_made_real_by_reprocessing_what_it_completed(
    installation: Installation, returns: Returns
) -> None:
    installation.enable(VAT)
    term = TERMS.periods(LAST_YEAR - 2, LAST_YEAR - 2)[1]
    returns.write(term.name)
    filed, writes = len(installation.filings()), installation.writes()
    installation.backfill(VAT, term.start, term.start, conf(returns, dry_run=True))
    assert states_of(installation, [term]) == ["success"]
    installation.backfill(VAT, term.start, term.start, conf(returns, dry_run=False))
    assert installation.writes() == writes  # the dry run is there, and counts as done

    installation.backfill(VAT, term.start, term.start, conf(returns, dry_run=False), reprocess_behavior="completed")
    assert states_of(installation, [term]) == ["success"]
    assert len(installation.filings()) == filed + 1


def test_now_as_the_form_fills_it_in_is_no_filing(installation: Installation, returns: Returns) -> None:
    installation.enable(VAT)
    writes = installation.writes()
    now = datetime.now(UTC).replace(microsecond=0)  # One that lies ahead would not begin before it has come.
    run = installation.run(VAT, conf(returns), logical_date=now.isoformat())
    assert run["state"] == "failed"
    assert "does not say which period" in installation.log(VAT, run["dag_run_id"], "period")
    assert installation.writes() == writes


def test_a_logical_date_that_is_a_period_s_first_day_says_the_period(
    installation: Installation, returns: Returns
) -> None:
    installation.enable(VAT)
    term = TERMS.periods(LAST_YEAR - 2, LAST_YEAR - 2)[5]
    returns.write(term.name)
    filed = len(installation.filings())
    run = installation.run(VAT, conf(returns), logical_date=f"{term.start}T00:00:00Z")
    assert run["state"] == "success"
    assert installation.api.xcom(VAT, run["dag_run_id"], "period")["period"] == term.name
    installation.clear_run(VAT, term.start)
    assert states_of(installation, [term]) == ["success"]
    assert len(installation.filings()) == filed + 1
