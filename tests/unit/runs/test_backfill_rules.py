"""What a run may do: dry runs, verifying backfills, backfills that are too long."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from altinn.exceptions import AltinnFilingError, AltinnInputError
from altinn.periods import Period, report_calendar
from altinn.runs import RunRules
from altinn.runs.backfill_rules import refuse_long_backfill

NOW = datetime(2026, 11, 25, tzinfo=UTC)


class Task:
    """A task instance whose neighbours have these states."""

    dag_id, task_id = "vat_return", "instantiate"

    def __init__(self, states: Sequence[str | None]) -> None:
        self.states = states
        self.asked: dict[str, Any] = {}

    def get_task_states(self, dag_id: str, **asked: Any) -> dict[str, dict[str, str | None]]:
        """Return those of these logical dates, as Airflow does: of the periods from 2020 on."""
        self.asked = asked
        begun = [datetime(2020 + number // 6, 1 + number % 6 * 2, 1, tzinfo=UTC) for number in range(len(self.states))]
        return {
            f"backfill__{number}": {"instantiate": state}
            for number, state in enumerate(self.states)
            if begun[number] in asked["logical_dates"]
        }


def context(run_type: str, states: Sequence[str | None] = (), *, report: bool = True) -> dict[str, Any]:
    timetable = SimpleNamespace(report=report_calendar("vat_terms")) if report else SimpleNamespace()
    dag = SimpleNamespace(timetable=timetable, start_date=datetime(2022, 1, 1, tzinfo=UTC))
    return {"dag_run": SimpleNamespace(run_type=run_type), "dag": dag, "ti": Task(states)}


@pytest.mark.parametrize("flag", [True, "True", "true", " yes ", "1", 1])
def test_a_dry_run_looks_only(flag: Any) -> None:
    assert RunRules.of(context("manual"), dry_run=flag) == RunRules(dry_run=True)
    assert RunRules(dry_run=True).looks_only


@pytest.mark.parametrize("flag", [False, "False", "", None, "None", 0])
def test_other_runs_write(flag: Any) -> None:
    assert not RunRules.of(context("backfill"), dry_run=flag).looks_only


def test_a_mistyped_flag_never_becomes_a_filing() -> None:
    with pytest.raises(AltinnInputError, match="dry_run must be true or false, not 'ture'"):
        RunRules.of(context("manual"), dry_run="ture")


@pytest.mark.parametrize(("run_type", "verifies"), [("backfill", True), ("scheduled", False), ("manual", False)])
def test_only_a_backfill_verifies(run_type: str, verifies: bool) -> None:
    assert RunRules.of(context(run_type), on_backfill="verify_only").verify_only is verifies


def test_an_unknown_rule_is_refused_in_every_run() -> None:
    with pytest.raises(AltinnInputError, match="on_backfill must be 'file_missing' or 'verify_only', not 'verify'"):
        RunRules.of(context("manual"), on_backfill="verify")


def test_a_backfill_within_the_limit_goes_on() -> None:
    given = context("backfill", ["running", None, "queued", *["success"] * 40])
    refuse_long_backfill(given, 3, NOW)
    assert given["ti"].asked["task_ids"] == ["instantiate"]
    dates = given["ti"].asked["logical_dates"]
    assert (dates[0], dates[-1], len(dates)) == (
        datetime(2000, 1, 1, tzinfo=UTC),
        datetime(2026, 11, 1, tzinfo=UTC),
        27 * 6,
    )


def test_periods_from_before_the_dag_s_start_count_as_well() -> None:
    """A backfill makes their runs, and their tasks."""
    given = context("backfill", [None] * 10)  # 2020 and 2021; the DAG starts in 2022
    with pytest.raises(AltinnFilingError, match="has 10 periods to file"):
        refuse_long_backfill(given, 3, NOW)


class Schedule:
    """VAT terms, each filed on the last day of the year in which it ends."""

    def __init__(self, *, automatic: bool) -> None:
        self.report = report_calendar("vat_terms")
        self.automatic = automatic

    def run_after(self, period: Period) -> datetime:
        return datetime(period.end.year, 12, 31, tzinfo=UTC)


def standing_in(run_type: str, start: datetime, *, automatic: bool = True) -> dict[str, Any]:
    run = SimpleNamespace(run_type=run_type, data_interval_start=start, logical_date=start)
    return {"dag_run": run, "dag": SimpleNamespace(timetable=Schedule(automatic=automatic)), "params": {}}


AHEAD, PAST = datetime(2098, 9, 1, tzinfo=UTC), datetime(2020, 9, 1, tzinfo=UTC)


@pytest.mark.parametrize("run_type", ["backfill", "manual"])
def test_a_dry_run_never_takes_the_place_of_a_filing_that_is_still_to_come(run_type: str) -> None:
    with pytest.raises(AltinnInputError, match=r"stands where the schedule's own run for 2098-T5 belongs.*Delete this"):
        RunRules.of(standing_in(run_type, AHEAD), dry_run=True)
    assert not RunRules.of(standing_in(run_type, AHEAD)).dry_run
    assert RunRules.of(standing_in(run_type, PAST), dry_run=True).dry_run
    assert RunRules.of(standing_in(run_type, AHEAD, automatic=False), dry_run=True).dry_run


def test_a_verifying_backfill_takes_no_filing_s_place_either() -> None:
    with pytest.raises(AltinnInputError, match=r"only looks.*2098-T5 belongs"):
        RunRules.of(standing_in("backfill", AHEAD), on_backfill="verify_only")
    assert RunRules.of(standing_in("backfill", PAST), on_backfill="verify_only").verify_only


@pytest.mark.parametrize(
    "given",
    [
        standing_in("scheduled", AHEAD),  # a DAG that is dry altogether
        standing_in("manual", AHEAD.replace(hour=9)),  # "now", as the form fills it in
    ],
)
def test_other_dry_runs_take_nobody_s_place(given: dict[str, Any]) -> None:
    assert RunRules.of(given, dry_run=True).dry_run


@pytest.mark.parametrize("refused", range(10))
def test_a_long_backfill_is_refused_to_its_last_run(refused: int) -> None:
    """The refused runs count, or the last ones would fit the limit again."""
    with pytest.raises(AltinnFilingError, match="has 10 periods to file, more than max_filings_per_backfill=3"):
        refuse_long_backfill(context("backfill", ["failed"] * refused + [None] * (10 - refused)), 3, NOW)


@pytest.mark.parametrize(
    ("given", "limit"),
    [(context("manual", [None] * 50), 3), (context("backfill", [None] * 50), 0),
     (context("backfill", [None] * 50, report=False), 0)],
)  # fmt: skip
def test_what_has_no_limit_is_not_counted(given: dict[str, Any], limit: int) -> None:
    refuse_long_backfill(given, limit, NOW)
    assert given["ti"].asked == {}


def test_a_limit_that_cannot_be_held_is_refused() -> None:
    with pytest.raises(AltinnInputError, match="max_filings_per_backfill=3 cannot be held"):
        refuse_long_backfill(context("backfill", [None] * 50, report=False), 3, NOW)
