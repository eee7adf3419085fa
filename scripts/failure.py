"""The error that ends a command with a message instead of a traceback."""

from __future__ import annotations


class CommandError(Exception):
    """A command cannot go on; the text says what failed, where, and what to do."""
