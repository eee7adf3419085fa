"""The smallest filing: fetch the prefilled form, add own data, put it back, submit, confirm.

Made for the demonstration app `ttd/basic`, whose form has three text fields; for another app change `fill_in`.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from airflow.sdk import DAG, Param, get_current_context, task

from altinn.operators import (
    AltinnDownloadDataOperator,
    AltinnInstantiateOperator,
    AltinnProcessNextOperator,
    AltinnUploadDataOperator,
)

FILES = os.environ.get("ALTINN_FILES", str(Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "altinn"))
APP = {"app": "ttd/basic", "altinn_conn_id": "{{ params.altinn_conn_id }}"}

with DAG(
    dag_id="minimal_filing",
    description="Fetch a prefilled form, add own data, file it",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2022, 1, 1, tzinfo=UTC),
    catchup=False,
    render_template_as_native_obj=True,
    tags=["altinn", "example"],
    params={
        "period": Param(
            "2026-T5",
            type="string",
            title="Period",
            description="Part of the filing key",
            pattern=r"^[0-9A-Za-z.-]{1,32}$",
        ),
        "property1": Param("from Airflow", type="string", title="First field"),
        "property2": Param("a", type="string", maxLength=20, title="Second field"),
        "altinn_conn_id": Param("altinn_default", type="string", title="Connection"),
    },
) as dag:
    instance_id = AltinnInstantiateOperator(
        task_id="instantiate", period="{{ params.period }}", instance_owner="self", **APP
    ).output
    instance: Any = {"instance_id": instance_id, **APP}

    prefilled = AltinnDownloadDataOperator(
        task_id="download_form",
        data_types=["model"],
        accept="application/xml",
        folder=f"{FILES}/minimal_filing/{{{{ ti.xcom_pull(task_ids='instantiate') }}}}",
        **instance,
    ).output

    @task
    def fill_in(form: list[dict[str, Any]]) -> str:
        """Set the fields of the form in the order that its schema has."""
        from altinn.documents import storage_path
        from altinn.protocol.xml_prescan import parse_xml

        path = storage_path(form[0]["path"])
        model = parse_xml(path.read_bytes())
        params = get_current_context()["params"]  # as they are: a template would turn "1.50" into a number
        own = {name: params[name] for name in ("property1", "property2")}
        values = {**{child.tag: child.text for child in model}, **own}
        for child in list(model):
            model.remove(child)
        for name in ("property1", "property2", "property3"):
            if values.get(name):
                ElementTree.SubElement(model, name).text = str(values[name])
        filled = path.with_name("filled.xml")
        filled.write_bytes(ElementTree.tostring(model, encoding="utf-8", xml_declaration=True))
        return str(filled)

    filled = fill_in(prefilled)
    upload = AltinnUploadDataOperator(task_id="upload_form", data_type="model", path=filled, **instance)
    submit = AltinnProcessNextOperator(task_id="submit", from_task="data", documents=upload.output, **instance)
    confirm = AltinnProcessNextOperator(
        task_id="confirm", from_task="confirmation", documents=upload.output, **instance
    )
    upload >> submit >> confirm
