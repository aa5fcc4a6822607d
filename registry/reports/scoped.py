"""Queries for reports, limited to one owner."""

from registry.accounts.scoped import number_lookup, rows_of_owner
from registry.bundles.models import Report

reports = rows_of_owner(Report, "owner", removed_at=None)
report = number_lookup(reports, "report")
