"""What the doctor says: one finding for each link, without any secret."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from altinn.protocol.environments import Environment
from altinn.protocol.masking import mask

OK, WARNING, FAILED, SKIPPED = "ok", "warning", "failed", "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """How one link stands.

    :param status: "ok", "warning", "failed", or "skipped" when an earlier link broke or nobody asked.
    :param who: who can mend it; empty when nothing needs mending.
    :param where: the address of the page where, or the field of the connection.
    """

    link: str
    status: str
    text: str
    who: str = ""
    where: str = ""

    def line(self) -> str:
        """Write it as one line."""
        mending = f" [{self.who}: {self.where}]" if self.who and self.where else f" [{self.who}]" if self.who else ""
        return f"{self.link}: {self.status}. {' '.join(mask(self.text).split())}{mending}"


def nothing_failed(findings: Iterable[Finding]) -> bool:
    """Tell whether every link holds as far as it was looked at."""
    return all(finding.status != FAILED for finding in findings)


def as_text(findings: Iterable[Finding], *, short: bool = False) -> str:
    """Write all findings, one line each.

    :param short: leave out what was skipped.
    """
    return "\n".join(finding.line() for finding in findings if not short or finding.status != SKIPPED)


def as_json(conn_id: str, findings: Iterable[Finding]) -> str:
    """Write all findings for a machine."""
    listed = list(findings)
    document = {
        "connection": conn_id,
        "ok": nothing_failed(listed),
        "findings": [{**asdict(finding), "text": mask(finding.text)} for finding in listed],
    }
    return json.dumps(document, ensure_ascii=False, indent=1)


@dataclass(frozen=True, slots=True)
class Pages:
    """Where people mend things, for one environment."""

    clients: str
    system_users: str
    status: str

    @classmethod
    def of(cls, environment: Environment) -> Pages:
        """Return an environment's pages (Samarbeidsportalen, Altinn's access management, operational status)."""
        status = "https://status.digdir.no/"
        if environment.is_local:
            return cls("the emulator's --clients file", f"{environment.platform_url}/", environment.platform_url)
        domain = environment.platform_url.removeprefix("https://platform.")
        test = "" if environment.is_production else "test."
        clients = f"https://sjolvbetjening.{test}samarbeid.digdir.no/"
        return cls(clients, f"https://am.ui.{domain}/accessmanagement/ui/systemuser/overview", status)


YOU = "whoever runs this machine"
EDITOR = "whoever edits the connection"
CLIENT_OWNER = "whoever administers the client in Samarbeidsportalen"
CUSTOMER = "the company that approves the system user"
PERSON = "the person who logs in"
APP_OWNER = "the app's owner"
ALTINN = "Digdir"
