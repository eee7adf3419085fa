"""The tasks of a filing, for each row of the matrix; and those of a filing without guards."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altinn.authorities.authority import Authority
from altinn.operators import (
    AltinnCollectReceiptOperator,
    AltinnDeleteInstanceOperator,
    AltinnDownloadDataOperator,
    AltinnFindInstanceOperator,
    AltinnInstantiateMultipartOperator,
    AltinnInstantiateOperator,
    AltinnPlanFilingOperator,
    AltinnProcessNextOperator,
    AltinnReconcileOperator,
    AltinnUploadDataOperator,
    AltinnValidateAtAuthorityOperator,
    AltinnValidateOperator,
)
from altinn.sensors import AltinnFeedbackSensor, AltinnProcessSensor, AltinnSignatureSensor

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

APP, PERIOD = "ttd/basic", "2026-T5"
COMPANY = "897069650"
VENDOR_CONNECTION = "vendor"
RETRIES = 4
ENDED = {"accepted_when": "ended"}
VAT_RETURN = Path(__file__).parents[1] / "data" / "skatteetaten-mva" / "valid" / "kompensasjon_mvamelding.xml"
_NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Step:
    """A task of the chain.

    :param make: builds the operator from what earlier tasks returned.
    :param retries: how often Airflow tries again.
    """

    name: str
    make: Callable[[dict[str, Any]], BaseOperator]
    retries: int = RETRIES


@dataclass(frozen=True)
class Files:
    """Where the documents lie, and where the chain may write.

    :param log: takes what the tries write to their output.
    :param app: that they are filed with.
    """

    form: Path
    letter: Path
    folder: Path
    log: Path
    app: str = APP

    def documents(self) -> list[dict[str, str]]:
        """Return them as the operators take them."""
        return [
            {"data_type": "model", "path": str(self.form)},
            {"data_type": "attachment", "path": str(self.letter)},
        ]


class SurveyOfBasic(Authority):
    """An authority that makes the instances of `ttd/basic`; the form's second field names the period."""

    period_types = ("model",)

    def period_of(self, content: bytes) -> str | None:
        """Read the second field."""
        return content.decode().partition("<property2>")[2].partition("</property2>")[0] or None


def steps_of(operator: str, files: Files) -> list[Step]:
    """Return the tasks of the chain that a row of the matrix runs."""
    steps = _filing(files, operator)
    if operator == "find":
        steps[0] = _found()
    elif operator == "multipart":
        steps = [_multipart(files), *steps[2:]]
    elif operator in _BEFORE:
        steps.insert(0, _BEFORE[operator]())
    elif operator in _AFTER:
        steps.append(_AFTER[operator](files))
    elif operator in _WAITS:
        place = [step.name for step in steps].index(_WAITS[operator][0])
        steps.insert(place + 1, Step("wait", _WAITS[operator][1]))
    return steps


def _filing(files: Files, operator: str) -> list[Step]:
    documents, app = files.documents(), files.app
    owner = {"organisation_number": COMPANY} if operator == "calendar" else {}
    on_changed = "correction" if operator.startswith("correct") else "fail"
    fence = "instance_lock" if operator in ("push with lock", "lock") else None
    return [
        Step(
            "instantiate",
            lambda _x: AltinnInstantiateOperator(
                task_id="instantiate",
                app=app,
                period=PERIOD,
                documents=documents,
                on_changed=on_changed,
                retries=RETRIES,
                **owner,  # type: ignore[arg-type]
            ),
        ),
        Step("upload", lambda x: AltinnUploadDataOperator(task_id="upload", documents=documents, **_instance(x, app))),
        Step("validate", lambda x: AltinnValidateOperator(task_id="validate", **_instance(x, app))),
        Step("push", lambda x: _push("push", "data", x, fence, app)),
        Step("confirm", lambda x: _push("confirm", "confirmation", x, fence, app)),
        Step("feedback", lambda x: AltinnFeedbackSensor(task_id="feedback", **_awaiting(x, app))),
        Step(
            "download",
            lambda x: AltinnDownloadDataOperator(
                task_id="download", data_types=["model"], folder=str(files.folder / "down"), **_instance(x, app)
            ),
        ),
    ]


def _instance(xcoms: Mapping[str, Any], app: str = APP) -> dict[str, Any]:
    return {"app": app, "instance_id": str(xcoms.get("instantiate")), "retries": RETRIES}


def _awaiting(xcoms: Mapping[str, Any], app: str = APP) -> dict[str, Any]:
    return {"deferrable": False, "poll_interval": 1, **_instance(xcoms, app)}


def _push(name: str, from_task: str, xcoms: Mapping[str, Any], fence: str | None, app: str) -> BaseOperator:
    return AltinnProcessNextOperator(
        task_id=name,
        from_task=from_task,
        documents=xcoms.get("upload"),
        fence=fence,
        **_instance(xcoms, app),
    )


def _found() -> Step:
    return Step(
        "instantiate",
        lambda _x: AltinnFindInstanceOperator(
            task_id="instantiate",
            app=APP,
            authority=SurveyOfBasic(),
            period=PERIOD,
            organisation_number=COMPANY,
            retries=RETRIES,
        ),
    )


def _multipart(files: Files) -> Step:
    return Step(
        "instantiate",
        lambda _x: AltinnInstantiateMultipartOperator(task_id="instantiate", app=APP, documents=files.documents()),
        retries=0,
    )


def _plan() -> Step:
    return Step(
        "plan",
        lambda _x: AltinnPlanFilingOperator(task_id="plan", app=APP, period=PERIOD, dry_run=True, retries=RETRIES),
    )


def _ask() -> Step:
    return Step(
        "ask",
        lambda _x: AltinnValidateAtAuthorityOperator(
            task_id="ask", app=APP, path=str(VAT_RETURN), altinn_conn_id=VENDOR_CONNECTION, retries=RETRIES
        ),
    )


def _receipt(files: Files) -> Step:
    return Step(
        "receipt",
        lambda x: AltinnCollectReceiptOperator(
            task_id="receipt",
            authority=ENDED,
            folder=str(files.folder / "receipts"),
            documents=x.get("upload"),
            **_instance(x),
        ),
    )


def _calendar(files: Files) -> Step:
    return Step(
        "calendar",
        lambda _x: AltinnReconcileOperator(
            task_id="calendar",
            app=APP,
            report="vat_terms",
            authority=ENDED,
            companies=[COMPANY],
            periods=[PERIOD],
            csv_path=str(files.folder / "calendar.csv"),
            fail_unless_accepted=True,
            now=lambda: _NOW,
            retries=RETRIES,
        ),
    )


_BEFORE = {"plan": _plan, "ask": _ask}
_AFTER = {"receipt": _receipt, "calendar": _calendar}
_WAITS: dict[str, tuple[str, Callable[[dict[str, Any]], BaseOperator]]] = {
    "process sensor": (
        "push",
        lambda x: AltinnProcessSensor(task_id="wait", until_task="confirmation", **_awaiting(x)),
    ),
    "signature sensor": (
        "confirm",
        lambda x: AltinnSignatureSensor(task_id="wait", from_task="confirmation", **_awaiting(x)),
    ),
}


def deleting_steps(files: Files) -> list[Step]:
    """Return the tasks that make a draft and delete it."""
    return [
        _filing(files, "delete")[0],
        Step("delete", lambda x: AltinnDeleteInstanceOperator(task_id="delete", **_instance(x))),
    ]


def plain_steps(files: Files, token: str) -> list[Step]:
    """Return the tasks of a filing as it is written with Airflow's HttpOperator and retries alone."""
    from airflow.providers.http.operators.http import HttpOperator

    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    common: dict[str, Any] = {"http_conn_id": "plain", "retries": RETRIES, "headers": headers}
    # The nulls keep Airflow's native rendering from making Python objects of the bodies.
    body = json.dumps({"instanceOwner": {"partyId": "501337"}, "dueBefore": None})
    unnamed = json.dumps({"action": None})

    def of_instance(xcoms: dict[str, Any]) -> str:
        return f"/{APP}/instances/{json.loads(xcoms['create'])['id']}"

    def form_of(xcoms: dict[str, Any]) -> str:
        elements = json.loads(xcoms["create"])["data"]
        return str(next(e["id"] for e in elements if e["dataType"] == "model"))

    xml = {**headers, "Content-Type": "application/xml"}
    return [
        Step(
            "create",
            lambda _x: HttpOperator(task_id="create", endpoint=f"/{APP}/instances", method="POST", data=body, **common),
        ),
        Step(
            "put",
            lambda x: HttpOperator(
                task_id="put",
                endpoint=f"{of_instance(x)}/data/{form_of(x)}",
                method="PUT",
                data=files.form.read_text("utf-8"),
                **{**common, "headers": xml},
            ),
        ),
        *[
            Step(
                name,
                lambda x, name=name: HttpOperator(  # type: ignore[misc]
                    task_id=name, endpoint=f"{of_instance(x)}/process/next", method="PUT", data=unnamed, **common
                ),
            )
            for name in ("next", "confirm_next")
        ],
    ]
