"""Queries for reports, limited to one owner."""

from registry.accounts.scoped import numbered, rows_of_owner
from registry.bundles.models import Report

reports = rows_of_owner(Report, "owner", removed_at=None)
report = numbered(reports, "report")
