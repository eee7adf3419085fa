"""Remove a draft of our own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from altinn.exceptions import AltinnFilingError, AltinnNotYetError
from altinn.operators.altinn_operator import AltinnPatientInstanceOperator
from altinn.protocol.creation import PUSH_LIMIT, PUSH_PAUSE
from altinn.protocol.filing_key import STAMP_NAMES

if TYPE_CHECKING:
    from airflow.sdk import Context

    from altinn.operators.living_try import LivingTry


class AltinnDeleteInstanceOperator(AltinnPatientInstanceOperator):
    """Mark a draft of our own as deleted.

    Altinn lets a sender delete what has been delivered. So the instance is read right before: it must carry this
    provider's stamp and stand in its data task, else nothing happens and the task fails. The deletion is a soft one;
    a person can undo it. Safe to retry: a draft that is deleted already is a success.

    A push that goes on at Altinn delivers a deleted draft all the same. Version 9 tells of it, and it is waited for;
    version 8 does not, so do not let this operator follow a push whose outcome is unknown.

    :return: True if this task deleted it, False if it was deleted before.
    """

    def act(self, context: Context, living: LivingTry, waited: float) -> bool:
        """Look, and delete."""
        instance_id = self.checked_instance_id(context)
        instance = self.hook.run(self.hook.session.perform(self.hook.storage.get_instance(instance_id)))
        if instance.is_soft_deleted or instance.is_hard_deleted:
            self.log.info("%s is deleted already", instance_id)
            return False
        if not all(name in instance.stamps for name in STAMP_NAMES):
            raise AltinnFilingError(
                f"{instance_id} does not carry this provider's stamp, so it is not ours to delete", [str(instance_id)]
            )
        if instance.process.task_type != "data":
            raise AltinnFilingError(
                f"{instance_id} is no draft any more ({instance.process.where}): a delivered filing is never deleted",
                [str(instance_id)],
            )
        session, app = self.hook.session, self.hook.app(self.app)
        process = self.hook.run(session.perform(app.get_process(instance_id)))
        if process.workflow == "processing" and process.is_moving:
            raise AltinnNotYetError(
                f"a push of {instance_id} from {process.where} is under way at Altinn: it is not deleted meanwhile",
                PUSH_PAUSE,
                PUSH_LIMIT,
            )
        living.prove(f"the deletion of {instance_id}")
        ledger = self.ledger_of(context, instance_id=str(instance_id))
        ledger.record("deleting", {})
        self.hook.run(session.perform(app.delete(instance_id)))
        ledger.record("deleted", {})
        self.log.info("%s is marked as deleted", instance_id)
        return True
