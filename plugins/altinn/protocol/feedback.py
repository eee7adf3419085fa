"""The feedback that an app tells of itself, where its process may end later: Skatteetaten's `feedback/status`."""

from __future__ import annotations

import dataclasses

from altinn.exceptions import AltinnForbiddenError, AltinnNotFoundError
from altinn.protocol.app_api import App
from altinn.protocol.model import Instance
from altinn.protocol.outcome import Awaited
from altinn.protocol.session import Session
from altinn.protocol.wire import Flow


def with_feedback(session: Session, app: App, instance: Instance, awaited: Awaited) -> Flow[Instance]:
    """Ask the app's `feedback/status` where nothing else is missing, and return the instance with its answer.

    Between the last receipt and the end of the process the instance alone does not say whether the feedback is whole.
    Where the app does not answer this login, or has no such path, the process decides, as everywhere else.
    """
    if not awaited.hangs_on_feedback(instance):
        return instance
    try:
        provided = yield from session.perform(app.feedback_status(instance.id))
    except (AltinnForbiddenError, AltinnNotFoundError):
        return instance
    return dataclasses.replace(instance, feedback_provided=provided)
