"""The button that opens the instance in Altinn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperatorLink
from airflow.sdk.execution_time.xcom import XCom

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import TaskInstanceKey

INSTANCE_URL_KEY = "altinn_instance_url"
OWN_URL = "_altinn_instance_url"
"""Attribute in which an operator that runs keeps the address it has left."""


def show_instance(operator: Any, context: Context, url: str) -> None:
    """Leave the address for the task's button."""
    context["ti"].xcom_push(INSTANCE_URL_KEY, url)
    setattr(operator, OWN_URL, url)


class AltinnInstanceLink(BaseOperatorLink):
    """Opens the instance of this task in Altinn, also after a failure."""

    name = "Altinn instance"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """Return the address that the task left in XCom, or nothing before it knew one.

        At the end of a task Airflow asks in the task's own process, which need not ask Airflow back.
        """
        own = getattr(operator, OWN_URL, "")
        if own:
            return str(own)
        return str(XCom.get_value(ti_key=ti_key, key=INSTANCE_URL_KEY) or "")
