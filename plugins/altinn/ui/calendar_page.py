"""The page "Filing calendar": the last result of every AltinnReconcileOperator, and how old it is.

Shows what a task has read; the API server itself neither calls Altinn nor reads a key.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse

from altinn.filing_calendar.calendar_rows import CalendarRow
from altinn.ui.html_parts import HEADERS, age_of, document, escaped, grid, is_old, key_of_colours
from altinn.ui.stored_results import Stored, dags_with, latest, readable_dags

CALENDAR_KEY = "altinn_filing_calendar"
"""As in `altinn.operators.reconcile_calendar`, which would bring the task SDK along."""

AuthManager = Annotated[Any, Depends(get_auth_manager)]
router = APIRouter()


@router.get("/calendar", response_class=HTMLResponse)
def calendar(user: GetUserDep, auth_manager: AuthManager, session: SessionDep) -> HTMLResponse:
    """Show the calendars of the DAGs that the user may read."""
    dag_ids = readable_dags(auth_manager, user, dags_with(CALENDAR_KEY, session), session)
    found = list(latest(CALENDAR_KEY, dag_ids, session))
    return HTMLResponse(calendar_html(found, datetime.now(UTC)), headers=HEADERS)


def calendar_html(found: Sequence[Stored], now: datetime) -> str:
    """Return the page."""
    title = "Filing calendar"
    parts = [f"<h1>{title}</h1>"]
    shown = [part for part in (_calendar(one, now) for one in found) if part]
    if not shown:
        parts.append(
            "<p>No calendar has been read yet, or none that you may see. Run <b>filing_calendar</b> or another DAG "
            "with an AltinnReconcileOperator.</p>"
        )
    else:
        parts += ["<p class='quiet'>As it was read from Altinn. A cell's link leads to the instance.</p>", *shown]
        parts.append(key_of_colours())
    return document(title, "".join(parts))


def _calendar(one: Stored, now: datetime) -> str:
    if not isinstance(one.value, Mapping):
        return ""
    value: Mapping[str, Any] = one.value
    rows = [CalendarRow.from_json(row) for row in value.get("rows") or () if isinstance(row, Mapping)]
    periods = [str(name) for name in value.get("periods") or ()]
    read_at = str(value.get("read_at") or "")
    age = f"read {age_of(read_at, now)} ({escaped(read_at)})"
    old = f'<span class="old">{age}: run {escaped(one.dag_id)} again</span>' if is_old(read_at, now) else age
    where = " · ".join(escaped(value.get(name) or "") for name in ("authority", "app"))
    return (
        f"<h2>{escaped(value.get('report') or one.dag_id)}</h2>"
        f"<p class='quiet'>{where} · {old} by {escaped(one.dag_id)}</p>{grid(rows, periods)}"
    )
