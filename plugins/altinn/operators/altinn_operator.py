"""What every Altinn operator has: the connection, who acts, the retry rule, the link."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from altinn.hooks.altinn_hook import AltinnHook
from altinn.links.instance_link import INSTANCE_URL_KEY, AltinnInstanceLink
from altinn.protocol.identifiers import InstanceId
from altinn.retries import BACKOFF, LONGEST_RETRY_DELAY, RETRIES, RETRY_DELAY, RETRY_POLICY

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.definitions.retry_policy import RetryPolicy


class AltinnOperator(BaseOperator):
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
        context["ti"].xcom_push(INSTANCE_URL_KEY, self.hook.instance_link(self.app, instance_id))


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
