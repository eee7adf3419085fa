"""The begun login, kept in the browser that began it: sealed, so that nobody can read or make one."""

from __future__ import annotations

import base64
import dataclasses
import json
from dataclasses import dataclass

from altinn.exceptions import AltinnConfigurationError, AltinnLoginRefusedError
from altinn.person_login.oidc_login import PENDING_LIFETIME, PendingLogin

COOKIE = "altinn_login"
_PURPOSE = b"altinn login page: begun login"


@dataclass(frozen=True, slots=True)
class BegunLogin:
    """A login and the Airflow user who began it."""

    user: str
    pending: PendingLogin


class LoginSeal:
    """Seals with Airflow's own `[api] secret_key`, which all its web servers share.

    :raises AltinnConfigurationError: there is none.
    """

    def __init__(self, secret_key: str) -> None:
        from cryptography.fernet import Fernet
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        if not secret_key:
            raise AltinnConfigurationError("[api] secret_key of Airflow is not set: the login page needs it")
        derived = HKDF(SHA256(), 32, salt=None, info=_PURPOSE).derive(secret_key.encode())
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def seal(self, begun: BegunLogin) -> str:
        """Return the cookie's value."""
        return self._fernet.encrypt(json.dumps(dataclasses.asdict(begun)).encode()).decode("ascii")

    def open(self, sealed: str) -> BegunLogin:
        """Read the cookie's value.

        :raises AltinnLoginRefusedError: there is none, it is too old, or it was not made here.
        """
        from cryptography.fernet import InvalidToken

        try:
            document = json.loads(self._fernet.decrypt(sealed.encode(), ttl=int(PENDING_LIFETIME)))
            return BegunLogin(document["user"], PendingLogin(**document["pending"]))
        except (InvalidToken, ValueError, TypeError, KeyError):
            # Not chained: the message below says all.
            raise AltinnLoginRefusedError(
                "this browser has begun no login here, or too long ago: begin it again"
            ) from None
