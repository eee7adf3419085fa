"""A connection's fields: what is taken, and what is said about each that is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from altinn.exceptions import AltinnConfigurationError, AltinnInputError
from altinn.protocol.settings import DEFAULT_SCOPES, Settings, settings_from, with_files_read
from tests.unit.login_samples import HOST, idporten, jwk, maskinporten, pem, token


def test_a_maskinporten_connection() -> None:
    settings = settings_from(
        "filing",
        login=" client-1 ",
        extra={
            "environment": "tt02",
            "private_key": pem(),
            "key_id": "key-1",
            "scopes": "altinn:instances.read,altinn:instances.write  skatteetaten:mva",
            "on_behalf_of": "974 760 673",
            "external_ref": "department-7",
            "settle": None,
            "timeout": "90",
            "proxies": '{"https": "http://proxy:3128"}',
            "verify": "false",
        },
    )

    assert settings.environment.name == "tt02"
    assert (settings.auth_mode, settings.client_id, settings.key_id) == ("maskinporten", "client-1", "key-1")
    assert settings.scopes == ("altinn:instances.read", "altinn:instances.write", "skatteetaten:mva")
    assert (settings.on_behalf_of, settings.external_ref) == ("974760673", "department-7")
    assert settings.organisation_number == "974760673"
    assert (settings.settle, settings.timeout) == (30.0, 90.0)
    assert settings.proxies == {"https": "http://proxy:3128"}
    assert settings.verify is False
    assert settings.warnings() == ()


def test_what_the_form_leaves_empty_gets_its_default() -> None:
    form = dict.fromkeys(
        ("key_id", "scopes", "external_ref", "settle", "timeout", "token_dir", "verify", "proxies", "auth_mode"), None
    )
    settings = maskinporten(**{**form, "key_id": "k", "organisation_number": ""})

    assert settings.scopes == DEFAULT_SCOPES
    assert settings.settle == 1.0
    assert settings.verify is True
    assert settings.organisation_number == "974760673"


def test_a_jwk_may_be_written_as_an_object() -> None:
    assert json.loads(maskinporten(private_key=jwk()).private_key)["kid"] == "jwk-key"


def test_the_port_of_a_uri_connection_is_kept() -> None:
    extra = {"environment": "local", "auth_mode": "localtest", "test_user_id": 1337}
    settings = settings_from("c", host="127.0.0.1", port=8123, extra=extra)
    assert settings.environment.platform_url == "http://127.0.0.1:8123"
    assert settings.test_user_id == "1337"


def test_no_secret_shows_in_the_repr() -> None:
    generator = settings_from(
        "g",
        login="tester",
        password="generator-password",
        extra={
            "environment": "tt02",
            "auth_mode": "token_generator",
            "test_user_id": "1",
            "token_person_number": "01039012345",
            "altinn_token": "unused-token",
        },
    )
    shown = repr(generator) + repr(idporten()) + repr(maskinporten(proxies={"https": "http://u:proxy-secret@p"}))

    for secret in ("generator-password", "01039012345", "unused-token", "first-refresh-token", "proxy-secret", "BEGIN"):
        assert secret not in shown
    assert set(generator.secrets) == {"generator-password", "01039012345", "unused-token"}
    assert idporten().secrets == (pem().strip(), "first-refresh-token")


PROBLEMS: dict[str, tuple[dict[str, object], str]] = {
    "no environment": ({"environment": None}, "environment is missing: choose prod, tt02"),
    "unknown environment": ({"environment": "test"}, "environment 'test' is not known"),
    "unknown login": ({"auth_mode": "bankid"}, "auth_mode 'bankid' is not known: choose one of maskinporten"),
    "no key": ({"private_key": ""}, "private_key is missing"),
    "misspelt key": (
        {"private_key": "", "privatekey": "x"},
        "there is 'privatekey', which is not a field: is that what you meant?",
    ),
    "key of a wrong kind": ({"private_key": 5.5}, "private_key must be text"),
    "scopes of a wrong kind": ({"scopes": {"a": 1}}, "scopes must be scopes"),
    "scope with a quote": ({"scopes": 'altinn:"x"'}, "cannot be a scope"),
    "settle of a wrong kind": ({"settle": "soon"}, "settle must be a number of seconds from 0 to 600"),
    "settle as a truth": ({"settle": True}, "settle must be a number"),
    "settle without end": ({"settle": "inf"}, "settle must be a number"),
    "timeout zero": ({"timeout": 0}, "timeout must be a number of seconds from 1 to 600"),
    "verify of a wrong kind": ({"verify": 3}, "verify must be true, false or the path"),
    "proxies as text": ({"proxies": "http://p"}, "proxies must be an object"),
    "short organisation number": ({"on_behalf_of": "97476067"}, "on_behalf_of is wrong"),
    "reference without owner": ({"on_behalf_of": "", "external_ref": "a"}, "external_ref selects one system user"),
    "user id with letters": ({"test_user_id": "sophie"}, "test_user_id must be a whole number"),
}


@pytest.mark.parametrize("problem", PROBLEMS)
def test_each_wrong_field_is_named(problem: str) -> None:
    change, said = PROBLEMS[problem]
    with pytest.raises(AltinnConfigurationError) as caught:
        maskinporten(**change)
    assert str(caught.value).startswith("connection 'filing': ")
    assert said in str(caught.value)


MODES: dict[str, tuple[dict[str, object], str]] = {
    "idporten without a key": ({"auth_mode": "idporten"}, "private_key is missing"),
    "idporten with a system user": (
        {"auth_mode": "idporten", "private_key": "k", "refresh_token": "r", "on_behalf_of": "974760673"},
        "on_behalf_of selects a system user, which only Maskinporten knows",
    ),
    "torn refresh token": (
        {"auth_mode": "idporten", "private_key": "k", "refresh_token": "a b"},
        "refresh_token has white space inside",
    ),
    "no ready-made token": ({"auth_mode": "altinn_token"}, "altinn_token is missing"),
    "localtest for nobody": ({"auth_mode": "localtest"}, "test_user_id or test_system_user_id must be given"),
    "localtest for two": (
        {"auth_mode": "localtest", "test_user_id": 1, "test_system_user_id": "u"},
        "must be given, and not both",
    ),
    "generator for local": ({"auth_mode": "token_generator"}, "'token_generator' serves at22"),
    "localtest in tt02": ({"environment": "tt02", "auth_mode": "localtest"}, "'localtest' exists in environment"),
    "ready-made token in production": (
        {"environment": "prod", "auth_mode": "altinn_token", "altinn_token": "t"},
        "'altinn_token' is for test environments",
    ),
    "generator for nobody": (
        {"environment": "tt02", "auth_mode": "token_generator"},
        "test_user_id or test_system_user_id is missing",
    ),
    "generated system user of nobody": (
        {"environment": "tt02", "auth_mode": "token_generator", "test_system_user_id": "u"},
        "on_behalf_of is missing",
    ),
    "test digit wrong in production": (
        {"environment": "prod", "private_key": "k", "on_behalf_of": "974760674"},
        "on_behalf_of is wrong: organisation number '974760674' has a wrong check digit",
    ),
}


@pytest.mark.parametrize("problem", MODES)
def test_each_way_to_log_in_says_what_it_lacks(problem: str) -> None:
    extra, said = MODES[problem]
    host = None if extra.get("environment") else HOST
    with pytest.raises(AltinnConfigurationError) as caught:
        settings_from("c", host=host, login="client", password="pw", extra={"environment": "local", **extra})
    assert said in str(caught.value)


def test_a_client_secret_is_not_silently_ignored() -> None:
    with pytest.raises(AltinnConfigurationError, match="client secret in the password field is not used"):
        settings_from("c", login="client", password="secret-1", extra={"environment": "tt02"})
    with pytest.raises(AltinnConfigurationError, match="login is missing: write the client id"):
        settings_from("c", extra={"environment": "tt02", "private_key": "k"})


def test_odd_but_harmless_things_become_warnings() -> None:
    settings = maskinporten(on_behalf_of="974760674", key_ID="k", foo="bar")

    key, foo, digit = sorted(settings.warnings(), key=lambda line: ("key_ID" not in line, "foo" not in line))
    assert "extra field 'key_ID' is not known and has no effect: did you mean 'key_id'?" in key
    assert foo.endswith("extra field 'foo' is not known and has no effect")
    assert "wrong check digit" in digit


def test_acting_for_another_organisation_drops_the_connections_reference() -> None:
    settings = maskinporten(external_ref="own")

    assert settings.acting_for() is settings
    other = settings.acting_for("991825827")
    assert (other.on_behalf_of, other.external_ref, other.organisation_number) == ("991825827", "", "991825827")
    named = settings.acting_for("991825827", "theirs")
    assert (named.on_behalf_of, named.external_ref) == ("991825827", "theirs")
    same = settings.acting_for("974760673")
    assert same.external_ref == "own"
    second = settings.acting_for(external_ref="second")
    assert (second.on_behalf_of, second.external_ref) == ("974760673", "second")


def test_acting_for_keeps_an_owner_that_the_connection_names() -> None:
    settings = maskinporten(organisation_number="991825827")
    assert settings.acting_for("889640782").organisation_number == "991825827"


@pytest.mark.parametrize("number", ["97476067", "974760673\n", "NO974760673"])
def test_acting_for_refuses_a_malformed_number(number: str) -> None:
    with pytest.raises(AltinnInputError, match="nine digits"):
        maskinporten().acting_for(number)


def test_only_maskinporten_knows_system_users() -> None:
    with pytest.raises(AltinnInputError, match="connection 'person' logs in with 'idporten'"):
        idporten().acting_for("974760673")


def _ready_made() -> Settings:
    extra = {"environment": "local", "auth_mode": "altinn_token", "altinn_token": token()}
    return settings_from("t", host=HOST, extra=extra)


def test_a_ready_made_token_needs_no_client() -> None:
    assert _ready_made().client_id == ""


def test_files_are_read_in_place_of_their_names(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(pem())
    extra = {"private_key_file": str(tmp_path / "key.pem"), "refresh_token_file": "", "key_id": "k"}

    read = with_files_read("c", extra, lambda path: Path(path).read_text())

    assert read == {"private_key": pem(), "refresh_token_file": "", "key_id": "k"}
    assert "private_key" not in extra


def test_a_persons_number_comes_from_a_file_and_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / "person").write_text("010390 12345\n")
    extra = with_files_read("c", {"person_number_file": str(tmp_path / "person")}, lambda path: Path(path).read_text())
    assert "person_number_file" not in extra
    settings = idporten(person_number=extra["person_number"])
    assert settings.person_number == "01039012345"
    assert "01039012345" in settings.secrets
    assert "01039012345" not in repr(settings)
    with pytest.raises(
        AltinnConfigurationError, match="person_number must be a person's number of 11 digits"
    ) as caught:
        idporten(person_number="0103901234")
    assert "0103901234" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    def read(path: str) -> str:
        return Path(path).read_text("utf-8")

    missing = str(tmp_path / "none.pem")
    with pytest.raises(AltinnConfigurationError, match=r"private_key_file: .*none\.pem cannot be read here \(No such"):
        with_files_read("c", {"private_key_file": missing}, read)
    (tmp_path / "key.p12").write_bytes(b"\x30\x82\xff\xfe\xff")
    with pytest.raises(AltinnConfigurationError, match="is not text: give a PEM, JWK or PKCS#12 file"):
        with_files_read("c", {"private_key_file": str(tmp_path / "key.p12")}, read)
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(AltinnConfigurationError, match=r"refresh_token_file: .*empty is empty"):
        with_files_read("c", {"refresh_token_file": str(tmp_path / "empty")}, read)
    with pytest.raises(AltinnConfigurationError, match="private_key_file and private_key are both given"):
        with_files_read("c", {"private_key_file": missing, "private_key": "k"}, read)
    with pytest.raises(AltinnConfigurationError, match="must be the path of a file"):
        with_files_read("c", {"private_key_file": 7}, read)


def test_a_login_that_is_not_there_yet_is_no_mistake(tmp_path: Path) -> None:
    missing = str(tmp_path / "refresh_token")
    read = with_files_read("c", {"refresh_token_file": missing}, lambda path: Path(path).read_text())
    assert read == {"refresh_token_file": missing}
    settings = idporten(refresh_token="", **read)
    assert (settings.refresh_token, settings.refresh_token_file) == ("", missing)


def test_a_signer_takes_the_key_s_place() -> None:
    def sign(content: bytes, key_id: str) -> bytes:
        raise AssertionError((content, key_id))

    extra = {"environment": "local", "key_id": "k", "signer": "kms"}
    settings = settings_from("c", host=HOST, login="client", extra=extra, signers={"kms": sign})
    assert settings.signing_key.kind == "an external signer, key id 'k'"
    with pytest.raises(AltinnConfigurationError, match=r"'kms' is not among .altinn. signers.*none is set there"):
        settings_from("c", host=HOST, login="client", extra=extra)
    with pytest.raises(AltinnConfigurationError, match="signer and private_key are both given"):
        settings_from("c", host=HOST, login="c", extra={**extra, "private_key": pem()}, signers={"kms": sign})
