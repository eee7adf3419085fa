"""Registers the plugin where the package was dropped into an Airflow project's plugins/ folder.

The only file that Airflow's scan of that folder may execute; an installed distribution registers itself by its entry
point, and then this file stays silent.
"""

from importlib.metadata import entry_points

if not any(entry_point.name == "altinn" for entry_point in entry_points(group="airflow.plugins")):
    from altinn.plugin import AltinnPlugin  # noqa: F401
