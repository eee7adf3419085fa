"""Wait for the authority."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator
from airflow.sdk.exceptions import AirflowSensorTimeout

from altinn.exceptions import AltinnAnswerError, AltinnFilingError
from altinn.hooks.altinn_hook import AltinnHook
from altinn.links.instance_link import INSTANCE_URL_KEY, AltinnInstanceLink
from altinn.protocol.identifiers import InstanceId
from altinn.protocol.outcome import Awaited
from altinn.retries import BACKOFF, LONGEST_RETRY_DELAY, RETRIES, RETRY_DELAY, RETRY_POLICY
from altinn.triggers.instance_trigger import AltinnInstanceTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.definitions.retry_policy import RetryPolicy

DEADLINE_KEY = "altinn_feedback_deadline"


class AltinnFeedbackSensor(BaseSensorOperator):
    """Wait until the authority has ended the process and left its receipts.

    Only reads, so it is safe to retry. Deferrable by default: while it waits it takes no worker slot. It says that an
    answer is there, not what it says: the verdict belongs to the report's own task.

    :param app: the app's id, "org/app".
    :param instance_id: "party/guid".
    :param receipt_types: data types that the authority adds and that must be there.
    :param poll_interval: seconds between the first looks; grows by half each time up to `max_poll_interval`.
    :param max_poll_interval: seconds.
    :param timeout: seconds in all, kept over restarts and retries.
    :param deferrable: wait in the triggerer instead of a worker.
    """

    template_fields: Sequence[str] = (
        "app",
        "instance_id",
        "altinn_conn_id",
        "on_behalf_of",
        "external_ref",
        "receipt_types",
    )
    operator_extra_links = (AltinnInstanceLink(),)
    ui_color = "#d4f4ec"

    def __init__(
        self,
        *,
        app: str,
        instance_id: str,
        receipt_types: Sequence[str] = (),
        altinn_conn_id: str = AltinnHook.default_conn_name,
        on_behalf_of: str | None = None,
        external_ref: str | None = None,
        poll_interval: float = 30.0,
        max_poll_interval: float = 1800.0,
        timeout: float = 14 * 24 * 3600.0,
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
        self.receipt_types = receipt_types
        self.altinn_conn_id = altinn_conn_id
        self.on_behalf_of = on_behalf_of
        self.external_ref = external_ref
        self.poll_interval = poll_interval
        self.max_poll_interval = max_poll_interval
        self.deferrable = deferrable

    @cached_property
    def hook(self) -> AltinnHook:
        """The hook of this task."""
        return AltinnHook(
            self.altinn_conn_id, on_behalf_of=self.on_behalf_of or None, external_ref=self.external_ref or None
        )

    def execute(self, context: Context) -> Any:
        """Look once; then wait in the triggerer, or here."""
        instance_id = InstanceId.parse(self.instance_id)
        context["ti"].xcom_push(INSTANCE_URL_KEY, self.hook.instance_link(self.app, instance_id))
        if not self.deferrable:
            return super().execute(context)
        deadline = self._deadline(context)
        if self.poke(context):
            return None
        self.defer(
            trigger=AltinnInstanceTrigger(
                instance_id=str(instance_id),
                altinn_conn_id=self.altinn_conn_id,
                receipt_types=list(self.receipt_types),
                deadline=deadline,
                poll_interval=self.poll_interval,
                max_poll_interval=self.max_poll_interval,
                on_behalf_of=self.on_behalf_of or None,
                external_ref=self.external_ref or None,
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=max(1.0, deadline - time.time()) + 60.0),
        )
        return None

    def poke(self, context: Context) -> bool:
        """Read the instance once.

        :raises AirflowSensorTimeout: the authority's answer is not there, and the wait is over.
        """
        call = self.hook.storage.get_instance(InstanceId.parse(self.instance_id))
        missing = Awaited(tuple(self.receipt_types)).missing(self.hook.run(self.hook.session.perform(call)))
        if not missing:
            return True
        self.log.info("%s: %s", self.instance_id, missing)
        if self._deadline(context) <= time.time():
            raise self._over(context, missing)
        return False

    def execute_complete(self, context: Context, event: Mapping[str, Any] | None = None) -> None:
        """Read the trigger's event.

        :raises AirflowSensorTimeout: the wait came to its limit.
        :raises AltinnFilingError: the trigger met an error that waiting does not mend.
        """
        status = (event or {}).get("status")
        message = str((event or {}).get("message", ""))
        if status == "done":
            self.log.info("%s: the authority has answered", self.instance_id)
            return
        if status == "timeout":
            raise self._over(context, message)
        if status == "error":
            raise AltinnFilingError(message, [self.instance_id])
        raise AltinnAnswerError(f"the trigger for {self.instance_id} sent an event that is not known: {status!r}")

    def _over(self, context: Context, missing: str) -> AirflowSensorTimeout:
        """Forget the deadline: this error is never retried, so the next try is a person's, who wants to wait anew."""
        context["task_state_store"].delete(DEADLINE_KEY)
        return AirflowSensorTimeout(
            f"{self.instance_id}: no answer from the authority in time: {missing}. Clear the task to wait again"
        )

    def _deadline(self, context: Context) -> float:
        """Keep the first try's deadline, so that retries do not prolong the wait."""
        store = context["task_state_store"]
        kept = store.get(DEADLINE_KEY)
        if isinstance(kept, int | float):
            return float(kept)
        seconds = self.timeout.total_seconds() if isinstance(self.timeout, timedelta) else float(self.timeout)
        deadline = time.time() + seconds
        store.set(DEADLINE_KEY, deadline)
        return deadline
