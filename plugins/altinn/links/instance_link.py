"""The button that opens the instance in Altinn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperatorLink
from airflow.sdk.execution_time.xcom import XCom

if TYPE_CHECKING:
    from airflow.sdk.types import TaskInstanceKey

INSTANCE_URL_KEY = "altinn_instance_url"


class AltinnInstanceLink(BaseOperatorLink):
    """Opens the instance of this task in Altinn, also after a failure."""

    name = "Altinn instance"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """Return the address that the task left in XCom, or nothing before it knew one."""
        return str(XCom.get_value(ti_key=ti_key, key=INSTANCE_URL_KEY) or "")
