"""Every envelope that can be built follows Skatteetaten's schema and reads back as it was meant."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from altinn.authorities import skatteetaten_vat as vat
from altinn.periods import parse_period
from altinn.validation.xml_check import check_xml

SCHEMA = Path(__file__).parents[3] / "include/schemas/skatteetaten-mva" / vat.SCHEMAS[vat.ENVELOPE]

_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=60)
_NAMES = st.builds(
    "{}{}".format,
    _TEXT.map(lambda text: text.replace("/", "").replace("\\", "").strip() or "x"),
    st.sampled_from([".pdf", ".xml", ".tar.gz", ""]),
).filter(lambda name: name == name.strip() and not name.endswith(".") and not name.startswith("."))
_PERIODS = st.one_of(
    st.builds("{}-T{}".format, st.integers(2017, 2099), st.integers(1, 6)),
    st.builds("{}-Q{}".format, st.integers(2017, 2099), st.integers(1, 4)),
    st.builds("{}-H{}".format, st.integers(2017, 2099), st.integers(1, 2)),
    st.builds("{}-M{:02d}".format, st.integers(2017, 2099), st.integers(1, 12)),
    st.builds("{}-M{:02d}-{}".format, st.integers(2017, 2099), st.integers(1, 12), st.integers(1, 2)),
    st.builds("{}-W{:02d}".format, st.integers(2017, 2099), st.integers(1, 52)),
    st.integers(2017, 2099).map(str),
).map(lambda name: vat.VatPeriod.of(parse_period(name)))
_RETURNS = st.builds(
    vat.VatReturn,
    organisation_number=st.from_regex(r"[0-9]{9}", fullmatch=True).filter(str.isascii),
    period=_PERIODS,
    category=st.sampled_from(vat.CATEGORIES),
    amount=st.just(Decimal(0)),
    kid=st.just(""),
    reference=st.just(""),
)
_FILES = st.lists(
    st.builds(vat.EnvelopeFile, file_name=_NAMES, description=_TEXT),
    max_size=5,
    unique_by=lambda f: f.file_name.lower(),
).filter(lambda files: all(file.file_name.lower() != "mva-melding.xml" for file in files))
_TIMES = st.datetimes(datetime(2017, 1, 1), datetime(2099, 1, 1), timezones=st.timezones())


@settings(deadline=None)
@given(_RETURNS, _FILES, _TEXT, _TIMES)
def test_an_envelope_is_valid_and_says_what_was_meant(
    vat_return: vat.VatReturn, files: list[vat.EnvelopeFile], author: str, time: datetime
) -> None:
    data = vat.build_envelope(vat_return, attachments=files, created_by=author, created_at=time)
    assert check_xml(data, SCHEMA) == []
    found = vat.read_envelope(data)
    assert found.organisation_number == vat_return.organisation_number
    assert found.period == vat_return.period
    assert found.category == vat_return.category
    assert found.created_by == author.strip()
    assert [file.file_name for file in found.files] == ["mva-melding.xml", *(file.file_name for file in files)]
    assert data == vat.build_envelope(vat_return, attachments=files, created_by=author, created_at=time)


def test_an_envelope_for_the_published_return_is_valid() -> None:
    sample = Path(__file__).parents[2] / "data/skatteetaten-mva/valid/kompensasjon_mvamelding.xml"
    envelope = vat.build_envelope(
        vat.read_return(sample.read_bytes()),
        attachments=[vat.EnvelopeFile("notat.pdf")],
        created_by="Kari Nordmann",
        created_at=datetime(2022, 12, 1, tzinfo=UTC),
    )
    assert check_xml(envelope, SCHEMA) == []
