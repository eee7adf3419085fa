"""Wait until the person whose login a report needs has logged in."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from airflow.sdk import BaseSensorOperator
from airflow.sdk.exceptions import AirflowSensorTimeout

from altinn.exceptions import AltinnAnswerError, AltinnConfigurationError, AltinnInputError
from altinn.hooks.altinn_hook import AltinnHook
from altinn.installation import login_page_address
from altinn.links.login_link import LOGIN_URL_KEY, AltinnLoginLink
from altinn.retries import BACKOFF, LONGEST_RETRY_DELAY, RETRIES, RETRY_DELAY, RETRY_POLICY
from altinn.sensors.kept_deadline import KeptDeadline
from altinn.triggers.login_trigger import AltinnLoginTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.definitions.retry_policy import RetryPolicy

WAIT_KEY = "altinn_login_deadline"
REMINDED_KEY = "altinn_login_reminded"
DAY = 24 * 3600.0
NORWAY = ZoneInfo("Europe/Oslo")


class AltinnLoginSensor(BaseSensorOperator):
    """Wait until the connection's login works, with a button to the page where a person logs in.

    Only looks, so it is safe to retry. While nobody has logged in, no service is asked and no worker slot is taken; a
    connection that needs no person passes at once. The run goes on by itself when the login is there.

    :param altinn_conn_id: the connection, of type `altinn`.
    :param deadline: the report's legal deadline, a date ("2026-04-10", its end in Norway) or a time with its zone.
    :param remind_before: seconds before that deadline at which to remind.
    :param on_reminder: called with the context at each reminder: a notifier or a function; `context["altinn_reminder"]`
        is the text.
    :param min_validity: seconds for which the login's token must still be valid.
    :param poll_interval: seconds between two looks.
    :param timeout: seconds in all, kept over restarts and retries; whoever clears the task waits anew.
    :param deferrable: wait in the triggerer instead of a worker.
    :return: nothing.
    :raises AirflowSensorTimeout: nobody has logged in in time.
    """

    template_fields: Sequence[str] = ("altinn_conn_id", "deadline")
    operator_extra_links = (AltinnLoginLink(),)
    ui_color = "#fdf1c7"

    def __init__(
        self,
        *,
        altinn_conn_id: str = AltinnHook.default_conn_name,
        deadline: str | None = None,
        remind_before: Sequence[float] = (7 * DAY, 3 * DAY, DAY),
        on_reminder: Callable[[Any], Any] | None = None,
        min_validity: float = 0.0,
        poll_interval: float = 15.0,
        timeout: float = 60 * DAY,
        deferrable: bool = True,
        retries: int = RETRIES,
        retry_delay: timedelta | float = RETRY_DELAY,
        retry_exponential_backoff: float = BACKOFF,
        max_retry_delay: timedelta | float | None = LONGEST_RETRY_DELAY,
        retry_policy: RetryPolicy | None = RETRY_POLICY,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            poke_interval=poll_interval,
            timeout=timeout,
            retries=retries,
            retry_delay=retry_delay,
            retry_exponential_backoff=retry_exponential_backoff,
            max_retry_delay=max_retry_delay,
            retry_policy=retry_policy,
            **kwargs,
        )
        self.altinn_conn_id = altinn_conn_id
        self.deadline = deadline
        self.remind_before = remind_before
        self.on_reminder = on_reminder
        self.min_validity = min_validity
        self.poll_interval = poll_interval
        self.deferrable = deferrable

    @cached_property
    def hook(self) -> AltinnHook:
        """The hook of this task."""
        return AltinnHook(self.altinn_conn_id)

    def execute(self, context: Context) -> Any:
        """Look once; then wait in the triggerer, or here."""
        legal_deadline(self.deadline)
        context["ti"].xcom_push(LOGIN_URL_KEY, login_page_address())
        if not self.deferrable:
            return super().execute(context)
        if not self.poke(context):
            self._wait(context)
        return None

    def poke(self, context: Context) -> bool:
        """Use the login if there is one.

        :raises AirflowSensorTimeout: there is none, and the wait is over.
        """
        hook = AltinnHook(self.altinn_conn_id)
        usable, said = hook.use_login(hook.settings, self.min_validity)
        if usable:
            self.log.info("Connection '%s': %s", self.altinn_conn_id, said)
            return True
        self.log.warning(
            "%s. Log in at %s, or with: altinn login --conn-id %s",
            said,
            login_page_address() or "Airflow's page Altinn logins",
            self.altinn_conn_id,
        )
        if not self.deferrable:
            self._remind_if_due(context)
        if self._wait_ends(context) <= time.time():
            raise self._over(context)
        return False

    def execute_complete(self, context: Context, event: Mapping[str, Any] | None = None) -> None:
        """Read the trigger's event; after a reminder the wait goes on.

        :raises AirflowSensorTimeout: the wait came to its limit.
        :raises AltinnConfigurationError: the trigger met an error that waiting does not mend.
        """
        status = (event or {}).get("status")
        if status == "done":
            self.log.info("Connection '%s': somebody has logged in", self.altinn_conn_id)
        elif status == "reminder":
            self._remind_if_due(context)
            self._wait(context)
        elif status == "timeout":
            raise self._over(context)
        elif status == "error":
            raise AltinnConfigurationError(str((event or {}).get("message", "")))
        else:
            raise AltinnAnswerError(f"the trigger of the login sent an event that is not known: {status!r}")

    def _wait(self, context: Context) -> None:
        ends = self._wait_ends(context)
        self.defer(
            trigger=AltinnLoginTrigger(
                altinn_conn_id=self.altinn_conn_id,
                deadline=ends,
                remind_at=self._next_reminder(context),
                poll_interval=self.poll_interval,
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=max(1.0, ends - time.time()) + 60.0),
        )

    def _reminders(self) -> list[float]:
        due = legal_deadline(self.deadline)
        return [] if due is None else sorted(due - float(before) for before in self.remind_before)

    def _next_reminder(self, context: Context) -> float | None:
        """Return the next moment to remind; of several that have passed only the latest counts."""
        kept = context["task_state_store"].get(REMINDED_KEY)
        reminded = float(kept) if isinstance(kept, int | float) else 0.0
        left = [moment for moment in self._reminders() if moment > reminded]
        passed = [moment for moment in left if moment <= time.time()]
        return passed[-1] if passed else left[0] if left else None

    def _remind_if_due(self, context: Context) -> None:
        moment, due = self._next_reminder(context), legal_deadline(self.deadline)
        if moment is None or due is None or moment > time.time():
            return
        context["task_state_store"].set(REMINDED_KEY, moment)
        text = (
            f"{self.task_id}: the report is due {datetime.fromtimestamp(due, NORWAY):%Y-%m-%d} "
            f"({_span(due - time.time())}) and waits for a person's login for connection '{self.altinn_conn_id}': "
            f"{login_page_address() or 'Airflow, Altinn logins'}"
        )
        self.log.warning("Reminder: %s", text)
        if self.on_reminder is not None:
            self.on_reminder({**context, "altinn_reminder": text})

    def _wait_ends(self, context: Context) -> float:
        return self._kept_deadline.of(context, self.timeout)

    @property
    def _kept_deadline(self) -> KeptDeadline:
        return KeptDeadline(WAIT_KEY, self.altinn_conn_id)

    def _over(self, context: Context) -> AirflowSensorTimeout:
        """Forget the limit: this error is never retried, so the next try is a person's, who wants to wait anew."""
        self._kept_deadline.forget(context)
        return AirflowSensorTimeout(
            f"nobody has logged in for connection '{self.altinn_conn_id}' in time. Log in, and clear the task"
        )


def _span(left: float) -> str:
    if left <= 0:
        return "that is over"
    return f"in {left / DAY:.0f} days" if left > 2 * DAY else f"in {left / 3600:.0f} hours"


def legal_deadline(text: str | None) -> float | None:
    """Return a deadline in seconds since 1970; a date means its end in Norway.

    :raises AltinnInputError: it is neither a date nor a time with its zone.
    """
    given = str(text or "").strip()
    if given in ("", "None"):
        return None
    try:
        if len(given) == len("2026-04-10"):
            day = date.fromisoformat(given) + timedelta(days=1)
            return datetime(day.year, day.month, day.day, tzinfo=NORWAY).timestamp() - 1.0
        moment = datetime.fromisoformat(given)
    except ValueError as exc:
        raise AltinnInputError(f"deadline must be a date such as 2026-04-10, not {given[:40]!r}") from exc
    if moment.tzinfo is None:
        raise AltinnInputError(
            f"deadline {given[:40]!r} has no time zone: write 2026-04-10, or a time with +02:00 or Z"
        )
    return moment.astimezone(UTC).timestamp()
