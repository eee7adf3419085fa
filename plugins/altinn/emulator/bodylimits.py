"""How long a request's body may be: what Kestrel refuses before any code of app or Storage sees it."""

from __future__ import annotations

import re

RAISED, KESTRELS_OWN = 2000 * 1024 * 1024, 30_000_000
INSTANCE = r"/[^/]+/[^/]+/instances/-?\d+/[0-9a-f-]{32,36}"
WITH_RAISED_LIMIT = re.compile(rf"(POST|PUT) ({INSTANCE}/data(/.*)?|/[^/]+/[^/]+/instances(/create)?/?)", re.IGNORECASE)


def body_limit(method: str, path: str) -> int:
    """Return the longest body of a request, in bytes."""
    return RAISED if WITH_RAISED_LIMIT.fullmatch(f"{method} {path}") else KESTRELS_OWN
