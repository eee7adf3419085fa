"""The Airflow plugin: what the server has to know about this provider."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from altinn.links.instance_link import AltinnInstanceLink


class AltinnPlugin(AirflowPlugin):
    """Registers the button that leads to an instance."""

    name = "altinn"
    operator_extra_links = [AltinnInstanceLink()]
