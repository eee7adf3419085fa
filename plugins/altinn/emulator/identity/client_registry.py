"""The clients that Maskinporten and ID-porten know, as Samarbeidsportalen would hold them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import jwt
from cryptography import x509

from altinn.emulator.identity.identity_store import IdentityStore

CLIENT_KIND = "client"
INTEGRATIONS = ("maskinporten", "idporten")
PERSON_GRANTS = ("authorization_code", "refresh_token")


class ClientError(ValueError):
    """A registration that cannot be taken; the text says which part and why."""


@dataclass(frozen=True, slots=True)
class SystemUserGrant:
    """A customer's system user that a client may act as.

    :param external_ref: set when the vendor's request had one; the token request must then name it.
    """

    system_user_id: str
    org_number: str
    external_ref: str | None


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client.

    :param keys: public JWKs by key id; each may carry `exp`, after which it is refused.
    :param integration: "maskinporten" or "idporten".
    :param system: id in Altinn's system register.
    :param withdrawn_scopes: those of its scopes that their owner has not granted to its organisation (any more).
    :param redirect_uris: where ID-porten may send a browser back to, compared letter by letter.
    :param certificate_authority: PEM of the authority whose enterprise certificates (x5c) log this client in; empty
        when it is registered with keys.
    :param client_secret: of an ID-porten client that is registered with one instead of keys.
    :param authenticated_by: how the client has shown who it is, in a request.
    :param grant_types: what an ID-porten client may do; without "refresh_token" its logins end with the access token.
    """

    client_id: str
    keys: Mapping[str, Mapping[str, object]]
    integration: str
    scopes: frozenset[str]
    org_number: str
    system: str
    system_users: tuple[SystemUserGrant, ...]
    redirect_uris: frozenset[str] = frozenset()
    certificate_authority: str = ""
    grant_types: frozenset[str] = frozenset(PERSON_GRANTS)
    client_secret: str = field(default="", repr=False)
    authenticated_by: str = "private_key_jwt"
    withdrawn_scopes: frozenset[str] = frozenset()


class ClientRegistry:
    """Clients given at the start, and clients registered later, which are kept with the state."""

    def __init__(self, store: IdentityStore, clients: Iterable[Mapping[str, object]] = ()) -> None:
        self._store = store
        self._given = {client.client_id: client for client in map(parse_client, clients)}

    def register(self, documents: Iterable[Mapping[str, object]]) -> list[str]:
        """Add or replace clients, all or none; give their ids.

        :raises ClientError: when one of them is malformed.
        """
        parsed = [(parse_client(document), document) for document in documents]
        with self._store.exclusively():
            for client, document in parsed:
                self._store.put(CLIENT_KIND, client.client_id, json.dumps(document))
        return [client.client_id for client, _ in parsed]

    def find(self, client_id: str) -> Client | None:
        """Give the client with this id; a later registration goes before one given at the start."""
        kept = self._store.get(CLIENT_KIND, client_id)
        return parse_client(json.loads(kept)) if kept else self._given.get(client_id)

    def all(self) -> list[Client]:
        """Give every client, by id."""
        later = {key: parse_client(json.loads(value)) for key, value in self._store.items(CLIENT_KIND)}
        return [client for _, client in sorted({**self._given, **later}.items())]


def parse_client(document: object) -> Client:
    """Read one registration.

    :raises ClientError: names the member that is missing or wrong.
    """
    if not isinstance(document, Mapping):
        raise ClientError("a client must be a JSON object")
    client_id = _text(document, "client_id", "client")
    where = f"client {client_id}"
    integration = _text(document, "integration", where)
    if integration not in INTEGRATIONS:
        raise ClientError(f"{where}: integration must be one of {', '.join(INTEGRATIONS)}, not {integration!r}")
    scopes, withdrawn = _scopes(document, "scopes", where), _scopes(document, "withdrawn_scopes", where)
    if not withdrawn <= scopes:
        raise ClientError(f"{where}: withdrawn_scopes must be among its scopes")
    redirects = document.get("redirect_uris", [])
    if not isinstance(redirects, list) or not all(isinstance(uri, str) and "://" in uri for uri in redirects):
        raise ClientError(f"{where}: redirect_uris must be a list of addresses")
    authority = document.get("certificate_authority") or ""
    secret = _secret(document, integration, where)
    org_number = _org_number(document, where)
    system = document.get("system_id")
    grants = document.get("system_users")
    grants = [] if grants is None else grants
    if not isinstance(grants, list):
        raise ClientError(f"{where}: system_users must be a list")
    return Client(
        client_id=client_id,
        keys={} if authority or secret else _keys(document.get("jwks"), where),
        integration=integration,
        scopes=scopes,
        org_number=org_number,
        system=system if isinstance(system, str) and system else f"{org_number}_emulated_system",
        system_users=tuple(_grant(grant, where) for grant in grants),
        redirect_uris=frozenset(redirects),
        certificate_authority=check_authority(authority, where),
        grant_types=_grant_types(document.get("grant_types"), where),
        client_secret=secret,
        withdrawn_scopes=withdrawn,
    )


def _scopes(document: Mapping[str, object], name: str, where: str) -> frozenset[str]:
    scopes = document.get(name, [])
    if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
        raise ClientError(f"{where}: {name} must be a list of strings")
    return frozenset(scopes)


def _secret(document: Mapping[str, object], integration: str, where: str) -> str:
    secret = document.get("client_secret")
    if secret is None:
        return ""
    if not isinstance(secret, str) or not secret:
        raise ClientError(f"{where}: client_secret must be a non-empty string")
    if integration != "idporten":
        raise ClientError(f"{where}: client_secret is for ID-porten; Maskinporten takes keys alone")
    if document.get("jwks") or document.get("certificate_authority"):
        raise ClientError(f"{where}: a client has either client_secret or keys")
    return secret


def _grant_types(listed: object, where: str) -> frozenset[str]:
    if listed is None:
        return frozenset(PERSON_GRANTS)
    if not isinstance(listed, list) or not listed or not all(one in PERSON_GRANTS for one in listed):
        raise ClientError(f"{where}: grant_types must be a list of {', '.join(PERSON_GRANTS)}")
    return frozenset(listed)


def check_authority(pem: object, where: str) -> str:
    """Return the PEM of a certificate authority, or nothing for nothing.

    :raises ClientError: it is not a certificate.
    """
    if not pem:
        return ""
    try:
        x509.load_pem_x509_certificate(str(pem).encode("ascii"))
    except ValueError as exc:
        raise ClientError(f"{where}: certificate_authority is not a PEM certificate") from exc
    return str(pem)


def _grant(grant: object, where: str) -> SystemUserGrant:
    if not isinstance(grant, Mapping):
        raise ClientError(f"{where}: each of system_users must be a JSON object")
    reference = grant.get("external_ref")
    if reference is not None and not isinstance(reference, str):
        raise ClientError(f"{where}: external_ref must be a string or null")
    return SystemUserGrant(_text(grant, "id", where), _org_number(grant, where), reference)


def _keys(jwks: object, where: str) -> dict[str, Mapping[str, object]]:
    listed = jwks.get("keys") if isinstance(jwks, Mapping) else None
    if not isinstance(listed, list) or not listed:
        raise ClientError(f'{where}: jwks must be {{"keys": [...]}} with at least one public key')
    keys: dict[str, Mapping[str, object]] = {}
    for number, key in enumerate(listed, 1):
        if not isinstance(key, Mapping) or not isinstance(key.get("kid"), str):
            raise ClientError(f"{where}: key {number} of jwks has no kid")
        if "d" in key:
            raise ClientError(f"{where}: key {number} of jwks is a private key; register the public part alone")
        try:
            jwt.PyJWK(dict(key), algorithm="RS256")
        except (jwt.PyJWTError, ValueError, TypeError, KeyError) as exc:
            raise ClientError(f"{where}: key {number} of jwks is not a public RSA key: {exc}") from exc
        keys[str(key["kid"])] = dict(key)
    return keys


def _text(document: Mapping[str, object], name: str, where: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise ClientError(f"{where}: {name} must be a non-empty string")
    return value


def _org_number(document: Mapping[str, object], where: str) -> str:
    number = _text(document, "org_number", where)
    if not (len(number) == 9 and number.isascii() and number.isdigit()):
        raise ClientError(f"{where}: org_number must be nine digits")
    return number
