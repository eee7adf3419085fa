"""What a run is about and what it may do: its period, dry runs, the rules of a backfill."""

from __future__ import annotations

from altinn.runs.backfill_rules import BACKFILL_LIMIT, FILE_MISSING, VERIFY_ONLY, RunRules, is_true
from altinn.runs.run_period import resolve_period

__all__ = ["BACKFILL_LIMIT", "FILE_MISSING", "VERIFY_ONLY", "RunRules", "is_true", "resolve_period"]
