"""Check documents before anything is sent: against their schemas, and against the app's own metadata."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from altinn.checked_documents import issues_of, opened_schema, read_whole, require
from altinn.documents import documents_of
from altinn.exceptions import AltinnInputError, Issue
from altinn.operators.altinn_operator import AltinnOperator
from altinn.operators.preflight import plan_issues

if TYPE_CHECKING:
    from airflow.sdk import Context

    from altinn.protocol.filed_document import Document
    from altinn.validation.document_check import CheckOptions

APP_SCHEMA = "app"
LONGEST_CHECK = timedelta(hours=1)
"""A schema's pattern may take exponential time over a hostile value; this ends it."""
_HINT = "the app's own JSON Schema is a hint: apps drop what it forbids and take what it allows, so this is no pass"


class AltinnCheckDocumentOperator(AltinnOperator):
    """Check documents against their schemas and against the app's metadata, and show what is wrong as a table.

    Sends nothing and writes nothing, so it is safe to retry; a document that is wrong fails the task without a retry.
    Put it before the instantiate task: a wrong document then never makes a draft. The result goes to the upload task
    as its `documents`: it carries the SHA-256 of the bytes that were judged, and the upload refuses a file that has
    changed since.

    :param documents: list of {"data_type", "path"} and optionally "content_type", "file_name", "schema". Or give one
        document by the next three arguments.
    :param data_type: the app's data type id.
    :param path: local, or anything ObjectStoragePath knows.
    :param schema: an XSD or a JSON Schema, for documents that name none of their own: a local path, an
        ObjectStoragePath, or a path below `include/schemas` of the Airflow project. "app" asks the app for its JSON
        Schema, whose findings are warnings only. Without a schema only the metadata is checked.
    :param schema_root: the folder that the schemas may read from; by default each one's own.
    :param app: the app whose metadata says which data types, sizes, names and content types it takes; without it only
        the schemas are checked, and no connection is needed.
    :param organisation_number: the company that is going to file, for the party types that the app serves.
    :param whole: the documents are all that will be filed, so that nothing that the app requires may be missing.
    :param task_id_in_process: the process task in which they are going to be uploaded, for example "Task_1".
    :param engine: "auto" takes the extra `[fast]` as well when it is installed, and alone for large documents; "pure"
        does without it, "fast" takes it alone.
    :param max_issues: problems after which the check of a document stops.
    :param show_values: repeat the values found in the messages; they may be secret.
    :param assume_namespace: take a document without a namespace for one in the schema's.
    :param strip_altinn_row_id: pass over the attribute that apps add to repeating groups.
    :param anchored_patterns: "strict", or "dotnet" to read `^…$` in the schema's patterns as anchors.
    :param execution_timeout: as of every operator; an hour unless another limit is given.
    :return: list of {"data_type", "path", "content_type", "file_name", "sha256"}.
    """

    template_fields: Sequence[str] = (
        *AltinnOperator.template_fields,
        "documents",
        "data_type",
        "path",
        "schema",
        "schema_root",
        "organisation_number",
    )
    template_fields_renderers = {"documents": "json"}

    def __init__(
        self,
        *,
        app: str = "",
        documents: Sequence[Mapping[str, str]] | None = None,
        data_type: str | None = None,
        path: str | None = None,
        schema: str | None = None,
        schema_root: str | None = None,
        organisation_number: str | None = None,
        whole: bool = False,
        task_id_in_process: str = "",
        engine: str = "auto",
        max_issues: int = 100,
        show_values: bool = False,
        assume_namespace: bool = False,
        strip_altinn_row_id: bool = False,
        anchored_patterns: str = "strict",
        execution_timeout: timedelta | None = LONGEST_CHECK,
        **kwargs: Any,
    ) -> None:
        super().__init__(app=app, execution_timeout=execution_timeout, **kwargs)
        self.documents = documents
        self.data_type = data_type
        self.path = path
        self.schema = schema
        self.schema_root = schema_root
        self.organisation_number = organisation_number
        self.whole = whole
        self.task_id_in_process = task_id_in_process
        self.engine = engine
        self.max_issues = max_issues
        self.show_values = show_values
        self.assume_namespace = assume_namespace
        self.strip_altinn_row_id = strip_altinn_row_id
        self.anchored_patterns = anchored_patterns

    def execute(self, context: Context) -> list[dict[str, str]]:
        """Check everything, show every finding, and return the documents with their hashes."""
        entries = self._entries()
        documents = documents_of([{k: v for k, v in entry.items() if k != "schema"} for entry in entries])
        issues = self._metadata_issues(documents)
        checked = []
        for entry, document in zip(entries, documents, strict=True):
            issues += self._schema_issues(entry, document)
            checked.append(
                {
                    "data_type": document.data_type,
                    "path": str(entry["path"]),
                    "content_type": document.content_type,
                    "file_name": document.file_name,
                    "sha256": document.sha256,
                }
            )
        context["ti"].xcom_push("altinn_issues", [issue.as_json() for issue in issues])
        require(issues, f"{len(documents)} document(s)", self.report)
        for entry in checked:
            self.log.info("%s: %s, SHA-256 %s", entry["data_type"], entry["file_name"], entry["sha256"])
        return checked

    def _entries(self) -> list[dict[str, Any]]:
        single = {"data_type": self.data_type, "path": self.path}
        if self.documents is not None and any(single.values()):
            raise AltinnInputError("give either documents or data_type and path, not both")
        given: Any = [single] if self.documents is None else self.documents
        given = [given] if isinstance(given, Mapping) else given
        if not isinstance(given, Sequence) or isinstance(given, str) or not given:
            raise AltinnInputError("documents is empty or no list: name what to check")
        if not all(isinstance(entry, Mapping) for entry in given):
            raise AltinnInputError("each of documents must be a mapping with data_type and path")
        return [{"schema": self.schema, **{k: v for k, v in entry.items() if v}} for entry in given]

    def _metadata_issues(self, documents: Sequence[Document]) -> list[Issue]:
        if not self.app:
            return []
        return plan_issues(
            self.hook.metadata(self.app),
            documents,
            whole=self.whole,
            owner=None if not self.organisation_number else "organisation",
            task_id=self.task_id_in_process,
        )

    def _schema_issues(self, entry: Mapping[str, Any], document: Document) -> list[Issue]:
        schema = str(entry.get("schema") or "")
        if not schema:
            return []
        data = read_whole(str(entry["path"]))
        if hashlib.sha256(data).hexdigest() != document.sha256:
            raise AltinnInputError(f"file {entry['path']} changed while it was checked: let no other job write it")
        if schema == APP_SCHEMA:
            return self._hints(data, document)
        with opened_schema(schema, self.schema_root) as source:
            found = issues_of(data, source, self._options())
        name = PurePosixPath(document.file_name).name
        return [replace(issue, where=f"{name}:{issue.where}" if issue.where else name) for issue in found]

    def _hints(self, data: bytes, document: Document) -> list[Issue]:
        """Judge by the app's own JSON Schema; whatever it says is no more than a warning."""
        from altinn.validation.json_check import check_json

        if not self.app:
            raise AltinnInputError("schema='app' needs app: the app is asked for its schema")
        if "json" not in document.content_type:
            raise AltinnInputError(
                f"schema='app' is for JSON forms, and {document.file_name} is {document.content_type}: name an XSD"
            )
        call = self.hook.app(self.app).json_schema(document.data_type)
        schema = self.hook.run(self.hook.session.perform(call))
        hints = [
            replace(issue, severity="warning") if issue.severity == "error" else issue
            for issue in check_json(data, schema, max_issues=self.max_issues, show_values=self.show_values)
        ]
        return [*hints, Issue("warning", "hint-only", document.label, _HINT, "json-schema")]

    def _options(self) -> CheckOptions:
        from altinn.validation.compatibility import Compatibility
        from altinn.validation.document_check import CheckOptions

        compatibility = Compatibility(self.assume_namespace, self.strip_altinn_row_id, self.anchored_patterns)
        return CheckOptions(self.engine, self.max_issues, self.show_values, compatibility)
