from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from altinn.emulator.identity import Identity, Principal
from altinn.emulator.identity.altinn_tokens import ExchangeRefusal
from tests.unit.emulator.identity.conftest import NOW, AskMachine, Caller, claims_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import rsa

SCOPE = "altinn:instances.read"


def principal(identity: Identity, token: str | None) -> Principal:
    found = identity.authenticate(f"Bearer {token}")
    assert found is not None
    return found


def test_a_maskinporten_token_becomes_an_organisation(
    identity: Identity, machine: Caller, ask_maskinporten: AskMachine
) -> None:
    raw = ask_maskinporten(machine.assertion(scope=SCOPE))["access_token"]
    token = identity.tokens.exchange_maskinporten(raw, issuer="altinn", test=False, now=NOW + 300)
    claims = claims_of(token)
    assert claims["exp"] == NOW + 300 + 1800, "30 minutes from the exchange, whatever was left of the outer token"
    assert claims["urn:altinn:authlevel"] == 3
    assert not {"aud", "client_amr"} & claims.keys()
    found = principal(identity, token)
    assert (found.kind, found.org_number, found.org_code) == ("org", "999999999", None)
    assert found.scopes == {SCOPE}


def test_a_service_owner_s_scope_makes_a_service_owner(
    identity: Identity, key: rsa.RSAPrivateKey, machine: Caller, ask_maskinporten: AskMachine
) -> None:
    owner = Caller(key, "owner", machine.audience)
    raw = ask_maskinporten(owner.assertion(scope="altinn:serviceowner/instances.read"))["access_token"]
    token = identity.tokens.exchange_maskinporten(raw, issuer="altinn", test=False, now=NOW)
    found = principal(identity, token)
    assert (found.kind, found.org_code, found.org_number) == ("service_owner", "ttd", "405003309")


def test_a_system_user_stays_one_through_the_exchange(
    identity: Identity, machine: Caller, ask_maskinporten: AskMachine
) -> None:
    org = {"authority": "iso6523-actorid-upis", "ID": "0192:950474084"}
    details = [{"type": "urn:altinn:systemuser", "systemuser_org": org}]
    raw = ask_maskinporten(machine.assertion(scope=SCOPE, authorization_details=details))["access_token"]
    token = identity.tokens.exchange_maskinporten(raw, issuer="altinn", test=False, now=NOW)
    found = principal(identity, token)
    assert found.kind == "system_user"
    assert found.system_user_id == "11111111-0000-4000-8000-000000000001"
    assert (found.system_user_org, found.org_number, found.client_id) == ("950474084", "999999999", "machine")


def test_an_idporten_token_becomes_a_person_for_as_long_as_it_lives(
    identity: Identity, ask_idporten: AskMachine
) -> None:
    login = identity.idporten.login("person", 1337, SCOPE, now=NOW)
    raw = ask_idporten(str(login["refresh_token"]))["access_token"]
    token = identity.tokens.exchange_idporten(raw, issuer="altinn", now=NOW + 100)
    assert claims_of(token)["exp"] == claims_of(raw)["exp"]
    assert "pid" not in claims_of(token)
    found = principal(identity, token)
    assert (found.kind, found.user_id, found.party_id, found.username) == ("user", 1337, 501337, "SophieDDG")
    assert found.person_number == "01039012345"
    assert "01039012345" not in repr(found)
    assert found.auth_level == 4


def test_an_idporten_token_needs_a_scope_that_altinn_knows(identity: Identity, ask_idporten: AskMachine) -> None:
    for scope, passes in [("other:scope", False), ("other:scope skatteetaten:mvameldinginnsending", True)]:
        login = identity.idporten.login("person", 1337, scope, now=NOW)
        raw = ask_idporten(str(login["refresh_token"]))["access_token"]
        if passes:
            assert identity.tokens.exchange_idporten(raw, issuer="altinn", now=NOW)
        else:
            with pytest.raises(ExchangeRefusal) as caught:
                identity.tokens.exchange_idporten(raw, issuer="altinn", now=NOW)
            assert caught.value.status == 403


def test_the_exchange_lets_ten_seconds_pass(identity: Identity, machine: Caller, ask_maskinporten: AskMachine) -> None:
    raw = ask_maskinporten(machine.assertion(scope=SCOPE))["access_token"]
    assert identity.tokens.exchange_maskinporten(raw, issuer="altinn", test=False, now=NOW + 609)
    with pytest.raises(ExchangeRefusal) as caught:
        identity.tokens.exchange_maskinporten(raw, issuer="altinn", test=False, now=NOW + 610)
    assert caught.value.status == 401


def test_no_provider_takes_another_s_token(
    identity: Identity, machine: Caller, ask_maskinporten: AskMachine, ask_idporten: AskMachine
) -> None:
    machine_s = ask_maskinporten(machine.assertion(scope=SCOPE))["access_token"]
    login = identity.idporten.login("person", 1337, SCOPE, now=NOW)
    person_s = ask_idporten(str(login["refresh_token"]))["access_token"]
    altinn_s = identity.tokens.exchange_maskinporten(machine_s, issuer="altinn", test=False, now=NOW)
    for token in (person_s, altinn_s, machine.assertion(scope=SCOPE), "nonsense"):
        with pytest.raises(ExchangeRefusal):
            identity.tokens.exchange_maskinporten(token, issuer="altinn", test=False, now=NOW)
    for token in (machine_s, altinn_s, "nonsense"):
        with pytest.raises(ExchangeRefusal):
            identity.tokens.exchange_idporten(token, issuer="altinn", now=NOW)
        if token is not altinn_s:
            with pytest.raises(ExchangeRefusal):
                identity.tokens.renew(token, now=NOW)


def test_a_raw_token_is_told_from_no_token(identity: Identity, machine: Caller, ask_maskinporten: AskMachine) -> None:
    raw = ask_maskinporten(machine.assertion(scope=SCOPE))["access_token"]
    assert principal(identity, raw).kind == "external"
    for nothing in (None, "", "nonsense", "Bearer ", f"Bearer {machine.assertion(scope=SCOPE)}"):
        assert identity.authenticate(nothing) is None


def test_a_token_ends_and_can_be_renewed_before(identity: Identity) -> None:
    token = identity.tokens.test_user(1337, level=2, scope=None, issuer="altinn", now=NOW - 1799)
    assert principal(identity, token).user_id == 1337
    renewed = identity.tokens.renew(str(token), now=NOW)
    assert claims_of(renewed)["exp"] == NOW + 1800
    late = identity.tokens.test_user(1337, level=2, scope=None, issuer="altinn", now=NOW - 1800)
    assert identity.authenticate(late) is None
    with pytest.raises(ExchangeRefusal):
        identity.tokens.renew(str(late), now=NOW)


def test_localtest_s_helpers_know_its_people(identity: Identity) -> None:
    tokens = identity.tokens
    system_user = "d111dbab-d619-4f15-bf29-58fe570a9ae6"
    found = principal(identity, tokens.test_system_user(system_user, scope=SCOPE, issuer="x", now=NOW))
    assert (found.kind, found.system_user_org, found.org_number) == ("system_user", "950474084", "913312465")
    assert tokens.test_system_user("d111dbab-0000-4f15-bf29-58fe570a9ae6", scope=SCOPE, issuer="x", now=NOW) is None
    assert tokens.test_user(4, level=2, scope=None, issuer="x", now=NOW) is None
    org = tokens.test_org("TTD", org_number=None, scopes=None, level=3, issuer="x", now=NOW)
    found = principal(identity, org)
    assert (found.kind, found.org_code, found.org_number) == ("service_owner", "ttd", "405003309")
    assert found.scopes == {"altinn:serviceowner/instances.read"}
