"""The commands behind the Makefile: installation, the embedded Airflow and Altinn emulator, and the demo.

Nothing here is part of the wheel. Run from the project's folder: `python -m scripts up|down|demo`.
"""
