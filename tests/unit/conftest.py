"""Settings of the fast tests."""

from __future__ import annotations

import hypothesis

# Time never decides a test, and nothing is written beside the sources.
hypothesis.settings.register_profile("unit", max_examples=60, deadline=None, database=None)
hypothesis.settings.load_profile("unit")
