"""Chaos: filings in a real Airflow whose parts are killed; see `__main__`."""
