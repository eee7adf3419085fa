"""Make the instance of a filing, or adopt the one that is there."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from altinn.authorities.period_readers import period_reader_of_app
from altinn.documents import documents_of
from altinn.exceptions import (
    AltinnAnswerError,
    AltinnFilingError,
    AltinnHttpError,
    AltinnInputError,
    AltinnNoAnswerError,
    AltinnServerError,
    AltinnUnavailableError,
)
from altinn.operators.altinn_operator import AltinnOperator, AltinnPatientOperator, require_choice, whole_number
from altinn.operators.looking_run import LookingRun
from altinn.operators.meant_content import meant_documents
from altinn.operators.preflight import check_documents, owner_kind
from altinn.protocol.app_api import Part
from altinn.protocol.changed_filing import ChangedFiling
from altinn.protocol.filed_document import form_types
from altinn.protocol.filing import Filed, Filing
from altinn.protocol.filing_key import (
    APPROVAL_STAMP,
    HASH_STAMP,
    KIND_STAMP,
    FilingKey,
    is_delivered,
    refuse_taken_stamps,
)
from altinn.protocol.identifiers import AppId, InstanceOwner
from altinn.protocol.meant_documents import MeantDocuments
from altinn.protocol.model import Instance
from altinn.protocol.survivor import SurplusDrafts
from altinn.protocol.wire import Call
from altinn.runs import FILE_MISSING, RunRules

if TYPE_CHECKING:
    from airflow.sdk import Context

    from altinn.operators.living_try import LivingTry

COMPANY_KEY, FILED_KIND_KEY = "altinn_company", "altinn_filed_kind"
"""XComs that tell a person whose filing it is, and whether it is the main one; no person's number."""

_NOTES_KEY = "altinn_filing"


class AltinnInstantiateOperator(AltinnPatientOperator):
    """Make the instance for a company, app and period, or adopt the one that carries this key.

    Safe to retry, clear and backfill: the key is stamped into the instance in the same write that makes it, every
    page of the owner's instances is looked through before and after, and a creation whose answer was lost is looked
    for instead of repeated. An instance that has been delivered under the key is adopted as well, so that the tasks
    after this one find nothing left to do. A draft whose creation has not finished is waited for, without a worker
    slot, and never adopted when it does not finish within 10 minutes.

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
    :param documents: all documents that will be filed, as AltinnUploadDataOperator takes them: checked against the
        app's metadata before anything is made. Without `content_sha256` that hash is made from them as well; give one
        where a document is generated anew each time, such as an envelope with the time in it.
    :param allow_changes: as in AltinnUploadDataOperator, for the comparison with what was delivered.
    :param approval: who must approve before the first push; stamped as a hint, so that whoever adopts the draft
        needs an approval as well.
    :param prefill: values for the app's form by path, instead of a key.
    :param on_foreign: "fail" stops when somebody else made an instance of this period, "ignore" goes on.
    :param on_existing: "adopt" goes on with what carries the key already; "fail" stops at anything that this task has
        not made itself.
    :param on_changed: what to do when the key has been delivered with other documents (`content_sha256`): "fail", or
        "correction", which files them under the next free correction number.
    :param dry_run: write nothing: say what a run would do, and skip this task and those after it.
    :param on_backfill: with "verify_only" a backfill's run writes nothing: it adopts what has been delivered, and
        fails where nothing has been.
    :return: the instance id, "party/guid".
    """

    template_fields: Sequence[str] = (
        *AltinnPatientOperator.template_fields,
        "period",
        "kind",
        "correction_number",
        "organisation_number",
        "party_id",
        "username",
        "instance_owner",
        "data_values",
        "content_sha256",
        "documents",
        "allow_changes",
        "approval",
        "prefill",
        "is_dry_run",
        "on_backfill",
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
        documents: Sequence[Mapping[str, str]] | None = None,
        allow_changes: Sequence[str] = (),
        approval: str | None = None,
        prefill: Mapping[str, str] | None = None,
        on_foreign: str = "fail",
        on_existing: str = "adopt",
        on_changed: str = "fail",
        dry_run: bool | str = False,
        on_backfill: str = FILE_MISSING,
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
        self.documents = documents
        self.allow_changes = allow_changes
        self.approval = approval
        self.prefill = prefill
        self.on_foreign = on_foreign
        self.on_existing = on_existing
        self.on_changed = on_changed
        self.is_dry_run = dry_run  # BaseOperator has a method dry_run
        self.on_backfill = on_backfill

    def act(self, context: Context, living: LivingTry, waited: float) -> str:
        """Adopt or create, and return the instance id."""
        rules = RunRules.of(context, dry_run=self.is_dry_run, on_backfill=self.on_backfill)
        owner = chosen_owner(self)
        meant = meant_documents(
            self.content_sha256, documents_of(self.documents) if self.documents else [], tuple(self.allow_changes)
        )
        if rules.looks_only:
            instance_id = self._look(context, rules, owner, meant)
        elif self.prefill:
            instance_id = self._create_prefilled(owner)
        else:
            filed = self._file(context, living, owner, meant)
            instance_id = filed.instance.id
            self._draft = instance_id if filed.created else None
            ti = context["ti"]
            ti.xcom_push("altinn_adopted", not filed.created)
            ti.xcom_push("altinn_delivered", is_delivered(filed.instance))
            ti.xcom_push(COMPANY_KEY, filed.instance.organisation_number)
            ti.xcom_push(FILED_KIND_KEY, filed.instance.stamps.get(KIND_STAMP, ""))
            approval = filed.instance.stamps.get(APPROVAL_STAMP)
            if approval:
                ti.xcom_push("altinn_approval", approval)
            self._remove_surplus(filed)
        self.show_instance(context, instance_id)
        return str(instance_id)

    def _look(self, context: Context, rules: RunRules, owner: InstanceOwner, meant: MeantDocuments) -> Any:
        """Write nothing, and return the id of what has been delivered."""
        self._check_choices()
        metadata = self._checked_metadata(owner, meant)
        looking = LookingRun(self, metadata, context, self._key(owner), meant, self.on_foreign, self.on_changed)
        filed = looking.require_filed(rules)
        ti = context["ti"]
        ti.xcom_push("altinn_adopted", True)
        ti.xcom_push("altinn_delivered", True)
        return filed.id

    def _checked_metadata(self, owner: InstanceOwner, meant: MeantDocuments) -> Mapping[str, Any]:
        """Read what the app says of itself, once, and refuse the stamps and documents that it would not take."""
        metadata = self.hook.metadata(self.app)
        refuse_taken_stamps(AppId.parse(self.app), metadata)
        whole, kind = bool(meant.documents), owner_kind(owner)
        check_documents(self.app, metadata, meant.documents, whole=whole, report=self.report, owner=kind)
        return metadata

    def _key(self, owner: InstanceOwner) -> FilingKey:
        number = whole_number(self.correction_number, "correction_number")
        return FilingKey.of(AppId.parse(self.app), owner, str(self.period), self.kind, number)

    def _file(self, context: Context, living: LivingTry, owner: InstanceOwner, meant: MeantDocuments) -> Filed:
        self._check_choices()
        metadata = self._checked_metadata(owner, meant)
        key = self._key(owner)
        changed = ChangedFiling(
            self.hook.session,
            self.hook.app(self.app),
            lambda one: self._rules(context, living, one, meant),
            meant,
            form_types(metadata),
            self.on_changed,
            self.report,
        )
        hints = {HASH_STAMP: meant.sha256, APPROVAL_STAMP: self.approval}
        given = {name: value for name, value in hints.items() if value}
        filed = self.hook.run(changed.find_or_create(key, self.data_values or {}, given))
        if not filed.created and not is_delivered(filed.instance) and meant.differ_from_stamp(filed.instance):
            self.report("the documents have changed since the draft was made: it is brought up to date")
        return filed

    def _check_choices(self) -> None:
        if not self.period:
            raise AltinnInputError(
                "the filing has no period, so a failure could not find it again: set period, for example '2026-T5'"
            )
        for name, allowed in (
            ("on_foreign", ("fail", "ignore")),
            ("on_existing", ("adopt", "fail")),
            ("on_changed", ("fail", "correction")),
        ):
            require_choice(name, getattr(self, name), *allowed)

    def _rules(self, context: Context, living: LivingTry, key: FilingKey, meant: MeantDocuments) -> Filing:
        """Return the rules for one key, which remember what they make."""
        notes = _Notes(living, key)
        ledger = self.ledger_of(context, **key.as_json(), sha256=meant.sha256)

        def record(event: str, more: Mapping[str, Any]) -> None:
            ledger.record(event, more)
            if event == "creating":
                notes.begin()
            elif event == "creation refused":
                notes.take_back()
            elif event == "created":
                notes.remember(str(more["instance_id"]))

        app = self.hook.app(self.app)
        return Filing(
            session=self.hook.session,
            app=app,
            storage=self.hook.storage,
            key=key,
            period_of=period_reader_of_app(self.app, self.hook.session, app),
            on_foreign=self.on_foreign,
            on_existing="adopt" if notes.has_begun else self.on_existing,
            settle=self.hook.settings.settle,
            known=notes.known,
            fence=living.prove,
            report=self.report,
            record=record,
        )

    def _remove_surplus(self, filed: Filed) -> None:
        """Mark drafts as deleted that are left over beside a delivered instance; they do no harm if that fails."""
        if not filed.others or not is_delivered(filed.instance):
            return
        surplus = SurplusDrafts(self.hook.session, self.hook.storage, self.hook.app(self.app), self.report)
        try:
            self.hook.run(surplus.remove(filed.instance))
        except AltinnHttpError as exc:
            self.report(f"drafts that are left over could not be marked as deleted ({exc.status}); they do no harm")

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


class _Notes:
    """What earlier tries of this task have noted of a key: hints that Altinn's own state decides on."""

    def __init__(self, living: LivingTry, key: FilingKey) -> None:
        self._living = living
        self._key = str(key)
        kept = living.noted(_NOTES_KEY)
        self._notes = dict(kept) if kept.get("key") == self._key else {}
        self._before = self._notes

    @property
    def has_begun(self) -> bool:
        """Whether this task has sent a creation for the key."""
        return bool(self._notes)

    @property
    def known(self) -> tuple[str, ...]:
        """The instance that this task made, if its id is known."""
        made = self._notes.get("instance_id")
        return (str(made),) if made else ()

    def begin(self) -> None:
        """Note that a creation is about to be sent."""
        self._write({"key": self._key})

    def take_back(self) -> None:
        """Note that the creation that was about to be sent has made nothing."""
        self._write(self._before)

    def remember(self, instance_id: str) -> None:
        """Note what was made."""
        self._write({"key": self._key, "instance_id": instance_id})

    def _write(self, notes: dict[str, Any]) -> None:
        self._notes = notes
        self._living.note(_NOTES_KEY, notes, f"what follows of the creation for {self._key}")


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
    :param max_bytes: limit of the whole request. It is read while it is sent, but the app keeps it in memory, and takes
        2000 MiB at most.
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
        max_bytes: int = 2000 * 1024 * 1024,
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
        check_documents(self.app, metadata, documents, whole=True, report=self.report, owner=owner_kind(owner))
        parts = [Part(d.data_type, d.content_type, d.body, d.file_name) for d in documents]
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
