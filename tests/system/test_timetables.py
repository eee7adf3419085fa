"""The timetable, as Airflow's scheduler, backfill and pages use it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import pairwise

import pytest
from airflow.exceptions import AirflowTimetableInvalid
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction
from airflow.utils.types import DagRunType
from hypothesis import given
from hypothesis import strategies as st
from pendulum import DateTime
from pendulum import datetime as moment

from altinn.periods import REPORTS, parse_period
from altinn.plugin import AltinnPlugin
from altinn.timetables import PeriodTimetable, annual_accounts, vat_terms

START = moment(2022, 1, 1)
ON_TIME = TimeRestriction(START, None, catchup=False)
FROM_START = TimeRestriction(START, None, catchup=True)


def at(year: int, month: int, day: int, hour: int = 12) -> PeriodTimetable:
    return PeriodTimetable("vat_terms", now=lambda: datetime(year, month, day, hour, tzinfo=UTC))


def first(timetable: PeriodTimetable, restriction: TimeRestriction = ON_TIME) -> str:
    info = timetable.next_dagrun_info(last_automated_data_interval=None, restriction=restriction)
    assert info is not None
    return name(timetable, info)


def after(timetable: PeriodTimetable, period: str, restriction: TimeRestriction = ON_TIME) -> str:
    start = moment(*parse_period(period).start.timetuple()[:3])
    last = timetable.infer_manual_data_interval(run_after=start)
    info = timetable.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)
    assert info is not None
    return name(timetable, info)


def name(timetable: PeriodTimetable, info: DagRunInfo) -> str:
    period = timetable.period_at(info.logical_date)
    assert period is not None
    return period.name


def test_a_run_starts_in_the_morning_in_oslo_before_the_deadline() -> None:
    timetable = vat_terms(lead_days=5)
    assert timetable.run_after(parse_period("2026-T5")) == moment(2026, 12, 4, 5)  # winter: 06:00 is 05:00 UTC
    assert timetable.run_after(parse_period("2026-T3")) == moment(2026, 8, 26, 4)  # summer: 04:00 UTC


def test_an_interval_is_the_period_in_utc() -> None:
    info = at(2026, 11, 25).next_dagrun_info(last_automated_data_interval=None, restriction=ON_TIME)
    assert info is not None
    assert info.data_interval == DataInterval(moment(2026, 9, 1), moment(2026, 11, 1))
    assert info.logical_date == moment(2026, 9, 1)


@pytest.mark.parametrize(
    ("today", "period"),
    [
        ((2026, 11, 25), "2026-T5"),  # its run lies ahead
        ((2026, 12, 7), "2026-T5"),  # its run is late, its deadline lies ahead
        ((2026, 12, 10), "2026-T5"),
        ((2026, 12, 11), "2026-T6"),  # overdue: nothing is filed because somebody unpauses the DAG
        ((2026, 12, 10, 22), "2026-T5"),
        ((2026, 12, 10, 23), "2026-T6"),  # in Oslo it is the next day already
        ((2026, 10, 15), "2026-T5"),
    ],
)
def test_a_new_dag_begins_with_what_is_not_overdue(today: tuple[int, ...], period: str) -> None:
    assert first(at(*today)) == period


def test_catching_up_begins_with_the_start_date() -> None:
    assert first(at(2026, 11, 25), FROM_START) == "2022-T1"
    assert first(at(2026, 11, 25), TimeRestriction(moment(2022, 1, 2), None, catchup=True)) == "2022-T2"


def test_a_dag_that_was_down_files_the_period_after_its_last_one() -> None:
    assert after(at(2026, 12, 5), "2026-T4") == "2026-T5"
    assert after(at(2026, 12, 20), "2026-T4") == "2026-T5"


def test_nothing_overdue_is_filed_because_somebody_has_backfilled_an_earlier_year() -> None:
    """Airflow tells a backfill's last run and the schedule's own not apart."""
    assert after(at(2026, 11, 25), "2025-T6") == "2026-T5"
    assert after(at(2026, 12, 20), "2025-T6") == "2026-T6"
    assert after(at(2026, 11, 25), "2026-T2") == "2026-T5"
    assert after(at(2026, 11, 25), "2025-T6", FROM_START) == "2026-T1"


def test_the_newest_due_period_is_reckoned_by_the_day_in_oslo() -> None:
    """Half past eleven in the evening UTC on the term's last day is the next day there, at which the run is due."""
    timetable = PeriodTimetable(
        "vat_terms", lead_days=60, hour=0, now=lambda: datetime(2026, 10, 31, 23, 30, tzinfo=UTC)
    )
    assert timetable._newest_due().name == "2026-T5"


def test_a_start_date_in_the_future_is_waited_for() -> None:
    assert first(at(2026, 11, 25), TimeRestriction(moment(2027, 3, 1), None, catchup=False)) == "2027-T2"


def test_a_dag_without_a_start_never_runs() -> None:
    assert (
        at(2026, 11, 25).next_dagrun_info(
            last_automated_data_interval=None, restriction=TimeRestriction(None, None, catchup=True)
        )
        is None
    )


def backfilled(timetable: PeriodTimetable, earliest: DateTime, latest: DateTime) -> list[DagRunInfo]:
    """Ask as Airflow's backfill does."""
    found: list[DagRunInfo] = []
    restriction = TimeRestriction(earliest, latest, catchup=True)
    while True:
        last = found[-1].data_interval if found else None
        info = timetable.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)
        if info is None:
            return found
        found.append(info)


def test_a_backfill_of_a_year_has_its_periods() -> None:
    timetable = at(2026, 11, 25)
    infos = backfilled(timetable, moment(2026, 1, 1), moment(2026, 12, 31))
    assert [name(timetable, info) for info in infos] == [f"2026-T{number}" for number in range(1, 7)]


def test_a_backfills_runs_need_not_wait_for_their_day() -> None:
    """Airflow takes every period that has ended, and a run that waits keeps the backfill open."""
    timetable = at(2026, 11, 25)
    term_5, term_6 = backfilled(timetable, moment(2026, 9, 1), moment(2026, 12, 31))
    assert term_5.run_after == moment(2026, 9, 1)
    assert term_6.run_after == timetable.run_after(parse_period("2026-T6"))


@given(st.sampled_from([*sorted(REPORTS), "annual_accounts:06"]), st.integers(2001, 2080), st.integers(0, 60))
def test_every_period_has_one_run_after_it_has_ended(report: str, year: int, lead_days: int) -> None:
    timetable = PeriodTimetable(report, lead_days=lead_days)
    infos = []
    last = None
    for _ in range(14):
        info = timetable.next_dagrun_info(
            last_automated_data_interval=last, restriction=TimeRestriction(moment(year, 1, 1), None, catchup=True)
        )
        assert info is not None
        assert info.data_interval is not None
        infos.append(info)
        last = info.data_interval
    assert infos[0].logical_date == (moment(year, 7, 1) if report.endswith(":06") else moment(year, 1, 1))
    for a, b in pairwise(infos):
        assert a.data_interval is not None
        assert a.data_interval.end == b.logical_date
        assert a.run_after >= a.data_interval.end
        assert timetable.infer_manual_data_interval(run_after=a.data_interval.start) == a.data_interval


def test_any_other_moment_is_about_no_period() -> None:
    now = moment(2026, 11, 25, 9, 12)
    assert vat_terms().infer_manual_data_interval(run_after=now) == DataInterval(now, now)
    assert vat_terms().period_at(moment(2026, 9, 1, tz="Europe/Oslo")) is None


def test_a_run_carries_its_period_in_its_name() -> None:
    timetable, start = vat_terms(), moment(2026, 9, 1)
    interval = timetable.infer_manual_data_interval(run_after=start)
    scheduled = timetable.generate_run_id(run_type=DagRunType.SCHEDULED, run_after=start, data_interval=interval)
    assert scheduled == "scheduled__2026-T5"
    by_hand = timetable.generate_run_id(run_type=DagRunType.MANUAL, run_after=start, data_interval=interval)
    assert by_hand == "manual__2026-T5__2026-09-01T00:00:00+00:00"
    now = moment(2026, 11, 25, 9, 12)
    nothing = timetable.infer_manual_data_interval(run_after=now)
    other = timetable.generate_run_id(run_type=DagRunType.MANUAL, run_after=now, data_interval=nothing)
    assert other == "manual__2026-11-25T09:12:00+00:00"


def test_it_reads_well() -> None:
    timetable = vat_terms(lead_days=5)
    assert timetable.summary == "VAT return, two-month terms, 5 days ahead"
    assert timetable.description == (
        "VAT return, two-month terms: 5 days before it is due (one month and ten days after the term; 31 August for "
        "the third), at 06:00 in Oslo"
    )


def test_accounts_of_a_financial_year_that_ends_in_june() -> None:
    timetable = annual_accounts(lead_days=10, year_ends=6)
    assert timetable.summary == "Annual accounts, financial year to June, 10 days ahead"
    year = timetable.report.period("2026")
    assert timetable.due_date(year) == date(2027, 1, 31)
    assert timetable.run_after(year) == moment(2027, 1, 21, 5)
    assert timetable.period_at(moment(2025, 7, 1)) == year
    assert timetable.period_at(moment(2026, 1, 1)) is None
    assert timetable.open_periods(date(2026, 11, 25)) == [year]
    again = PeriodTimetable.deserialize(timetable.serialize())
    assert again.due_date(year) == timetable.due_date(year)
    restriction = TimeRestriction(moment(2025, 1, 1), None, catchup=True)
    info = again.next_dagrun_info(last_automated_data_interval=None, restriction=restriction)
    interval = DataInterval(moment(2025, 7, 1), moment(2026, 7, 1))
    assert info == DagRunInfo(run_after=moment(2027, 1, 21, 5), data_interval=interval)


def test_a_report_can_be_left_to_people() -> None:
    timetable = vat_terms(automatic=False)
    restrictions = (ON_TIME, FROM_START)
    started = [timetable.next_dagrun_info(last_automated_data_interval=None, restriction=r) for r in restrictions]
    assert started == [None, None]
    assert len(backfilled(timetable, moment(2025, 1, 1), moment(2025, 12, 31))) == 6
    assert timetable.summary == "VAT return, two-month terms, by hand"


def test_a_stated_deadline_moves_the_run() -> None:
    timetable = PeriodTimetable("ssb_quarters", lead_days=5, due_dates={"2026-Q1": "2026-05-20"})
    assert timetable.run_after(parse_period("2026-Q1")) == moment(2026, 5, 15, 4)
    timetable.validate()


@pytest.mark.parametrize(
    "timetable",
    [
        PeriodTimetable("vat_terms", lead_days=-1),
        PeriodTimetable("vat_terms", hour=24),
        PeriodTimetable("vat_terms", due_dates={"2026-Q1": "2026-05-20"}),
        PeriodTimetable("vat_terms", due_dates={"2026-T1": "10 April"}),
    ],
)
def test_what_makes_no_schedule_is_refused_when_the_dag_is_read(timetable: PeriodTimetable) -> None:
    with pytest.raises(AirflowTimetableInvalid):
        timetable.validate()


def test_it_is_registered_and_survives_serialisation() -> None:
    assert PeriodTimetable in AltinnPlugin.timetables
    options = {"lead_days": 7, "due_dates": {"2026-T1": "2026-04-08"}, "hour": 8, "automatic": True}
    dag = DAG("periods", schedule=vat_terms(**options), start_date=datetime(2022, 1, 1, tzinfo=UTC))  # type: ignore[arg-type]
    again = DagSerialization.from_dict(DagSerialization.to_dict(dag)).timetable
    assert isinstance(again, PeriodTimetable)
    assert again.serialize() == {"report": "vat_terms", **options}
    assert again.run_after(parse_period("2026-T1")) == moment(2026, 4, 1, 6)
