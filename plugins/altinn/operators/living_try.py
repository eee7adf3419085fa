"""The fence: whether this process still is the living try of its task.

Airflow gives a task instance a new id for every try, and refuses what is written under an old one; a process whose
supervisor is gone cannot write at all (execution API of Airflow 3.3: `store/ti/{id}/{key}` answers 404 to an id that
is not current). What that does not catch is caught by a mark of our own: a second process of the same try writes
another one. And a task that a user has marked keeps its id, so its state is asked for as well.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowRuntimeError

from altinn.exceptions import AltinnFenceError, AltinnSupersededError

if TYPE_CHECKING:
    from airflow.sdk import Context

FENCE_KEY = "altinn_living_try"
_GONE = frozenset({403, 404, 409, 410})
_LIVING = frozenset({"running", ""})


class LivingTry:
    """Proves, right before something is sent, that this try is the living one.

    :param is_killed: tells whether Airflow has told this process to end.
    """

    def __init__(self, context: Context, is_killed: Callable[[], bool]) -> None:
        self._store = context["task_state_store"]
        self._ti = context["ti"]
        self._is_killed = is_killed
        self._mark = uuid.uuid4().hex

    def begin(self) -> None:
        """Leave this process's mark.

        :raises AltinnSupersededError: Airflow refuses it, because another try goes on.
        """
        self._asked(lambda: self._store.set(FENCE_KEY, self._mark), "anything")

    @property
    def try_id(self) -> str:
        """Airflow's id of this try; it stays when the try comes back from a wait."""
        return str(self._ti.id)

    def noted(self, key: str) -> dict[str, Any]:
        """Return what this task has noted, in this try or an earlier one; empty for nothing.

        :raises AltinnSupersededError: another try goes on.
        :raises AltinnFenceError: Airflow does not answer.
        """
        kept = self._asked(lambda: self._store.get(key), "anything")
        return kept if isinstance(kept, dict) else {}

    def note(self, key: str, value: dict[str, Any], what: str) -> None:
        """Note something for this task's later tries, for ever.

        :param what: what is about to be sent, for the error.
        :raises AltinnSupersededError: another try goes on.
        :raises AltinnFenceError: Airflow does not answer.
        """
        from airflow.sdk.execution_time.context import NEVER_EXPIRE

        self._asked(lambda: self._store.set(key, value, retention=NEVER_EXPIRE), what)

    def prove(self, what: str) -> None:
        """Return only if this is the living try.

        :param what: what is about to be sent, for the error.
        :raises AltinnSupersededError: it is not, or somebody has ended it.
        :raises AltinnFenceError: Airflow does not answer.
        """
        self.halt(what)
        self.require_last(what)
        state = self._asked(self._own_state, what)
        if state not in _LIVING:
            raise AltinnSupersededError(f"Airflow says that this task is {state}: {what} is not sent")

    def halt(self, what: str) -> None:
        """Return only if Airflow has not told this process to end; asks nobody, so nothing can come in between.

        :raises AltinnSupersededError: it has.
        """
        if self._is_killed():
            raise AltinnSupersededError(f"this task was ended from outside: {what} is not sent")

    def require_last(self, what: str) -> None:
        """Return only if no other try or process of this task has begun, whatever a user has marked it as.

        :raises AltinnSupersededError: one has.
        """
        if self._asked(lambda: self._store.get(FENCE_KEY), what) != self._mark:
            raise AltinnSupersededError(f"another process of this task has begun: {what} is not sent from this one")
        self._asked(lambda: self._store.set(FENCE_KEY, self._mark), what)

    def _own_state(self) -> str:
        """Return the task instance's state in Airflow's database; empty when it does not tell."""
        ti = self._ti
        mapped = ti.map_index is not None and ti.map_index >= 0
        states = ti.get_task_states(
            dag_id=ti.dag_id,
            task_ids=[ti.task_id],
            run_ids=[ti.run_id],
            map_index=ti.map_index if mapped else None,
        )
        own = (states or {}).get(ti.run_id) or {}
        state = own.get(f"{ti.task_id}_{ti.map_index}" if mapped else ti.task_id)
        return str(getattr(state, "value", state) or "")

    def _asked(self, ask: Callable[[], Any], what: str) -> Any:
        try:
            return ask()
        except AirflowRuntimeError as exc:
            detail = exc.error.detail or {}
            if detail.get("status_code") in _GONE:
                raise AltinnSupersededError(
                    f"Airflow refuses this try's word, because another try goes on or the run is gone: {what} is not "
                    "sent from this one"
                ) from exc
            raise AltinnFenceError(
                f"Airflow did not answer whether this is still the living try: {what} is not sent. The next try goes on"
            ) from exc
        except (OSError, EOFError) as exc:
            raise AltinnSupersededError(
                f"this process has lost its supervisor, so another try goes on or will: {what} is not sent from here"
            ) from exc
