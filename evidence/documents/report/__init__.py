"""The report of many cases: PDF, CSV, XLSX and JSON, in volumes."""
