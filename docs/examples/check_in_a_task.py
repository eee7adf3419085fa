from airflow.sdk import task


@task
def checked_report(path: str) -> dict[str, str | int]:
    """Check the report and return what the upload takes."""
    from altinn.checked_documents import check_document

    checked = check_document(path, "skatteetaten-mva/return.xsd", report=print)
    return {"data_type": "mvamelding", "path": path, "sha256": checked["sha256"]}
