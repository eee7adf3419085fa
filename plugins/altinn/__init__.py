"""Airflow provider that files periodic reports with Norway's public authorities through Altinn 3."""

__version__ = "0.1.0"
