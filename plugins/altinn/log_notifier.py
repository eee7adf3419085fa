"""A notifier for trials: it writes the text to the log of whoever runs it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseNotifier

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)


class LogNotifier(BaseNotifier):
    """Writes a text to the log, and to a file if one is named.

    :param text: may be a template.
    :param path: a local file to append to; also a template.
    """

    template_fields: Sequence[str] = ("text", "path")

    def __init__(self, text: str, path: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.text = text
        self.path = path

    def notify(self, context: Context) -> None:
        """Write the text."""
        log.warning("%s", self.text)
        if self.path:
            from pathlib import Path

            with Path(self.path).open("a", encoding="utf-8") as stream:
                stream.write(f"{self.text}\n")
