"""The tab "Filing" of a run: what the run was about, what it filed, and what came back."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Depends, HTTPException
from fastapi.responses import HTMLResponse

from altinn.ui.html_parts import HEADERS, document, escaped
from altinn.ui.stored_results import of_run, readable_dags

AuthManager = Annotated[Any, Depends(get_auth_manager)]
router = APIRouter()

_URL, _DRY_RUN, _VERIFIED = "altinn_instance_url", "altinn_dry_run", "altinn_verified"
_RECEIPT = (
    "outcome", "reason", "period", "organisation_number", "instance_id", "app", "confirmed_by", "confirmed_at",
    "already_filed",
)  # fmt: skip
_MOST = 200


@router.get("/filing", response_class=HTMLResponse)
def filing(dag_id: str, run_id: str, user: GetUserDep, auth_manager: AuthManager, session: SessionDep) -> HTMLResponse:
    """Show a run of a DAG that the user may read."""
    if dag_id not in readable_dags(auth_manager, user, [dag_id], session):
        raise HTTPException(403, "You may not read the results of this DAG")
    return HTMLResponse(filing_html(of_run(dag_id, run_id, session)), headers=HEADERS)


def filing_html(found: Sequence[tuple[str, str, int, Any]]) -> str:
    """Return the page.

    :param found: task id, key, map index and value of what the run's tasks have left.
    """
    receipts = [value for _, key, _, value in found if key in ("return_value", _VERIFIED) and _is_receipt(value)]
    verified = [value for _, key, _, value in found if key == _VERIFIED and _is_receipt(value)]
    plans = [value for _, key, _, value in found if key == _DRY_RUN and isinstance(value, Mapping)]
    filed = {str(receipt.get("instance_url") or "") for receipt in receipts}
    links = dict.fromkeys(str(value) for _, key, _, value in found if key == _URL and str(value) not in filed)
    parts = ["<h1>Filing</h1>"]
    parts += [f"<p><b>Dry run</b>, nothing was written: {escaped(plan.get('would', ''))}</p>" for plan in plans]
    if verified:
        parts.append("<p>This run only verified: it filed nothing, and found what is filed.</p>")
    if links:
        parts.append("<p>Not accepted yet. Instances:</p>")
        parts.append(f"<ul>{''.join(f'<li>{_link(url)}</li>' for url in list(links)[:_MOST])}</ul>")
        parts.append(_left_out(len(links)))
    parts += [_receipt(receipt) for receipt in receipts[:_MOST]]
    parts.append(_left_out(len(receipts)))
    parts = [part for part in parts if part]
    if len(parts) == 1:
        parts.append("<p class='quiet'>This run has filed nothing with Altinn.</p>")
    return document("Filing", "".join(parts))


def _left_out(count: int) -> str:
    return f"<p class='quiet'>… and {count - _MOST} more</p>" if count > _MOST else ""


def _is_receipt(value: object) -> bool:
    return isinstance(value, Mapping) and "instance_id" in value and "outcome" in value


def _receipt(receipt: Mapping[str, Any]) -> str:
    rows = [
        (name.replace("_", " "), escaped(receipt[name])) for name in _RECEIPT if receipt.get(name) not in (None, "")
    ]
    payment = receipt.get("payment")
    if isinstance(payment, Mapping):
        rows += [(f"payment: {name}", escaped(value)) for name, value in payment.items() if value]
    documents = receipt.get("documents")
    if isinstance(documents, Sequence) and not isinstance(documents, str):
        named = [d for d in documents if isinstance(d, Mapping)]
        files = "<br>".join(
            f"{escaped(d.get('file_name'))} <small>SHA-256 {escaped(d.get('sha256'))}</small>" for d in named
        )
        rows.append(("documents", files))
    if receipt.get("instance_url"):
        rows.append(("in Altinn", _link(str(receipt["instance_url"]))))
    body = "".join(f"<tr><th>{escaped(name)}</th><td>{value}</td></tr>" for name, value in rows)
    return f"<table><tbody>{body}</tbody></table>"


def _link(url: str) -> str:
    if not url.startswith(("https://", "http://")):
        return escaped(url)
    return f'<a href="{escaped(url)}" target="_blank" rel="noopener">{escaped(url)}</a>'
