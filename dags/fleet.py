"""File one report for many companies in one run.

Each company is one mapped instance of the task group `company`, and shows in the grid by its number and the period. A
company that fails stops no other; clear its failed tasks to go on with it, and nothing is filed twice. The last
task reads from Altinn who is accepted, waiting, rejected or missing, and the run is green only when all are accepted.

Which companies, and where each one's document lies, stands in a CSV file with the columns `organisation_number`, `name`
and `path`; in a path, {period} and {organisation_number} are filled in. A table of a database does as well: let
`companies` return its rows.

The report is told by the constants below; as they are, it is the demonstration app `ttd/basic`. The pool paces the
calls: give every DAG that files with one authority the same pool, with as many slots as the authority should see tasks
at a time (`airflow pools set altinn_skd 4 "Skatteetaten"`).
"""

from __future__ import annotations

import csv
import io
import os
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, Param, get_current_context, task, task_group

from altinn.operators import AltinnPlanFilingOperator, AltinnReconcileOperator
from altinn.runs import is_true
from altinn.runs.trigger_form import filing_params
from altinn.taskgroups import altinn_filing
from altinn.timetables import vat_terms

APP = "ttd/basic"
DATA_TYPE = "model"
AUTHORITY = {"accepted_when": "ended"}
AUTOMATIC = is_true(os.environ.get("ALTINN_SCHEDULED_FILINGS", "true"), "ALTINN_SCHEDULED_FILINGS")
SCHEDULE = vat_terms(lead_days=5, automatic=AUTOMATIC)
POOL = os.environ.get("ALTINN_FLEET_POOL", "default_pool")
LABEL = "{{ ti.xcom_pull(task_ids='companies')[ti.map_index]['label'] }}"

with DAG(
    dag_id="fleet",
    description="File one report for a list of companies",
    doc_md=__doc__,
    schedule=SCHEDULE,
    start_date=datetime(2022, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    render_template_as_native_obj=True,
    tags=["altinn", "example"],
    params={
        **filing_params(SCHEDULE),
        "companies_csv": Param(
            os.environ.get("ALTINN_FLEET_COMPANIES", "companies.csv"),
            type="string",
            title="Companies",
            description="Path of a CSV file with the columns organisation_number, name and path",
        ),
        "altinn_conn_id": Param("altinn_vat", type="string", title="Connection"),
    },
) as dag:
    altinn = {"app": APP, "altinn_conn_id": "{{ params.altinn_conn_id }}"}
    kind = {"kind": "{{ params.kind }}", "correction_number": "{{ params.correction_number }}"}

    @task(retries=0)
    def companies() -> list[dict[str, Any]]:
        """Read the list, and say for each company what is filed and how it is shown."""
        from altinn.documents import storage_path
        from altinn.exceptions import AltinnInputError
        from altinn.runs import resolve_period

        context = get_current_context()
        period = resolve_period(context).name
        source = context["params"]["companies_csv"]
        rows = list(csv.DictReader(io.StringIO(storage_path(source).read_bytes().decode("utf-8-sig"))))
        found = []
        for number, row in enumerate(rows, 1):
            company, path = str(row.get("organisation_number") or "").strip(), str(row.get("path") or "").strip()
            if not company or not path:
                raise AltinnInputError(f"{source}: company {number} has no organisation_number or no path")
            path = path.replace("{period}", period).replace("{organisation_number}", company)
            label, documents = f"{company} {period}", [{"data_type": DATA_TYPE, "path": path}]
            found.append({"organisation_number": company, "period": period, "documents": documents, "label": label})
        if len({one["organisation_number"] for one in found}) != len(found) or not found:
            raise AltinnInputError(f"{source} is empty or names a company twice: leave each company in once")
        return found

    @task_group(default_args={"pool": POOL, "map_index_template": LABEL})
    def company(organisation_number: str, period: str, documents: list[dict[str, str]], label: str) -> None:
        """File for one company."""
        who: Any = {"organisation_number": organisation_number, "period": period, **kind, **altinn}
        plan = AltinnPlanFilingOperator(
            task_id="plan",
            dry_run="{{ params.dry_run }}",
            on_backfill="{{ params.on_backfill }}",
            max_filings_per_backfill="{{ params.max_filings_per_backfill }}",
            **who,
        )
        filing = altinn_filing(documents=documents, wait_for_feedback=False, **who)
        plan >> filing.group

    listed = companies()
    each = company.expand_kwargs(listed)

    # One task reads and judges: it fails with the companies and is cleared together with them.
    summary = AltinnReconcileOperator(
        task_id="summary",
        report=SCHEDULE.report.name,
        authority=AUTHORITY,
        companies="{{ ti.xcom_pull(task_ids='companies') }}",
        periods="{{ [ti.xcom_pull(task_ids='companies')[0]['period']] }}",
        fail_unless_accepted="{{ not params.dry_run }}",
        trigger_rule="all_done",
        pool=POOL,
        **altinn,
    )
    listed >> each >> summary
