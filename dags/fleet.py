"""File one report for many companies in one run.

Each company is one mapped instance of the task group `company`, and shows in the grid by its number and the period. A
company that fails stops no other; clear its failed tasks to go on with it, and nothing is filed twice. In the end
`summary` reads from Altinn who is accepted, waiting, rejected or missing, and `no_company_failed` sees that no task of
any company has failed: the run is green only when both are.

Which companies, and where each one's document lies, stands in a list with the columns `organisation_number`, `name` and
`path`; in a path, {period} and {organisation_number} are filled in. The list is a CSV file (UTF-8, with commas or
semicolons), or a table of a database that an Airflow connection leads to: `table://my_database/companies`. A row with
a wrong number or without a path fails by itself; a company that stands there twice stops the run, because nobody can
say which of its documents is meant.

The report is told by the constants below; as they are, it is the demonstration app `ttd/basic`. The authority knows the
steps, what is waited for, and the verdict, and each company's receipts are kept in a bundle of their own. The pool
paces the calls: give every DAG that files with one authority the same pool, with as many slots as the authority should
see tasks at a time (`airflow pools set altinn_skd 4 "Skatteetaten"`).
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, BaseHook, Param, get_current_context, task, task_group

from altinn.operators import AltinnPlanFilingOperator, AltinnReconcileOperator
from altinn.runs import is_true
from altinn.runs.trigger_form import filing_params
from altinn.taskgroups import altinn_filing
from altinn.timetables import vat_terms

APP = "ttd/basic"
DATA_TYPE = "model"
AUTHORITY = {"accepted_when": "ended"}
COLUMNS = ("organisation_number", "name", "path")
AUTOMATIC = is_true(os.environ.get("ALTINN_SCHEDULED_FILINGS", "true"), "ALTINN_SCHEDULED_FILINGS")
SCHEDULE = vat_terms(lead_days=5, automatic=AUTOMATIC)
FILES = os.environ.get("ALTINN_FILES", str(Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "altinn"))
POOL = os.environ.get("ALTINN_FLEET_POOL", "default_pool")
LABEL = "{{ ti.xcom_pull(task_ids='companies')[ti.map_index]['label'] }}"


def rows_of(source: str) -> list[dict[str, Any]]:
    """Read the list of companies.

    :param source: path of a CSV file, local or on an object store, or "table://connection/table".
    :raises AltinnInputError: the table's name is none, or the file is no such list.
    :raises AltinnConfigurationError: no installed provider reads tables through this connection.
    """
    from airflow.sdk.exceptions import AirflowException

    from altinn.documents import storage_path
    from altinn.exceptions import AltinnConfigurationError, AltinnInputError

    if not source.startswith("table://"):
        content = storage_path(source).read_bytes()
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as exc:
            line = content.count(b"\n", 0, exc.start) + 1
            raise AltinnInputError(
                f"{source} is not UTF-8 (line {line}): save it anew, in Excel as 'CSV UTF-8'"
            ) from exc
        lines = [line for line in io.StringIO(text) if line.strip(" ,;\t\r\n")]
        if lines and lines[0].startswith("sep="):  # Excel's own first line.
            del lines[0]
        head = lines[0] if lines else ""
        delimiter = ";" if head.count(";") > head.count(",") else ","
        reader = csv.DictReader(lines, delimiter=delimiter, skipinitialspace=True)
        reader.fieldnames = [str(name).strip().lower() for name in reader.fieldnames or ()]
        missing = [name for name in COLUMNS if name != "name" and name not in reader.fieldnames]
        if missing:
            raise AltinnInputError(
                f"{source} has no column {' and no '.join(missing)}: its first line must name the columns "
                f"{', '.join(COLUMNS)} (name may be left out), and is {head.strip()[:120]!r}"
            )
        return list(reader)
    conn_id, _, table = source.removeprefix("table://").partition("/")
    if not re.fullmatch(r"\w+(\.\w+)?", table, re.ASCII):
        raise AltinnInputError(f"{source}: write table://connection/table, or table://connection/schema.table")
    connection = BaseHook.get_connection(conn_id)
    try:
        get_records = connection.get_hook().get_records  # type: ignore[no-untyped-call]
    except (AirflowException, ImportError, AttributeError) as exc:
        raise AltinnConfigurationError(
            f"{source}: no installed provider reads tables through a connection of type {connection.conn_type!r}; "
            "install that of your database, for example apache-airflow-providers-postgres"
        ) from exc
    records = get_records(f"SELECT {', '.join(COLUMNS)} FROM {table} ORDER BY organisation_number")
    return [dict(zip(COLUMNS, record, strict=True)) for record in records]


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
        "companies": Param(
            os.environ.get("ALTINN_FLEET_COMPANIES", "companies.csv"),
            type="string",
            title="Companies",
            description="A CSV file, or table://connection/table, with the columns organisation_number, name and path",
        ),
        "altinn_conn_id": Param("altinn_vat", type="string", title="Connection"),
    },
) as dag:
    altinn = {"app": APP, "altinn_conn_id": "{{ params.altinn_conn_id }}"}
    kind = {"kind": "{{ params.kind }}", "correction_number": "{{ params.correction_number }}"}

    @task(retries=0)
    def companies() -> list[dict[str, Any]]:
        """Read the list, and say for each company what is filed and how it is shown."""
        from altinn.exceptions import AltinnInputError
        from altinn.runs import resolve_period

        context = get_current_context()
        period = resolve_period(context).name
        source = str(context["params"]["companies"])
        found = []
        for number, row in enumerate(rows_of(source), 1):
            # Not empty, which would stand for the connection's own company.
            company = "".join(str(row.get("organisation_number") or "").split()) or f"(row {number})"
            path = str(row.get("path") or "").strip()
            path = path.replace("{period}", period).replace("{organisation_number}", company)
            label, documents = f"{company} {period}", [{"data_type": DATA_TYPE, "path": path}]
            found.append({"organisation_number": company, "period": period, "documents": documents, "label": label})
        twice = [label for label, count in Counter(one["label"] for one in found).items() if count > 1]
        if twice or not found:
            what = f"names {', '.join(twice)} more than once: leave each company in once" if twice else "is empty"
            raise AltinnInputError(f"the list of companies {source} {what}")
        return found

    @task_group(default_args={"pool": POOL, "map_index_template": LABEL})
    def company(organisation_number: str, period: str, documents: list[dict[str, str]], label: str) -> None:
        """File for one company."""
        who: Any = {"organisation_number": organisation_number, "period": period, **kind, **altinn}
        # Each task that writes knows the rules itself, so that none does when it is cleared alone.
        rules: Any = {"dry_run": "{{ params.dry_run }}", "on_backfill": "{{ params.on_backfill }}"}
        plan = AltinnPlanFilingOperator(
            task_id="plan",
            documents=documents,
            max_filings_per_backfill="{{ params.max_filings_per_backfill }}",
            **rules,
            **who,
        )
        filing = altinn_filing(
            documents=documents, authority=AUTHORITY, receipts=f"{FILES}/fleet/receipts", **rules, **who
        )
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
        **kind,
        **altinn,
    )
    # What is accepted may be an earlier filing than the one that failed, so the tasks themselves count as well.
    no_company_failed = EmptyOperator(task_id="no_company_failed", trigger_rule="none_failed")
    listed >> each >> [summary, no_company_failed]
