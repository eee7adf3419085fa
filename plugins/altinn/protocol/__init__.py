"""Altinn's protocol as data and generators: no Airflow, no HTTP library, no clock, no files."""
