"""Illegal content reported by a member: it is hidden from that owner at once, and removed permanently."""

from collections import Counter

from django.db import transaction

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import NotFoundError, WrongUseError
from exhibit.sentences import Sentence
from registry.accounts.models import Owner
from registry.bundles.file_removal import remove_unused
from registry.bundles.models import Package, Report
from registry.bundles.picture_usage import bundles_with
from registry.cases import history, log_entries
from registry.cases.models import Case
from registry.cases.picture_usage import cases_with
from registry.db.claimable import StepState
from registry.db.fields import StoredFile
from registry.keys import passkeys
from registry.keys.passkeys import Act, Answer
from registry.members import samples
from registry.pictures.models import BytesState, PictureReport
from registry.reports.requests import clear_folder
from registry.retention.purge import find_affected_files, purge
from registry.services.services import Services
from registry.works.models import WorkPicture

MAX_REPORTED = 5  # Maximum number of reported images shown to an operator at once.


def report_picture(services: Services, case: Case, *, by: str, reason: str, passkey: Answer | None = None) -> None:
    """Report the found image of a case as illegal.

    From then on, no member of the owner sees it, and nothing that shows it is handed out. If it concerns only this
    owner's cases, it is purged at once. Otherwise the operator decides, because other owners' evidence would be lost;
    the reporting owner is not shown which applies.

    Args:
        services: Services with the blob store.
        case: The case that shows the image.
        by: Account that reports it.
        reason: Description of the content.
        passkey: Passkey answer, if the owner requires passkeys for purges.

    Raises:
        WrongUseError: There is no reason or no image, or a required passkey answer is missing or invalid.
    """
    samples.check_not_sample(case.owner)
    if not reason:
        hint = Sentence("Describe what the picture shows, without details.")
        raise WrongUseError(Sentence("The text is empty."), hint=hint)
    if case.shown is None:
        raise WrongUseError(Sentence("Case %(number)s shows no picture.", number=case.number))
    picture = case.shown.match.found
    assert picture.digest is not None
    passkeys.requires_passkey(case.owner, Act.PURGE, passkeys.picture_subject(picture.digest), passkey)
    values = {"case": case, "reported_by": by, "reason": reason, "reported_at": now()}
    other_cases = cases_with(picture.digest).exclude(owner=case.owner_id)
    needs_operator = other_cases.exists() or WorkPicture.objects.filter(picture=picture).exists()
    with transaction.atomic():
        signed = (
            passkeys.consume_answer(case.owner, Act.PURGE, passkeys.picture_subject(picture.digest), passkey)
            if needs_operator
            else None
        )
        _row, is_new = PictureReport.objects.get_or_create(owner=case.owner, picture=picture, defaults=values)
        if is_new:
            history.record(case, "reported", by, ("reported", {}), text=reason)
            log_entries.log_note(case, "reported", by=by, **passkeys.log_details(signed))
    if needs_operator:
        _remove_copies(services, case.owner, picture.digest)
    else:
        purge(services, picture.digest, by=by, reason=reason, passkey=passkey)


def list_affected_objects(services: Services, case: Case) -> list[tuple[str, bool, int]]:
    """Return what the owner would lose if a case's image were purged: (object, kept or removed, number of files)."""
    digest = case.shown.match.found.digest if case.shown else None
    affected_files = find_affected_files(services, digest) if digest else ()
    counts = Counter((row.what, row.kept) for row in affected_files if row.owner == case.owner.slug)
    return [(what, is_kept, files) for (what, is_kept), files in sorted(counts.items())]


def dismiss_reports(digest: Digest, *, by: str, reason: str) -> int:
    """Dismiss members' reports of an image; it and the files that show it become available again.

    Copies that were removed in the meantime are made again on request.

    Returns:
        The number of dismissed reports.

    Raises:
        NotFoundError: No member reported the image, or its bytes were removed.
    """
    with transaction.atomic():
        rows = PictureReport.objects.select_for_update(of=("self",)).filter(picture__digest=digest).order_by("pk")
        reports = list(rows.exclude(picture__bytes_state=BytesState.PURGED).select_related("case__owner"))
        if not reports:
            sentence = "No member reported that picture, or it was removed."
            raise NotFoundError(sentence, hint="exhibit doctor lists them.")
        for row in reports:
            history.record(row.case, "reported", by, ("stays-shown", {}), text=reason)
            log_entries.log_note(row.case, "report dismissed", by=by)
            row.delete()
    return len(reports)


def list_open_reports() -> list[str]:
    """Return the digests of reported images that are still stored, oldest first."""
    rows = PictureReport.objects.exclude(picture__bytes_state=BytesState.PURGED).order_by("reported_at", "pk")
    digests = rows.values_list("picture__digest", flat=True)[:MAX_REPORTED]
    return list(dict.fromkeys(digest.hex for digest in digests if digest is not None))


def _remove_copies(services: Services, owner: Owner, digest: Digest) -> None:
    """Remove ZIPs and reports that may show the image. New ones are made without it."""
    package_ids = Package.objects.filter(owner=owner, bundles__in=bundles_with(digest)).values("pk")
    with transaction.atomic():
        packages = list(Package.objects.select_for_update(no_key=True).filter(pk__in=package_ids).order_by("pk"))
        Package.objects.filter(pk__in=package_ids).update(files=[], progress={})
        reports = list(Report.objects.select_for_update(no_key=True).filter(owner=owner).order_by("pk"))
        for report in reports:
            Report.objects.filter(pk=report.pk).update(files=[file for file in report.files if not _is_pdf(file)])
        unfinished = [row for row in reports if row.state != StepState.DONE]
        Report.objects.filter(pk__in=[report.pk for report in unfinished]).update(progress={})
    for report in unfinished:
        clear_folder(services, report)
    remove_unused(services, [file for row in packages for file in row.files])
    remove_unused(services, [file for row in reports for file in row.files if _is_pdf(file)])


def _is_pdf(file: StoredFile) -> bool:
    """Return True if a report's file contains images."""
    return bool(file["media_type"] == "application/pdf")
