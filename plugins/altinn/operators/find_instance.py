"""Find the instance that the authority has made for a company and a period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from altinn.authorities.authority import Authority, load_authority
from altinn.authorities.period_readers import period_reader
from altinn.exceptions import AltinnAmbiguousError, AltinnFilingError, AltinnInputError
from altinn.operators.altinn_operator import AltinnOperator
from altinn.protocol.filing_key import FilingKey, is_delivered
from altinn.protocol.identifiers import AppId, InstanceOwner
from altinn.protocol.instance_search import InstanceSearch
from altinn.protocol.model import Instance

if TYPE_CHECKING:
    from airflow.sdk import Context


class AltinnFindInstanceOperator(AltinnOperator):
    """Find the instance of a period that the authority made and prefilled, such as SSB's and Finanstilsynet's.

    Only reads, so it is safe to retry. The period is read from each instance's form. More than one candidate is an
    error, never a guess; so is an instance whose period cannot be read, because it may be the one.

    :param authority: the report's authority, which reads the period; see `load_authority`.
    :param period: the period's name, for example "2025-Q3".
    :param data_type: the form's data type, where the authority serves several.
    :param organisation_number: the company that files; by default the connection's.
    :param party_id: Altinn's number for it, instead.
    :return: the instance id, "party/guid".
    """

    template_fields: Sequence[str] = (
        *AltinnOperator.template_fields,
        "period",
        "data_type",
        "organisation_number",
        "party_id",
    )

    def __init__(
        self,
        *,
        authority: str | Mapping[str, Any] | Authority,
        period: str,
        data_type: str | None = None,
        organisation_number: str | None = None,
        party_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.authority = authority
        self.period = period
        self.data_type = data_type
        self.organisation_number = organisation_number
        self.party_id = party_id

    def execute(self, context: Context) -> str:
        """Look through every page and return the one instance of the period.

        :raises AltinnFilingError: there is none.
        :raises AltinnAmbiguousError: there is more than one.
        """
        wanted = str(self.period or "").strip().upper()
        if not wanted:
            raise AltinnInputError("period is empty: name it, for example '2025-Q3'")
        owner = self.hook.owner(organisation_number=self.organisation_number, party_id=self.party_id)
        app_id = AppId.parse(self.app)
        key = FilingKey.of(app_id, owner, wanted, "main", 0)
        seen = self.hook.run(InstanceSearch(self.hook.session, self.hook.storage, key).instances())
        found, unread = self._of_period([i for i in seen if not _is_thrown_away(i)], wanted)
        if len(found) != 1:
            raise self._not_one(found, unread, wanted, owner)
        if unread:
            ids = [str(i.id) for i in unread]
            raise AltinnAmbiguousError(
                f"{found[0].id} is of {wanted}, but the period of {', '.join(ids)} cannot be read and may be the same: "
                "look at them in Altinn",
                [str(found[0].id), *ids],
            )
        (instance,) = found
        context["ti"].xcom_push("altinn_delivered", is_delivered(instance))
        self.show_instance(context, instance.id)
        self.report(f"found {instance.id} for {wanted}: {instance.process.where}")
        return str(instance.id)

    def _of_period(self, instances: Sequence[Instance], wanted: str) -> tuple[list[Instance], list[Instance]]:
        """Return the instances of the period, and those whose period cannot be read."""
        read = period_reader(
            load_authority(self.authority),
            self.hook.session,
            self.hook.app(self.app),
            data_type=self.data_type or "",
        )
        found: list[Instance] = []
        unread: list[Instance] = []
        for instance in instances:
            period = self.hook.run(read(instance))
            if period is None:
                unread.append(instance)
            elif period == wanted:
                found.append(instance)
        return found, unread

    def _not_one(
        self, found: Sequence[Instance], unread: Sequence[Instance], wanted: str, owner: InstanceOwner
    ) -> AltinnFilingError:
        ids = [str(i.id) for i in (*found, *unread)]
        if found:
            return AltinnAmbiguousError(
                f"{len(found)} instances of {self.app} are of {wanted}: {', '.join(ids)}. Look at them in Altinn", ids
            )
        more = f"; the period of {', '.join(ids)} cannot be read" if ids else ""
        return AltinnFilingError(
            f"the authority has made no instance of {self.app} for {owner.label} and {wanted}{more}. See in Altinn "
            "whether the company has to answer this form for this period",
            ids,
        )


def _is_thrown_away(instance: Instance) -> bool:
    return instance.is_hard_deleted or (instance.is_soft_deleted and not is_delivered(instance))
