"""The operators: the API's verbs as discrete tasks."""

from __future__ import annotations

from altinn.operators.check_documents import AltinnCheckDocumentOperator
from altinn.operators.collect_receipt import AltinnCollectReceiptOperator
from altinn.operators.delete_instance import AltinnDeleteInstanceOperator
from altinn.operators.download_data import AltinnDownloadDataOperator
from altinn.operators.examine_connection import AltinnDoctorOperator
from altinn.operators.find_instance import AltinnFindInstanceOperator
from altinn.operators.instantiate import AltinnInstantiateMultipartOperator, AltinnInstantiateOperator
from altinn.operators.plan_filing import AltinnPlanFilingOperator
from altinn.operators.process_next import AltinnProcessNextOperator
from altinn.operators.reconcile_calendar import AltinnReconcileOperator
from altinn.operators.upload_data import AltinnUploadDataOperator
from altinn.operators.validate import AltinnValidateOperator
from altinn.operators.validate_at_authority import AltinnValidateAtAuthorityOperator

__all__ = [
    "AltinnCheckDocumentOperator",
    "AltinnCollectReceiptOperator",
    "AltinnDeleteInstanceOperator",
    "AltinnDoctorOperator",
    "AltinnDownloadDataOperator",
    "AltinnFindInstanceOperator",
    "AltinnInstantiateMultipartOperator",
    "AltinnInstantiateOperator",
    "AltinnPlanFilingOperator",
    "AltinnProcessNextOperator",
    "AltinnReconcileOperator",
    "AltinnUploadDataOperator",
    "AltinnValidateAtAuthorityOperator",
    "AltinnValidateOperator",
]
