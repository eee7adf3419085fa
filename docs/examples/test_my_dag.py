from airflow.dag_processing.dagbag import DagBag

REPORT = "<model><property1>12</property1><property2>kroner</property2></model>"


def test_one_report_is_filed_although_answers_are_lost(altinn_emulator, monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW_CONN_ALTINN_DEFAULT", altinn_emulator.connection(token_dir=str(tmp_path)))
    altinn_emulator.faults.add("answer_lost", method="POST", path="/instances$")
    altinn_emulator.faults.add("answer_lost", method="PUT", path="/process/next$", occurrence=2)
    report = tmp_path / "report.xml"
    report.write_text(REPORT)

    dag = DagBag("dags/my_filing.py").dags["my_filing"]
    run = dag.test(run_conf={"period": "2026-T5", "report": str(report)})

    assert run.state == "success"
    (filing,) = altinn_emulator.filings()
    assert filing["dataValues"]["filingperiod"] == "2026-T5"
    assert [fault["struck"] for fault in altinn_emulator.faults.shown()] == [1, 1]
