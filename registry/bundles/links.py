"""Download links for people without an account: creation, lookup, use counts and revocation."""

import secrets
from datetime import timedelta

from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import NotFoundError, RefusedError, WrongUseError
from registry.accounts.models import Owner
from registry.bundles.models import DownloadLink, Package, Report
from registry.db.claimable import StepState
from registry.db.rows import lock_and_reload, lock_row, next_number
from registry.log.audit_log import AccessKind, Evidence, log_access, log_change

MAX_DAYS = 90
FREE_TRIES = 5  # Wrong passwords in a row without a pause. Each further one doubles the pause.
USE_COUNT_RETENTION = timedelta(days=90)  # Time for which members see the use count of an ended link.
FIRST_PAUSE, MAX_PAUSE = timedelta(minutes=1), timedelta(hours=1)


def make_link(
    owner: Owner, to: Package | Report, *, days: int, by: str, note: str = "", password: str = ""
) -> tuple[DownloadLink, str]:
    """Create a link to a package or report and keep its files for as long as the link is valid.

    Returns:
        The link, and the secret token of its URL, of which only the digest is stored.

    Raises:
        WrongUseError: ``days`` exceeds :data:`MAX_DAYS`, or the files do not exist.
    """
    if not 1 <= days <= MAX_DAYS:
        sentence = _("A download link is valid for 1 to %(most)s days.") % {"most": MAX_DAYS}
        raise WrongUseError(sentence, hint=_("Choose a shorter period. You can create another link later."))
    token, until = secrets.token_urlsafe(32), now() + timedelta(days=days)
    with lock_row(owner):
        target = _lock_target(to)
        number = next_number(DownloadLink.objects.filter(owner=owner))
        link = DownloadLink.objects.create(
            owner=owner,
            number=number,
            token_digest=Digest.of(token.encode()),
            password=make_password(password) if password else "",
            note=note,
            made_by=by,
            expires_at=until,
            **target,
        )
        if isinstance(to, Package):
            Package.objects.filter(pk=to.pk, expires_at__lt=until).update(expires_at=until)
        log_change(
            "link made", by=by, owner=owner, about={"link": number, "until": until.isoformat(), **_target_number(link)}
        )
    return link, token


def _lock_target(to: Package | Report) -> dict[str, Package | Report]:
    """Return the target of a link, locked until the end of the transaction.

    Raises:
        WrongUseError: The target has no files.
    """
    row = lock_and_reload(to)
    if row.state != StepState.DONE or not row.files:
        raise WrongUseError(
            _("The file for this download link does not exist yet."), hint=_("Wait until it has been generated.")
        )
    return {"package" if isinstance(to, Package) else "report": row}


def links_of(owner: Owner) -> QuerySet[DownloadLink]:
    """Return the owner's links, newest first, with their targets."""
    rows = DownloadLink.objects.filter(owner=owner).select_related("package", "report__owner")
    return rows.order_by("-number")


def filter_valid(rows: QuerySet[DownloadLink]) -> QuerySet[DownloadLink]:
    """Filter links to those that are valid now."""
    has_target = Q(package__removed_at=None, report=None) | Q(report__removed_at=None, package=None)
    return rows.filter(has_target, revoked_at=None, expires_at__gt=now())


def is_valid(link: DownloadLink) -> bool:
    """Return True if a link is valid now, by the same conditions as :func:`filter_valid`."""
    to = link.package or link.report
    return link.revoked_at is None and link.expires_at > now() and to is not None and to.removed_at is None


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
            log_change("link revoked", by=by, owner=owner, about={"link": number, **_target_number(row)})


def delete_ended() -> int:
    """Delete links that ended more than :data:`USE_COUNT_RETENTION` ago and return their number.

    The log keeps their downloads.

    The newest link of each owner is kept, so that its number, which the log names, is never reused.
    """
    limit = now() - USE_COUNT_RETENTION
    newer = DownloadLink.objects.filter(owner=OuterRef("owner"), number__gt=OuterRef("number"))
    ended = DownloadLink.objects.filter(Exists(newer), Q(expires_at__lt=limit) | Q(revoked_at__lt=limit))
    return ended.delete()[0]


def find_by_token(token: str) -> DownloadLink | None:
    """Return the valid link with this token. Wrong, expired and revoked tokens all return None."""
    rows = DownloadLink.objects.filter(token_digest=Digest.of(token.encode()))
    return filter_valid(rows).select_related("owner", "package__owner", "report__owner").first()


def check_link_password(link: DownloadLink, password: str) -> None:
    """Check the password of a link.

    Raises:
        RefusedError: The password is wrong, or a pause is due after too many wrong ones.
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
            excess = row.failures - FREE_TRIES
            row.locked_until = now() + min(FIRST_PAUSE * 2**excess, MAX_PAUSE) if excess >= 0 else None
        row.save(update_fields=["failures", "locked_until"])
    if refusal is not None:
        raise refusal


def record_download(link: DownloadLink, file: str) -> None:
    """Count and log a download by a link, before the file is sent."""
    with transaction.atomic():
        DownloadLink.objects.filter(pk=link.pk).update(downloads=F("downloads") + 1, last_used_at=now())
        what = Evidence.PACKAGE if link.package_id is not None else Evidence.REPORT
        by = f"whoever has link {link.number}"
        log_access(what, AccessKind.DOWNLOADED, link.owner, by=by, link=link.number, file=file, **_target_number(link))


def _target_number(link: DownloadLink) -> dict[str, int]:
    if link.package is not None:
        return {"package": link.package.number}
    assert link.report is not None
    return {"report": link.report.number}
