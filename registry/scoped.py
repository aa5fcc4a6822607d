"""All objects that can be looked up through their owner, for pages and operations. Any other is a 404."""

from registry.accounts.scoped import (
    number_lookup,
    owner,
    owners_of,
    rows_of_owner,
)
from registry.bundles.scoped import bundle, deposit, package, packages
from registry.cases.scoped import (
    case,
    cases,
    count_by_watch,
    may_see_picture,
    picture,
)
from registry.crawls.scoped import (
    count_refusals,
    count_skipped,
    crawl,
    crawls,
    known_copy,
    last_crawls,
    watch,
    watch_numbered,
    watches,
)
from registry.notifications.scoped import get_message, webhook, webhooks
from registry.pictures.scoped import find_hidden, is_hidden, list_reported
from registry.reports.scoped import report, reports
from registry.works.scoped import (
    attachment,
    bulk_edit,
    bulk_edits,
    licence,
    licences,
    upload,
    uploads,
    work,
    works,
)

__all__ = [
    "attachment",
    "bulk_edit",
    "bulk_edits",
    "bundle",
    "case",
    "cases",
    "count_by_watch",
    "count_refusals",
    "count_skipped",
    "crawl",
    "crawls",
    "deposit",
    "find_hidden",
    "get_message",
    "is_hidden",
    "known_copy",
    "last_crawls",
    "licence",
    "licences",
    "list_reported",
    "may_see_picture",
    "number_lookup",
    "owner",
    "owners_of",
    "package",
    "packages",
    "picture",
    "report",
    "reports",
    "rows_of_owner",
    "upload",
    "uploads",
    "watch",
    "watch_numbered",
    "watches",
    "webhook",
    "webhooks",
    "work",
    "works",
]
