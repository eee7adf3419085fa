"""Private keys in the forms they arrive in, and what is said about those of no use."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from altinn.exceptions import AltinnConfigurationError
from altinn.protocol.keys import external_key, load_key
from tests.certificates import pkcs12
from tests.unit.login_samples import claims_in, jwk, pem, private_key


def _private(encoding: Encoding, shape: PrivateFormat) -> bytes:
    return private_key().private_bytes(encoding, shape, NoEncryption())


def _public_pem() -> str:
    return private_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _works(text: str, key_id: str = "k") -> bool:
    assertion = load_key(text, key_id).sign({"aud": "a"})
    return claims_in(assertion, "a") == {"aud": "a"}


FORMS: dict[str, Callable[[], str]] = {
    "PKCS#8": lambda: pem(),
    "PKCS#1": lambda: _private(Encoding.PEM, PrivateFormat.TraditionalOpenSSL).decode(),
    "Windows line ends": lambda: pem().replace("\n", "\r\n"),
    "blanks for line ends": lambda: pem().replace("\n", " "),
    "no line ends": lambda: pem().replace("\n", ""),
    "escaped line ends": lambda: pem().replace("\n", "\\n"),
    "escaped Windows line ends": lambda: pem().replace("\n", "\\r\\n"),
    "quoted": lambda: '"' + pem().replace("\n", "\\n") + '"',
    "byte order mark": lambda: "\ufeff" + pem(),
    "attributes around": lambda: "Bag Attributes\n  friendlyName: x\n" + pem() + "\n",
    "certificate first": lambda: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" + pem(),
    "PEM in base64": lambda: base64.b64encode(pem().encode()).decode(),
    "DER in base64": lambda: base64.b64encode(_private(Encoding.DER, PrivateFormat.PKCS8)).decode(),
    "DER in URL-safe base64": lambda: base64.urlsafe_b64encode(_private(Encoding.DER, PrivateFormat.PKCS8)).decode(),
    "JWK": lambda: json.dumps(jwk()),
    "JWK without primes": lambda: json.dumps({name: jwk()[name] for name in ("kty", "n", "e", "d")}),
    "JWK set of one": lambda: json.dumps({"keys": [jwk()]}),
    "JWK in base64": lambda: base64.b64encode(json.dumps(jwk()).encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_reads_every_form_of_the_key(form: str) -> None:
    assert _works(FORMS[form]())


@hypothesis_settings(max_examples=12)  # each reading checks the key's arithmetic, which takes 35 ms
@given(
    gaps=st.lists(st.sampled_from(["\n", " ", "\\n", "\r\n", "\t", "\n\n", "  "]), min_size=1, max_size=5),
    around=st.sampled_from(["", " ", "\n\n", "\r\n "]),
)
def test_reads_pem_with_any_mixture_of_line_ends(gaps: list[str], around: str) -> None:
    lines = pem().split("\n")
    mangled = "".join(line + gaps[number % len(gaps)] for number, line in enumerate(lines))
    key = load_key(around + mangled + around, "k")
    assert key.bits == 2048


def test_the_key_id_comes_from_the_connection_or_else_from_the_jwk() -> None:
    assert load_key(json.dumps(jwk())).key_id == "jwk-key"
    assert load_key(json.dumps(jwk()), "mine").key_id == "mine"
    header = jwt.get_unverified_header(load_key(pem(), "mine").sign({}))
    assert header == {"alg": "RS256", "kid": "mine", "typ": "JWT"}


def test_a_jwk_set_needs_the_id_of_one_of_its_keys() -> None:
    pair = json.dumps({"keys": [{**jwk(), "kid": "old"}, {**jwk(), "kid": "new"}]})
    assert load_key(pair, "new").key_id == "new"
    for key_id in ("", "other"):
        with pytest.raises(AltinnConfigurationError, match="JWK set with 2 keys"):
            load_key(pair, key_id)


def test_signing_without_a_key_id_says_so() -> None:
    with pytest.raises(AltinnConfigurationError, match="key_id is missing"):
        load_key(pem()).sign({})


def _encrypted(shape: PrivateFormat) -> str:
    return private_key().private_bytes(Encoding.PEM, shape, BestAvailableEncryption(b"pass")).decode()


def _elliptic(shape: PrivateFormat) -> str:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, shape, NoEncryption()).decode()


def _short() -> str:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    return weak.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _public_jwk() -> str:
    return json.dumps({name: jwk()[name] for name in ("kty", "n", "e", "kid")})


USELESS: dict[str, tuple[Callable[[], str], str]] = {
    "empty": (lambda: " \n ", "is empty"),
    "public PEM": (_public_pem, "public half"),
    "public JWK": (_public_jwk, "public JWK"),
    "encrypted PKCS#8": (lambda: _encrypted(PrivateFormat.PKCS8), "passphrase"),
    "encrypted PKCS#1": (lambda: _encrypted(PrivateFormat.TraditionalOpenSSL), "passphrase"),
    "EC in PKCS#8": (lambda: _elliptic(PrivateFormat.PKCS8), "need an RSA key"),
    "EC in SEC1": (lambda: _elliptic(PrivateFormat.TraditionalOpenSSL), "need an RSA key"),
    "too short": (_short, "has 1024 bits"),
    "SSH": (lambda: _private(Encoding.PEM, PrivateFormat.OpenSSH).decode(), "ssh-keygen"),
    "cut at the end": (lambda: pem()[:-200], "no END line"),
    "cut in the middle": (lambda: pem()[:700] + pem()[900:], "not a whole key"),
    "broken JWK": (lambda: json.dumps(jwk())[:-30], "not valid JSON"),
    "JWK with a wrong number": (lambda: json.dumps({**jwk(), "d": "AQAB", "p": "AQAB"}), "do not make an RSA key"),
    "JWK without a modulus": (lambda: json.dumps({"kty": "RSA", "d": jwk()["d"]}), "do not make an RSA key"),
    "JWK of another kind": (lambda: json.dumps({"kty": "OKP", "d": jwk()["d"]}), "'kty' must be 'RSA'"),
    "JWK set without keys": (lambda: '{"keys": []}', "set with 0 keys"),
    "a path": (lambda: "/etc/altinn/key.pem", "private_key_file"),
    "a word": (lambda: "hunter2hunter2", "neither PEM"),
    "base64 of something else": (lambda: base64.b64encode(b"x" * 900).decode(), "neither PEM"),
}


@pytest.mark.parametrize("kind", USELESS)
def test_says_what_is_wrong_with_a_useless_key_without_showing_any_of_it(kind: str) -> None:
    make, said = USELESS[kind]
    text = make()
    with pytest.raises(AltinnConfigurationError, match=re.escape(said)) as caught:
        load_key(text, "k")
    shown = str(caught.value) + repr(caught.value.__cause__)
    material = re.findall(r"[A-Za-z0-9+/_-]{24,}", text)
    assert not [piece for piece in material if piece in shown]


def test_the_key_does_not_show_in_its_repr() -> None:
    key = load_key(pem(), "mine")
    assert repr(key) == "SigningKey(key_id='mine', bits=2048)"


# -- enterprise certificates and signers


def test_a_pkcs12_file_brings_its_chain() -> None:
    for passphrase in ("", "open sesame"):
        packed = base64.b64encode(pkcs12(private_key(), "991825827", passphrase)).decode()
        key = load_key(packed, "", passphrase)
        header = jwt.get_unverified_header(key.sign({"aud": "a"}))
        assert "kid" not in header
        own, issuing = (x509.load_der_x509_certificate(base64.b64decode(one)) for one in header["x5c"])
        assert own.public_key() == private_key().public_key()
        own.verify_directly_issued_by(issuing)
        assert key.kind == "RSA with 2048 bits, a certificate chain of 2"


def test_a_pkcs12_file_with_a_key_id_is_used_as_a_registered_key() -> None:
    key = load_key(base64.b64encode(pkcs12(private_key(), "991825827")).decode(), "key-1")
    assert jwt.get_unverified_header(key.sign({"aud": "a"})) == {"alg": "RS256", "typ": "JWT", "kid": "key-1"}


@pytest.mark.parametrize(("passphrase", "said"), [("", "passphrase is missing"), ("wrong", "does not open it")])
def test_a_pkcs12_file_that_does_not_open_says_why(passphrase: str, said: str) -> None:
    packed = base64.b64encode(pkcs12(private_key(), "991825827", "right")).decode()
    with pytest.raises(AltinnConfigurationError, match=said) as caught:
        load_key(packed, "", passphrase)
    assert "right" not in str(caught.value).replace("the right", "")


def test_an_encrypted_pem_opens_with_its_passphrase() -> None:
    sealed = private_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")).decode()
    assert claims_in(load_key(sealed, "k", "secret").sign({"aud": "a"}), "a") == {"aud": "a"}
    with pytest.raises(AltinnConfigurationError, match="cannot be opened with private_key_passphrase"):
        load_key(sealed, "k", "wrong")


def test_a_signer_signs_without_giving_its_key_away() -> None:
    asked: list[str] = []

    def sign(content: bytes, key_id: str) -> bytes:
        asked.append(key_id)
        return private_key().sign(content, padding.PKCS1v15(), hashes.SHA256())

    assertion = external_key(sign, "hsm-7").sign({"aud": "a", "name": "Ærlig"})
    assert claims_in(assertion, "a") == {"aud": "a", "name": "Ærlig"}
    assert jwt.get_unverified_header(assertion) == {"alg": "RS256", "typ": "JWT", "kid": "hsm-7"}
    assert asked == ["hsm-7"]


def test_a_signer_that_fails_is_named() -> None:
    def broken(_content: bytes, _key_id: str) -> bytes:
        raise TimeoutError("a text that may hold anything")

    with pytest.raises(AltinnConfigurationError, match=r"the signer failed \(TimeoutError\)") as caught:
        external_key(broken, "k").sign({})
    assert "anything" not in str(caught.value)
    with pytest.raises(AltinnConfigurationError, match="gave no RS256 signature"):
        external_key(lambda _content, _key_id: b"short", "k").sign({})
    with pytest.raises(AltinnConfigurationError, match="key_id is missing"):
        external_key(broken, "").sign({})
