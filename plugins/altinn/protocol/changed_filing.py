"""What becomes of a key that was delivered with other documents than are meant now."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from altinn.exceptions import AltinnDiffersError, AltinnFilingError
from altinn.protocol.app_api import App
from altinn.protocol.filing import Filed, Filing
from altinn.protocol.filing_key import FilingKey, is_delivered
from altinn.protocol.meant_documents import MeantDocuments
from altinn.protocol.session import Session
from altinn.protocol.wire import Flow

_MAX_CORRECTIONS = 99
_Taken = TypeVar("_Taken", bound=Filed | None)


@dataclass(frozen=True, slots=True)
class ChangedFiling:
    """Files a key, or the next correction of it where other documents were delivered.

    What was delivered once under the key or a correction of it is not delivered again, whoever clears which run.

    :param filing_of: the rules for one key: the main filing's, and each correction's that is looked at.
    :param meant: what the caller means to file.
    :param forms: the app's form data types.
    :param on_changed: "fail" stops when other documents were delivered, "correction" files the next correction.
    :param report: takes one line for each decision, for the log.
    """

    session: Session
    app: App
    filing_of: Callable[[FilingKey], Filing]
    meant: MeantDocuments
    forms: frozenset[str]
    on_changed: str = "fail"
    report: Callable[[str], None] = lambda _line: None

    def find_or_create(self, key: FilingKey, data_values: Mapping[str, str], hints: Mapping[str, str]) -> Flow[Filed]:
        """Adopt what was filed with these documents, or what is to be filed with them, or make it.

        :param data_values: as in `Filing.find_or_create`.
        :raises AltinnDiffersError: other documents were delivered, and no correction is to be filed.
        :raises AltinnFilingError: there are too many corrections.
        """
        _, filed = yield from self._walk(key, lambda one: self.filing_of(one).find_or_create(data_values, hints))
        return filed

    def find(self, key: FilingKey) -> Flow[tuple[FilingKey, Filed | None]]:
        """Look for what `find_or_create` would come to, and send nothing that writes.

        :return: the key or the correction of it, and its instance; None where one would be made.
        :raises AltinnDiffersError: as there.
        :raises AltinnFilingError: as there.
        """
        return (yield from self._walk(key, lambda one: self.filing_of(one).find()))

    def _walk(self, key: FilingKey, take: Callable[[FilingKey], Flow[_Taken]]) -> Flow[tuple[FilingKey, _Taken]]:
        """Return the first of the key and its corrections under which nothing else was delivered.

        :param take: how to come to the instance of one key.
        """
        filed = yield from take(key)
        if filed is None or not (yield from self._was_delivered_otherwise(filed)):
            return key, filed
        self._require_correctable(key, filed)
        for number in range(1, _MAX_CORRECTIONS + 1):
            correction = dataclasses.replace(key, correction=number)
            filed = yield from take(correction)
            if filed is None or not (yield from self._was_delivered_otherwise(filed)):
                self.report(f"the documents have changed since the filing was delivered: correction {number}")
                return correction, filed
        raise AltinnFilingError(f"{key} has {_MAX_CORRECTIONS} corrections already: look at them in Altinn")

    def _was_delivered_otherwise(self, filed: Filed) -> Flow[bool]:
        if filed.created or not is_delivered(filed.instance):
            return False
        return (
            yield from self.meant.differ_from_delivered(filed.instance, self.session, self.app, self.forms, self.report)
        )

    def _require_correctable(self, key: FilingKey, filed: Filed) -> None:
        if self.on_changed != "correction" or key.correction:
            raise AltinnDiffersError(
                f"{filed.instance.id} was delivered for this period with other documents: nothing is filed. File a "
                "correction (on_changed='correction', or kind='correction' with correction_number=1) if the new ones "
                "are meant",
                [str(filed.instance.id)],
            )
        if not self.meant.documents:
            raise AltinnDiffersError(
                f"{filed.instance.id} was made with other documents for this period, and without documents=… it cannot "
                "be told whether these were delivered in it: no correction is filed. Give this task the documents, or "
                "ask for kind='correction' yourself",
                [str(filed.instance.id)],
            )
