"""A filing with this provider."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import DAG, Param

from altinn.taskgroups import altinn_filing

with DAG(
    "bench_altinn",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    render_template_as_native_obj=True,
    params={"period": Param("", type="string"), "form": Param("", type="string")},
):
    altinn_filing(
        app="ttd/basic",
        period="{{ params.period }}",
        organisation_number="950474084",
        documents=[{"data_type": "model", "path": "{{ params.form }}"}],
        wait_for_feedback=False,
    )
