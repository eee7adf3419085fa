"""The button that leads to the page where people log in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperatorLink
from airflow.sdk.execution_time.xcom import XCom

if TYPE_CHECKING:
    from airflow.sdk.types import TaskInstanceKey

LOGIN_URL_KEY = "altinn_login_url"


class AltinnLoginLink(BaseOperatorLink):
    """Opens the page where a person logs in for the task's connection."""

    name = "Log in with ID-porten"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """Return the address that the task left in XCom, or nothing where Airflow does not know its own."""
        return str(XCom.get_value(ti_key=ti_key, key=LOGIN_URL_KEY) or "")
