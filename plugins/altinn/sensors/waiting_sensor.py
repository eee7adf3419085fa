"""What the sensors share: one look, then a wait in the triggerer, up to a deadline that no restart moves."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator
from airflow.sdk.exceptions import AirflowSensorTimeout

from altinn.exceptions import (
    AltinnAnswerError,
    AltinnConfigurationError,
    AltinnError,
    AltinnFilingError,
    AltinnNotFoundError,
    AltinnUnexpectedStateError,
)
from altinn.hooks.altinn_hook import AltinnHook
from altinn.links.instance_link import AltinnInstanceLink, show_instance
from altinn.protocol.identifiers import InstanceId
from altinn.protocol.wait_look import look
from altinn.protocol.waiting import DONE, STOPPED, Progress, WaitFor
from altinn.retries import (
    BACKOFF,
    LONGEST_RETRY_DELAY,
    RETRIES,
    RETRY_DELAY,
    RETRY_POLICY,
    is_worth_waiting,
    waiting_despite,
)
from altinn.sensors.kept_deadline import KeptDeadline, seconds_of
from altinn.text_templates import TextTemplates
from altinn.triggers.instance_trigger import AltinnInstanceTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.definitions.retry_policy import RetryPolicy

DEADLINE_KEY = "altinn_wait_deadline"
DAYS = 24 * 3600.0


class AltinnWaitingSensor(TextTemplates, BaseSensorOperator):
    """Base of the sensors.

    Only reads (Storage's GET; the app's `feedback/status` or process where Storage cannot tell), so it is safe to
    retry. Deferrable by default: while it waits, it takes no worker slot. Errors that time may mend are waited out
    from the first look on, and so is the end of a person's login; the deadline is an absolute time that the first try
    sets, and the first one after a clear.

    :param app: the app's id, "org/app".
    :param instance_id: "party/guid".
    :param altinn_conn_id: the connection, of type `altinn`.
    :param on_behalf_of: organisation number whose system user acts; by default what the connection says.
    :param external_ref: which of that organisation's system users.
    :param poll_interval: seconds between the first looks; grows with the time waited up to `max_poll_interval`.
    :param max_poll_interval: seconds.
    :param timeout: seconds in all, kept over restarts and retries; whoever clears the task waits anew.
    :param deferrable: wait in the triggerer instead of a worker.
    """

    template_fields: Sequence[str] = ("app", "instance_id", "altinn_conn_id", "on_behalf_of", "external_ref")
    operator_extra_links = (AltinnInstanceLink(),)
    ui_color = "#d4f4ec"

    def __init__(
        self,
        *,
        app: str,
        instance_id: str,
        altinn_conn_id: str = AltinnHook.default_conn_name,
        on_behalf_of: str | None = None,
        external_ref: str | None = None,
        poll_interval: float = 30.0,
        max_poll_interval: float = 1800.0,
        timeout: float = 14 * DAYS,
        deferrable: bool = True,
        retries: int = RETRIES,
        retry_delay: timedelta | float = RETRY_DELAY,
        retry_exponential_backoff: float = BACKOFF,
        max_retry_delay: timedelta | float | None = LONGEST_RETRY_DELAY,
        retry_policy: RetryPolicy | None = RETRY_POLICY,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            poke_interval=poll_interval,
            timeout=timeout,
            retries=retries,
            retry_delay=retry_delay,
            retry_exponential_backoff=retry_exponential_backoff,
            max_retry_delay=max_retry_delay,
            retry_policy=retry_policy,
            **kwargs,
        )
        self.app = app
        self.instance_id = instance_id
        self.altinn_conn_id = altinn_conn_id
        self.on_behalf_of = on_behalf_of
        self.external_ref = external_ref
        self.poll_interval = poll_interval
        self.max_poll_interval = max_poll_interval
        self.deferrable = deferrable

    def wait_for(self) -> WaitFor:
        """Return what is waited for, from the rendered arguments."""
        raise NotImplementedError

    @cached_property
    def hook(self) -> AltinnHook:
        """The hook of this task."""
        return AltinnHook(
            self.altinn_conn_id, on_behalf_of=self.on_behalf_of or None, external_ref=self.external_ref or None
        )

    def execute(self, context: Context) -> Any:
        """Look once; then wait in the triggerer, or here.

        :raises AltinnConfigurationError: `soft_fail` or `never_fail` would skip what was not accepted.
        """
        if self.soft_fail or self.never_fail:
            raise AltinnConfigurationError(
                f"{self.task_id}: soft_fail and never_fail would skip the rest of a run whose filing was not accepted, "
                "and the run would end green: leave them out"
            )
        instance_id = InstanceId.parse(self.instance_id)
        link = self.hook.instance_link(self.app, instance_id)
        show_instance(self, context, link)
        self.begin(link)
        if not self.deferrable:
            return super().execute(context)
        deadline = self._deadline(context)
        if self.poke(context):
            return None
        self.defer(
            trigger=AltinnInstanceTrigger(
                instance_id=str(instance_id),
                altinn_conn_id=self.altinn_conn_id,
                wait_for=self.wait_for().as_json(),
                deadline=deadline,
                since=deadline - seconds_of(self.timeout),
                poll_interval=self.poll_interval,
                max_poll_interval=self.max_poll_interval,
                on_behalf_of=self.on_behalf_of or None,
                external_ref=self.external_ref or None,
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=max(1.0, deadline - time.time()) + 60.0),
        )
        return None

    def begin(self, link: str) -> None:
        """Tell at the beginning of a wait what a person has to know."""

    def poke(self, context: Context) -> bool:
        """Read the instance once.

        :raises AirflowSensorTimeout: what is waited for is not there, and the wait is over.
        :raises AltinnUnexpectedStateError: it cannot come any more.
        """
        progress = self._look(context)
        if progress.state == DONE:
            self._forget(context)
            return True
        if progress.state == STOPPED:
            self._forget(context)
            raise self._stopped(progress)
        (self.log.warning if progress.warn else self.log.info)("%s: waiting, %s", self.instance_id, progress.text)
        if self._deadline(context) <= time.time():
            raise self._over(context, progress.text)
        return False

    def _look(self, context: Context) -> Progress:
        """Read once; an error that may pass is one more reason to wait, but an instance that is not there is none."""
        instance_id = InstanceId.parse(self.instance_id)
        try:
            return self.hook.run(
                look(self.hook.session, self.hook.storage, self.hook.app, instance_id, self.wait_for())
            )
        except AltinnError as exc:
            if not is_worth_waiting(exc):
                self._forget(context)
                raise
            if isinstance(exc, AltinnNotFoundError):
                raise
            return waiting_despite(exc)

    def execute_complete(self, context: Context, event: Mapping[str, Any] | None = None) -> None:
        """Read the trigger's event.

        :raises AirflowSensorTimeout: the wait came to its limit.
        :raises AltinnUnexpectedStateError: what is waited for cannot come any more.
        :raises AltinnFilingError: the trigger met an error that waiting does not mend.
        """
        status = (event or {}).get("status")
        message = str((event or {}).get("message", ""))
        if status in ("done", "stopped", "error"):
            self._forget(context)
        if status == "done":
            self.log.info("%s: %s", self.instance_id, self.done_text)
            return
        if status == "timeout":
            raise self._over(context, message)
        if status == "stopped":
            raise self._stopped(Progress(STOPPED, message))
        if status == "error":
            raise AltinnFilingError(message, [self.instance_id])
        raise AltinnAnswerError(f"the trigger for {self.instance_id} sent an event that is not known: {status!r}")

    done_text = "the wait is over"

    def _stopped(self, progress: Progress) -> AltinnUnexpectedStateError:
        return AltinnUnexpectedStateError(
            f"{self.instance_id}: {progress.text}. Look at the instance in Altinn; clear the task to wait again",
            [self.instance_id],
        )

    def _over(self, context: Context, missing: str) -> AirflowSensorTimeout:
        """Forget the deadline: this error is never retried, so the next try is a person's, who wants to wait anew."""
        self._forget(context)
        return AirflowSensorTimeout(
            f"{self.instance_id}: the wait came to its limit: {missing}. Clear the task to wait again"
        )

    def _deadline(self, context: Context) -> float:
        return self._kept_deadline.of(context, self.timeout)

    def _forget(self, context: Context) -> None:
        """Forget the deadline of a wait that is over: whoever clears the task waits anew."""
        self._kept_deadline.forget(context)

    @property
    def _kept_deadline(self) -> KeptDeadline:
        return KeptDeadline(DEADLINE_KEY, self.instance_id)
