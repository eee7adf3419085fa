"""One look at what is waited for: the instance, and what else decides where the instance alone does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from altinn.exceptions import AltinnForbiddenError, AltinnInputError, AltinnNotFoundError
from altinn.protocol.app_api import App
from altinn.protocol.feedback import with_feedback
from altinn.protocol.identifiers import InstanceId
from altinn.protocol.model import Instance, InstanceEvent
from altinn.protocol.session import Session
from altinn.protocol.storage_api import Storage
from altinn.protocol.waiting import Progress, WaitFor
from altinn.protocol.wire import Flow


def look(
    session: Session,
    storage: Storage,
    app_of: Callable[[str], App],
    instance_id: InstanceId,
    wanted: WaitFor,
    *,
    check_name: bool = True,
) -> Flow[Progress]:
    """Read the instance, and say how far the wait has come; GET only, and Storage's wherever it can tell.

    Most waits take one GET. A wait for a task in which the instance is not takes a second one, for the instance's
    events; while that task has not been reached, a third one asks the app whether it has such a task at all.

    :param app_of: makes an app's address of its id.
    :param check_name: ask the app for the task's name; once in a wait is enough.
    :raises AltinnInputError: the app has no such task.
    """
    instance = yield from session.perform(storage.get_instance(instance_id))
    if wanted.awaited.hangs_on_feedback(instance):
        instance = yield from with_feedback(session, app_of(instance.app_id), instance, wanted.awaited)
    if not wanted.hangs_on_path(instance):
        return wanted.progress(instance)
    progress = wanted.progress(instance, (yield from _events(session, storage, instance)))
    if progress.ahead and check_name:
        yield from _require_known(session, app_of(instance.app_id), instance, wanted)
    return progress


def _events(session: Session, storage: Storage, instance: Instance) -> Flow[Sequence[InstanceEvent]]:
    try:
        return (yield from session.perform(storage.events(instance.id)))
    except (AltinnForbiddenError, AltinnNotFoundError):
        return ()


def _require_known(session: Session, app: App, instance: Instance, wanted: WaitFor) -> Flow[None]:
    """Refuse a name that the app does not know; where the app does not say, the wait's own text tells what is seen."""
    try:
        process = yield from session.perform(app.get_process(instance.id))
    except (AltinnForbiddenError, AltinnNotFoundError):
        return
    if wanted.is_known(process) is False:
        pairs = zip(process.task_ids, process.task_types, strict=True)
        listed = ", ".join(sorted(f"{task} ({kind})" for task, kind in pairs))
        raise AltinnInputError(
            f"{instance.app_id} has no task {wanted.task!r} to wait for; its tasks are {listed}. "
            "Write an element id or a type"
        )
