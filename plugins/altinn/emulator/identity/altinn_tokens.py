"""Altinn's own tokens: the exchange, the renewal, LocalTest's helpers, and reading one back."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from altinn.emulator.identity.principal import (
    SYSTEM_USER_TYPE,
    Directory,
    Person,
    Principal,
    iso6523,
    org_number_in,
    principal_from,
)
from altinn.emulator.identity.signing_keys import SigningKeys

LEVELS = {"idporten-loa-low": 0, "idporten-loa-substantial": 3, "idporten-loa-high": 4, "Level3": 3, "Level4": 4}
# `PartnerScopes` in Altinn Authentication's appsettings.json.
PARTNER_SCOPES = frozenset(
    {
        "skatteetaten:formueinntekt/skattemelding",
        "skatteetaten:mvameldinginnsending",
        "skatteetaten:mvameldingvalidering",
    }
)
SKEW = 10
KEPT_OF_IDPORTEN = frozenset({"scope", "client_id", "client_amr", "consumer", "acr", "amr", "jti"})
DEFAULT_USER_SCOPE = "altinn:portal/enduser altinn:instances.read altinn:instances.write"


class ExchangeRefusal(Exception):
    """The exchange says no; it has a status and says nothing more."""

    def __init__(self, status: int) -> None:
        super().__init__(f"exchange refused with {status}")
        self.status = status


@dataclass(frozen=True, slots=True)
class AltinnTokens:
    """Makes and reads Altinn tokens.

    :param lifetime: seconds that a token lives; one exchanged for an ID-porten token lives as long as that.
    """

    keys: SigningKeys
    directory: Directory
    lifetime: int = 1800
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())

    def principal(self, token: str, now: float) -> Principal | None:
        """Tell whose token this is; None when it is nobody's, expired, or not ours."""
        claims = self.keys.read("altinn", token, now=now)
        if claims is not None:
            return principal_from(claims, self.directory)
        for issuer in ("maskinporten", "idporten"):
            raw = self.keys.read(issuer, token, now=now)
            if raw is not None:
                return Principal("external", client_id=str(raw.get("client_id")))
        return None

    def exchange_maskinporten(self, token: str, *, issuer: str, test: bool, now: float) -> str:
        """Trade a Maskinporten token for an Altinn token (`AuthenticationController.AuthenticateMaskinportenToken`).

        No scope is demanded here, and the audience is not looked at.

        :param issuer: Altinn's own issuer name.
        :param test: `urn:altinn:org` becomes "ttd", for Digdir's own service owner tokens alone.
        :raises ExchangeRefusal: 401.
        """
        claims = self.keys.read("maskinporten", token, now=now, leeway=SKEW)
        org_number = org_number_in(claims.get("consumer")) if claims else None
        if claims is None or org_number is None:
            raise ExchangeRefusal(401)
        kept = {name: claims[name] for name in claims.keys() - {"aud", "iss", "client_amr", "sid"}}
        kept["urn:altinn:orgNumber"] = org_number
        kept["urn:altinn:authenticatemethod"] = "maskinporten"
        kept["urn:altinn:authlevel"] = 3
        if any(scope.startswith("altinn:serviceowner") for scope in str(claims.get("scope", "")).split()):
            org = self.directory.org_code_of(org_number)
            if org:
                kept["urn:altinn:org"] = "ttd" if test and org == "digdir" else org
        return self._issue(kept, issuer, now, now + self.lifetime)

    def exchange_idporten(self, token: str, *, issuer: str, now: float) -> str:
        """Trade an ID-porten token for an Altinn token that ends when it ends (`AuthenticateIdPortenToken`).

        :raises ExchangeRefusal: 401, or 403 when no scope is Altinn's or a partner's.
        """
        claims = self.keys.read("idporten", token, now=now, leeway=SKEW)
        person_number = claims.get("pid") if claims else None
        if claims is None or not isinstance(person_number, str) or "acr" not in claims:
            raise ExchangeRefusal(401)
        scopes = str(claims.get("scope", "")).split()
        if not any(scope.startswith("altinn:") or scope in PARTNER_SCOPES for scope in scopes):
            raise ExchangeRefusal(403)
        person = self.directory.user_of_person(person_number)
        if person is None:
            raise ExchangeRefusal(401)
        kept = {name: claims[name] for name in claims.keys() & KEPT_OF_IDPORTEN}
        level = LEVELS.get(str(claims["acr"]), 0)
        return self._issue(
            {**kept, **_user_claims(person, level), "urn:altinn:authenticatemethod": "IdportenTestId"},
            issuer,
            now,
            float(str(claims["exp"])),
        )

    def renew(self, token: str, *, now: float) -> str:
        """Give a new token for a living one (`AuthenticationController.RefreshJwtCookie`).

        :raises ExchangeRefusal: 401.
        """
        claims = self.keys.read("altinn", token, now=now)
        if claims is None:
            raise ExchangeRefusal(401)
        return self._issue(claims, str(claims["iss"]), now, now + self.lifetime)

    def test_user(self, user_id: int, *, level: int, scope: str | None, issuer: str, now: float) -> str | None:
        """Make LocalTest's token of a test person; None when there is no such person."""
        person = self.directory.user(user_id)
        if person is None:
            return None
        claims = {**_user_claims(person, level), "scope": scope or DEFAULT_USER_SCOPE}
        return self._issue(claims, issuer, now, now + self.lifetime)

    def test_org(
        self, org: str, *, org_number: str | None, scopes: str | None, level: int, issuer: str, now: float
    ) -> str:
        """Make LocalTest's token of a service owner."""
        claims: dict[str, object] = {
            "urn:altinn:org": org.lower(),
            "urn:altinn:authlevel": level,
            "scope": scopes or "altinn:serviceowner/instances.read",
        }
        number = org_number or self.directory.org_number_of(org.lower())
        if number:
            claims["urn:altinn:orgNumber"] = number
        return self._issue(claims, issuer, now, now + self.lifetime)

    def test_system_user(self, system_user_id: str, *, scope: str, issuer: str, now: float) -> str | None:
        """Make LocalTest's token of a system user; None when there is no such system user."""
        found = self.directory.system_user(system_user_id)
        if found is None:
            return None
        vendor = found.system.partition("_")[0]
        details = {
            "type": SYSTEM_USER_TYPE,
            "systemuser_id": [found.system_user_id],
            "system_id": found.system,
            "systemuser_org": iso6523(found.org_number),
        }
        claims = {
            "token_type": "Bearer",
            "scope": scope,
            "client_id": self.new_id(),
            "urn:altinn:orgNumber": vendor,
            "urn:altinn:authenticatemethod": "maskinporten",
            "urn:altinn:authlevel": 3,
            "authorization_details": details,
            "consumer": iso6523(vendor),
        }
        return self._issue(claims, issuer, now, now + self.lifetime)

    def _issue(self, claims: Mapping[str, object], issuer: str, now: float, expires: float) -> str:
        times = {"iat": int(now), "nbf": int(now), "exp": int(expires)}
        return self.keys.sign("altinn", {"jti": self.new_id(), **claims, "iss": issuer, **times})


def _user_claims(person: Person, level: int) -> dict[str, object]:
    return {
        "nameid": str(person.user_id),
        "urn:altinn:userid": str(person.user_id),
        "urn:altinn:username": person.username,
        "urn:altinn:partyid": person.party_id,
        "urn:altinn:authlevel": level,
    }
