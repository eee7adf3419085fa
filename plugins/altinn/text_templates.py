"""Keeps identifiers text in DAGs whose templates give native objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context

ABSENT = "None"
"""How a template writes a value that is not there."""
IDENTIFIERS = frozenset(
    {
        *("app", "altinn_conn_id", "on_behalf_of", "external_ref", "instance_id"),
        *("period", "kind", "correction_number", "organisation_number", "party_id", "username", "instance_owner"),
        *("content_sha256", "approval", "ledger", "data_type", "path", "content_type", "file_name", "folder"),
        *("from_task", "to_task", "until_task", "action", "fail_on", "language", "on_backfill"),
    }
)
"""The template fields of this provider's operators and sensors that are one text."""


class TextTemplates:
    """Mix-in for operators and sensors: renders `IDENTIFIERS` to text, or to None where nothing is.

    With `render_template_as_native_obj=True` Airflow turns "950474084" into a number, "1.10" into 1.1 and "1_000" into
    1000, also where no template stands. None of that may happen to an organisation number, a period or a reference.
    A mapping's values, as in `data_values`, are kept text in the same way; a whole list or mapping that a template or
    another task gives stays what it is.
    """

    def _do_render_template_fields(
        self,
        parent: Any,
        template_fields: Iterable[str],
        context: Context,
        jinja_env: jinja2.Environment,
        seen_oids: set[int],
    ) -> None:
        names = list(template_fields)
        texts = [name for name in names if name in IDENTIFIERS]
        maps = [name for name in names if name not in texts and isinstance(getattr(parent, name, None), Mapping)]
        native = [name for name in names if name not in texts and name not in maps]
        render: Any = super()._do_render_template_fields  # type: ignore[misc]
        render(parent, native, context, jinja_env, seen_oids)
        with self._rendering_text() as text_env:
            render(parent, [*texts, *maps], context, text_env, seen_oids)
        for name in texts:
            value = getattr(parent, name, None)
            setattr(parent, name, None if value is None or str(value) == ABSENT else str(value))

    @contextmanager
    def _rendering_text(self) -> Iterator[jinja2.Environment]:
        """Switch native rendering off for a while, by the operator's own switch, which goes before the DAG's."""
        switched: Any = self
        before = switched.render_template_as_native_obj
        switched.render_template_as_native_obj = False
        try:
            yield switched.get_template_env()
        finally:
            switched.render_template_as_native_obj = before
