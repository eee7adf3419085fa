"""The legal deadline for Airflow's deadline alerts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG, Param
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert
from airflow.serialization.decoders import decode_deadline_reference
from airflow.serialization.encoders import encode_deadline_reference
from airflow.serialization.serialized_objects import DagSerialization

from altinn.deadlines import StatutoryDeadline
from altinn.periods import parse_period
from altinn.plugin import AltinnPlugin
from altinn.timetables import vat_terms

TERM_5 = datetime(2026, 9, 1, tzinfo=UTC)
VAT = StatutoryDeadline("vat_terms")


@pytest.fixture(autouse=True)
def _november(monkeypatch: pytest.MonkeyPatch) -> None:
    clock: Callable[[], datetime] = staticmethod(lambda: datetime(2026, 11, 25, tzinfo=UTC))
    monkeypatch.setattr(StatutoryDeadline, "clock", clock)


class Session:
    """Finds one run, and the DAG as Airflow keeps it."""

    def __init__(self, run: Any, dag: DAG | None = None) -> None:
        self.run = run
        self.dag = dag

    def scalar(self, statement: Any) -> Any:
        if statement.column_descriptions[0]["entity"].__name__ == "DagRun":
            return self.run
        return self.dag and SimpleNamespace(dag=DagSerialization.from_dict(DagSerialization.to_dict(self.dag)))


class Run:
    def __init__(self, **fields: Any) -> None:
        self.conf = fields.get("conf")
        self.partition_key = fields.get("partition_key")
        self.logical_date = fields.get("logical_date")


def evaluated(run: Run | None) -> datetime | None:
    return VAT._evaluate_with(session=Session(run), dag_id="vat_return", run_id="any")  # type: ignore[arg-type]


def test_a_report_is_late_when_its_last_day_is_over_in_oslo() -> None:
    assert VAT.moment(parse_period("2026-T5")) == datetime(2026, 12, 10, 23, tzinfo=UTC)
    assert VAT.moment(parse_period("2026-T3")) == datetime(2026, 8, 31, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    "run",
    [
        Run(logical_date=TERM_5),
        Run(conf={"period": "2026-T5"}),
        Run(partition_key="2026-T5"),
        Run(conf={"period": "2026-T5"}, logical_date=datetime(2026, 11, 25, 9, tzinfo=UTC)),
    ],
)
def test_a_run_has_the_deadline_of_its_period(run: Run) -> None:
    assert evaluated(run) == datetime(2026, 12, 10, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    "run",
    [
        Run(logical_date=datetime(2026, 7, 1, tzinfo=UTC)),  # due 12 October: a backfill's run rings no bell
        Run(conf={"period": "2022-T5"}),
        Run(conf={"period": "2026-Q3"}),  # no period of the report
        Run(conf={"period": "soon"}),
        Run(logical_date=datetime(2026, 11, 25, 9, tzinfo=UTC)),
        Run(),
        None,
    ],
)
def test_other_runs_have_none(run: Run | None) -> None:
    assert evaluated(run) is None


def test_a_run_that_says_nothing_is_about_the_param_s_default() -> None:
    def found(run: Run, **params: Any) -> datetime | None:
        dag = DAG("vat_return", schedule=None, params=params)
        return VAT._evaluate_with(session=Session(run, dag), dag_id="vat_return", run_id="any")  # type: ignore[arg-type]

    assert found(Run(), period=Param("2026-T5", type="string")) == datetime(2026, 12, 10, 23, tzinfo=UTC)
    assert found(Run(conf={"period": "2022-T5"}), period="2026-T5") is None
    assert found(Run(), period=Param(None, type=["null", "string"])) is None
    assert found(Run(), other="2026-T5") is None


@pytest.mark.parametrize("run", [Run(conf={"period": "2026"}), Run(logical_date=datetime(2025, 7, 1, tzinfo=UTC))])
def test_a_financial_year_s_accounts_have_their_own_deadline(run: Run) -> None:
    reference = StatutoryDeadline("annual_accounts:06")
    found = reference._evaluate_with(session=Session(run), dag_id="annual_accounts", run_id="any")  # type: ignore[arg-type]
    assert found == datetime(2027, 1, 31, 23, tzinfo=UTC)


def test_a_stated_deadline_counts() -> None:
    assert StatutoryDeadline("vat_terms", {"2026-T5": "2026-12-14"}).moment(parse_period("2026-T5")) == datetime(
        2026, 12, 14, 23, tzinfo=UTC
    )


async def warn(**_arguments: Any) -> None:
    """Stand for a callback; its path is all that is serialised."""


def test_it_is_registered_and_survives_serialisation() -> None:
    assert StatutoryDeadline in AltinnPlugin.deadline_references
    reference = StatutoryDeadline("vat_terms", {"2026-T5": "2026-12-14"})
    encoded = encode_deadline_reference(reference)
    assert encoded["reference_type"] == "StatutoryDeadline"
    assert StatutoryDeadline.deserialize_reference(encoded) == reference
    decode_deadline_reference(encoded)
    dag = DAG(
        "with_deadline",
        schedule=vat_terms(),
        start_date=datetime(2022, 1, 1, tzinfo=UTC),
        deadline=DeadlineAlert(
            reference=reference, interval=timedelta(days=-2), callback=AsyncCallback(warn), name="VAT return due"
        ),
    )
    DagSerialization.from_dict(DagSerialization.to_dict(dag))
