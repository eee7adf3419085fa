"""The Airflow plugin: what the server has to know about this provider."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from altinn.deadlines import StatutoryDeadline
from altinn.links.instance_link import AltinnInstanceLink
from altinn.links.login_link import AltinnLoginLink
from altinn.timetables import PeriodTimetable
from altinn.ui.login_mount import login_apps, login_views


class AltinnPlugin(AirflowPlugin):
    """Registers the timetable, the deadline, the login page, and the button that leads to an instance."""

    name = "altinn"
    fastapi_apps = [*login_apps()]
    external_views = [*login_views()]
    timetables = [PeriodTimetable]
    deadline_references = [StatutoryDeadline]
    operator_extra_links = [AltinnInstanceLink(), AltinnLoginLink()]
