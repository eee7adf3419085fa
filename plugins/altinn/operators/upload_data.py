"""Put form and attachments into an instance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from altinn.documents import documents_of
from altinn.exceptions import AltinnInputError
from altinn.operators.altinn_operator import AltinnInstanceOperator, require_choice
from altinn.operators.preflight import check_documents
from altinn.protocol.filed_document import form_types
from altinn.protocol.upload import Upload
from altinn.runs import FILE_MISSING, RunRules

if TYPE_CHECKING:
    from airflow.sdk import Context


class AltinnUploadDataOperator(AltinnInstanceOperator):
    """Upload one document or a list: overwrite the auto-created form by its id, add everything else.

    Safe to retry: replacing a form is harmless to repeat; a file is added only after the list of elements shows that
    it is not there, and one task with many files goes on where it stopped. On a delivered instance nothing is
    changed. The app's limits are checked before the first byte is sent. Waits for the virus scan, and reads back what
    lies there: files byte for byte, forms by meaning, because apps answer 201 and drop what they do not know. Whatever
    was dropped, changed or added is in the log, with path and values; a dropped or changed value fails the task.

    :param documents: list of {"data_type", "path"} and optionally "content_type", "file_name"; paths are local or
        anything ObjectStoragePath knows. Or give one document by the next four arguments.
    :param data_type: the app's data type id.
    :param path: where the document lies.
    :param content_type: by default what belongs to the file name's extension.
    :param file_name: by default the path's last part.
    :param scan_timeout: seconds to wait for the virus scan.
    :param allow_changes: paths in forms at or below which the app may keep something else than was sent, for example
        "/melding/sum" or "/melding/linje/sum"; without numbers they mean every item of a list, `*` means anything.
    :param on_delivered: when the instance has been delivered with another document than today's: "fail", or "tell" it
        in the log and go on with what was delivered, for a document that is made anew each time.
    :param dry_run: write nothing: fail unless the instance has been delivered already, and compare it.
    :param on_backfill: "verify_only" writes nothing in a backfill's run, likewise.
    :return: list of {"data_type", "file_name", "content_type", "size", "sha256", "element_id", "how"}; of a form also
        "meaning_sha256", by which a push sees that the form still says the same.
    """

    template_fields: Sequence[str] = (
        *AltinnInstanceOperator.template_fields,
        "documents",
        "data_type",
        "path",
        "content_type",
        "file_name",
        "allow_changes",
        "is_dry_run",
        "on_backfill",
    )
    template_fields_renderers = {"documents": "json"}

    def __init__(
        self,
        *,
        documents: Sequence[Mapping[str, str]] | None = None,
        data_type: str | None = None,
        path: str | None = None,
        content_type: str | None = None,
        file_name: str | None = None,
        scan_timeout: float = 600.0,
        allow_changes: Sequence[str] = (),
        on_delivered: str = "fail",
        dry_run: bool | str = False,
        on_backfill: str = FILE_MISSING,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.documents = documents
        self.data_type = data_type
        self.path = path
        self.content_type = content_type
        self.file_name = file_name
        self.scan_timeout = scan_timeout
        self.allow_changes = allow_changes
        self.on_delivered = on_delivered
        self.is_dry_run = dry_run  # BaseOperator has a method dry_run
        self.on_backfill = on_backfill

    def execute(self, context: Context) -> list[dict[str, str | int]]:
        """Check, upload, and return what lies where."""
        require_choice("on_delivered", self.on_delivered, "fail", "tell")
        instance_id = self.checked_instance_id(context)
        if RunRules.of(context, dry_run=self.is_dry_run, on_backfill=self.on_backfill).looks_only:
            self.require_delivered(instance_id)
        documents = documents_of(self._entries())
        metadata = self.hook.metadata(self.app)
        check_documents(self.app, metadata, documents, whole=False, report=self.report)
        upload = Upload(
            session=self.hook.session,
            app=self.hook.app(self.app),
            storage=self.hook.storage,
            instance_id=instance_id,
            forms=form_types(metadata),
            scan_timeout=self.scan_timeout,
            allow_changes=_paths(self.allow_changes),
            report=self.report,
            takes_other=self.on_delivered == "tell",
        )
        return [placed.as_json() for placed in self.hook.run(upload.run(documents))]

    def _entries(self) -> object:
        single = {
            name: value
            for name, value in (
                ("data_type", self.data_type),
                ("path", self.path),
                ("content_type", self.content_type),
                ("file_name", self.file_name),
            )
            if value
        }
        if single and self.documents is not None:
            raise AltinnInputError("give either documents or data_type and path, not both")
        return [single] if single else self.documents


def _paths(allowed: object) -> tuple[str, ...]:
    if isinstance(allowed, str):
        allowed = [allowed]
    if isinstance(allowed, Sequence) and all(isinstance(path, str) and path[:1] in ("/", "$") for path in allowed):
        return tuple(allowed)
    raise AltinnInputError(
        "allow_changes must be a list of paths such as '/melding/sum' (XML) or '$.melding.sum' (JSON), as the task's "
        "log shows them"
    )
