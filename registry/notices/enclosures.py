"""Enclosures of a notice: deposit records of its works, bundles of its cases, and the sender's business licence."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError
from registry.bundles.deposits import load_record_files
from registry.bundles.links import MAX_DAYS, create_link, filter_valid_links, list_links, revoke_link
from registry.bundles.models import Bundle, Deposit, Package
from registry.cases.models import Case
from registry.db.claimable import StepState
from registry.notices.models import Notice
from registry.notices.notices import FILINGS
from registry.notices.senders import FILE_SIGNATURES
from registry.notices.wording import Wording
from registry.services.services import Services

MAX_DEPOSITS = 20
"""Maximum number of deposit records in one notice."""


def load_last_bundles(cases: Sequence[Case], until: datetime | None = None) -> dict[int, Bundle]:
    """Return the latest sealed bundle of each case (by the case's primary key), optionally as of an earlier time."""
    rows = Bundle.objects.filter(case__in=cases, sealed_at__lte=until or now()).order_by("number")
    return {row.case_id: row for row in rows.exclude(seal_digest=None).select_related("case__owner")}


def load_last_deposits(cases: Sequence[Case]) -> dict[int, Deposit]:
    """Return the latest deposit record of each case's work, by the case's primary key."""
    rows = {
        row.work_id: row for row in Deposit.objects.filter(work__in=[case.work_id for case in cases]).order_by("number")
    }
    return {case.pk: rows[case.work_id] for case in cases if case.work_id in rows}


def format_evidence_list(cases: Sequence[Case], wording: Wording) -> str:
    """Return the numbered list of evidence (证据目录): each case's deposit record and sealed bundle.

    Returns an empty string if the wording has no such list.
    """
    if "evidence_bundle" not in wording.phrases:
        return ""
    deposits, bundles, lines = load_last_deposits(cases), load_last_bundles(cases), list[str]()
    for case in cases:
        case_values = {"case": case.number, "title": case.work.title}
        for name, row in (("deposit", deposits.get(case.pk)), ("bundle", bundles.get(case.pk))):
            if row is not None and row.seal_digest is not None and row.sealed_at is not None:
                values = case_values | {"n": len(lines) + 1, "bundle": row.number, "digest": row.seal_digest.hex}
                lines.append(wording.format_phrase(f"evidence_{name}", day=wording.format_day(row.sealed_at), **values))
    return "\n\n".join(lines)


def format_enclosure_lines(notice: Notice, cases: Sequence[Case], wording: Wording) -> str:
    """Return the lines below the letter that list its enclosures."""
    enclosures = [
        wording.format_phrase(
            "deposit",
            n=row.number,
            title=case.work.title,
            day=wording.format_day(row.sealed_at),
            digest=row.seal_digest.hex,
        )
        for case, row in _list_deposits(notice, cases)
    ]
    if _encloses_business_licence(notice) and notice.sender is not None:
        enclosures.append(
            wording.format_phrase("business_licence", digest=Digest.from_bytes(bytes(notice.sender.file or b"")).hex)
        )
    return "".join(f"\n{wording.format_phrase('enclosed', what=enclosure)}\n" for enclosure in enclosures)


def iterate_files(services: Services, notice: Notice, cases: Sequence[Case]) -> Iterator[tuple[str, str, bytes]]:
    """Yield the enclosed files as (name, media type, bytes).

    Raises:
        NotFoundError: A deposit record was deleted because it showed a purged image.
    """
    for case, row in _list_deposits(notice, cases):
        records = load_record_files(services, row)
        name = next((name for name in records if f".{notice.language}." in name), min(records))
        yield f"deposit-record-{case.number}.pdf", "application/pdf", records[name]
    if _encloses_business_licence(notice) and notice.sender is not None:
        data = bytes(notice.sender.file or b"")
        extension = next(extension for signature, extension in FILE_SIGNATURES.items() if data.startswith(signature))
        media_type = {"pdf": "application/pdf", "jpg": "image/jpeg"}.get(extension, "image/png")
        yield f"business-licence.{extension}", media_type, data


def create_package_link(services: Services, notice: Notice, wording: Wording, *, by: str) -> str:
    """Create a download link for the selected package of bundles and return it in a sentence; empty without a package.

    Raises:
        InvalidRequestError: The package no longer exists, or the site has no public address.
    """
    number = str(notice.fields.get("package", ""))
    if not number.isdecimal():
        return ""
    row = list_packages(notice).filter(number=int(number[:9])).first()
    if row is None or not services.config.public_url:
        raise InvalidRequestError(
            _("The ZIP with the bundles no longer exists."), hint=_("Choose another ZIP, or none.")
        )
    download_link, token = create_link(notice.owner, row, days=MAX_DAYS, by=by, note=_get_link_note(notice))
    link_url = f"{services.config.public_url}/d/{token}"
    return wording.format_phrase("bundles", day=wording.format_day(download_link.expires_at), link=link_url)


def revoke_links(notice: Notice, *, by: str) -> None:
    """Revoke the download links that were created when a notice was signed."""
    for row in filter_valid_links(list_links(notice.owner)).filter(note=_get_link_note(notice)):
        revoke_link(notice.owner, row.number, by=by)


def _get_link_note(notice: Notice) -> str:
    return f"Notice {notice.number}"


def list_packages(notice: Notice) -> QuerySet[Package]:
    """Return the packages for a notice's kind of recipient that contain bundles of its cases only."""
    recipient = Package.Recipient.COURT if notice.kind in FILINGS else Package.Recipient.OTHER_SIDE
    rows = Package.objects.filter(
        owner=notice.owner, recipient=recipient, state=StepState.DONE, removed_at=None, expires_at__gt=now()
    )
    cases = notice.notice_cases.values("case")
    other_bundles = Bundle.objects.exclude(case__in=cases)
    return rows.filter(bundles__case__in=cases).exclude(bundles__in=other_bundles).distinct()


def _list_deposits(notice: Notice, cases: Sequence[Case]) -> list[tuple[Case, Deposit]]:
    if not notice.fields.get("deposits"):
        return []
    records = load_last_deposits(cases)
    works = {case.work_id: case for case in reversed(cases) if case.pk in records}
    return [(case, records[case.pk]) for case in sorted(works.values(), key=lambda case: case.number)[:MAX_DEPOSITS]]


def _encloses_business_licence(notice: Notice) -> bool:
    """Return True if the sender's business licence is enclosed: in letters to China from the sender's organisation."""
    if notice.kind not in (Notice.Kind.PRC, Notice.Kind.COURT) or notice.sender is None:
        return False
    is_same_organisation = notice.fields.get("sender_organisation", "") == notice.sender.organisation
    return is_same_organisation and bool(notice.sender.file_name)
