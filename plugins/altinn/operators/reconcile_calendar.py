"""Read from Altinn where each company stands with each period."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from altinn.authorities.authority import Authority, load_authority
from altinn.authorities.period_readers import period_reader
from altinn.exceptions import AltinnError, AltinnFilingError, AltinnInputError
from altinn.filing_calendar.calendar_reading import CompanyCalendar, unreadable_rows
from altinn.filing_calendar.calendar_rows import ACCEPTED, CalendarRow, as_csv
from altinn.hooks.altinn_hook import AltinnHook
from altinn.operators.altinn_operator import AltinnOperator, whole_number
from altinn.periods import Period, ReportCalendar, report_calendar
from altinn.protocol.filing_key import FilingKey
from altinn.protocol.identifiers import AppId
from altinn.runs.backfill_rules import is_true

if TYPE_CHECKING:
    from airflow.sdk import Context

CALENDAR_KEY = "altinn_filing_calendar"
"""The XCom that the page "Filing calendar" shows."""

_OSLO = ZoneInfo("Europe/Oslo")


class AltinnReconcileOperator(AltinnOperator):
    """Read from Altinn, not from Airflow's memory, where each company stands with each period.

    Per company and period: accepted, filed, waiting for signature, rejected, differing, filed elsewhere (by hand, or by
    another system), missing, not due. The result goes into the XCom `altinn_filing_calendar`, which the page "Filing
    calendar" shows, and into a CSV file. Only reads, so it is safe to retry.

    A company that cannot be read, or whose number is none, gets rows with the reason, and hides no other; if none can
    be read, the task fails.

    :param report: a name of `altinn.periods.REPORTS`; says periods and deadlines.
    :param authority: what tells a report's verdict and period, for example "skatteetaten_vat".
    :param companies: list of {"organisation_number", "name"}, or of organisation numbers.
    :param periods: names of the periods to read; by default the `count` last ones that have ended, and the current one.
    :param count: how many.
    :param kind: "main" or "correction": only this filing counts; by default the newest one of each period.
    :param correction_number: of a correction.
    :param csv_path: where to write the CSV file, local or anything ObjectStoragePath knows; none by default.
    :param expected_sha256: {organisation number: {period: hash over the source documents}}; what is filed with other
        ones is shown as differing.
    :param due_dates: deadlines that the authority has stated otherwise, by period.
    :param undelivered_url: Skatteetaten's list of undelivered VAT terms, {organisation_number} in its address: where
        the connection may read it, its deadlines count, and what it says is held against what Altinn has. See
        `altinn.authorities.vat_undelivered`.
    :param fail_unless_accepted: fail, once the calendar is left and written, unless every row is accepted.
    :param act_for_company: log in as each company's own system user.
    :param now: the clock.
    :return: {"csv_path", "counts": {state: number of rows}}.
    """

    template_fields: Sequence[str] = (
        *AltinnOperator.template_fields,
        "companies",
        "periods",
        "count",
        "kind",
        "correction_number",
        "csv_path",
        "expected_sha256",
        "due_dates",
        "undelivered_url",
        "fail_unless_accepted",
    )

    def __init__(
        self,
        *,
        report: str,
        authority: str | Mapping[str, Any],
        companies: Sequence[Mapping[str, str] | str],
        periods: Sequence[str] | None = None,
        count: int | str = 12,
        kind: str = "",
        correction_number: int | str = 0,
        csv_path: str | None = None,
        expected_sha256: Mapping[str, Mapping[str, str]] | None = None,
        due_dates: Mapping[str, str] | None = None,
        undelivered_url: str | None = None,
        fail_unless_accepted: bool | str = False,
        act_for_company: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.report_name = report
        self.authority = authority
        self.companies = companies
        self.periods = periods
        self.count = count
        self.kind = kind
        self.correction_number = correction_number
        self.csv_path = csv_path
        self.expected_sha256 = expected_sha256
        self.due_dates = due_dates
        self.undelivered_url = undelivered_url
        self.fail_unless_accepted = fail_unless_accepted
        self.act_for_company = act_for_company
        self.now = now

    def execute(self, context: Context) -> dict[str, Any]:
        """Read every company, leave the calendar for the page, and write the CSV file."""
        report, authority = report_calendar(self.report_name), load_authority(self.authority)
        companies = companies_of(self.companies)
        moment = self.now()
        today = moment.astimezone(_OSLO).date()
        periods = self._periods(report, today)
        rows: list[CalendarRow] = []
        failed: list[AltinnError] = []
        for number, name in companies:
            try:
                rows += self._rows(report, authority, number, name, periods, today)
            except AltinnError as exc:
                self.log.warning("%s could not be read: %s", number, exc)
                failed.append(exc)
                rows += unreadable_rows(number, name, periods, self._due(report), exc)
        if failed and len(failed) == len(companies):
            raise failed[0]
        counts = dict(Counter(row.state for row in rows))
        context["ti"].xcom_push(CALENDAR_KEY, self._calendar(report, authority, periods, rows, moment))
        self._write_csv(rows)
        self.log.info("%d companies, %d periods: %s", len(companies), len(periods), counts)
        if is_true(self.fail_unless_accepted, "fail_unless_accepted"):
            _require_accepted(rows)
        return {"csv_path": self.csv_path or None, "counts": counts}

    def _rows(
        self,
        report: ReportCalendar,
        authority: Authority,
        number: str,
        name: str,
        periods: Sequence[Period],
        today: date,
    ) -> list[CalendarRow]:
        hook = AltinnHook(self.altinn_conn_id, on_behalf_of=number) if self.act_for_company else self.hook
        owner = hook.owner(organisation_number=number)
        app = hook.app(self.app)
        listed = self._undelivered(hook, number)
        due = self._due(report, listed)
        number_of_kind = whole_number(self.correction_number, "correction_number")
        key = FilingKey.of(AppId.parse(self.app), owner, periods[0].name, self.kind or "main", number_of_kind)
        calendar = CompanyCalendar(
            session=hook.session,
            app=app,
            storage=hook.storage,
            authority=authority,
            owner=owner,
            company=name,
            due_date=due,
            today=today,
            period_of=period_reader(authority, hook.session, app),
            link=lambda instance: hook.instance_link(self.app, instance.id),
            expected=dict((self.expected_sha256 or {}).get(number, {})),
            undelivered=None if listed is None else frozenset(listed),
            kind=key.kind if self.kind else "",
        )
        return hook.run(calendar.rows(key, periods))

    def _periods(self, report: ReportCalendar, today: date) -> list[Period]:
        if self.periods:
            return sorted((report.period(str(name)) for name in self.periods), key=lambda period: period.start)
        count = whole_number(self.count, "count")
        if count < 1:
            raise AltinnInputError(f"count must be at least 1, not {count}")
        found = [report.latest_ended(today)]
        while len(found) < count:
            found.insert(0, report.preceding(found[0]))
        return [*found, report.following(found[-1])]

    def _undelivered(self, hook: AltinnHook, number: str) -> dict[str, date] | None:
        """Ask the authority for the company's undelivered periods; None when it is not asked or does not answer."""
        if not self.undelivered_url:
            return None
        from altinn.authorities.vat_undelivered import undelivered

        url = self.undelivered_url.replace("{organisation_number}", number)
        try:
            return hook.run(hook.session.perform(undelivered(url)))
        except AltinnError as exc:
            self.log.warning("%s: the authority's list of undelivered periods is left out: %s", number, exc)
            return None

    def _due(self, report: ReportCalendar, listed: Mapping[str, date] | None = None) -> Callable[[Period], date]:
        stated = {name: date.fromisoformat(day) for name, day in (self.due_dates or {}).items()} | dict(listed or {})
        return lambda period: stated.get(period.name) or report.due_date(period)

    def _calendar(
        self,
        report: ReportCalendar,
        authority: Authority,
        periods: Sequence[Period],
        rows: Sequence[CalendarRow],
        moment: datetime,
    ) -> dict[str, Any]:
        return {
            "report": report.title,
            "authority": authority.name,
            "app": self.app,
            "read_at": moment.astimezone(UTC).isoformat(timespec="seconds"),
            "periods": [period.name for period in periods],
            "rows": [row.as_json() for row in rows],
        }

    def _write_csv(self, rows: Sequence[CalendarRow]) -> None:
        if not self.csv_path:
            return
        from altinn.documents import storage_path

        target = storage_path(self.csv_path)
        target.parent.mkdir(parents=True, exist_ok=True)
        # The mark tells spreadsheets that the file is UTF-8.
        target.write_bytes(b"\xef\xbb\xbf" + as_csv(rows).encode())
        self.log.info("wrote %s", self.csv_path)


def _require_accepted(rows: Sequence[CalendarRow]) -> None:
    """Return only if every row is accepted.

    :raises AltinnFilingError: lists the companies by where they stand.
    """
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.state.replace("_", " "), []).append(f"{row.organisation_number} {row.period}")
    if set(found) - {ACCEPTED}:
        listed = "\n".join(f"  {state}: {', '.join(who)}" for state, who in sorted(found.items()))
        raise AltinnFilingError(f"not everything is accepted:\n{listed}", [row.instance_id for row in rows])


def companies_of(value: object) -> list[tuple[str, str]]:
    """Read a list of companies as (organisation number, name), in its order.

    White space is left out of the numbers, which are not checked otherwise: one that is none hides no other company.

    :raises AltinnInputError: it is none, or a company is in it twice.
    """
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or not value:
        raise AltinnInputError('companies must be a list, for example [{"organisation_number": "999999999"}]')
    found = [_company(item) for item in value]
    for number, count in Counter(number for number, _ in found).items():
        if count > 1:
            raise AltinnInputError(f"company {number} is in the list {count} times: leave it in once")
    return found


def _company(item: object) -> tuple[str, str]:
    if isinstance(item, Mapping):
        number, name = item.get("organisation_number"), str(item.get("name") or "").strip()
    else:
        number, name = item, ""
    # Not empty, which would stand for the connection's own company.
    return "".join(str(number or "").split()) or "(empty)", name
