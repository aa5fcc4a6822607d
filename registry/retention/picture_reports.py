"""Reports of illegal content by members: the content is hidden from that owner at once.

It is purged, unless it also affects other owners or a registered work; then the operator decides.
"""

from collections import Counter

from django.db import transaction

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError, NotFoundError
from exhibit.sentences import Sentence
from registry.accounts.models import Owner
from registry.bundles.file_removal import remove_unused_files
from registry.bundles.models import Package, Report
from registry.bundles.picture_usage import find_bundles_with_picture
from registry.cases import history, log_entries
from registry.cases.models import Case
from registry.cases.picture_usage import find_cases_with_picture
from registry.db.claimable import StepState
from registry.db.fields import StoredFile
from registry.keys import passkeys
from registry.keys.passkeys import PasskeyAction, PasskeyResponse
from registry.members import samples
from registry.pictures.models import BytesState, PictureReport
from registry.reports.requests import clear_folder
from registry.retention.purge import find_affected_files, purge_picture
from registry.services.services import Services
from registry.works.models import WorkPicture

MAX_REPORTED = 5  # Maximum number of reported images shown to an operator at once.


def report_picture(
    services: Services, case: Case, *, by: str, reason: str, passkey: PasskeyResponse | None = None
) -> None:
    """Report the found image of a case as illegal.

    From then on, no member of the owner can see it, and no file that shows it can be downloaded. If it appears only
    in this owner's cases and in no work, it is purged at once. Otherwise the operator decides, because other owners'
    evidence would be lost; the reporting owner is not shown which applies.

    Args:
        services: Services with the blob store.
        case: The case that shows the image.
        by: Account that reports it.
        reason: Description of the content.
        passkey: Passkey assertion, if the owner requires passkeys for purges.

    Raises:
        InvalidRequestError: There is no reason or no image, or a required passkey assertion is missing or invalid.
    """
    samples.check_not_sample(case.owner)
    if not reason:
        hint = Sentence("Describe what the picture shows, without details.")
        raise InvalidRequestError(Sentence("The text is empty."), hint=hint)
    if case.shown is None:
        raise InvalidRequestError(Sentence("Case %(number)s shows no picture.", number=case.number))
    picture = case.shown.match.found
    assert picture.digest is not None
    passkeys.requires_passkey(case.owner, PasskeyAction.PURGE, passkeys.build_picture_subject(picture.digest), passkey)
    defaults = {"case": case, "reported_by": by, "reason": reason, "reported_at": now()}
    other_cases = find_cases_with_picture(picture.digest).exclude(owner=case.owner_id)
    needs_operator = other_cases.exists() or WorkPicture.objects.filter(picture=picture).exists()
    with transaction.atomic():
        signature = (
            passkeys.consume_response(
                case.owner, PasskeyAction.PURGE, passkeys.build_picture_subject(picture.digest), passkey
            )
            if needs_operator
            else None
        )
        _row, is_new = PictureReport.objects.get_or_create(owner=case.owner, picture=picture, defaults=defaults)
        if is_new:
            history.record_event(case, "reported", by, ("reported", {}), text=reason)
            log_entries.log_action(case, "reported", by=by, **passkeys.build_log_details(signature))
    if needs_operator:
        _remove_copies(services, case.owner, picture.digest)
    else:
        purge_picture(services, picture.digest, by=by, reason=reason, passkey=passkey)


def list_affected_objects(services: Services, case: Case) -> list[tuple[str, bool, int]]:
    """Return the objects that a purge of a case's image affects, as (object, is withheld, number of files)."""
    digest = case.shown.match.found.digest if case.shown else None
    affected_files = find_affected_files(services, digest) if digest else ()
    counts = Counter((row.what, row.kept) for row in affected_files if row.owner == case.owner.slug)
    return [(object_name, is_kept, files) for (object_name, is_kept), files in sorted(counts.items())]


def dismiss_reports(digest: Digest, *, by: str, reason: str) -> int:
    """Dismiss members' reports of an image; it and the files that show it become available again.

    Copies that were removed in the meantime are generated again on request.

    Returns:
        The number of dismissed reports.

    Raises:
        NotFoundError: No member reported the image, or its bytes were removed.
    """
    with transaction.atomic():
        rows = PictureReport.objects.select_for_update(of=("self",)).filter(picture__digest=digest).order_by("pk")
        reports = list(rows.exclude(picture__bytes_state=BytesState.PURGED).select_related("case__owner"))
        if not reports:
            sentence = "The picture was not reported by a member, or was removed."
            raise NotFoundError(sentence, hint="To list reported pictures: exhibit doctor")
        for row in reports:
            history.record_event(row.case, "reported", by, ("stays-shown", {}), text=reason)
            log_entries.log_action(row.case, "report dismissed", by=by)
            row.delete()
    return len(reports)


def list_open_reports() -> list[str]:
    """Return the digests of reported images that are still stored, oldest first."""
    rows = PictureReport.objects.exclude(picture__bytes_state=BytesState.PURGED).order_by("reported_at", "pk")
    digests = rows.values_list("picture__digest", flat=True)[:MAX_REPORTED]
    return list(dict.fromkeys(digest.hex for digest in digests if digest is not None))


def _remove_copies(services: Services, owner: Owner, digest: Digest) -> None:
    """Remove ZIPs and reports that may show the image. New ones are generated without it."""
    package_ids = Package.objects.filter(owner=owner, bundles__in=find_bundles_with_picture(digest)).values("pk")
    with transaction.atomic():
        packages = list(Package.objects.select_for_update(no_key=True).filter(pk__in=package_ids).order_by("pk"))
        Package.objects.filter(pk__in=package_ids).update(files=[], progress={})
        reports = list(Report.objects.select_for_update(no_key=True).filter(owner=owner).order_by("pk"))
        for report in reports:
            Report.objects.filter(pk=report.pk).update(files=[file for file in report.files if not _is_pdf(file)])
        unfinished_reports = [row for row in reports if row.state != StepState.DONE]
        Report.objects.filter(pk__in=[report.pk for report in unfinished_reports]).update(progress={})
    for report in unfinished_reports:
        clear_folder(services, report)
    remove_unused_files(services, [file for row in packages for file in row.files])
    remove_unused_files(services, [file for row in reports for file in row.files if _is_pdf(file)])


def _is_pdf(file: StoredFile) -> bool:
    """Return True if a report's file contains images."""
    return bool(file["media_type"] == "application/pdf")
