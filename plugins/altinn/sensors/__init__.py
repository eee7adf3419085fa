"""The sensors."""

from __future__ import annotations

from altinn.sensors.feedback_sensor import AltinnFeedbackSensor

__all__ = ["AltinnFeedbackSensor"]
