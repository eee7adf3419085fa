"""Which period an instance without a stamp is about: read from its form, as each authority writes it.

Somebody may have filed by hand or from another system. Such an instance carries no stamp of ours; only its form says
which period it is about.
"""

from __future__ import annotations

from collections.abc import Callable

from altinn.authorities import brreg_accounts, skatteetaten_tax
from altinn.authorities import skatteetaten_vat as vat
from altinn.authorities.authority import Authority
from altinn.exceptions import AltinnError, AltinnInputError
from altinn.protocol.app_api import App
from altinn.protocol.filing import PeriodReader
from altinn.protocol.model import Instance
from altinn.protocol.session import Session
from altinn.protocol.wire import Flow

PeriodOfForm = Callable[[str, bytes], str]
"""Reads the period's name from a document of a data type; raises AltinnInputError when it holds none."""


def _vat_period(data_type: str, content: bytes) -> str:
    read = vat.read_envelope if data_type == vat.ENVELOPE else vat.read_return
    return read(content).period.name


def _period_by(authority: Authority) -> PeriodOfForm:
    """Return how an authority reads the period; what it cannot tell is an error here."""

    def read(data_type: str, content: bytes) -> str:
        period = authority.period_of(content)
        if period is None:
            raise AltinnInputError(f"the {data_type} names no period")
        return period

    return read


READERS: dict[str, tuple[tuple[str, ...], PeriodOfForm]] = dict.fromkeys(
    vat.APP_IDS.values(), ((vat.RETURN, vat.ENVELOPE), _vat_period)
)
READERS.update(
    {
        app: ((authority.period_type,), _period_by(authority))
        for authority in (brreg_accounts.AUTHORITY, skatteetaten_tax.AUTHORITY)
        for app in authority.app_ids.values()
    }
)
"""For each app the data types that name the period, the most telling first, and how to read them."""


def period_reader(app_id: str, session: Session, app: App) -> PeriodReader | None:
    """Return how to read the period of an app's instances; None when no authority is known for it."""
    known = READERS.get(app_id)
    if known is None:
        return None
    data_types, read = known

    def period_of(instance: Instance) -> Flow[str | None]:
        for data_type in data_types:
            for element in instance.of_type(data_type):
                # Asked for anything, an app shows a form as JSON.
                call = app.read_data(instance.id, element.id, accept="application/xml")
                answer = yield from session.perform(call)
                try:
                    return read(data_type, answer.body).upper()
                except AltinnError:
                    continue
        return None

    return period_of
