"""AltinnInstantiateMultipartOperator: one call, no key, no retries."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG

from altinn.exceptions import AltinnDocumentError, AltinnFilingError, AltinnInputError
from altinn.operators import AltinnInstantiateMultipartOperator
from tests.altinn_proxy import AltinnProxy
from tests.system.conftest import Look, Outcome, RunTask

CREATE = r"^/ttd/basic/instances$"


@pytest.fixture
def documents(form: str, tmp_path: Path) -> list[dict[str, str]]:
    letter = tmp_path / "letter.pdf"
    letter.write_bytes(b"%PDF-1.4 letter")
    return [{"data_type": "model", "path": form}, {"data_type": "letter", "path": str(letter)}]


def _create(run_task: RunTask, documents: list[dict[str, str]], **arguments: Any) -> Outcome:
    return run_task(
        AltinnInstantiateMultipartOperator(task_id="create", app="ttd/basic", documents=documents, **arguments)
    )


def test_form_and_file_come_along(
    run_task: RunTask, connection: str, look: Look, documents: list[dict[str, str]]
) -> None:
    made = _create(run_task, documents, data_values={"reference": "17"})
    assert made.state == "success", made.error
    assert look.elements(made.result) == [("letter", "letter.pdf"), ("model", "")]
    assert look.instance(made.result)["dataValues"] == {"reference": "17"}
    assert len(look.writes()) == 1


def test_a_lost_answer_is_never_followed_by_a_retry(
    run_task: RunTask, proxied: str, proxy: AltinnProxy, look: Look, documents: list[dict[str, str]]
) -> None:
    proxy.lose_answer("POST", CREATE)
    lost = _create(run_task, documents)
    assert lost.state == "failed"
    assert isinstance(lost.error, AltinnFilingError)
    assert "look for a draft in Altinn before you run the task again" in str(lost.error)
    assert len(look.requests("POST", CREATE)) == 1


def test_retries_are_refused_where_they_are_given(documents: list[dict[str, str]]) -> None:
    with pytest.raises(AltinnInputError, match="set retries=0 on this task"):
        AltinnInstantiateMultipartOperator(task_id="create", app="ttd/basic", documents=documents, retries=1)
    with (
        DAG("careless", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), default_args={"retries": 3}),
        pytest.raises(AltinnInputError, match="a retry would make another instance"),
    ):
        AltinnInstantiateMultipartOperator(task_id="create", app="ttd/basic", documents=documents)
    assert AltinnInstantiateMultipartOperator(task_id="create", app="ttd/basic", documents=documents).retries == 0


def test_the_plan_is_checked_as_a_whole(
    run_task: RunTask, connection: str, look: Look, documents: list[dict[str, str]]
) -> None:
    twice = _create(run_task, [*documents, documents[1]])
    assert twice.state == "failed"
    assert isinstance(twice.error, AltinnDocumentError)
    assert "2 documents are planned, the app takes 1 at most" in str(twice.error)

    large = _create(run_task, documents, max_bytes=10)
    assert isinstance(large.error, AltinnInputError)
    assert "more than max_bytes=10: upload them one by one" in str(large.error)
    assert look.writes() == []
