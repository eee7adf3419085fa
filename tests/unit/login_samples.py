"""Keys, settings and answers for the tests of the login."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import TypeVar
from urllib.parse import parse_qsl

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import RSAAlgorithm

from altinn.exceptions import AltinnError
from altinn.protocol.settings import Settings, settings_from
from altinn.protocol.wire import Flow, HttpRequest, HttpResponse, KeepRefreshToken, Sleep, Step

T = TypeVar("T")

NOW = 1_700_000_000.0
HOST = "http://127.0.0.1:8000"


@cache
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def pem() -> str:
    return private_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def jwk() -> dict[str, object]:
    document = RSAAlgorithm.to_jwk(private_key(), as_dict=True)
    return {**document, "kid": "jwk-key"}


def maskinporten(**extra: object) -> Settings:
    fields = {"environment": "local", "private_key": pem(), "key_id": "key-1", "on_behalf_of": "974760673", **extra}
    return settings_from("filing", host=HOST, login="client-1", extra=fields)


def idporten(refresh_token: str = "first-refresh-token", **extra: object) -> Settings:
    fields = {
        "environment": "local",
        "auth_mode": "idporten",
        "private_key": pem(),
        "key_id": "key-1",
        "refresh_token": refresh_token,
        **extra,
    }
    return settings_from("person", host=HOST, login="client-2", extra=fields)


def token(expires_in: float = 1800.0, claims: Mapping[str, object] | None = None, *, now: float = NOW) -> str:
    return jwt.encode({"exp": int(now + expires_in), **(claims or {})}, "not-checked-by-the-client-but-long-enough")


def answer(status: int, body: Mapping[str, object] | str = "", **headers: str) -> HttpResponse:
    content = body if isinstance(body, str) else json.dumps(body)
    return HttpResponse(status, {key.replace("_", "-"): value for key, value in headers.items()}, content.encode())


def granted(access_token: str, **more: object) -> HttpResponse:
    return answer(200, {"access_token": access_token, "token_type": "Bearer", "expires_in": 599, **more})


class Script:
    """Drives a flow: answers its requests one by one, or has them sent, and writes down every step."""

    def __init__(
        self, *answers: HttpResponse | AltinnError, send: Callable[[HttpRequest], HttpResponse] | None = None
    ) -> None:
        self._answers = list(answers)
        self._send: Callable[[HttpRequest], HttpResponse | AltinnError] = send or (
            lambda _request: self._answers.pop(0)
        )
        self.steps: list[Step] = []

    @property
    def requests(self) -> list[HttpRequest]:
        return [step for step in self.steps if isinstance(step, HttpRequest)]

    @property
    def sleeps(self) -> list[float]:
        return [step.seconds for step in self.steps if isinstance(step, Sleep)]

    @property
    def kept(self) -> list[str]:
        return [step.refresh_token for step in self.steps if isinstance(step, KeepRefreshToken)]

    def run(self, flow: Flow[T]) -> T:
        reply: HttpResponse | AltinnError | str | None = None
        while True:
            try:
                step = flow.throw(reply) if isinstance(reply, AltinnError) else flow.send(reply)
            except StopIteration as stop:
                result: T = stop.value
                return result
            self.steps.append(step)
            reply = self._send(step) if isinstance(step, HttpRequest) else None


def form_of(request: HttpRequest) -> dict[str, str]:
    assert isinstance(request.body, bytes)
    return dict(parse_qsl(request.body.decode()))


def claims_in(assertion: str, audience: str) -> dict[str, object]:
    """Check an assertion as the issuer would, without its clock, and return the claims."""
    claims: dict[str, object] = jwt.decode(
        assertion,
        private_key().public_key(),
        algorithms=["RS256"],
        audience=audience,
        options={"verify_exp": False, "verify_iat": False},
    )
    return claims
