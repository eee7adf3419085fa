"""A callback for deadline alerts that writes to the triggerer's log; most installations want a notifier instead."""

from __future__ import annotations

import logging
from typing import Any

_log = logging.getLogger(__name__)


async def log_deadline(**arguments: Any) -> None:
    """Log which run is late, or about to be."""
    run = (arguments.get("context") or {}).get("dag_run") or {}
    what = arguments.get("text") or "the legal deadline is near, and the run has not succeeded"
    _log.error("%s, run %s: %s", run.get("dag_id", "?"), run.get("dag_run_id") or run.get("run_id", "?"), what)
