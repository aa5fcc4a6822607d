"""Contributors: invitations with tokens, key enrolment, and removal."""

import secrets

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import ConflictError, InvalidRequestError
from exhibit.plain import to_one_line
from registry.crawls import revisits
from registry.crawls.models import Crawl, CrawlSlice, FrontierUrl
from registry.db.claimable import StepState
from registry.db.rows import require
from registry.edge.models import Contributor, EdgeResult
from registry.fingerprints import fingerprints as vectors
from registry.log import audit_log

TOKEN_PREFIX = "exe_"  # noqa: S105 - not a secret
"""Prefix of contributors' tokens."""
Outcome = EdgeResult.Outcome
_TOKEN_BYTES = 32


def invite_contributor(name: str, *, by: str) -> tuple[Contributor, str]:
    """Invite a contributor; return the row and the token, which is not stored.

    Raises:
        InvalidRequestError: The name is empty or used by another contributor.
    """
    name, secret = to_one_line(name)[:100], TOKEN_PREFIX + secrets.token_urlsafe(_TOKEN_BYTES)
    if not name or Contributor.objects.filter(name=name, revoked_at=None).exists():
        raise InvalidRequestError(_("Enter a name that no other contributor has."))
    with transaction.atomic():
        row = Contributor.objects.create(name=name, digest=Digest.from_bytes(secret.encode()), made_at=now())
        audit_log.log_change("contributor invited", by=by, details={"contributor": row.pk, "name": name})
    return row, secret


def find_contributor_by_token(secret: str) -> Contributor | None:
    """Return the contributor with the given token; ``None`` if the token is unknown or revoked."""
    row = Contributor.objects.filter(digest=Digest.from_bytes(secret.encode()), revoked_at=None).first()
    if row is not None:
        Contributor.objects.filter(pk=row.pk).update(used_at=now())
    return row


def record_public_key(row: Contributor, public_key: bytes) -> None:
    """Record a contributor's key (Ed25519, 32 bytes) permanently; raises ``ConflictError`` for a different one."""
    with transaction.atomic():
        known_key = lock_contributor(row).public_key
        if known_key is None and not Contributor.objects.filter(public_key=public_key).exists():
            Contributor.objects.filter(pk=row.pk).update(public_key=public_key)
            details = {"contributor": row.pk, "name": row.name, "key": public_key.hex()}
            audit_log.log_change("contributor joined", by="", details=details)
        elif bytes(known_key or b"") != public_key:
            raise ConflictError("The token and the key do not match.", hint="Request a new token.")


def lock_contributor(row: Contributor) -> Contributor:
    """Lock a contributor for this transaction; raises ``NotFoundError`` if it has been removed in the meantime."""
    locked_row = Contributor.objects.select_for_update(no_key=True).filter(pk=row.pk, revoked_at=None).first()
    return require(locked_row, "This contributor was removed.")


def get_contributor(name: str) -> Contributor:
    """Return the contributor with this name; raises ``NotFoundError`` if there is none."""
    row = Contributor.objects.filter(name=name, revoked_at=None).first()
    return require(row, f"There is no contributor {name!r}.", "List all: exhibit api GET /operator/contributors")


def remove_contributor(row: Contributor, *, by: str, reason: str = "", discard_results: bool) -> None:
    """Remove a contributor; its leases become available to others.

    With ``discard_results``, its results are discarded and no longer searched, and this installation fetches their URLs
    itself.
    """
    with transaction.atomic():
        Contributor.objects.filter(pk=row.pk).update(revoked_at=now(), reason=reason)
        leases = CrawlSlice.objects.filter(contributor=row, state=StepState.RUNNING)
        leases.update(state=StepState.QUEUED, contributor=None, claimed_at=None, epoch=F("epoch") + 1)
        dropped_count = _discard_results(row) if discard_results else 0
        details = {"contributor": row.pk, "name": row.name, "reason": reason, "dropped": dropped_count}
        audit_log.log_change("contributor thrown out", by=by, details=details)


def _discard_results(row: Contributor) -> int:
    Contributor.objects.filter(pk=row.pk).update(pictures=0, seconds=0)
    results = row.results.exclude(outcome__in=[Outcome.NOTHING, Outcome.DROPPED])
    queue_own_visits(results.filter(outcome__in=[Outcome.CAME, Outcome.KEPT]))
    vectors.remove_from_collection(
        vectors.Collection.PICTURES, list(results.exclude(picture=None).values_list("picture", flat=True))
    )
    return results.update(outcome=Outcome.DROPPED, state=StepState.DONE, hashes=b"", vectors=b"")


def queue_own_visits(results: QuerySet[EdgeResult]) -> set[int]:
    """Queue the URLs of results for this installation's own crawler; return the crawls. Call it in a transaction.

    A running crawl fetches its own URLs; those of an ended crawl are fetched by the owner's crawl of previously seen
    pictures.
    """
    urls = FrontierUrl.objects.filter(pk__in=results.values("target"), state=FrontierUrl.State.DONE)
    crawls = Crawl.objects.select_for_update(no_key=True, of=("self",)).select_related("watch")
    crawl_keys = set()
    for crawl in crawls.filter(pk__in=urls.values("crawl"), watch__removed_at=None).order_by("pk"):
        crawl_urls = urls.filter(crawl=crawl)
        if crawl.state == StepState.RUNNING and not crawl.reason:
            crawl_urls.update(state=FrontierUrl.State.PENDING, slice=None)
            crawl_keys.add(crawl.pk)
        else:
            crawl_keys.add(revisits.queue_visits(crawl.watch.owner_id, crawl_urls.values_list("page_url", "url")).pk)
    return crawl_keys
