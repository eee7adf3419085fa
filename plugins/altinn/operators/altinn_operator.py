"""What every Altinn operator has: the connection, who acts, the retry rule, the link."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from altinn.exceptions import (
    AltinnError,
    AltinnFilingError,
    AltinnInputError,
    AltinnNotYetError,
    AltinnSupersededError,
    AltinnTimeoutError,
)
from altinn.filing_ledger import FilingLedger
from altinn.hooks.altinn_hook import AltinnHook
from altinn.links.instance_link import AltinnInstanceLink, show_instance
from altinn.operators.living_try import LivingTry
from altinn.protocol.filing_key import FilingKey, is_delivered
from altinn.protocol.identifiers import InstanceId
from altinn.retries import BACKOFF, LONGEST_RETRY_DELAY, RETRIES, RETRY_DELAY, RETRY_POLICY
from altinn.text_templates import TextTemplates
from altinn.triggers.pause_trigger import AltinnPauseTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.definitions.retry_policy import RetryPolicy

    from altinn.protocol.model import Instance
    from altinn.protocol.wire import HttpRequest


class AltinnOperator(TextTemplates, BaseOperator):
    """Base of the operators.

    Where neither the task nor the DAG's `default_args` say otherwise, a task is retried as `altinn.retries` has it.
    The defaults stand in the signature, because that is where Airflow looks for those of mapped tasks as well.

    :param app: the app's id, "org/app".
    :param altinn_conn_id: the connection, of type `altinn`.
    :param on_behalf_of: organisation number whose system user acts; by default what the connection says.
    :param external_ref: which of that organisation's system users.
    """

    template_fields: Sequence[str] = ("app", "altinn_conn_id", "on_behalf_of", "external_ref")
    operator_extra_links = (AltinnInstanceLink(),)
    ui_color = "#d4f4ec"

    def __init__(
        self,
        *,
        app: str,
        altinn_conn_id: str = AltinnHook.default_conn_name,
        on_behalf_of: str | None = None,
        external_ref: str | None = None,
        retries: int = RETRIES,
        retry_delay: timedelta | float = RETRY_DELAY,
        retry_exponential_backoff: float = BACKOFF,
        max_retry_delay: timedelta | float | None = LONGEST_RETRY_DELAY,
        retry_policy: RetryPolicy | None = RETRY_POLICY,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            retries=retries,
            retry_delay=retry_delay,
            retry_exponential_backoff=retry_exponential_backoff,
            max_retry_delay=max_retry_delay,
            retry_policy=retry_policy,
            **kwargs,
        )
        self.app = app
        self.altinn_conn_id = altinn_conn_id
        self.on_behalf_of = on_behalf_of
        self.external_ref = external_ref

    @cached_property
    def hook(self) -> AltinnHook:
        """The hook of this task."""
        return AltinnHook(
            self.altinn_conn_id, on_behalf_of=self.on_behalf_of or None, external_ref=self.external_ref or None
        )

    def report(self, line: str) -> None:
        """Log a decision."""
        self.log.info("%s", line)

    def show_instance(self, context: Context, instance_id: InstanceId) -> None:
        """Leave the address for the task's button before anything can fail."""
        show_instance(self, context, self.hook.instance_link(self.app, instance_id))


class AltinnInstanceOperator(AltinnOperator):
    """Base of the operators that work on an instance.

    :param instance_id: "party/guid", usually the output of the instantiate task.
    """

    template_fields: Sequence[str] = (*AltinnOperator.template_fields, "instance_id")

    def __init__(self, *, instance_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.instance_id = instance_id

    def checked_instance_id(self, context: Context) -> InstanceId:
        """Read the rendered instance id, and leave its address for the task's button."""
        instance_id = InstanceId.parse(self.instance_id)
        self.show_instance(context, instance_id)
        return instance_id

    def require_delivered(self, instance_id: InstanceId) -> Instance:
        """Return the instance that a run which may only look works on.

        :raises AltinnFilingError: it has not been delivered.
        """
        instance = self.hook.run(self.hook.session.perform(self.hook.storage.get_instance(instance_id)))
        if not is_delivered(instance):
            raise AltinnFilingError(
                f"{instance_id} is not filed: it is at {instance.process.where}. This run may only look, so nothing "
                "was written",
                [str(instance_id)],
            )
        return instance


class AltinnPatientOperator(AltinnOperator):
    """Base of the operators that change something which must happen once.

    Where Altinn needs time, the task gives its worker slot back and begins anew afterwards: every one of these
    operators looks first. Right before it sends anything it proves that it is the living try (`LivingTry`). A task
    that is ended from outside sends nothing more.

    :param deferrable: wait in the triggerer instead of a worker.
    :param delete_draft_on_kill: when Airflow ends the task from outside (somebody marks it, or it takes longer than
        its `execution_timeout`), mark the draft that it works on as deleted, if it is ours and nothing of it is
        submitted. By default it stays, and the next try goes on with it.
    :param ledger: folder for the ledger, local or anything ObjectStoragePath knows; by default what the connection
        says.
    """

    template_fields: Sequence[str] = (*AltinnOperator.template_fields, "ledger")

    def __init__(
        self,
        *,
        deferrable: bool = True,
        delete_draft_on_kill: bool = False,
        ledger: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.deferrable = deferrable
        self.delete_draft_on_kill = delete_draft_on_kill
        self.ledger = ledger
        self._is_killed = False
        self._draft: InstanceId | None = None

    @abstractmethod
    def act(self, context: Context, living: LivingTry, waited: float) -> Any:
        """Do the operator's work from its beginning.

        :param waited: seconds that this try has waited for Altinn so far.
        """

    def execute(self, context: Context) -> Any:
        """Do the work; where Altinn needs time, wait without a worker slot."""
        return self._patiently(context, 0.0)

    def go_on(self, context: Context, event: Mapping[str, Any] | None = None, *, waited: float = 0.0) -> Any:
        """Begin anew after a wait."""
        return self._patiently(context, waited)

    def on_kill(self) -> None:
        """Note that Airflow ends this task: nothing more is sent.

        Runs in a signal handler, in the middle of whatever the task does, so it may not talk to anybody.
        """
        self._is_killed = True

    def _patiently(self, context: Context, waited: float) -> Any:
        self.hook.sleep, self.hook.check = self._sleep, self._check
        living = LivingTry(context, lambda: self._is_killed)
        while True:
            living.begin()
            try:
                return self.act(context, living, waited)
            except AltinnNotYetError as exc:
                pause = self._pause_of(exc, waited)
                self.report(f"waiting {pause:.1f} s: {exc}")
                waited += pause
                if self.deferrable:
                    self.defer(
                        trigger=AltinnPauseTrigger(until=time.time() + pause),
                        method_name="go_on",
                        kwargs={"waited": waited},
                    )
                self._sleep(pause)
            finally:
                if self._is_killed and self.delete_draft_on_kill and self._draft is not None:
                    self._withdraw(living, self._draft)

    def _pause_of(self, exc: AltinnNotYetError, waited: float) -> float:
        """Return how long to wait; raise what lies behind when the limit for this reason is reached."""
        if waited < exc.limit:
            return max(0.1, min(exc.seconds, exc.limit - waited))
        if isinstance(exc.__cause__, AltinnError):
            raise exc.__cause__
        raise AltinnTimeoutError(f"given up after {waited:.0f} s: {exc}") from exc

    def _sleep(self, seconds: float) -> None:
        """Sleep in slices, so that a task that is ended from outside does not sleep on."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._is_killed:
                raise AltinnSupersededError("this task was ended from outside: nothing more is sent")
            time.sleep(min(left, 0.25))

    def _check(self, request: HttpRequest) -> None:
        """Keep what writes from being sent by a task that was ended from outside, however late that became known."""
        # The release of Storage's lock is let through: others wait for it.
        if self._is_killed and request.method not in ("GET", "HEAD") and not request.url.endswith("/lock"):
            raise AltinnSupersededError(f"this task was ended from outside: {request.method} is not sent")

    def _withdraw(self, living: LivingTry, instance_id: InstanceId) -> None:
        """Mark the draft as deleted if it is ours, unsubmitted, and no newer try has begun."""
        session, app = self.hook.session, self.hook.app(self.app)
        self.hook.check = lambda _request: None
        try:
            living.require_last(f"the deletion of {instance_id}")
            instance = self.hook.run(session.perform(self.hook.storage.get_instance(instance_id)))
            own = FilingKey.stamped_on(instance) is not None and instance.process.task_type == "data"
            if not own or is_delivered(instance) or instance.is_soft_deleted:
                self.report(f"{instance_id} stays: it is no unsubmitted draft of ours ({instance.process.where})")
                return
            if self.hook.run(session.perform(app.get_process(instance_id))).is_moving:
                self.report(f"{instance_id} stays: a push of it is under way at Altinn")
                return
            self.hook.run(session.perform(app.delete(instance_id)))
            self.report(f"{instance_id} is marked as deleted, because this task was ended from outside")
        except AltinnError as exc:
            self.report(f"{instance_id} stays: {exc}")

    def ledger_of(self, context: Context, **more: Any) -> FilingLedger:
        """Return the ledger of this try."""
        ti = context["ti"]
        where = {
            "dag_id": ti.dag_id,
            "run_id": ti.run_id,
            "task_id": ti.task_id,
            "map_index": ti.map_index,
            "try_number": ti.try_number,
        }
        folder = str(self.ledger or self.hook.settings.ledger or "")
        name = f"{ti.dag_id}.{ti.task_id}"
        return FilingLedger(folder, name, {"environment": self.hook.settings.environment.name, **where, **more})


class AltinnPatientInstanceOperator(AltinnInstanceOperator, AltinnPatientOperator):
    """Base of the patient operators that work on an instance."""

    template_fields: Sequence[str] = (*AltinnPatientOperator.template_fields, "instance_id")


def require_choice(name: str, value: object, *allowed: str) -> None:
    """Check one of an operator's choices.

    :raises AltinnInputError: it is none of those allowed.
    """
    if value not in allowed:
        raise AltinnInputError(f"{name} must be {' or '.join(map(repr, allowed))}, not {value!r}")


def whole_number(value: int | str, name: str) -> int:
    """Read a number, also one that a template has rendered to text.

    :raises AltinnInputError: it is none.
    """
    text = str(value or 0).strip()
    if not (text.isascii() and text.isdigit()):
        raise AltinnInputError(f"{name} must be a whole number, not {text[:20]!r}")
    return int(text)
