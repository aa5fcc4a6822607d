"""Lookups of objects through their owner, for pages and API operations. Another owner's objects are not found (404)."""

from registry.accounts.scoped import (
    get_owner,
    list_owners,
    make_number_lookup,
    make_owner_query,
)
from registry.bundles.scoped import get_bundle, get_deposit, get_package, list_owner_packages
from registry.cases.scoped import (
    can_see_picture,
    count_by_watch,
    get_case,
    get_picture,
    list_owner_cases,
)
from registry.crawls.scoped import (
    count_refusals,
    count_skipped,
    find_watch_by_number,
    get_crawl,
    get_known_copy,
    get_watch,
    list_last_crawls,
    list_owner_crawls,
    list_watches,
)
from registry.notifications.scoped import get_message, get_webhook, list_webhooks
from registry.pictures.scoped import build_hidden_filter, find_hidden_pictures, list_reported_digests
from registry.reports.scoped import get_report, list_reports
from registry.works.scoped import (
    get_attachment,
    get_bulk_edit,
    get_licence,
    get_upload,
    get_work,
    list_bulk_edits,
    list_licences,
    list_owner_works,
    list_uploads,
)

__all__ = [
    "build_hidden_filter",
    "can_see_picture",
    "count_by_watch",
    "count_refusals",
    "count_skipped",
    "find_hidden_pictures",
    "find_watch_by_number",
    "get_attachment",
    "get_bulk_edit",
    "get_bundle",
    "get_case",
    "get_crawl",
    "get_deposit",
    "get_known_copy",
    "get_licence",
    "get_message",
    "get_owner",
    "get_package",
    "get_picture",
    "get_report",
    "get_upload",
    "get_watch",
    "get_webhook",
    "get_work",
    "list_bulk_edits",
    "list_last_crawls",
    "list_licences",
    "list_owner_cases",
    "list_owner_crawls",
    "list_owner_packages",
    "list_owner_works",
    "list_owners",
    "list_reported_digests",
    "list_reports",
    "list_uploads",
    "list_watches",
    "list_webhooks",
    "make_number_lookup",
    "make_owner_query",
]
