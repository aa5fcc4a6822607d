"""Links for people outside: making one, finding what it leads to, counting its uses, taking it back."""

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
from registry.db.rows import alone_with, locked, next_number
from registry.log.audit_log import Evidence, Way, accessed, changed

MAX_DAYS = 90
FREE_TRIES = 5  # wrong passwords in a row after which each further one costs a pause, which doubles
KEPT_FOR = timedelta(days=90)  # so long members see of a link that is over how often it was used
FIRST_PAUSE, MAX_PAUSE = timedelta(minutes=1), timedelta(hours=1)


def make_link(
    owner: Owner, to: Package | Report, *, days: int, by: str, note: str = "", password: str = ""
) -> tuple[DownloadLink, str]:
    """Make a link to what is there, kept for as long, with the secret part of its address, which isn't kept anywhere.

    Raises ``WrongUseError`` for more than :data:`MAX_DAYS`.
    """
    if not 1 <= days <= MAX_DAYS:
        sentence = _("A link holds for 1 to %(most)s days.") % {"most": MAX_DAYS}
        raise WrongUseError(sentence, hint=_("Make another one later."))
    token, until = secrets.token_urlsafe(32), now() + timedelta(days=days)
    with alone_with(owner):
        target = _held(to)
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
        changed("link made", by=by, owner=owner, about={"link": number, "until": until.isoformat(), **_named(link)})
    return link, token


def _held(to: Package | Report) -> dict[str, Package | Report]:
    """What a link leads to, held until the end of the transaction; raises ``WrongUseError`` if it isn't there."""
    row = locked(to)
    if row.state != StepState.DONE or not row.files:
        raise WrongUseError(_("There is no file yet to which a link could lead."), hint=_("Wait until it is made."))
    return {"package" if isinstance(to, Package) else "report": row}


def links_of(owner: Owner) -> QuerySet[DownloadLink]:
    """The owner's links, newest first, with what they lead to."""
    rows = DownloadLink.objects.filter(owner=owner).select_related("package", "report__owner")
    return rows.order_by("-number")


def live(rows: QuerySet[DownloadLink]) -> QuerySet[DownloadLink]:
    """Those of the links that hold now."""
    there = Q(package__removed_at=None, report=None) | Q(report__removed_at=None, package=None)
    return rows.filter(there, revoked_at=None, expires_at__gt=now())


def holds(link: DownloadLink) -> bool:
    """Whether a link is one of those that :func:`live` finds."""
    to = link.package or link.report
    return link.revoked_at is None and link.expires_at > now() and to is not None and to.removed_at is None


def revoke_link(owner: Owner, number: int, *, by: str) -> None:
    """Take a link back: from now on it leads nowhere. A second time changes nothing. Raises ``NotFoundError``."""
    with transaction.atomic():
        row = DownloadLink.objects.select_for_update(no_key=True).filter(owner=owner, number=number).first()
        if row is None:
            raise NotFoundError(f"{owner.name} has no link {number}.")
        if row.revoked_at is None:
            DownloadLink.objects.filter(pk=row.pk).update(revoked_at=now())
            changed("link revoked", by=by, owner=owner, about={"link": number, **_named(row)})


def forget_ended() -> int:
    """Remove links that have been over for :data:`KEPT_FOR`, and count them; the log keeps who took what by them.

    The newest of each owner stays: its number, which the log names, is never given to another.
    """
    limit = now() - KEPT_FOR
    newer = DownloadLink.objects.filter(owner=OuterRef("owner"), number__gt=OuterRef("number"))
    over = DownloadLink.objects.filter(Exists(newer), Q(expires_at__lt=limit) | Q(revoked_at__lt=limit))
    return over.delete()[0]


def found_by(token: str) -> DownloadLink | None:
    """The link with this token, while it holds; a wrong, expired or revoked token finds the same: nothing."""
    rows = DownloadLink.objects.filter(token_digest=Digest.of(token.encode()))
    return live(rows).select_related("owner", "package__owner", "report__owner").first()


def check_link_password(link: DownloadLink, given: str) -> None:
    """Raise ``RefusedError`` for a wrong password, and for any when it was wrong so often that a pause is due."""
    if not link.password:
        return
    refused: RefusedError | None = None
    with alone_with(link) as row:  # one try at a time
        if row.locked_until is not None and row.locked_until > now():
            sentence = _("Too many wrong passwords.")
            raise RefusedError(sentence, reason="locked", hint=_("Try again later."))
        if check_password(given, row.password):
            row.failures, row.locked_until = 0, None
        else:
            refused = RefusedError(_("This isn't the password."), reason="password")
            row.failures = min(row.failures + 1, 30)
            beyond = row.failures - FREE_TRIES
            row.locked_until = now() + min(FIRST_PAUSE * 2**beyond, MAX_PAUSE) if beyond >= 0 else None
        row.save(update_fields=["failures", "locked_until"])
    if refused is not None:
        raise refused


def note_use(link: DownloadLink, file: str) -> None:
    """Count that somebody takes a file away by a link, and put it into the log, before the file is handed out."""
    with transaction.atomic():
        DownloadLink.objects.filter(pk=link.pk).update(downloads=F("downloads") + 1, last_used_at=now())
        what = Evidence.PACKAGE if link.package_id is not None else Evidence.REPORT
        by = f"whoever has link {link.number}"
        accessed(what, Way.TAKEN, link.owner, by=by, link=link.number, file=file, **_named(link))


def _named(link: DownloadLink) -> dict[str, int]:
    if link.package is not None:
        return {"package": link.package.number}
    assert link.report is not None
    return {"report": link.report.number}
