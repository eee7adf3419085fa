"""The Airflow plugin: what the server has to know about this provider."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from altinn.deadlines import StatutoryDeadline
from altinn.links.instance_link import AltinnInstanceLink
from altinn.links.login_link import AltinnLoginLink
from altinn.timetables import PeriodTimetable
from altinn.ui.login_mount import login_apps, login_views
from altinn.ui.web_app import filing_apps, filing_views


class AltinnPlugin(AirflowPlugin):
    """Registers the timetable, the deadline, the pages, and the buttons that lead to an instance and to the login."""

    name = "altinn"
    fastapi_apps = [*filing_apps(), *login_apps()]
    external_views = [*filing_views(), *login_views()]
    timetables = [PeriodTimetable]
    deadline_references = [StatutoryDeadline]
    operator_extra_links = [AltinnInstanceLink(), AltinnLoginLink()]
