"""Download links for people without an account: creation, lookup, use counts and revocation."""

import secrets
from datetime import timedelta

from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError, NotFoundError, RefusedError
from registry.accounts.models import Owner
from registry.bundles.models import DownloadLink, Package, Report
from registry.db.claimable import StepState
from registry.db.rows import get_next_number, lock_and_reload, lock_row
from registry.log.audit_log import AccessKind, EvidenceKind, log_access, log_change

MAX_DAYS = 90
FREE_ATTEMPTS = 5  # Consecutive wrong passwords without a pause. Each later failure doubles the pause.
USE_COUNT_RETENTION = timedelta(days=90)  # Time for which members can see the use count of an ended link.
FIRST_PAUSE, MAX_PAUSE = timedelta(minutes=1), timedelta(hours=1)


def create_link(
    owner: Owner, item: Package | Report, *, days: int, by: str, note: str = "", password: str = ""
) -> tuple[DownloadLink, str]:
    """Create a download link to a package or report, and extend a package's expiry to that of the link.

    Returns:
        The link, and the secret token of its URL, of which only the digest is stored.

    Raises:
        InvalidRequestError: ``days`` is not within 1 to :data:`MAX_DAYS`, or the files do not exist.
    """
    if not 1 <= days <= MAX_DAYS:
        sentence = _("A download link is valid for 1 to %(most)s days.") % {"most": MAX_DAYS}
        raise InvalidRequestError(sentence, hint=_("Choose a shorter period. You can create another link later."))
    token, expires_at = secrets.token_urlsafe(32), now() + timedelta(days=days)
    with lock_row(owner):
        target_columns = _lock_target(item)
        number = get_next_number(DownloadLink.objects.filter(owner=owner))
        link = DownloadLink.objects.create(
            owner=owner,
            number=number,
            token_digest=Digest.from_bytes(token.encode()),
            password=make_password(password) if password else "",
            note=note,
            made_by=by,
            expires_at=expires_at,
            **target_columns,
        )
        if isinstance(item, Package):
            Package.objects.filter(pk=item.pk, expires_at__lt=expires_at).update(expires_at=expires_at)
        log_change(
            "link made",
            by=by,
            owner=owner,
            details={"link": number, "until": expires_at.isoformat(), **_get_target_number(link)},
        )
    return link, token


def _lock_target(item: Package | Report) -> dict[str, Package | Report]:
    """Lock a link's package or report for the transaction, and return it by the name of its column.

    Raises:
        InvalidRequestError: Its files have not been generated.
    """
    row = lock_and_reload(item)
    if row.state != StepState.DONE or not row.files:
        raise InvalidRequestError(
            _("The file for this download link does not exist yet."), hint=_("Wait until the file has been generated.")
        )
    return {"package" if isinstance(item, Package) else "report": row}


def list_links(owner: Owner) -> QuerySet[DownloadLink]:
    """Return the owner's links, newest first, with their targets."""
    rows = DownloadLink.objects.filter(owner=owner).select_related("package", "report__owner")
    return rows.order_by("-number")


def filter_valid_links(rows: QuerySet[DownloadLink]) -> QuerySet[DownloadLink]:
    """Filter links to those that are valid now."""
    has_target = Q(package__removed_at=None, report=None) | Q(report__removed_at=None, package=None)
    return rows.filter(has_target, revoked_at=None, expires_at__gt=now())


def is_valid(link: DownloadLink) -> bool:
    """Return True if a link is valid now, by the same conditions as :func:`filter_valid_links`."""
    target = link.package or link.report
    return link.revoked_at is None and link.expires_at > now() and target is not None and target.removed_at is None


def revoke_link(owner: Owner, number: int, *, by: str) -> None:
    """Revoke a link. Revoking it again has no effect.

    Raises:
        NotFoundError: The owner has no link with this number.
    """
    with transaction.atomic():
        row = DownloadLink.objects.select_for_update(no_key=True).filter(owner=owner, number=number).first()
        if row is None:
            raise NotFoundError(f"{owner.name} has no link {number}.")
        if row.revoked_at is None:
            DownloadLink.objects.filter(pk=row.pk).update(revoked_at=now())
            log_change("link revoked", by=by, owner=owner, details={"link": number, **_get_target_number(row)})


def delete_ended_links() -> int:
    """Delete links that ended more than :data:`USE_COUNT_RETENTION` ago and return their number.

    Their downloads stay in the log. The newest link of each owner is not deleted, so that link numbers are never
    reused.
    """
    ended_before = now() - USE_COUNT_RETENTION
    newer_links = DownloadLink.objects.filter(owner=OuterRef("owner"), number__gt=OuterRef("number"))
    ended_links = DownloadLink.objects.filter(
        Exists(newer_links), Q(expires_at__lt=ended_before) | Q(revoked_at__lt=ended_before)
    )
    return ended_links.delete()[0]


def find_link_by_token(token: str) -> DownloadLink | None:
    """Return the valid link with the given token; None for unknown, expired and revoked tokens."""
    rows = DownloadLink.objects.filter(token_digest=Digest.from_bytes(token.encode()))
    return filter_valid_links(rows).select_related("owner", "package__owner", "report__owner").first()


def check_link_password(link: DownloadLink, password: str) -> None:
    """Check the password of a link.

    Raises:
        RefusedError: The password is wrong, or the link is locked after too many wrong passwords.
    """
    if not link.password:
        return
    refusal: RefusedError | None = None
    with lock_row(link) as row:  # One attempt at a time.
        if row.locked_until is not None and row.locked_until > now():
            sentence = _("Too many incorrect passwords.")
            raise RefusedError(sentence, reason="locked", hint=_("Try again later."))
        if check_password(password, row.password):
            row.failures, row.locked_until = 0, None
        else:
            refusal = RefusedError(_("The password is incorrect."), reason="password")
            row.failures = min(row.failures + 1, 30)
            excess_failures = row.failures - FREE_ATTEMPTS
            row.locked_until = (
                now() + min(FIRST_PAUSE * 2**excess_failures, MAX_PAUSE) if excess_failures >= 0 else None
            )
        row.save(update_fields=["failures", "locked_until"])
    if refusal is not None:
        raise refusal


def record_download(link: DownloadLink, file: str) -> None:
    """Count and log a download through a link. Call it before sending the file."""
    with transaction.atomic():
        DownloadLink.objects.filter(pk=link.pk).update(downloads=F("downloads") + 1, last_used_at=now())
        evidence_type = EvidenceKind.PACKAGE if link.package_id is not None else EvidenceKind.REPORT
        by = f"anyone with link {link.number}"
        log_access(
            evidence_type,
            AccessKind.DOWNLOADED,
            link.owner,
            by=by,
            link=link.number,
            file=file,
            **_get_target_number(link),
        )


def _get_target_number(link: DownloadLink) -> dict[str, int]:
    if link.package is not None:
        return {"package": link.package.number}
    assert link.report is not None
    return {"report": link.report.number}
