"""The whole flow of a filing, wired from the discrete operators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from airflow.sdk import TaskGroup

from altinn.authorities.authority import CHOICE, MACHINE, PERSON, Authority, Step, load_authority
from altinn.exceptions import AltinnConfigurationError
from altinn.hooks.altinn_hook import AltinnHook
from altinn.links.instance_link import INSTANCE_URL_KEY
from altinn.operators import (
    AltinnCollectReceiptOperator,
    AltinnInstantiateOperator,
    AltinnProcessNextOperator,
    AltinnUploadDataOperator,
    AltinnValidateOperator,
)
from altinn.operators.approval import AltinnApprovalOperator
from altinn.operators.instantiate import COMPANY_KEY, FILED_KIND_KEY
from altinn.sensors import AltinnFeedbackSensor, AltinnSignatureSensor


@dataclass(frozen=True, slots=True)
class FilingTasks:
    """The tasks of a filing, to hang others before, between and after them.

    :param group: the task group; `first >> tasks.group >> last` works as usual.
    :param approval: None when no approval is required.
    :param pushes: the pushes in their order; the last one files, unless a person has a step after it.
    :param signatures: the waits for a person, in their order.
    :param feedback: None when nothing is waited for.
    :param accepted: the verdict and the receipt bundle; None without an authority.
    """

    group: TaskGroup
    instantiate: AltinnInstantiateOperator
    upload: AltinnUploadDataOperator
    validate: AltinnValidateOperator
    pushes: tuple[AltinnProcessNextOperator, ...]
    feedback: AltinnFeedbackSensor | None
    approval: AltinnApprovalOperator | None = None
    signatures: tuple[AltinnSignatureSensor, ...] = ()
    accepted: AltinnCollectReceiptOperator | None = None

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
    authority: str | Mapping[str, Any] | Authority | None = None,
    machine_confirms: bool | None = None,
    require_approval: bool | Mapping[str, Any] = False,
    receipts: str | None = None,
    wait: Mapping[str, Any] | None = None,
    dry_run: Any = False,
    on_backfill: Any = "file_missing",
) -> FilingTasks:
    """Wire instantiate, upload, validate, approval, one task per step, the wait for the authority, and its verdict.

    Holds no mapped operator, so that the group itself can be mapped. Everything that an operator takes as a template
    may be a template or a task's `.output` here.

    :param documents: see `AltinnUploadDataOperator`. Their hash is stamped into the instance, unless `content_sha256`
        gives another one (leave out what is generated anew each time; a delivered document that differs from today's
        is then told in the log, and otherwise stops the run).
    :param push_from: the tasks to leave, in their order; an `authority` knows its own.
    :param wait_for_feedback: wait until the authority has ended the process.
    :param allow_changes: paths in forms where the app may keep something else than was sent; see
        `AltinnUploadDataOperator`.
    :param feedback: further arguments of the feedback sensor.
    :param authority: the report's authority, which knows its steps, its receipts and its verdict; see
        `load_authority`. With it the group ends in the task `accepted`: green means accepted.
    :param machine_confirms: whether the machine takes a step that the report leaves to choice, or a person; by default
        what the report says (a VAT return's confirmation is the machine's, a tax return's a person's). True is refused
        for steps that only a person may take.
    :param require_approval: put a person's approval before the first push; a mapping gives further arguments of
        `AltinnApprovalOperator` (assigned_users, response_timeout, filing …).
    :param receipts: folder where receipt bundles are kept; needed with an `authority`.
    :param wait: further arguments of all sensors (poll_interval, timeout …).
    :param dry_run: write nothing: `instantiate` says what a run would do, and all tasks of the group are skipped.
    :param on_backfill: "verify_only" files nothing in a backfill: `instantiate` adopts what has been delivered and
        fails where nothing has been, nobody is asked to approve, and `accepted` ends skipped, with its outcome named.
    :raises AltinnConfigurationError: the arguments contradict the report.
    """
    report = None if authority is None else load_authority(authority)
    if report is not None and not receipts:
        raise AltinnConfigurationError(f"{group_id}: an authority's verdict needs receipts=, the folder of the proof")
    common = {
        "app": app,
        "altinn_conn_id": altinn_conn_id,
        "on_behalf_of": on_behalf_of,
        "external_ref": external_ref,
    }
    # Each task that writes or asks a person knows the rules itself, so that none does when it is cleared alone.
    rules = {"dry_run": dry_run, "on_backfill": on_backfill}
    with TaskGroup(group_id=group_id) as group:
        instantiate = AltinnInstantiateOperator(
            task_id="instantiate",
            period=period,
            kind=kind,
            correction_number=correction_number,
            organisation_number=organisation_number,
            content_sha256=content_sha256,
            documents=documents,
            allow_changes=list(allow_changes),
            data_values=data_values,
            approval="a person in Airflow" if require_approval else None,
            **rules,
            **common,
        )
        instance: Any = {"instance_id": instantiate.output, **common}
        upload = AltinnUploadDataOperator(
            task_id="upload",
            documents=documents,
            allow_changes=list(allow_changes),
            # The caller's own hash says what is the same, because a document may be made anew each time.
            on_delivered="fail" if content_sha256 is None else "tell",
            **instance,
        )
        validate = AltinnValidateOperator(task_id="validate", **instance)
        uploaded: Any = upload.output
        issues: Any = validate.output
        approval = _approval(require_approval, instantiate, {"documents": uploaded, **rules})
        pushes, signatures = _steps(
            [Step(task) for task in push_from] if report is None else _chosen(report, machine_confirms),
            {"documents": uploaded, "approved": approval and approval.output, **rules},
            instance,
            dict(wait or {}),
        )
        sensor = None
        if wait_for_feedback or report is not None:
            awaited: dict[str, Any] = {"receipt_types": list(receipt_types)} | (
                {"authority": authority} if report else {}
            )
            sensor = AltinnFeedbackSensor(
                task_id="wait_for_feedback", **awaited, **instance, **{**(wait or {}), **(feedback or {})}
            )
        accepted = None
        if authority is not None:
            accepted = AltinnCollectReceiptOperator(
                task_id="accepted",
                authority=authority,
                folder=str(receipts),
                documents=uploaded,
                validation=issues,
                period=period,
                **rules,
                already_filed=f"{{{{ ti.xcom_pull(task_ids='{instantiate.task_id}', key='altinn_delivered') }}}}",
                **instance,
            )
        _chain(upload, validate, approval, *_in_order(pushes, signatures), sensor, accepted)
    return FilingTasks(
        group,
        instantiate,
        upload,
        validate,
        tuple(task for task in pushes if task is not None),
        sensor,
        approval,
        tuple(task for task in signatures if task is not None),
        accepted,
    )


def _chosen(report: Authority, machine_confirms: bool | None) -> list[Step]:
    """Settle who takes each step.

    :raises AltinnConfigurationError: the machine is to take a step that only a person may take.
    """
    steps = list(report.steps)
    if machine_confirms and not any(step.by == CHOICE for step in steps):
        refused = [step.task for step in steps if step.by == PERSON]
        why = f"only a person may leave {', '.join(refused)}" if refused else "it has no step that is left to choice"
        raise AltinnConfigurationError(f"machine_confirms=True does not fit the report of {report.name}: {why}")
    named = {None: "", True: MACHINE, False: PERSON}[machine_confirms]
    return [replace(step, by=named or step.default_by) if step.by == CHOICE else step for step in steps]


def _approval(
    wanted: bool | Mapping[str, Any], instantiate: AltinnInstantiateOperator, common: Mapping[str, Any]
) -> AltinnApprovalOperator | None:
    """Ask with everything that names the filing: app, company, period, kind, and where the draft can be read."""
    if not wanted:
        return None
    more = dict(wanted) if isinstance(wanted, Mapping) else {}

    def told(key: str) -> str:
        return f"{{{{ ti.xcom_pull(task_ids='{instantiate.task_id}', key='{key}') or '' }}}}"

    filing = {
        "App": instantiate.app,
        "Company": told(COMPANY_KEY),
        "Period": instantiate.period,
        "Filing": told(FILED_KIND_KEY),
        "In Altinn": told(INSTANCE_URL_KEY),
        **dict(more.pop("filing", None) or {}),
    }
    return AltinnApprovalOperator(task_id="approve", filing=filing, **common, **more)


_Pushes = list[AltinnProcessNextOperator | None]
_Signatures = list[AltinnSignatureSensor | None]


def _steps(
    steps: Sequence[Step], push: Mapping[str, Any], instance: Mapping[str, Any], wait: Mapping[str, Any]
) -> tuple[_Pushes, _Signatures]:
    """Make a push for each step of the machine's and a wait for each of a person's; one of the two is None."""
    pushes: _Pushes = []
    signatures: _Signatures = []
    given = {name: value for name, value in push.items() if value is not None}
    for number, step in enumerate(steps, 1):
        if step.by == PERSON:
            pushes.append(None)
            signatures.append(
                AltinnSignatureSensor(task_id=f"wait_{number}_{step.task}", from_task=step.task, **instance, **wait)
            )
        else:
            signatures.append(None)
            pushes.append(
                AltinnProcessNextOperator(
                    task_id=f"push_{number}_{step.task}",
                    from_task=step.task,
                    to_task=steps[number].task if number < len(steps) else None,
                    action=step.action or None,
                    **given,
                    **instance,
                )
            )
    return pushes, signatures


def _in_order(pushes: _Pushes, signatures: _Signatures) -> list[Any]:
    return [push if push is not None else signature for push, signature in zip(pushes, signatures, strict=True)]


def _chain(*tasks: Any) -> None:
    """Set each task after the one before it; None stands for a task that is not there."""
    previous: Any = None
    for task in tasks:
        if task is None:
            continue
        if previous is not None:
            previous >> task
        previous = task
