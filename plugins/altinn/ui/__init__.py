"""Pages in Airflow's web server. Each checks the user's access itself: Airflow protects its own API, not a plugin's."""
