"""JSON as .NET's reader takes an app's configuration: comments and a comma too many are allowed."""

from __future__ import annotations

import json
import re
from typing import Any

# A string is matched first, so that nothing inside one is taken for a comment or a comma.
STRAY = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n]*|/\*.*?\*/|,(?=(?>(?:\s|(?>//[^\n]*)|(?>/\*.*?\*/))*)[}\]])', re.DOTALL)


def loads(text: str) -> Any:
    """Read JSON.

    :raises json.JSONDecodeError: it is none, also without comments and stray commas.
    """
    return json.loads(STRAY.sub(lambda m: m[0] if m[0].startswith('"') else " ", text))
