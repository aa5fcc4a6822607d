"""Sections about one case that the sheet, the report and the draft documents share."""
