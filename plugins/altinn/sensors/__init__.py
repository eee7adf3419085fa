"""The sensors."""

from __future__ import annotations

from altinn.sensors.feedback_sensor import AltinnFeedbackSensor
from altinn.sensors.login_sensor import AltinnLoginSensor
from altinn.sensors.process_sensor import AltinnProcessSensor
from altinn.sensors.signature_sensor import AltinnSignatureSensor

__all__ = ["AltinnFeedbackSensor", "AltinnLoginSensor", "AltinnProcessSensor", "AltinnSignatureSensor"]
