"""What passes between flows and drivers."""

from __future__ import annotations

import io

import pytest

from altinn.protocol.wire import HttpRequest, HttpResponse, StreamBody


def test_a_header_is_set_on_a_copy_that_keeps_the_rest() -> None:
    request = HttpRequest("PUT", "https://a", {"A": "1"}, StreamBody(io.BytesIO, 0), 150.0, io.BytesIO)
    other = request.with_header("B", "2")
    assert (other.headers, request.headers) == ({"A": "1", "B": "2"}, {"A": "1"})
    assert (other.method, other.url, other.body, other.read_timeout, other.sink) == (
        request.method,
        request.url,
        request.body,
        request.read_timeout,
        request.sink,
    )


def test_a_byte_order_mark_is_no_part_of_the_answer() -> None:
    assert HttpResponse(200, {}, b'\xef\xbb\xbf{"a": 1}').json() == {"a": 1}
    assert HttpResponse(200, {}, b"\xef\xbb\xbfja").text == "ja"


def test_text_that_is_no_text_is_shown_all_the_same_but_is_no_json() -> None:
    assert HttpResponse(200, {}, b"\xff").text == "\ufffd"
    with pytest.raises(ValueError, match="utf-8"):
        HttpResponse(200, {}, b"\xff").json()
