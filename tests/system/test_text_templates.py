"""Identifiers stay text, also in a DAG whose templates give native objects, and also when they are mapped."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import DAG

from altinn.emulator import Emulator
from altinn.operators import AltinnInstantiateOperator, AltinnProcessNextOperator
from altinn.operators.altinn_operator import AltinnOperator
from altinn.sensors import AltinnFeedbackSensor
from altinn.text_templates import IDENTIFIERS
from tests.system.conftest import NOW, SOPHIE, Connect, Look, RunTask

COMPANY = "897069650"


def rendered(operator: Any, **context: Any) -> Any:
    DAG("native", schedule=None, start_date=NOW, render_template_as_native_obj=True).add_task(operator)
    operator.render_template_fields(context)
    return operator


@pytest.mark.parametrize("text", ["950474084", "1.10", "1_000", "42", "1e5", "True", "{'a': 1}", "007"])
def test_a_reference_stays_what_was_written(text: str) -> None:
    operator = AltinnInstantiateOperator(
        task_id="t", app="ttd/basic", period=text, external_ref=text, data_values={"year": text, "same": "{{ given }}"}
    )
    found = rendered(operator, given=text)
    assert (found.period, found.external_ref) == (text, text)
    assert found.data_values == {"year": text, "same": text}


def test_what_a_template_gives_stays_text() -> None:
    sensor = AltinnFeedbackSensor(
        task_id="t", app="ttd/basic", instance_id="{{ id }}", on_behalf_of="{{ number }}", external_ref="{{ nothing }}"
    )
    found = rendered(sensor, id="1/2", number=950474084, nothing=None)
    assert (found.instance_id, found.on_behalf_of, found.external_ref) == ("1/2", "950474084", None)


def test_lists_from_other_tasks_stay_lists() -> None:
    operator = AltinnProcessNextOperator(
        task_id="t", app="ttd/basic", instance_id="1/2", from_task="data", documents="{{ uploaded }}"
    )
    assert rendered(operator, uploaded=[{"size": 1}]).documents == [{"size": 1}]


def test_every_identifier_is_a_template_field_of_an_operator() -> None:
    def family(of: Any) -> list[Any]:
        return [of, *(found for one in of.__subclasses__() for found in family(one))]

    fields = {name for one in (*family(AltinnOperator), AltinnFeedbackSensor) for name in one.template_fields}
    assert IDENTIFIERS - {"until_task"} <= fields


def test_a_filing_with_numbers_for_texts(run_task: RunTask, connect: Connect, emulator: Emulator, look: Look) -> None:
    connect(emulator.base_url, **SOPHIE)
    operator = AltinnInstantiateOperator(
        task_id="instantiate",
        app="ttd/basic",
        period="{{ dag_run.conf['year'] }}",
        organisation_number="{{ dag_run.conf['company'] }}",
        content_sha256="1234567890",
        data_values={"income_year": "{{ dag_run.conf['year'] }}"},
    )
    made = run_task(operator, params={"year": 2026, "company": int(COMPANY)})
    assert made.state == "success", made.error
    stamps = look.instance(made.result)["dataValues"]
    assert (stamps["filingperiod"], stamps["filingsha256"], stamps["income_year"]) == ("2026", "1234567890", "2026")
