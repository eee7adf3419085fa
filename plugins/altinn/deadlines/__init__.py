"""Legal deadlines for Airflow's deadline alerts."""

from __future__ import annotations

from altinn.deadlines.statutory_deadline import StatutoryDeadline

__all__ = ["StatutoryDeadline"]
