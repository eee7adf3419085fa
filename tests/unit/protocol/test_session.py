"""One call with everything around it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from altinn.exceptions import (
    AltinnAnswerError,
    AltinnError,
    AltinnForbiddenError,
    AltinnNoAnswerError,
    AltinnNotSentError,
    AltinnRefusedError,
    AltinnServerError,
    AltinnUnauthorizedError,
    AltinnUnavailableError,
)
from altinn.protocol.session import Session
from altinn.protocol.wire import Call, HttpRequest, HttpResponse, NeedToken
from tests.unit.protocol.flow_driver import Client, scripted, session

URL = "https://platform.example/storage/api/v1/instances"
OK = HttpResponse(200, {}, b'{"a": 1}')
LOST = AltinnNoAnswerError("lost")
NOT_SENT = AltinnNotSentError("refused")


def call(*, harmless: bool, method: str = "GET", audience: str | None = "altinn") -> Call[object]:
    return Call(
        "the call", HttpRequest(method, URL), lambda r: r.json(), harmless=harmless, audience=audience, min_validity=7
    )


def test_the_token_goes_along_and_says_how_long_it_must_last() -> None:
    client = Client(scripted(OK))
    assert client.run(session().perform(call(harmless=True))) == {"a": 1}
    assert client.steps[0] == NeedToken("altinn", None, 7)
    assert client.requests[0].headers == {"Authorization": "Bearer token-1"}


def test_an_anonymous_call_asks_for_no_token() -> None:
    client = Client(scripted(OK))
    client.run(session().perform(call(harmless=True, audience=None)))
    assert client.steps == [HttpRequest("GET", URL)]


def test_a_harmless_call_is_repeated_with_another_token_after_a_401() -> None:
    client = Client(scripted(HttpResponse(401), OK))
    assert client.run(session().perform(call(harmless=True))) == {"a": 1}
    assert [r.headers["Authorization"] for r in client.requests] == ["Bearer token-1", "Bearer token-2"]
    assert client.sleeps == []


def test_a_second_401_ends_it() -> None:
    client = Client(scripted(HttpResponse(401), HttpResponse(401)))
    with pytest.raises(AltinnUnauthorizedError):
        client.run(session().perform(call(harmless=True)))


def test_after_a_401_a_write_is_not_repeated_but_the_token_is_renewed_for_the_look() -> None:
    client = Client(scripted(HttpResponse(401)))
    with pytest.raises(AltinnUnauthorizedError):
        client.run(session().perform(call(harmless=False, method="PUT")))
    assert len(client.requests) == 1
    assert client.steps[-1] == NeedToken("altinn", "token-1", 7)
    assert client.tokens == 2


def test_an_anonymous_401_renews_nothing() -> None:
    client = Client(scripted(HttpResponse(401)))
    with pytest.raises(AltinnUnauthorizedError):
        client.run(session().perform(call(harmless=True, audience=None)))
    assert client.tokens == 1


@pytest.mark.parametrize("trouble", [LOST, HttpResponse(503), HttpResponse(500), HttpResponse(429), HttpResponse(408)])
def test_a_harmless_call_is_repeated_until_it_succeeds(trouble: HttpResponse | AltinnError) -> None:
    client = Client(scripted(trouble, trouble, OK))
    assert client.run(session().perform(call(harmless=True))) == {"a": 1}
    assert client.sleeps == [1.0, 2.0]


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (LOST, AltinnNoAnswerError),
        (HttpResponse(503), AltinnUnavailableError),
        (HttpResponse(504), AltinnUnavailableError),
        (HttpResponse(500), AltinnServerError),
        (HttpResponse(429), AltinnUnavailableError),
    ],
)
def test_a_write_is_sent_once(trouble: HttpResponse | AltinnError, error: type[AltinnError]) -> None:
    client = Client(scripted(trouble))
    with pytest.raises(error):
        client.run(session().perform(call(harmless=False, method="POST")))
    assert len(client.requests) == 1


def test_what_never_left_is_repeated_even_if_it_is_a_write() -> None:
    client = Client(scripted(NOT_SENT, NOT_SENT, OK))
    assert client.run(session().perform(call(harmless=False, method="POST"))) == {"a": 1}


def test_a_write_that_left_at_last_is_not_repeated() -> None:
    client = Client(scripted(NOT_SENT, LOST))
    with pytest.raises(AltinnNoAnswerError):
        client.run(session().perform(call(harmless=False, method="POST")))


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 413, 415, 422])
def test_a_refusal_is_not_repeated(status: int) -> None:
    client = Client(scripted(HttpResponse(status)))
    with pytest.raises(AltinnError):
        client.run(session().perform(call(harmless=True)))
    assert len(client.requests) == 1


@pytest.mark.parametrize("trouble", [LOST, NOT_SENT, HttpResponse(503)])
def test_repeats_end(trouble: HttpResponse | AltinnError) -> None:
    client = Client(scripted(*[trouble] * 3))
    with pytest.raises(AltinnError):
        client.run(session(attempts=3).perform(call(harmless=True)))
    assert len(client.requests) == 3


def test_pauses_grow_to_their_limit_and_jitter_only_shortens_them() -> None:
    client = Client(scripted(*[LOST] * 6))
    rules = session(attempts=6, first_delay=2.0, max_delay=9.0).rules
    with pytest.raises(AltinnNoAnswerError):
        client.run(Session(rules, jitter=lambda: 0.0).perform(call(harmless=True)))
    assert client.sleeps == [1.0, 2.0, 4.0, 4.5, 4.5]


def test_retry_after_is_waited_out() -> None:
    client = Client(scripted(HttpResponse(503, {"retry-after": "17"}), OK))
    client.run(session().perform(call(harmless=True)))
    assert client.sleeps == [17.0]


def test_retry_after_may_be_a_date() -> None:
    answer = HttpResponse(429, {"retry-after": "Wed, 11 Nov 2026 10:00:30 GMT"})
    client = Client(scripted(answer, OK))
    moment = datetime(2026, 11, 11, 10, 0, 0, tzinfo=UTC)
    client.run(Session(jitter=lambda: 1.0, now=lambda: moment).perform(call(harmless=True)))
    assert client.sleeps == [30.0]


def test_a_long_retry_after_is_left_to_the_task() -> None:
    client = Client(scripted(HttpResponse(503, {"retry-after": "3600"})))
    with pytest.raises(AltinnUnavailableError) as caught:
        client.run(session().perform(call(harmless=True)))
    assert caught.value.retry_after == 3600
    assert client.sleeps == []


def test_a_redirect_on_the_same_host_is_followed_with_the_token() -> None:
    client = Client(scripted(HttpResponse(307, {"location": "/elsewhere?a=1"}), OK))
    client.run(session().perform(call(harmless=True)))
    assert client.requests[1].url == "https://platform.example/elsewhere?a=1"
    assert client.requests[1].headers == {"Authorization": "Bearer token-1"}


@pytest.mark.parametrize(
    "target",
    [
        "https://elsewhere.example/",
        "http://platform.example/",
        "https://platform.example:8443/",
        "//elsewhere.example/a",
        "https://platform.example@elsewhere.example/",
    ],
)
def test_a_redirect_never_takes_the_token_to_another_host(target: str) -> None:
    client = Client(scripted(HttpResponse(302, {"location": target})))
    with pytest.raises(AltinnAnswerError, match="not followed") as caught:
        client.run(session().perform(call(harmless=True)))
    assert len(client.requests) == 1
    assert "token-1" not in str(caught.value)


def test_a_write_is_never_redirected() -> None:
    client = Client(scripted(HttpResponse(308, {"location": URL + "/2"})))
    with pytest.raises(AltinnAnswerError, match="not followed"):
        client.run(session().perform(call(harmless=True, method="PUT")))


def test_redirects_in_a_circle_end() -> None:
    client = Client(scripted(*[HttpResponse(301, {"location": URL})] * 9))
    with pytest.raises(AltinnAnswerError, match="more than three"):
        client.run(session().perform(call(harmless=True)))
    assert len(client.requests) == 4


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"\xff\xfe", b"{", b'{"a": 1', b"[" * 100_000],
    ids=["empty", "html", "bytes", "cut", "cut later", "deep"],
)
def test_a_success_that_cannot_be_read_is_an_answer_error(body: bytes) -> None:
    client = Client(scripted(HttpResponse(200, {"content-type": "text/html"}, body)))
    with pytest.raises(AltinnAnswerError, match=rf"the call answered 200 .*text/html, {len(body)} bytes"):
        client.run(session().perform(call(harmless=True)))
    assert len(client.requests) == 1


@pytest.mark.parametrize("value", [1e999, None, "x", [], {"size": 1e999}])
def test_a_parser_that_stumbles_is_an_answer_error(value: object) -> None:
    def parse(response: HttpResponse) -> int:
        return int(response.json()["size"])  # type: ignore[index]

    broken = Call("the call", HttpRequest("GET", URL), parse, audience=None)
    client = Client(scripted(HttpResponse(200, {}, json.dumps(value).encode())))
    with pytest.raises(AltinnAnswerError):
        client.run(session().perform(broken))


def test_a_status_that_is_not_accepted_is_no_success() -> None:
    client = Client(scripted(HttpResponse(204)))
    with pytest.raises(AltinnRefusedError):
        client.run(session().perform(call(harmless=True)))


def test_a_driver_that_gives_nonsense_is_found_out() -> None:
    flow = session().perform(call(harmless=True))
    flow.send(None)
    with pytest.raises(AltinnAnswerError, match="no token"):
        flow.send(OK)


def test_no_token_in_errors_and_reprs() -> None:
    client = Client(scripted(HttpResponse(403)))
    with pytest.raises(AltinnForbiddenError) as caught:
        client.run(session().perform(call(harmless=True)))
    assert "token-1" not in str(caught.value) + repr(caught.value) + repr(client.requests)
