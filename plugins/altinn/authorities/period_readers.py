"""Which period an instance without a stamp is about: read from its form, as each authority writes it.

Somebody may have filed by hand or from another system. Such an instance carries no stamp of ours; only its form says
which period it is about.
"""

from __future__ import annotations

from altinn.authorities import brreg_accounts, skatteetaten_tax, skatteetaten_vat
from altinn.authorities.authority import Authority
from altinn.exceptions import AltinnError, AltinnForbiddenError, AltinnNotFoundError
from altinn.protocol.app_api import App
from altinn.protocol.filing import PeriodReader
from altinn.protocol.model import Instance
from altinn.protocol.session import Session
from altinn.protocol.wire import Flow

_KNOWN = {
    app_id: authority
    for authority in (skatteetaten_vat.AUTHORITY, brreg_accounts.AUTHORITY, skatteetaten_tax.AUTHORITY)
    for app_id in authority.app_ids.values()
}


def known_authority(app_id: str) -> Authority | None:
    """Return the authority whose app this is; None when none of this package's is."""
    return _KNOWN.get(app_id)


def period_reader(authority: Authority, session: Session, app: App, data_type: str = "") -> PeriodReader:
    """Return how to read the period of an app's instances, in capitals, as a filing key has it.

    What names no period, or may not be read, has no known period (None), so that the filing stops instead of guessing.
    An error that time may mend is raised.

    :param data_type: which document tells the period, where the authority serves several forms.
    """

    def period_of(instance: Instance) -> Flow[str | None]:
        for name in (data_type,) if data_type else authority.types_that_tell(instance):
            for element in instance.of_type(name):
                # Asked for anything, an app shows a form as JSON.
                call = app.read_data(instance.id, element.id, accept="application/xml")
                try:
                    answer = yield from session.perform(call)
                except (AltinnForbiddenError, AltinnNotFoundError):
                    continue
                period = _named(authority, answer.body)
                if period is not None:
                    return period.upper()
        return None

    return period_of


def _named(authority: Authority, content: bytes) -> str | None:
    try:
        return authority.period_of(content)
    except AltinnError:
        return None


def period_reader_of_app(app_id: str, session: Session, app: App) -> PeriodReader | None:
    """Return how to read the period of an app's instances; None when no authority is known for it."""
    authority = known_authority(app_id)
    return None if authority is None else period_reader(authority, session, app)
