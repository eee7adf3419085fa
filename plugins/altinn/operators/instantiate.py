"""Make the instance of a filing, or adopt the one that is there."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from altinn.documents import documents_of
from altinn.exceptions import (
    AltinnAnswerError,
    AltinnDiffersError,
    AltinnFilingError,
    AltinnInputError,
    AltinnNoAnswerError,
    AltinnServerError,
    AltinnUnavailableError,
)
from altinn.operators.altinn_operator import AltinnOperator
from altinn.operators.preflight import check_documents
from altinn.protocol.app_api import Part
from altinn.protocol.filing import HASH_STAMP, Filed, Filing, FilingKey, is_delivered, refuse_taken_stamps
from altinn.protocol.identifiers import AppId, InstanceOwner
from altinn.protocol.model import Instance
from altinn.protocol.wire import Call

if TYPE_CHECKING:
    from airflow.sdk import Context


class AltinnInstantiateOperator(AltinnOperator):
    """Make the instance for a company, app and period, or adopt the one that carries this key.

    Safe to retry, clear and backfill: the key is stamped into the instance in the same write that makes it, every
    page of the owner's instances is looked through before and after, and a creation whose answer was lost is looked
    for instead of repeated. An instance that has been delivered under the key is adopted as well, so that the tasks
    after this one find nothing left to do.

    With `prefill` the app's simplified creation is used, which drops the stamps: such an instance has no key, so it
    must not have a period. If the creation's answer is lost, the task fails without a retry: nothing could find what
    was made.

    :param period: the period's name, for example "2026-T5"; part of the key.
    :param kind: "main", or "correction" together with `correction_number`.
    :param correction_number: 1, 2 … for corrections.
    :param organisation_number: the company that files.
    :param party_id: Altinn's number for it, instead.
    :param username: an Altinn user name, instead; only without a key, since Storage cannot look for it.
    :param instance_owner: "self" takes what the connection says; so does leaving all of them out.
    :param data_values: further values that the app wants at creation.
    :param content_sha256: hash over the caller's source documents; stamped as a hint, and compared when a delivered
        instance is adopted.
    :param prefill: values for the app's form by path, instead of a key.
    :param on_foreign: "fail" stops when somebody else made an instance of this period, "ignore" goes on.
    :return: the instance id, "party/guid".
    """

    template_fields: Sequence[str] = (
        *AltinnOperator.template_fields,
        "period",
        "kind",
        "correction_number",
        "organisation_number",
        "party_id",
        "username",
        "instance_owner",
        "data_values",
        "content_sha256",
        "prefill",
    )
    template_fields_renderers = {"data_values": "json", "prefill": "json"}

    def __init__(
        self,
        *,
        period: str | None = None,
        kind: str = "main",
        correction_number: int | str = 0,
        organisation_number: str | None = None,
        party_id: str | None = None,
        username: str | None = None,
        instance_owner: str | None = None,
        data_values: Mapping[str, str] | None = None,
        content_sha256: str | None = None,
        prefill: Mapping[str, str] | None = None,
        on_foreign: str = "fail",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.period = period
        self.kind = kind
        self.correction_number = correction_number
        self.organisation_number = organisation_number
        self.party_id = party_id
        self.username = username
        self.instance_owner = instance_owner
        self.data_values = data_values
        self.content_sha256 = content_sha256
        self.prefill = prefill
        self.on_foreign = on_foreign

    def execute(self, context: Context) -> str:
        """Adopt or create, and return the instance id."""
        owner = chosen_owner(self)
        if self.prefill:
            instance_id = self._create_prefilled(owner)
        else:
            filed = self._file(owner)
            self._compare(filed)
            instance_id = filed.instance.id
            context["ti"].xcom_push("altinn_adopted", not filed.created)
            context["ti"].xcom_push("altinn_delivered", is_delivered(filed.instance))
        self.show_instance(context, instance_id)
        return str(instance_id)

    def _file(self, owner: InstanceOwner) -> Filed:
        if not self.period:
            raise AltinnInputError(
                "the filing has no period, so a failure could not find it again: set period, for example '2026-T5'"
            )
        if self.on_foreign not in ("fail", "ignore"):
            raise AltinnInputError(f"on_foreign must be 'fail' or 'ignore', not {self.on_foreign!r}")
        app_id = AppId.parse(self.app)
        refuse_taken_stamps(app_id, self.hook.metadata(self.app))
        key = FilingKey.of(app_id, owner, self.period, self.kind, _number(self.correction_number))
        filing = Filing(
            session=self.hook.session,
            app=self.hook.app(self.app),
            storage=self.hook.storage,
            key=key,
            on_foreign=self.on_foreign,
            settle=self.hook.settings.settle,
            report=self.report,
        )
        hints = {HASH_STAMP: self.content_sha256} if self.content_sha256 else {}
        return self.hook.run(filing.find_or_create(self.data_values or {}, hints))

    def _compare(self, filed: Filed) -> None:
        """Stop when what was delivered under the key is not what the caller has now."""
        stamped = filed.instance.stamps.get(HASH_STAMP, "")
        if filed.created or not self.content_sha256 or not stamped or stamped == self.content_sha256:
            return
        if is_delivered(filed.instance):
            raise AltinnDiffersError(
                f"{filed.instance.id} was delivered for this period with other documents: nothing is filed. File a "
                "correction (kind='correction', correction_number=1) if the new ones are meant",
                [str(filed.instance.id)],
            )
        self.report("the documents have changed since the draft was made: it is brought up to date")

    def _create_prefilled(self, owner: InstanceOwner) -> Any:
        if self.period or self.data_values or self.content_sha256:
            raise AltinnInputError(
                "prefill cannot go together with period, data_values or content_sha256: Altinn's simplified creation "
                "drops the stamps. Leave prefill out and upload the form instead"
            )
        call = self.hook.app(self.app).create_simplified(owner, self.prefill or {})
        created = create_without_key(self, call)
        self.report(f"created {created.id} with prefill and without a key")
        return created.id


class AltinnInstantiateMultipartOperator(AltinnOperator):
    """Make an instance with form and attachments in one call.

    Not for a filing that must happen once: a multipart creation that breaks off cleans up after itself and may delete
    what a retry has adopted. So it carries no key, looks for nothing, and takes no retries; use
    AltinnInstantiateOperator and AltinnUploadDataOperator where exactly one filing counts.

    :param documents: list of {"data_type", "path"} and optionally "content_type", "file_name".
    :param organisation_number: the company that files.
    :param party_id: Altinn's number for it, instead.
    :param username: an Altinn user name, instead.
    :param instance_owner: "self" takes what the connection says.
    :param data_values: values that the app wants at creation.
    :param max_bytes: limit of the whole request, which is built in memory.
    :return: the instance id, "party/guid".
    """

    template_fields: Sequence[str] = (
        *AltinnOperator.template_fields,
        "documents",
        "organisation_number",
        "party_id",
        "username",
        "instance_owner",
        "data_values",
    )
    template_fields_renderers = {"documents": "json", "data_values": "json"}

    def __init__(
        self,
        *,
        documents: Sequence[Mapping[str, str]],
        organisation_number: str | None = None,
        party_id: str | None = None,
        username: str | None = None,
        instance_owner: str | None = None,
        data_values: Mapping[str, str] | None = None,
        max_bytes: int = 100_000_000,
        retries: int = 0,
        **kwargs: Any,
    ) -> None:
        if retries:
            raise AltinnInputError(
                f"{kwargs.get('task_id')}: a retry would make another instance, because a multipart creation has no "
                "key: set retries=0 on this task, or use AltinnInstantiateOperator and AltinnUploadDataOperator"
            )
        super().__init__(retries=retries, **kwargs)
        self.documents = documents
        self.organisation_number = organisation_number
        self.party_id = party_id
        self.username = username
        self.instance_owner = instance_owner
        self.data_values = data_values
        self.max_bytes = max_bytes

    def execute(self, context: Context) -> str:
        """Create once and return the instance id."""
        owner = chosen_owner(self)
        documents = documents_of(self.documents)
        total = sum(document.size for document in documents)
        if total > self.max_bytes:
            raise AltinnInputError(
                f"the documents have {total} bytes, more than max_bytes={self.max_bytes}: upload them one by one with "
                "AltinnUploadDataOperator"
            )
        metadata = self.hook.metadata(self.app)
        check_documents(self.app, metadata, documents, whole=True, report=self.report)
        parts = []
        for document in documents:
            with document.open() as stream:
                parts.append(Part(document.data_type, document.content_type, stream.read(), document.file_name))
        boundary = "altinn-" + base64.b32encode(uuid.uuid4().bytes).decode().strip("=").lower()
        call = self.hook.app(self.app).create_multipart(owner, self.data_values or {}, parts, boundary)
        created = create_without_key(self, call)
        self.show_instance(context, created.id)
        self.report(f"created {created.id} with {len(parts)} document(s) and without a key")
        return str(created.id)


def chosen_owner(operator: AltinnInstantiateOperator | AltinnInstantiateMultipartOperator) -> InstanceOwner:
    """Choose the instance owner from an operator's arguments and its connection."""
    return operator.hook.owner(
        organisation_number=operator.organisation_number,
        party_id=operator.party_id,
        username=operator.username,
        owner=operator.instance_owner,
    )


def create_without_key(operator: AltinnOperator, call: Call[Instance]) -> Instance:
    """Create once.

    :raises AltinnFilingError: no clean answer came, so that an instance may be there which nothing finds again.
    """
    try:
        return operator.hook.run(operator.hook.session.perform(call))
    except (AltinnNoAnswerError, AltinnAnswerError, AltinnUnavailableError, AltinnServerError) as exc:
        raise AltinnFilingError(
            f"the creation of an instance of {operator.app} without a key got no clean answer, so it may be there or "
            f"not: look for a draft in Altinn before you run the task again. Cause: {exc}"
        ) from exc


def _number(value: int | str) -> int:
    text = str(value or 0).strip()
    if not text.isdigit():
        raise AltinnInputError(f"correction_number must be a whole number, not {text[:20]!r}")
    return int(text)
