"""The period of an instance that carries no stamp of ours, read from its documents."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from altinn.authorities import skatteetaten_vat as vat
from altinn.authorities.authority import Authority
from altinn.authorities.generic import GenericAuthority
from altinn.authorities.period_readers import known_authority, period_reader, period_reader_of_app
from altinn.exceptions import AltinnDocumentError, AltinnHttpError
from altinn.protocol.app_api import App
from altinn.protocol.model import Instance
from altinn.protocol.session import RepeatRules, Session
from altinn.protocol.wire import HttpRequest, HttpResponse, NeedToken
from tests.unit.protocol import recorded_answers as recorded

DATA = Path(__file__).parents[2] / "data" / "skatteetaten-mva" / "valid"
RETURN = (DATA / "kompensasjon_mvamelding.xml").read_bytes()
ENVELOPE = vat.build_envelope(
    vat.read_return(RETURN), attachments=(), created_by="Test", created_at=datetime(2026, 11, 25, tzinfo=UTC)
)
DRAFT = Instance.from_json(recorded.APP)
SESSION = Session(RepeatRules(attempts=1))
APP = App("https://skd.apps.altinn.no/skd/x")
FORM_AS_JSON = HttpResponse(200, {"Content-Type": "application/json"}, b'{"norskIdentifikator": "999579922"}')


class Report(GenericAuthority):
    period_types = ("model",)

    def period_of(self, content: bytes) -> str | None:
        if content == b"<broken/>":
            raise AltinnDocumentError("no report")
        return content.decode() or None


REPORT = Report(accepted_when="ended")


def with_documents(*data_types: str) -> Instance:
    (element,) = recorded.APP["data"]
    data = [
        {**element, "id": f"00000000-0000-4000-8000-00000000000{number}", "dataType": data_type}
        for number, data_type in enumerate(data_types)
    ]
    return Instance.from_json({**recorded.APP, "data": data})


def read(authority: Authority, instance: Instance, *answers: HttpResponse) -> tuple[str | None, list[HttpRequest]]:
    """Answer each read in its turn, a form as an app does: as JSON unless XML is asked for."""
    flow = period_reader(authority, SESSION, APP)(instance)
    left, asked = list(answers), []
    try:
        step = next(flow)
        while True:
            if isinstance(step, NeedToken):
                step = flow.send("token")
                continue
            assert isinstance(step, HttpRequest)
            asked.append(step)
            answer = left.pop(0)
            xml = step.headers.get("Accept") == "application/xml"
            step = flow.send(answer if xml or answer.status != 200 else FORM_AS_JSON)
    except StopIteration as stop:
        return stop.value, asked


def ok(content: bytes) -> HttpResponse:
    return HttpResponse(200, {"Content-Type": "application/xml"}, content)


def test_the_form_is_asked_for_as_xml_and_its_period_is_in_capitals() -> None:
    period, (request,) = read(REPORT, DRAFT, ok(b"2026-t5"))
    assert period == "2026-T5"
    assert (request.method, request.headers["Accept"]) == ("GET", "application/xml")


def test_a_vat_return_tells_its_period_and_without_one_its_envelope() -> None:
    both = with_documents(vat.ENVELOPE, vat.RETURN)
    period, asked = read(vat.AUTHORITY, both, ok(RETURN))
    assert (period, len(asked)) == (vat.read_return(RETURN).period.name, 1)
    assert asked[0].url.endswith("1")
    assert read(vat.AUTHORITY, both, ok(b"<mvaMeldingDto/>"), ok(ENVELOPE))[0] == period
    assert read(vat.AUTHORITY, with_documents(vat.ENVELOPE), ok(ENVELOPE))[0] == period


@pytest.mark.parametrize("answer", [HttpResponse(404, {}, b""), HttpResponse(403, {}, b""), ok(b"<broken/>"), ok(b"")])
def test_what_cannot_be_read_has_no_period_but_does_not_hide_another_document(answer: HttpResponse) -> None:
    assert read(REPORT, DRAFT, answer)[0] is None
    assert read(REPORT, with_documents("model", "model"), answer, ok(b"2026"))[0] == "2026"


def test_an_answer_that_time_may_mend_is_no_unknown_period() -> None:
    with pytest.raises(AltinnHttpError):
        read(REPORT, DRAFT, HttpResponse(503, {}, b""))


def test_nothing_is_asked_where_no_document_tells() -> None:
    assert read(GenericAuthority(accepted_when="ended"), DRAFT) == (None, [])
    assert read(vat.AUTHORITY, DRAFT) == (None, [])


@pytest.mark.parametrize("environment", ["prod", "tt02", "local"])
def test_the_apps_of_this_package_have_their_authority(environment: str) -> None:
    assert known_authority(vat.APP_IDS[environment]) is vat.AUTHORITY
    assert period_reader_of_app(vat.APP_IDS[environment], SESSION, APP) is not None


def test_other_apps_have_none() -> None:
    assert known_authority("ttd/basic") is None
    assert period_reader_of_app("ttd/basic", SESSION, APP) is None
