"""The Airflow plugin: what the server has to know about this provider."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from altinn.deadlines import StatutoryDeadline
from altinn.links.instance_link import AltinnInstanceLink
from altinn.timetables import PeriodTimetable


class AltinnPlugin(AirflowPlugin):
    """Registers the timetable, the deadline, and the button that leads to an instance."""

    name = "altinn"
    timetables = [PeriodTimetable]
    deadline_references = [StatutoryDeadline]
    operator_extra_links = [AltinnInstanceLink()]
