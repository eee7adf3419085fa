"""The legal deadline of the period that a run is about, as a reference for Airflow's deadline alerts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from zoneinfo import ZoneInfo

from airflow.sdk.definitions.deadline import BaseDeadlineReference, deadline_reference

from altinn.exceptions import AltinnInputError
from altinn.periods import Period, report_calendar

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

OSLO = ZoneInfo("Europe/Oslo")


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _default_period(session: Session, dag_id: str) -> object:
    """Return what the DAG's param "period" is in a run that says nothing of it."""
    from airflow.models.serialized_dag import SerializedDagModel

    dag = SerializedDagModel.get_dag(dag_id, session=session)
    if dag is None or "period" not in dag.params:
        return None
    param: Any = dag.params.get_param("period")
    return param.value


@deadline_reference()
@dataclass
class StatutoryDeadline(BaseDeadlineReference):
    """The end of the last day on which the report is in time; use a negative interval to be warned before.

        DeadlineAlert(
            reference=StatutoryDeadline("vat_terms"),
            interval=timedelta(days=-2),
            callback=AsyncCallback(warn),
            name="VAT return due",
        )

    There is no deadline, and so no alarm, for a run about a period whose deadline had passed when the run was made: a
    backfill of last year would otherwise ring for every period. Nor is there one for a run whose period cannot be told
    (`resolve_period` makes such a run fail).

    :param report: a name of `altinn.periods.REPORTS`.
    :param due_dates: deadlines that the authority has stated otherwise, by period, as in the timetable.
    """

    report: str = "vat_terms"
    due_dates: dict[str, str] = field(default_factory=dict)

    required_kwargs: ClassVar[set[str]] = {"dag_id", "run_id"}
    clock: ClassVar[Callable[[], datetime]] = staticmethod(_utc_now)

    def serialize_reference(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {"reference_type": self.reference_name, "report": self.report, "due_dates": dict(self.due_dates)}

    @classmethod
    def deserialize_reference(cls, reference_data: dict[str, Any]) -> StatutoryDeadline:
        """Make the reference again."""
        return cls(reference_data["report"], dict(reference_data.get("due_dates") or {}))

    def moment(self, period: Period) -> datetime:
        """Return the first moment at which a report about the period is late: midnight in Oslo after the last day."""
        stated = self.due_dates.get(period.name)
        due = date.fromisoformat(stated) if stated else report_calendar(self.report).due_date(period)
        return datetime.combine(due + timedelta(days=1), time(), OSLO).astimezone(UTC)

    def period_of(
        self, conf: Mapping[str, Any] | None, partition_key: str | None, logical_date: datetime | None
    ) -> Period | None:
        """Return the period that a run's record tells of, if any; the same sources as in `resolve_period`."""
        return report_calendar(self.report).told_by((conf or {}).get("period"), partition_key, logical_date)

    def _evaluate_with(self, *, session: Session, dag_id: str, run_id: str, **_others: Any) -> datetime | None:
        """Read the run's period in the scheduler or the API server, and return its deadline if it lies ahead."""
        from airflow.models.dagrun import DagRun
        from sqlalchemy import select

        run = session.scalar(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))
        if run is None:
            return None
        period = self.period_of(run.conf, run.partition_key, run.logical_date)
        if period is None and "period" not in (run.conf or {}):
            period = self.period_of({"period": _default_period(session, dag_id)}, None, None)
        return self.ahead(period) if period else None

    def ahead(self, period: Period) -> datetime | None:
        """Return the deadline of a period unless it has passed, or the report is not about such periods."""
        try:
            moment = self.moment(period)
        except AltinnInputError:
            return None
        return moment if moment > type(self).clock() else None
