"""Why Skatteetaten's VAT app refuses to go on: the documents do not fit together, or the return breaks its schema.

The texts are those of the app's documentation ("Fullfør utfylling" in Skatteetaten's guide for end-user systems);
the two about period and instance status are not documented and follow their form.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from altinn.emulator.skatteetaten.vat_paperwork import Envelope, Return
from altinn.emulator.skatteetaten.vat_replies import Deviation

if TYPE_CHECKING:
    import xmlschema

RETURN_SCHEMA = "no.skatteetaten.fastsetting.avgift.mva.skattemeldingformerverdiavgift.v1.0.xsd"
ENVELOPE = 'MvaMeldingInnsending ("konvolutt")'
PREFIX = "Valideringsfeil: "


def first_difference(owner: str, envelope: Envelope, vat_return: Return, uploaded: Sequence[str]) -> str | None:
    """Give the app's text about the first thing that does not fit, None when everything does.

    :param owner: the instance owner's organisation number, or identity number of a person.
    :param uploaded: names of the uploaded files, the return's first.
    """
    name = uploaded[0]
    if envelope.payer != owner:
        text = f"Organisasjonsnummeret i instansen er forskjellig fra organisasjonsnummeret i {ENVELOPE}"
    elif envelope.payer != vat_return.payer:
        text = f"Organisasjonsnummeret i {ENVELOPE} er forskjellig fra organisasjonsnummeret i {name}"
    elif not _same_files(envelope.files, uploaded):
        text = (
            f"Liste med vedlegg definert i {ENVELOPE} er forskjellig fra listen med vedlegg som er lastet opp i "
            "instansen."
        )
    elif envelope.category != vat_return.category:
        text = f"Meldingskategorien i {ENVELOPE} er forsjellig fra Meldingskategorien i {name}"
    elif envelope.period is None:
        text = f"Skattleggingsperioden mangler i {ENVELOPE}"
    elif envelope.period != vat_return.period:
        text = f"Skattleggingsperioden i {ENVELOPE} er forskjellig fra skattleggingsperioden i {name}"
    elif not envelope.status:
        text = f"Instansstatus mangler i {ENVELOPE}"
    else:
        return None
    return PREFIX + text


def _same_files(listed: Sequence[frozenset[str]], uploaded: Sequence[str]) -> bool:
    """Say whether every listed file is uploaded and every uploaded one is listed, each once."""
    left = [name.lower() for name in uploaded]
    for names in listed:
        found = next((name for name in left if name in names), None)
        if found is None:
            return False
        left.remove(found)
    return not left


def repeated_name(uploaded: Sequence[str]) -> str | None:
    """Give a file name that occurs twice, None when all differ."""
    lowered = [name.lower() for name in uploaded]
    return next((name for name in lowered if lowered.count(name) > 1), None)


def schema_errors(data: bytes, folder: Path, limit: int = 10) -> list[str]:
    """Give what is wrong with a return by its schema, in reading order; empty when nothing is.

    :param folder: where the schemas lie.
    """
    import xmlschema

    try:
        source = xmlschema.XMLResource(data, defuse="always", allow="none")
        found = _schema(folder / RETURN_SCHEMA).iter_errors(source)
        return [f"{error.path}: {error.reason}" for error, _ in zip(found, range(limit), strict=False)]
    except (xmlschema.XMLResourceError, xmlschema.XMLSchemaException, SyntaxError, ValueError) as exc:
        return [f"{type(exc).__name__}: {exc}"]


@functools.cache
def _schema(path: Path) -> xmlschema.XMLSchema:
    import xmlschema

    return xmlschema.XMLSchema(path)


def deviations(vat_return: Return) -> list[Deviation]:
    """Judge a return by the two rules about its sums (R018, R019 of Skatteetaten's business rules).

    The whole may differ by 10 NOK, or 1 NOK for each line when that is more; a line by 1 NOK.
    """
    found = []
    total = sum((line.tax for line in vat_return.lines), Decimal(0))
    if abs(total - vat_return.determined) > max(10, len(vat_return.lines)):
        found.append(
            Deviation(
                "fastsattMerverdiavgift",
                "MVA_MELDINGSINNHOLD_SUM_MVA_FEIL_SUMMERING_AV_AVGIFTLINJER",
                "R018",
                "Summen av merverdiavgift for hver avgiftslinje er ikke lik feltet fastsattMerverdiavgift",
            )
        )
    for line in vat_return.lines:
        if line.base is None or line.rate is None:
            continue
        if abs(line.base * line.rate / 100 - line.tax) > 1:
            found.append(
                Deviation(
                    "mvaSpesifikasjonslinje",
                    "MVA_MELDINGSINNHOLD_GRUNNLAG_GANGER_GJELDENDE_SATS_FEIL_BEREGNET_MERVERDIAVGIFT_FOR_AVGIFTSLINJE",
                    "R019",
                    "Beregnet avgift i avgiftslinje er ulik produktet av grunnlag og sats",
                    line.code,
                )
            )
    return found
