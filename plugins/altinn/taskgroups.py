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
from altinn.operators.collect_receipt import LATE_RECEIPTS
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
    ignored_types: Sequence[str] = (),
    on_behalf_of: Any = None,
    external_ref: Any = None,
    feedback: Mapping[str, Any] | None = None,
    authority: str | Mapping[str, Any] | Authority | None = None,
    machine_confirms: bool | None = None,
    require_approval: bool | Mapping[str, Any] = False,
    on_existing: str = "adopt",
    on_changed: str = "fail",
    on_foreign: str = "fail",
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
    :param ignored_types: data types that others, or the app by itself, may add to; see `AltinnProcessNextOperator`.
    :param feedback: further arguments of the feedback sensor.
    :param authority: the report's authority, which knows its steps, its receipts and its verdict; see
        `load_authority`. With it the group ends in the task `accepted`: green means accepted.
    :param machine_confirms: whether the machine takes a step that the report leaves to choice, or a person; by default
        what the report says (a VAT return's confirmation is the machine's, a tax return's a person's). True is refused
        for steps that only a person may take, False where there is no step that could be a person's. Without an
        authority, False leaves the last task of `push_from` to a person, unless it is the only one.
    :param require_approval: put a person's approval before the first push; a mapping, also an empty one, gives further
        arguments of `AltinnApprovalOperator` (assigned_users, response_timeout, filing …).
    :param on_existing: see `AltinnInstantiateOperator`; so are `on_changed` and `on_foreign`.
    :param receipts: folder where receipt bundles are kept; needed with an `authority`.
    :param wait: further arguments of all sensors (poll_interval, timeout …).
    :param dry_run: write nothing: `instantiate` says what a run would do, and all tasks of the group are skipped.
    :param on_backfill: "verify_only" files nothing in a backfill: `instantiate` adopts what has been delivered and
        fails where nothing has been, nobody is asked to approve, and `accepted` ends skipped, with its outcome named.
    :raises AltinnConfigurationError: the arguments contradict the report.
    """
    report = None if authority is None else load_authority(authority)
    steps = _chosen(group_id, report, push_from, machine_confirms)
    is_approval_required = _is_required(group_id, require_approval)
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
            approval="a person in Airflow" if is_approval_required else None,
            on_existing=on_existing,
            on_changed=on_changed,
            on_foreign=on_foreign,
            **rules,
            **common,
        )
        instance: Any = {"instance_id": instantiate.output, **common}
        upload = AltinnUploadDataOperator(
            task_id="upload",
            documents=documents,
            allow_changes=list(allow_changes),
            **rules,
            # The caller's own hash says what is the same, because a document may be made anew each time.
            on_delivered="fail" if content_sha256 is None else "tell",
            **instance,
        )
        validate = AltinnValidateOperator(task_id="validate", **instance)
        uploaded: Any = upload.output
        issues: Any = validate.output
        approval = None
        if is_approval_required:
            more = dict(require_approval) if isinstance(require_approval, Mapping) else {}
            approval = _approval(
                instantiate, {"documents": uploaded, "instance_id": instance["instance_id"], **rules}, more
            )
        pushes, signatures = _steps(
            steps,
            {
                "documents": uploaded,
                "approved": approval and approval.output,
                "on_foreign": on_foreign,
                "ignored_types": list(ignored_types),
                **rules,
            },
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
                ignored_types=list(ignored_types),
                validation=issues,
                period=period,
                patience=LATE_RECEIPTS,
                **rules,
                already_filed=f"{{{{ {_own(instantiate, 'altinn_delivered')} }}}}",
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


def _chosen(
    group_id: str, report: Authority | None, push_from: Sequence[str], machine_confirms: bool | None
) -> list[Step]:
    """Settle who takes each step.

    :raises AltinnConfigurationError: the choice does not fit the steps, or is none.
    """
    if machine_confirms is not None and not isinstance(machine_confirms, bool):
        raise AltinnConfigurationError(
            f"{group_id}: machine_confirms must be True, False or None, not {machine_confirms!r}. It decides which "
            "tasks there are, so it cannot be a template either"
        )
    if report is None:
        steps, name = [Step(task) for task in push_from], "no authority"
        if len(steps) > 1:
            # The first push hands over the data; whoever takes the last step says that it is filed.
            steps[-1] = replace(steps[-1], by=CHOICE, default_by=MACHINE)
    else:
        steps, name = list(report.steps), f"the report of {report.name}"
    is_open = any(step.by == CHOICE for step in steps)
    for_persons = [step.task for step in steps if step.by == PERSON]
    if machine_confirms and not is_open and report is not None:
        why = (
            f"only a person may leave {', '.join(for_persons)}"
            if for_persons
            else "it has no step that is left to choice"
        )
        raise AltinnConfigurationError(f"{group_id}: machine_confirms=True does not fit {name}: {why}")
    if machine_confirms is False and not is_open and not for_persons:
        told = ", ".join(step.task for step in steps) or "none"
        raise AltinnConfigurationError(
            f"{group_id}: machine_confirms=False does not fit {name}: every step is the machine's ({told}). Leave the "
            "step that is a person's out of push_from, or have its authority leave it to choice"
        )
    named = {None: "", True: MACHINE, False: PERSON}[machine_confirms]
    return [replace(step, by=named or step.default_by) if step.by == CHOICE else step for step in steps]


def _is_required(group_id: str, require_approval: object) -> bool:
    """Say whether a person must approve; a mapping of further arguments says so even when it is empty.

    :raises AltinnConfigurationError: it is something else, such as the text "False".
    """
    if isinstance(require_approval, Mapping):
        return True
    if isinstance(require_approval, bool):
        return require_approval
    raise AltinnConfigurationError(
        f"{group_id}: require_approval must be True, False or a mapping of AltinnApprovalOperator's arguments, not "
        f"{require_approval!r}. It decides which tasks there are, so it cannot be a template either"
    )


def _approval(
    instantiate: AltinnInstantiateOperator, common: Mapping[str, Any], more: dict[str, Any]
) -> AltinnApprovalOperator:
    """Ask with everything that names the filing: app, company, period, kind, and where the draft can be read."""

    def told(key: str) -> str:
        return f"{{{{ {_own(instantiate, key)} or '' }}}}"

    filing = {
        "App": instantiate.app,
        "Company": told(COMPANY_KEY),
        "Period": instantiate.period,
        "Filing": told(FILED_KIND_KEY),
        "In Altinn": told(INSTANCE_URL_KEY),
        **dict(more.pop("filing", None) or {}),
    }
    return AltinnApprovalOperator(task_id="approve", filing=filing, **common, **more)


def _own(instantiate: AltinnInstantiateOperator, key: str) -> str:
    """Return the expression for what `instantiate` has left of this filing, and of no other one of a mapped group."""
    return f"ti.xcom_pull(task_ids='{instantiate.task_id}', key='{key}', map_indexes=ti.map_index)"


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
