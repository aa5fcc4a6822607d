"""Queries for reports, limited to one owner."""

from registry.accounts.scoped import make_number_lookup, make_owner_query
from registry.bundles.models import Report

list_reports = make_owner_query(Report, "owner", removed_at=None)
get_report = make_number_lookup(list_reports, "report")
