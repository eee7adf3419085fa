"""Join what two engines say of one document: the stricter one counts, and a difference is told as such.

What one of two readers refuses, the receiver's may refuse too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from altinn.exceptions import Issue

DISAGREEMENT = "engine-disagreement"


def stricter(fast: Sequence[Issue], pure: Sequence[Issue]) -> list[Issue]:
    """Return the issues of the stricter engine; where both find errors, those of the one with the better paths.

    :param fast: what the compiled engine found.
    :param pure: what the engine in Python found, whose paths are better. When it could not judge the document
        (`refused-`), the other's errors stand as they are.
    """
    if any(issue.code.startswith("refused-") for issue in pure):
        return list(fast if _errors(fast) else pure)
    if bool(_errors(fast)) == bool(_errors(pure)):
        return list(pure)
    notes = [issue for issue in pure if issue.severity != "error"]
    found = _errors(fast) or _errors(pure)
    return [*notes, *(told_apart(issue) for issue in found)]


def told_apart(issue: Issue) -> Issue:
    """Return a finding that only one of the engines has, and say so."""
    return replace(issue, code=DISAGREEMENT, message=f"{issue.message} (says one of two engines; the stricter counts)")


def _errors(issues: Sequence[Issue]) -> list[Issue]:
    return [issue for issue in issues if issue.severity == "error"]
