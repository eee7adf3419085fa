"""The whole flow of a filing, wired from the discrete operators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow.sdk import TaskGroup

from altinn.hooks.altinn_hook import AltinnHook
from altinn.operators import (
    AltinnInstantiateOperator,
    AltinnProcessNextOperator,
    AltinnUploadDataOperator,
    AltinnValidateOperator,
)
from altinn.sensors import AltinnFeedbackSensor


@dataclass(frozen=True, slots=True)
class FilingTasks:
    """The tasks of a filing, to hang others before, between and after them.

    :param group: the task group; `first >> tasks.group >> last` works as usual.
    :param pushes: the pushes in their order; the last one files.
    :param feedback: None when the report has no feedback.
    """

    group: TaskGroup
    instantiate: AltinnInstantiateOperator
    upload: AltinnUploadDataOperator
    validate: AltinnValidateOperator
    pushes: tuple[AltinnProcessNextOperator, ...]
    feedback: AltinnFeedbackSensor | None

    @property
    def instance_id(self) -> Any:
        """The instance id as an XCom argument for later tasks."""
        return self.instantiate.output


def altinn_filing(
    group_id: str = "filing",
    *,
    app: str,
    period: Any,
    documents: Any,
    organisation_number: Any = None,
    altinn_conn_id: str = AltinnHook.default_conn_name,
    kind: Any = "main",
    correction_number: Any = 0,
    content_sha256: Any = None,
    data_values: Mapping[str, str] | None = None,
    push_from: Sequence[str] = ("data", "confirmation"),
    wait_for_feedback: bool = True,
    receipt_types: Sequence[str] = (),
    allow_changes: Sequence[str] = (),
    on_behalf_of: Any = None,
    external_ref: Any = None,
    feedback: Mapping[str, Any] | None = None,
) -> FilingTasks:
    """Wire instantiate, upload, validate, one push per task, and the wait for the authority.

    Holds no mapped operator, so that the group itself can be mapped. Everything that an operator takes as a template
    may be a template or a task's `.output` here.

    :param documents: see `AltinnUploadDataOperator`.
    :param push_from: the tasks to leave, in their order.
    :param wait_for_feedback: wait until the authority has ended the process.
    :param allow_changes: paths in forms where the app may keep something else than was sent; see
        `AltinnUploadDataOperator`.
    :param feedback: further arguments of the feedback sensor.
    """
    common = {
        "app": app,
        "altinn_conn_id": altinn_conn_id,
        "on_behalf_of": on_behalf_of,
        "external_ref": external_ref,
    }
    uploaded: Any
    with TaskGroup(group_id=group_id) as group:
        instantiate = AltinnInstantiateOperator(
            task_id="instantiate",
            period=period,
            kind=kind,
            correction_number=correction_number,
            organisation_number=organisation_number,
            content_sha256=content_sha256,
            data_values=data_values,
            **common,
        )
        instance: Any = {"instance_id": instantiate.output, **common}
        upload = AltinnUploadDataOperator(
            task_id="upload", documents=documents, allow_changes=list(allow_changes), **instance
        )
        uploaded = upload.output
        validate = AltinnValidateOperator(task_id="validate", **instance)
        pushes = tuple(
            AltinnProcessNextOperator(task_id=f"push_{number}_{task}", from_task=task, documents=uploaded, **instance)
            for number, task in enumerate(push_from, 1)
        )
        previous: Any = upload
        for task in (validate, *pushes):
            previous >> task
            previous = task
        sensor = None
        if wait_for_feedback:
            sensor = AltinnFeedbackSensor(
                task_id="wait_for_feedback", receipt_types=list(receipt_types), **instance, **(feedback or {})
            )
            previous >> sensor
    return FilingTasks(group, instantiate, upload, validate, pushes, sensor)
