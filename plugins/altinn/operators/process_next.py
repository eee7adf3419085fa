"""Push an instance over one task of its process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from altinn.exceptions import AltinnInputError
from altinn.operators.altinn_operator import AltinnInstanceOperator
from altinn.protocol.advance import Advance
from altinn.protocol.manifest import ExpectedElement, Manifest

if TYPE_CHECKING:
    from airflow.sdk import Context


class AltinnProcessNextOperator(AltinnInstanceOperator):
    """Push the instance out of a named task, once, with that task's action named.

    Safe to retry, because it never pushes blindly: it reads the process, pushes only if the instance stands in
    `from_task`, and after anything but a clean answer it reads again instead of pushing again. An instance that is
    past the task already is a success. Before the push the instance's elements are compared with `documents`.

    :param from_task: the task to leave, by its element id ("Task_1") or its type ("data", "confirmation").
    :param action: the action to name; by default the one of the task's type (data: write, confirmation: confirm,
        signing: sign).
    :param documents: what the upload tasks returned; the push is refused when the instance holds something else.
    :param lock_wait: seconds to wait when somebody else's push holds the instance.
    :return: {"instance_id", "task", "task_type", "flow", "ended", "moved"}.
    """

    template_fields: Sequence[str] = (*AltinnInstanceOperator.template_fields, "from_task", "action", "documents")
    template_fields_renderers = {"documents": "json"}

    def __init__(
        self,
        *,
        from_task: str,
        action: str | None = None,
        documents: Sequence[Any] | None = None,
        lock_wait: float = 30.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.from_task = from_task
        self.action = action
        self.documents = documents
        self.lock_wait = lock_wait

    def execute(self, context: Context) -> dict[str, Any]:
        """Push once and return where the instance is."""
        if not self.from_task:
            raise AltinnInputError("from_task is empty: name the task to leave, for example 'data' or 'Task_1'")
        instance_id = self.checked_instance_id(context)
        manifest = Manifest(
            session=self.hook.session,
            storage=self.hook.storage,
            app=self.hook.app(self.app),
            instance_id=instance_id,
            expected=_expected(self.documents),
        )
        advance = Advance(
            session=self.hook.session,
            app=self.hook.app(self.app),
            instance_id=instance_id,
            from_task=self.from_task,
            action=self.action or "",
            guard=manifest.check,
            lock_wait=self.lock_wait,
            report=self.report,
        )
        done = self.hook.run(advance.run())
        return {
            "instance_id": str(instance_id),
            "task": done.process.task_id,
            "task_type": done.process.task_type,
            "flow": done.process.flow,
            "ended": done.process.is_ended,
            "moved": done.moved,
        }


def _expected(documents: object) -> tuple[ExpectedElement, ...]:
    """Flatten what upload tasks returned: a list of documents, or a list of such lists."""
    if documents is None:
        return ()
    if isinstance(documents, Mapping):
        return (ExpectedElement.from_json(documents),)
    if isinstance(documents, Sequence) and not isinstance(documents, str | bytes):
        return tuple(element for item in documents for element in _expected(item))
    raise AltinnInputError(
        f"documents must be what AltinnUploadDataOperator returned, got {type(documents).__name__}: pass its .output"
    )
