"""All objects that can be looked up through their owner, for pages and operations. Any other is a 404."""

from registry.accounts.scoped import (
    numbered,
    owner,
    owners_of,
    rows_of_owner,
)
from registry.bundles.scoped import bundle, deposit, package, packages
from registry.cases.scoped import (
    case,
    cases,
    found_by,
    may_see_picture,
    picture,
)
from registry.crawls.scoped import (
    canary,
    crawl,
    crawls,
    last_crawls,
    passed_counts,
    refusal_counts,
    watch,
    watch_numbered,
    watches,
)
from registry.notifications.scoped import message, webhook, webhooks
from registry.pictures.scoped import hidden_among, is_hidden, reported
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
    "canary",
    "case",
    "cases",
    "crawl",
    "crawls",
    "deposit",
    "found_by",
    "hidden_among",
    "is_hidden",
    "last_crawls",
    "licence",
    "licences",
    "may_see_picture",
    "message",
    "numbered",
    "owner",
    "owners_of",
    "package",
    "packages",
    "passed_counts",
    "picture",
    "refusal_counts",
    "report",
    "reported",
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
