"""What is particular to one authority's report: apps, documents, periods, receipts and verdicts. One file for each."""
