"""Read from Altinn, every morning, where each company stands with each VAT term.

The result is shown on the page *Browse → Filing calendar*, and written as CSV. Nothing is filed: a term that is missing
is filed by a run, or a backfill, of `vat_return`.

Which companies are read stands in `companies`: a list of organisation numbers, or of
{"organisation_number": …, "name": …}.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from airflow.sdk import DAG, Param

from altinn.authorities import skatteetaten_vat as vat
from altinn.operators import AltinnReconcileOperator

FILES = os.environ.get("ALTINN_FILES", str(Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "altinn"))

with DAG(
    dag_id="filing_calendar",
    description="Where each company stands with each VAT term, as Altinn has it",
    doc_md=__doc__,
    schedule="0 6 * * *",
    start_date=datetime(2022, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    render_template_as_native_obj=True,
    tags=["altinn", "skatteetaten", "vat"],
    params={
        "companies": Param(
            [{"organisation_number": "999999999", "name": "Example company"}],
            type="array",
            title="Companies",
            description='Organisation numbers, or [{"organisation_number": "…", "name": "…"}]',
        ),
        "periods": Param(
            [],
            type="array",
            items={"type": "string"},
            title="Periods",
            description="By default the last twelve that have ended, and the current one",
        ),
        "altinn_conn_id": Param("altinn_vat", type="string", title="Connection"),
        "app": Param(vat.APP_IDS["prod"], type="string", enum=sorted(set(vat.APP_IDS.values())), title="Altinn app"),
    },
) as dag:
    AltinnReconcileOperator(
        task_id="reconcile",
        report="vat_terms",
        authority="skatteetaten_vat",
        companies="{{ params.companies }}",
        periods="{{ params.periods }}",
        csv_path=f"{FILES}/filing_calendar.csv",
        app="{{ params.app }}",
        altinn_conn_id="{{ params.altinn_conn_id }}",
    )
