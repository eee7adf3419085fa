"""Fail every morning while a VAT return is not with Skatteetaten although its deadline is near.

Airflow's deadline alerts watch runs that exist. This DAG watches what should exist: a paused DAG, a scheduler that was
down, or a company that nobody put into the list makes no run and no alert. It reads from Altinn, so a return that was
filed by hand is no alarm. Let your alerting watch this DAG's failures.
"""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from airflow.sdk import DAG, Param, get_current_context, task

from altinn.authorities import skatteetaten_vat as vat
from altinn.operators import AltinnReconcileOperator

WATCHED = os.environ.get("ALTINN_WATCHED_DAG", "vat_return")

with DAG(
    dag_id="filing_watchdog",
    description="Fails while a VAT return is missing and its deadline is near",
    doc_md=__doc__,
    schedule="0 7 * * *",
    start_date=datetime(2022, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    render_template_as_native_obj=True,
    tags=["altinn", "skatteetaten", "vat"],
    params={
        "companies": Param([{"organisation_number": "999999999", "name": "Example company"}], type="array"),
        "alarm_days": Param(3, type="integer", minimum=0, title="Alarm this many days before the deadline"),
        "count": Param(2, type="integer", minimum=1, title="Ended periods to look at"),
        "altinn_conn_id": Param("altinn_vat", type="string", title="Connection"),
        "app": Param(vat.APP_IDS["prod"], type="string", enum=sorted(set(vat.APP_IDS.values())), title="Altinn app"),
    },
) as dag:
    read = AltinnReconcileOperator(
        task_id="read",
        report="vat_terms",
        authority="skatteetaten_vat",
        companies="{{ params.companies }}",
        count="{{ params.count }}",
        app="{{ params.app }}",
        altinn_conn_id="{{ params.altinn_conn_id }}",
    )

    @task(retries=0)
    def check() -> str:
        """Name what is missing, and whether a run was ever made for it.

        :raises AltinnFilingError: something is missing.
        """
        from altinn.exceptions import AltinnFilingError
        from altinn.filing_calendar.calendar_rows import CalendarRow
        from altinn.filing_calendar.watchdog import needing_attention
        from altinn.periods import report_calendar
        from altinn.runs.period_runs import runs_by_period

        context = get_current_context()
        ti, params = context["ti"], context["params"]
        calendar = ti.xcom_pull(task_ids="read", key="altinn_filing_calendar")
        today: date = datetime.now(ZoneInfo("Europe/Oslo")).date()
        rows = [CalendarRow.from_json(row) for row in calendar["rows"]]
        found = needing_attention(rows, today, int(params["alarm_days"]))
        runs = runs_by_period(ti, WATCHED, report_calendar("vat_terms")) if found else {}
        lines = []
        for row in found:
            ids = ", ".join(runs.get(row.period, ()))
            made = f"{WATCHED} has a run for it: {ids}" if ids else f"{WATCHED} has no run for it: is the DAG paused?"
            lines.append(
                f"{row.organisation_number} {row.period}, due {row.due_date}: {row.state.replace('_', ' ')} "
                f"({row.reason}); {made}"
            )
        if lines:
            raise AltinnFilingError("not with the authority:\n  " + "\n  ".join(lines), [r.instance_id for r in found])
        return f"{len(rows)} looked at, nothing is missing"

    read >> check()
