"""Pages in Airflow's web server."""
