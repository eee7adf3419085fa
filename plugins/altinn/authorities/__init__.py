"""What is particular to each authority's report: apps, documents, periods, receipts and verdicts."""
