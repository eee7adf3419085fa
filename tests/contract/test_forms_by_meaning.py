"""Valid returns, as the emulated app keeps them, say what was sent; what it drops is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from altinn.emulator.formcodec import read_xml, stored_xml
from altinn.emulator.formschema import load_form_model
from altinn.protocol.meaning import compare_forms, meaning_sha256

SAMPLES = Path(__file__).parents[1] / "data" / "skatteetaten-mva"
SCHEMAS = Path(__file__).parents[2] / "include" / "schemas" / "skatteetaten-mva"
RETURN = "no.skatteetaten.fastsetting.avgift.mva.skattemeldingformerverdiavgift.v1.0.xsd"


def kept_of(sent: bytes) -> bytes:
    model = load_form_model(SCHEMAS / RETURN, None)
    return stored_xml(model, read_xml(model, sent))


@pytest.mark.parametrize("path", sorted((SAMPLES / "valid").glob("*.xml")), ids=lambda path: path.stem)
def test_a_valid_return_survives(path: Path) -> None:
    sent = path.read_bytes()
    kept = kept_of(sent)
    assert kept != sent
    assert [d for d in compare_forms(sent, kept) if d.kind != "empty"] == []
    assert meaning_sha256(sent) == meaning_sha256(kept)


def test_a_misspelt_element_and_all_that_follows_it_is_told() -> None:
    sent = (SAMPLES / "valid" / "mvakode1.xml").read_bytes()
    broken = sent.replace(b"<fastsattMerverdiavgift>", b"<fastsatt>").replace(
        b"</fastsattMerverdiavgift>", b"</fastsatt>"
    )
    assert broken != sent
    differences = compare_forms(broken, kept_of(broken))
    assert {d.kind for d in differences} == {"dropped"}
    assert any(d.path.endswith("/fastsatt") for d in differences)
