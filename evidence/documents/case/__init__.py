"""Sections about one case, shared by the exhibit sheet, the report and the draft documents."""
