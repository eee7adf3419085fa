"""One survivor: right before a push, whether this instance is still the one of its key that is to be filed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from altinn.exceptions import (
    AltinnConflictError,
    AltinnError,
    AltinnFilingError,
    AltinnNotSurvivorError,
    AltinnNotYetError,
    AltinnUnexpectedStateError,
)
from altinn.protocol.app_api import App
from altinn.protocol.filing import Filing, PeriodReader
from altinn.protocol.filing_key import FilingKey, choose, drafts_of, is_delivered, the_delivered
from altinn.protocol.identifiers import InstanceId
from altinn.protocol.instance_search import InstanceSearch
from altinn.protocol.model import Instance
from altinn.protocol.session import Session
from altinn.protocol.storage_api import Storage
from altinn.protocol.timestamps import moment_of
from altinn.protocol.wire import Flow

_MARGIN = 1.0
"""Seconds added to `settle`: an HTTP date has no fractions."""


@dataclass(frozen=True, slots=True)
class Survivor:
    """Looks at the other instances of an instance's key.

    Two clients may each have made one. Every client waits until the query shows what both made, and orders them
    alike, so that all of them push the same one.

    :param settle: seconds within which a new instance shows in the query.
    :param settled: the wait is over already; a clock that is wrong must not prolong it.
    :param on_foreign: see `Filing`.
    :param report: takes one line for each decision, for the log.
    """

    session: Session
    storage: Storage
    app: App
    instance_id: InstanceId
    settle: float
    settled: bool = False
    period_of: PeriodReader | None = None
    on_foreign: str = "fail"
    report: Callable[[str], None] = lambda _line: None

    def await_settled(self) -> Flow[Instance]:
        """Read the instance; it must be old enough for every other of its key to show.

        Its age is counted by the server's own clock: what was uploaded meanwhile counts into it.

        :raises AltinnNotYetError: it is not.
        """
        seen = yield from self.session.perform(self.storage.get_dated(self.instance_id))
        instance = seen.instance
        if self.settled or self.settle <= 0 or FilingKey.stamped_on(instance) is None or is_delivered(instance):
            return instance
        left = self._left(instance, seen.moment)
        if left > 0:
            raise AltinnNotYetError(
                f"{self.instance_id} is {self.settle + _MARGIN - left:.0f} s old: before the first push another "
                f"{left:.0f} s pass, within which others of its key would show",
                left,
                self.settle + 60.0,
            )
        return instance

    def _left(self, instance: Instance, moment: datetime | None) -> float:
        created = moment_of(instance.created)
        now = moment or (self.session.now() if self.session.now else None)
        wanted = self.settle + _MARGIN
        if created is None or now is None:
            return wanted
        return min(wanted, wanted - (now - created).total_seconds())

    def check(self, instance: Instance) -> Flow[tuple[str, ...]]:
        """Look, and refuse the push unless this instance is the one to be filed.

        :return: the others of the key, which are never pushed.
        :raises AltinnNotSurvivorError: another one has been delivered, or is older.
        :raises AltinnNotYetError: the creation of an older one is still under way.
        :raises AltinnUnexpectedStateError: the query shows that it was deleted.
        """
        key = FilingKey.stamped_on(instance)
        if key is None:
            self.report(f"{self.instance_id} carries no filing key: no others are looked for")
            return ()
        filing = Filing(
            self.session,
            self.app,
            self.storage,
            key,
            period_of=self.period_of,
            on_foreign=self.on_foreign,
            report=self.report,
        )
        ours = yield from filing.look()
        own = str(self.instance_id)
        if own not in {str(i.id) for i in ours}:
            raise AltinnFilingError(
                f"the query does not show {own} though it is older than {self.settle:.0f} s, so it could not be found "
                "again after a failure: nothing was pushed. See whether this identity may read the owner's instances",
                [own],
            )
        chosen = choose(ours)
        if chosen is None:
            raise AltinnUnexpectedStateError(
                f"{own} was deleted during the last look: nothing was pushed. See who deleted it", [own]
            )
        if not is_delivered(chosen):
            yield from filing.await_deleted(ours)
        if str(chosen.id) != own and not is_delivered(chosen):
            # As in the look before a creation: what was never finished is left alone by everybody.
            drafts = drafts_of(ours)
            older = drafts[: next((n for n, i in enumerate(drafts) if str(i.id) == own), len(drafts))]
            chosen = yield from filing.oldest_finished(older)
        if chosen is not None and str(chosen.id) != own:
            raise self._not_the_one(key, chosen)
        return tuple(str(i.id) for i in ours if str(i.id) != own)

    def _not_the_one(self, key: FilingKey, chosen: Instance) -> AltinnNotSurvivorError:
        why = "has been delivered" if is_delivered(chosen) else "is older"
        return AltinnNotSurvivorError(
            f"{self.instance_id} is not the one to be filed for {key}: {chosen.id} {why}. Nothing was pushed. Clear "
            "the run from its instantiate task: it goes on with that one",
            [str(chosen.id), str(self.instance_id)],
        )


@dataclass(frozen=True, slots=True)
class SurplusDrafts:
    """Marks drafts as deleted whose key has been delivered by another instance.

    Softly, so that a person can undo it: a push under way on a draft that is deleted for good would still be filed,
    and no query would show it any more.
    """

    session: Session
    storage: Storage
    app: App
    report: Callable[[str], None] = lambda _line: None

    def remove(self, delivered: Instance) -> Flow[tuple[str, ...]]:
        """Look which drafts the delivered instance's key has left, read each once more, and mark it.

        :return: what was marked.
        :raises AltinnAmbiguousError: another instance of the key has been delivered too.
        """
        key = FilingKey.stamped_on(delivered)
        if key is None or not is_delivered(delivered):
            return ()
        seen = yield from InstanceSearch(self.session, self.storage, key).instances()
        others = [i for i in seen if key.is_on(i) and i.id != delivered.id]
        the_delivered([delivered, *others])
        removed = []
        for draft in drafts_of(others):
            now = yield from self.session.perform(self.storage.get_instance(draft.id))
            if not key.is_on(now) or not drafts_of([now]) or now.process.task_type != "data":
                continue
            yield from self.session.perform(self.app.delete(draft.id))
            self.report(f"{draft.id} is marked as deleted: {delivered.id} has been delivered for the same key")
            removed.append(str(draft.id))
        return tuple(removed)


@dataclass(frozen=True, slots=True)
class LockedLook:
    """Holds Storage's instance lock while the last look is taken, so that two clients never look at the same time.

    The lock has to be free again for the push. A try that was held up finds that it no longer holds the lock.
    """

    session: Session
    storage: Storage
    instance_id: InstanceId
    seconds: int = 120

    def around(self, look: Callable[[], Flow[None]]) -> Flow[None]:
        """Take the lock, look, release the lock; the push follows at once.

        :raises AltinnNotYetError: somebody else holds the lock.
        :raises AltinnNotSurvivorError: the lock was lost meanwhile.
        """
        try:
            token = yield from self.session.perform(self.storage.lock(self.instance_id, self.seconds))
        except AltinnConflictError as exc:
            raise AltinnNotYetError(
                f"somebody else holds the lock of {self.instance_id}", 5.0, 2.0 * self.seconds + 60.0
            ) from exc
        try:
            yield from look()
        except AltinnError:
            yield from self._released(token)
            raise
        if not (yield from self._released(token)):
            raise AltinnNotSurvivorError(
                f"the lock of {self.instance_id} ran out during the last look, so somebody else may have pushed: "
                "nothing was pushed. Run the task again",
                [str(self.instance_id)],
            )

    def _released(self, token: str) -> Flow[bool]:
        try:
            return (yield from self.session.perform(self.storage.unlock(self.instance_id, token)))
        except AltinnConflictError:
            return False
