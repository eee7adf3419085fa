"""The form of a refusal at the token endpoints."""

from __future__ import annotations


class OAuthRefusal(Exception):
    """A token endpoint says no.

    :param error: OAuth's error code.
    :param description: for people; holds no secret.
    :param code: Maskinporten's own code ("MP-110") where its documentation has one.
    :param status: HTTP status.
    """

    def __init__(self, error: str, description: str, *, code: str | None = None, status: int = 400) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
        self.code = code
        self.status = status

    def body(self, issuer: str, trace_id: str) -> dict[str, str]:
        """Give the answer's JSON, laid out as Maskinporten lays it out.

        `error`, `error_description` with a trace id, and an `error_uri` that ends with the code
        (docs.digdir.no, "Feilsøking i Maskinporten").
        """
        answer = {"error": self.error, "error_description": f"{self.description} (trace_id: {trace_id})"}
        if self.code:
            answer["error_uri"] = f"{issuer.rstrip('/')}/errors/{self.code}"
        return answer
